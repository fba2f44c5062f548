//! Sheets for a class, made from the chapters' own sources: a handout for students, a lab sheet to fill in, and the
//! teacher's edition with the key. A [`Press`] reads the book once and sets a chapter's [`Sheet`]s; [`crate::print`] makes
//! them PDF, and without a browser they are HTML that any browser prints.
//!
//! | module | holds |
//! |---|---|
//! | `lesson` | what a chapter brings to class |
//! | `tasks` | what a lab sheet asks of recordings, and the answers |
//! | `student`, `lab`, `teacher` | the sheets |
//! | `arrange` | which block goes on which page |
//! | `text` | Markdown and code on paper |
//! | `dice` | chance that can be had again |

pub mod arrange;
pub mod dice;
mod lab;
pub mod lesson;
mod student;
pub mod tasks;
mod teacher;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use figures::chapter::Contents;
use figures::html::escape;
use figures::make::Workshop;
use figures::page::Page;
use figures::{declaration, ladder, problem::Problems, shelf::Shelf};
use mdbook_driver::MDBook;
use serde::Deserialize;
use stage::catalogue::{Catalogue, CatalogueError};

use crate::edition;
use crate::problem::Problem;
use crate::render::{self, Unbuilt};
use lesson::Lesson;
use tasks::Tasks;

/// What keeps a sheet from being made.
#[derive(Debug, thiserror::Error)]
pub enum HandoutError {
    /// The book cannot be read.
    #[error(transparent)]
    Book(#[from] Unbuilt),
    /// Its scenarios cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A page has faults; `cargo book build` tells all of them.
    #[error(transparent)]
    Page(#[from] Problems),
    /// A recording cannot be read.
    #[error("{0}")]
    Recording(String),
    /// A file cannot be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `beliefs.toml` is not what it should be.
    #[error("beliefs.toml: {0}")]
    Beliefs(toml::de::Error),
    /// There is no such chapter.
    #[error("no chapter with a declaration is called `{name}`; there are {}", choices.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The chapters there are.
        choices: Vec<String>,
    },
}

/// The kinds of sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For students, in class.
    Handout,
    /// For students, to fill in.
    Lab,
    /// For the teacher, with all answers.
    Teacher,
}

impl Kind {
    /// How its file's name ends: `handout`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Handout => "handout",
            Kind::Lab => "lab",
            Kind::Teacher => "teacher",
        }
    }

    /// How many pages it may have.
    pub const fn most_pages(self) -> Option<usize> {
        match self {
            Kind::Handout => Some(4),
            Kind::Lab => Some(1),
            Kind::Teacher => None,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Handout => "handout",
            Kind::Lab => "lab sheet",
            Kind::Teacher => "teacher’s edition",
        }
    }
}

/// One document, ready to be printed.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What it is.
    pub kind: Kind,
    /// What its file is called, without its ending: `ch09-close-handout`.
    pub name: String,
    /// What stands at the foot of every page, as text: the edition.
    pub foot: String,
    title: String,
    body: String,
    style: String,
}

impl Sheet {
    /// The document, for [`crate::print`], which adds the foot.
    pub fn html(&self) -> String {
        self.document("")
    }

    /// The document for any browser: where it can, the browser prints the foot; on a screen it stands at the end.
    pub fn html_alone(&self) -> String {
        let quoted = self
            .foot
            .replace('\\', "\\\\")
            .replace('"', "\\22 ")
            .replace('<', "\\3c ");
        self.document(&format!(
            "@page{{@bottom-left{{content:\"{quoted}\";width:163mm;font:10pt Literata,Georgia,serif;white-space:nowrap}}\
             @bottom-right{{content:counter(page) \" of \" counter(pages);width:16mm;text-align:right;font:10pt Literata,Georgia,serif;white-space:nowrap}}}}\n"
        ))
    }

    fn document(&self, style: &str) -> String {
        let foot = match style {
            "" => String::new(),
            _ => format!("<p class=\"foot\">{}</p>\n", escape(&self.foot)),
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
             <style>\n{}{style}</style>\n</head>\n<body class=\"{}\">\n{}{foot}</body>\n</html>\n",
            escape(&self.title),
            self.style,
            self.kind.name(),
            self.body
        )
    }
}

