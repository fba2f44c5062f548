//! mdBook's one preprocessor: what a page declares, shows and counts is made here from the repository.
//!
//! It runs in two ways that give the same pages: [`Figures`] within `cargo book`, and the program `figures`, which
//! `mdbook` starts. It must run before mdBook's own `links`, because it captions what `links` replaces; `book.toml` says
//! so with `before = ["links"]`.
//!
//! | on the page | becomes | see |
//! |---|---|---|
//! | a fence ```` ```declaration ```` | *At a glance* | [`declaration`] |
//! | a fence ```` ```teacher ```` | nothing; the handout prints it | [`teacher`] |
//! | a fence ```` ```check ```` | a question with its answer folded | [`check`] |
//! | a fence ```` ```exercise ```` | what to do, and the command that judges it | [`exercise`] |
//! | a fence ```` ```schedule ```` | what is taught when, with the chapters' own minutes | [`schedule`] |
//! | a fence ```` ```recording ```` | segments, numbered, and annotations | [`recording`] |
//! | a fence of nothing but `{{#include …}}` | the excerpt: caption, marks, changes, the whole program | [`excerpt`] |
//! | `{{#chapter ch14-nonblocking}}` | a link, or `chapter 14` while it is not written | [`chapter`] |
//! | `{{#output echo/one-echo server}}` | what that program printed, as a block | |
//! | `{{#number echo/one-echo segments}}` | a number, with its unit | [`number`] |
//! | `{{#number result cost/waiting thread}}` | a stored measured number, with its unit | [`result`] |
//! | `{{#chart multiplex/idle}}` | a stored chart with its numbers | [`chart`] |
//! | `{{#prices}}` | the table of prices up to this chapter | [`prices`] |
//! | `{{#minutes}}`, `{{#notes}}`, `{{#answers}}` | what all chapters say for teachers | [`lessons`] |
//! | a paragraph that begins `**Does not work.**`, `**Works, and wastes.**`, `**Works until N.**` | a label of its strength | [`opening`] |
//! | a part's name in SUMMARY.md | a line over its first chapter | [`opening`] |
//! | a file's name, `ch09-close.md` | the chapter's number in the sidebar | [`chapter`] |
//!
//! A directive is replaced wherever it stands, in code as well, as mdBook does it; a backslash in front, `\{{#number …}}`,
//! shows it as it is written. Nothing else on a page is touched.
//!
//! Whatever cannot be made keeps the book from being built, and is told with file, line and what to do; everything wrong
//! in the book is told at once.

pub mod chapter;
pub mod chart;
pub mod check;
pub mod declaration;
pub mod directive;
pub mod excerpt;
pub mod exercise;
pub mod forms;
pub mod html;
pub mod ladder;
pub mod lessons;
pub mod make;
pub mod number;
pub mod opening;
pub mod page;
pub mod prices;
pub mod problem;
pub mod recording;
pub mod result;
pub mod schedule;
pub mod seen;
pub mod shelf;
pub mod stored;
pub mod teacher;
pub mod toml_at;

use mdbook_preprocessor::{Preprocessor, PreprocessorContext, book::Book, errors::Result};

use chapter::Contents;
use make::Workshop;
use problem::{Problem, Problems};
use shelf::Shelf;

/// The preprocessor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures;

impl Preprocessor for Figures {
    fn name(&self) -> &str {
        "figures"
    }

    /// Any: what it writes is Markdown with HTML in it, and a page without it would be wrong everywhere.
    fn supports_renderer(&self, _renderer: &str) -> Result<bool> {
        Ok(true)
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let html = context.config.html_config().unwrap_or_default();
        let before: Option<Vec<String>> = context.config.get("preprocessor.figures.before")?;
        let mut problems = Vec::new();
        if !before.unwrap_or_default().iter().any(|name| name == "links") {
            problems.push(Problem {
                file: "book.toml".into(),
                line: 1,
                message: "[preprocessor.figures] lacks `before = [\"links\"]`; behind `links` no excerpt has a caption".into(),
            });
        }
        let prose = context.config.book.src.to_string_lossy().replace('\\', "/");
        let contents = Contents::of(&book);
        let shelf = Shelf::open(&context.root);
        let repository = html
            .git_repository_url
            .map(|url| format!("{}/blob/main/", url.trim_end_matches('/')));
        let workshop = Workshop {
            root: &context.root,
            prose: &prose,
            contents: &contents,
            shelf: &shelf,
            repository: repository.as_deref(),
        };
        for (path, message) in contents.clashes() {
            problems.push(Problem {
                file: workshop.file(&path),
                line: 1,
                message,
            });
        }
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = chapter.source_path.clone() else {
                return;
            };
            match workshop.page(&path, &chapter.content) {
                Ok(made) => chapter.content = opening::mark_the_wrong(&made),
                Err(found) => problems.extend(found),
            }
        });
        // Told once, where it is to be mended, and not wherever a recording is asked for.
        if let Some(broken) = shelf.broken() {
            problems.retain(|problem| problem.message != broken.message);
            problems.insert(0, broken.clone());
        }
        if !problems.is_empty() {
            return Err(Problems(problems).into());
        }
        opening::name_the_parts(&mut book);
        chapter::number_the_pages(&mut book, html.no_section_label);
        Ok(book)
    }
}