/// The book, read once, and the sheets that can be made of it.
#[derive(Debug)]
pub struct Press {
    root: PathBuf,
    prose: String,
    chapters: Vec<Chapter>,
    contents: Contents,
    shelf: Shelf,
    catalogue: Catalogue,
    beliefs: BTreeMap<u32, String>,
    style: String,
    edition: String,
}

#[derive(Debug)]
struct Chapter {
    stem: String,
    path: PathBuf,
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Beliefs {
    belief: Vec<Belief>,
}

#[derive(Deserialize)]
struct Belief {
    number: u32,
    belief: String,
}

impl Press {
    /// Reads the book at `root`: its pages; recordings are read when a sheet asks for them.
    ///
    /// # Errors
    /// The book, its scenarios or its beliefs cannot be read.
    pub fn open(root: &Path) -> Result<Press, HandoutError> {
        let config = render::settings(root)?;
        let prose = config.book.src.to_string_lossy().replace('\\', "/");
        let title = config.book.title.clone().unwrap_or_default();
        let book = MDBook::load_with_config(root, config)
            .map_err(|error| Unbuilt(vec![Problem::new(format!("{error:#}"))]))?
            .book;
        let declared = book.chapters().filter_map(|chapter| {
            let path = chapter.source_path.clone()?;
            let declares = Page::parse(&chapter.content)
                .fences
                .iter()
                .any(|fence| fence.kind() == declaration::FENCE);
            declares.then(|| Chapter {
                stem: figures::chapter::stem(&path),
                path,
                title: chapter.name.clone(),
                text: chapter.content.clone(),
            })
        });
        Ok(Press {
            chapters: declared.collect(),
            contents: Contents::of(&book),
            shelf: Shelf::open(root),
            catalogue: Catalogue::open(root)?,
            beliefs: beliefs(root)?,
            style: style(root)?,
            // Shorter than elsewhere: it stands on one line with the page's number.
            edition: format!("{title} {}", edition::of(root).replace("version ", "")),
            prose,
            root: root.to_owned(),
        })
    }

    /// The chapters that declare themselves, by their files: `ch09-close`.
    pub fn chapters(&self) -> impl Iterator<Item = &str> {
        self.chapters.iter().map(|chapter| chapter.stem.as_str())
    }

    /// The chapter that somebody means by `ch09-close`, `close`, `ch09` or `9`.
    ///
    /// # Errors
    /// There is none: with the choices.
    pub fn meant(&self, name: &str) -> Result<&str, HandoutError> {
        let number = |text: &str| text.strip_prefix("ch").unwrap_or(text).parse::<u32>().ok();
        let is_meant = |stem: &&str| {
            let (chapter, slug) = stem.split_once('-').unwrap_or((stem, ""));
            *stem == name || slug == name || number(name).is_some_and(|it| number(chapter) == Some(it))
        };
        self.chapters()
            .find(is_meant)
            .ok_or_else(|| HandoutError::Unknown {
                name: name.to_owned(),
                choices: self.chapters().map(str::to_owned).collect(),
            })
    }

    /// What a chapter brings to class.
    ///
    /// # Errors
    /// There is no such chapter, or its page has faults.
    pub fn lesson(&self, stem: &str) -> Result<Lesson, HandoutError> {
        let stem = self.meant(stem)?;
        let found = self.chapters.iter().find(|chapter| chapter.stem == stem);
        let Some(chapter) = found else {
            return Err(HandoutError::Recording(format!("`{stem}` is gone")));
        };
        let workshop = Workshop {
            root: &self.root,
            prose: &self.prose,
            contents: &self.contents,
            shelf: &self.shelf,
            repository: None,
        };
        lesson::read(&workshop, &chapter.path, &chapter.title, &chapter.text)
            .map_err(|problems| Problems(problems).into())
    }

    /// What its lab sheet asks, and the answers.
    ///
    /// # Errors
    /// A recording cannot be read.
    pub fn tasks(&self, lesson: &Lesson, seed: u64) -> Result<Option<Tasks>, HandoutError> {
        let shown: Vec<String> = lesson.figures.iter().map(|figure| figure.name.clone()).collect();
        tasks::tasks(&self.catalogue, &self.shelf, &lesson.stem, &shown, seed)
            .map_err(HandoutError::Recording)
    }

    /// The sheets of a chapter: handout and lab sheet, and with `teacher` the teacher's edition.
    ///
    /// # Errors
    /// There is no such chapter, its page has faults, or a recording cannot be read.
    pub fn sheets(&self, stem: &str, seed: u64, teacher: bool) -> Result<Vec<Sheet>, HandoutError> {
        let lesson = self.lesson(stem)?;
        let tasks = self.tasks(&lesson, seed)?;
        let mut kernels = lesson.kernels.clone();
        kernels.extend(tasks.iter().flat_map(|tasks| tasks.kernels.iter().cloned()));
        let sheet = |kind: Kind, pages: Vec<String>| Sheet {
            kind,
            name: format!("{}-{}", lesson.stem, kind.name()),
            foot: self.foot(&lesson, kind, &kernels),
            title: format!("{}. {}, {}", lesson.number, lesson.title, kind.title()),
            body: pages
                .into_iter()
                .map(|page| format!("<main class=\"sheet\">\n{page}</main>\n"))
                .collect(),
            style: self.style.clone(),
        };
        let mut sheets = vec![
            sheet(Kind::Handout, student::pages(&lesson)),
            sheet(Kind::Lab, vec![lab::page(&lesson, tasks.as_ref())]),
        ];
        if teacher {
            let pages = teacher::pages(&lesson, tasks.as_ref(), &self.beliefs);
            sheets.push(sheet(Kind::Teacher, vec![pages]));
        }
        Ok(sheets)
    }

    fn foot(&self, lesson: &Lesson, kind: Kind, kernels: &BTreeSet<String>) -> String {
        let kernels: Vec<&str> = kernels.iter().map(String::as_str).collect();
        let recorded = match kernels.as_slice() {
            [] => String::new(),
            kernels => format!(" · recorded on {}", kernels.join(", ")),
        };
        format!(
            "{}{recorded} · chapter {}, {}",
            self.edition,
            lesson.number,
            kind.title()
        )
    }
}

fn beliefs(root: &Path) -> Result<BTreeMap<u32, String>, HandoutError> {
    let path = root.join("beliefs.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(HandoutError::File { path, source }),
    };
    let read: Beliefs = toml::from_str(&text).map_err(HandoutError::Beliefs)?;
    Ok(read.belief.into_iter().map(|it| (it.number, it.belief)).collect())
}

/// The style with the book's fonts in it: the document needs nothing else, and is as long on every machine.
fn style(root: &Path) -> Result<String, HandoutError> {
    let mut style = String::new();
    for (file, face) in [
        ("literata-400-normal", "font-weight:400"),
        ("literata-400-italic", "font-weight:400;font-style:italic"),
        ("literata-600-normal", "font-weight:600"),
    ] {
        let path = root.join(format!("theme/fonts/{file}.woff2"));
        match fs::read(&path) {
            Ok(font) => style.push_str(&format!(
                "@font-face{{font-family:Literata;{face};src:url(data:font/woff2;base64,{})format(\"woff2\")}}\n",
                BASE64_STANDARD.encode(font)
            )),
            // The style names what to take in its place.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(HandoutError::File { path, source }),
        }
    }
    style.push_str(&ladder::drawing_style());
    style.push_str(include_str!("handout/handout.css"));
    Ok(style)
}

/// A ladder to draw on, as high as there is room.
fn blank(programs: &[String; 2], label: &str) -> String {
    let [client, server] = programs.each_ref().map(|program| match program.as_str() {
        "" => String::new(),
        program => format!("<br><code>{}</code>", escape(program)),
    });
    format!(
        "<div class=\"blank\" role=\"img\" aria-label=\"An empty ladder. {label}\"><p><span><b>client</b>{client}</span><span>wire</span><span><b>server</b>{server}</span></p>\
         <div><i></i><i></i><i></i></div></div>\n"
    )
}
