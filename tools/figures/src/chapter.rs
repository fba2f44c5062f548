//! What a page is called, made from its file's name: `ch09-close.md` is chapter 9 in the sidebar, in the title of its
//! page and wherever another page speaks of it. Nobody types a number.

use std::path::{Path, PathBuf};

use mdbook_preprocessor::book::{Book, BookItem, SectionNumber};

use crate::{page::Place, problem::choices};

/// What a file's name says about its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// `ch09-close` is chapter 9.
    Chapter(u32),
    /// `appendix-c-errors` is appendix C.
    Appendix(char),
}

impl Label {
    /// Reads the name of a file without its ending.
    ///
    /// ```
    /// use figures::chapter::Label;
    /// assert_eq!(Label::of("ch09-close"), Some(Label::Chapter(9)));
    /// assert_eq!(Label::of("appendix-c-errors"), Some(Label::Appendix('C')));
    /// assert_eq!(Label::of("preface"), None);
    /// ```
    pub fn of(stem: &str) -> Option<Label> {
        if let Some(rest) = stem.strip_prefix("appendix-") {
            let letter = rest.split('-').next().unwrap_or_default();
            let mut letters = letter.chars();
            return match (letters.next(), letters.next()) {
                (Some(c), None) if c.is_ascii_lowercase() => Some(Label::Appendix(c.to_ascii_uppercase())),
                _ => None,
            };
        }
        let (digits, slug) = stem.strip_prefix("ch")?.split_once('-')?;
        let sound = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_digit()) && !slug.is_empty();
        sound.then(|| digits.parse().ok().map(Label::Chapter))?
    }

    /// `9` or `C`.
    pub fn short(self) -> String {
        match self {
            Label::Chapter(number) => number.to_string(),
            Label::Appendix(letter) => letter.to_string(),
        }
    }

    /// `chapter 9`, or `Chapter 9` where a sentence begins.
    pub fn long(self, capital: bool) -> String {
        let kind = match (self, capital) {
            (Label::Chapter(_), true) => "Chapter",
            (Label::Chapter(_), false) => "chapter",
            (Label::Appendix(_), true) => "Appendix",
            (Label::Appendix(_), false) => "appendix",
        };
        format!("{kind} {}", self.short())
    }
}

/// The pages of a book, by the names of their files.
#[derive(Debug, Default)]
pub struct Contents {
    pages: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    stem: String,
    path: PathBuf,
    title: String,
    text: String,
}

impl Contents {
    /// The pages of a book. To be read before [`number_the_pages`] changes their titles, and before anything is replaced on them.
    pub fn of(book: &Book) -> Contents {
        let pages = book
            .chapters()
            .filter_map(|chapter| {
                let path = chapter.source_path.clone()?;
                Some(Entry {
                    stem: stem(&path),
                    path,
                    title: chapter.name.clone(),
                    text: chapter.content.clone(),
                })
            })
            .collect();
        Contents { pages }
    }

    /// Every page's file, relative to the prose, with its text as it stands there.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.pages
            .iter()
            .map(|page| (page.path.as_path(), page.text.as_str()))
    }

    /// What `{{#chapter STEM}}` becomes on the page `from`: a link to the page where it exists, `chapter 14` where it
    /// is still to be written. A page without a number is called by its title.
    ///
    /// # Errors
    /// A name that no page has and none can have.
    pub fn reference(&self, from: &Path, stem: &str, capital: bool, place: Place) -> Result<String, String> {
        let label = Label::of(stem);
        let Some(page) = self.pages.iter().find(|page| page.stem == stem) else {
            let Some(label) = label else {
                return Err(format!(
                    "no page is called `{stem}`; name a chapter by its file, `ch14-nonblocking`, or one of {}",
                    self.stems()
                ));
            };
            // A number that is taken by another file: the name was mistyped, or the file renamed.
            if let Some(other) = self
                .pages
                .iter()
                .find(|page| Label::of(&page.stem) == Some(label))
            {
                return Err(format!("{} is `{}`, not `{stem}`", label.long(false), other.stem));
            }
            return Ok(label.long(capital));
        };
        let text = label.map_or_else(|| page.title.clone(), |label| label.long(capital));
        let target = relative(from, &page.path);
        Ok(match place {
            Place::Prose => format!("[{text}]({target})"),
            Place::Html => format!("<a href=\"{target}\">{text}</a>"),
            Place::Code => text,
        })
    }

    /// Two pages that claim the same number: `(path, message)` for each but the first.
    pub fn clashes(&self) -> Vec<(PathBuf, String)> {
        let mut clashes = Vec::new();
        for (index, page) in self.pages.iter().enumerate() {
            let Some(label) = Label::of(&page.stem) else {
                continue;
            };
            if let Some(first) = self.pages[..index]
                .iter()
                .find(|other| Label::of(&other.stem) == Some(label))
            {
                let message = format!(
                    "{} is `{}` already; rename one of the two",
                    label.long(false),
                    first.stem
                );
                clashes.push((page.path.clone(), message));
            }
        }
        clashes
    }

    fn stems(&self) -> String {
        choices(self.pages.iter().map(|page| &page.stem), "nothing yet")
    }
}

/// Gives every page the number of its file.
///
/// mdBook counts the entries of SUMMARY.md; where chapters are still to be written, or an appendix follows, that count is
/// wrong. A page's number becomes the file's, and with `in_titles` (`no-section-label` in `book.toml`, so that mdBook
/// prints no number of its own) its title carries it too: `9. An orderly goodbye` in the sidebar, in the browser's tab
/// and among the results of a search. The heading on the page stays as it is written.
pub fn number_the_pages(book: &mut Book, in_titles: bool) {
    book.for_each_mut(|item| {
        let BookItem::Chapter(chapter) = item else { return };
        let Some(label) = chapter
            .source_path
            .as_deref()
            .and_then(|path| Label::of(&stem(path)))
        else {
            return;
        };
        chapter.number = match label {
            Label::Chapter(number) => Some(SectionNumber::new([number])),
            Label::Appendix(_) => None,
        };
        if in_titles {
            chapter.name = format!("{}. {}", label.short(), chapter.name);
        }
    });
}

/// `ch09-close` of `part-2/ch09-close.md`.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The way from one page to another, both relative to `src`.
fn relative(from: &Path, to: &Path) -> String {
    let depth = from.parent().map_or(0, |folder| folder.components().count());
    let to = to.to_string_lossy().replace('\\', "/");
    format!("{}{to}", "../".repeat(depth))
}

/// Whether a sentence begins at this place: at the start of a paragraph, a list item, a heading or a table cell, or
/// behind a full stop, a question mark or an exclamation mark.
pub fn begins_a_sentence(text: &str, at: usize) -> bool {
    let mut end = at;
    loop {
        let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        let line = unquoted(&text[start..end]);
        let bare = without_marker(line).trim_end();
        if let Some(last) = bare
            .trim_end_matches(['*', '_', ')', '"', '\'', '”', '’', '`'])
            .chars()
            .last()
        {
            return matches!(last, '.' | '?' | '!' | '|' | '…');
        }
        // Nothing before it on this line but a marker, or nothing at all: look at the line above.
        if start == 0 || !line.is_empty() {
            return true;
        }
        end = start - 1;
        let above = unquoted(text[..end].rsplit('\n').next().unwrap_or_default());
        if without_marker(above).trim().is_empty() || above.starts_with('#') {
            return true;
        }
    }
}

/// A line without the marks of the quotes it stands in.
fn unquoted(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '>'])
}

/// A line without the marks of a list item or a heading in front.
fn without_marker(line: &str) -> &str {
    let mut rest = line;
    loop {
        let marker = ["- ", "* ", "+ ", ": ", "#"]
            .iter()
            .find_map(|mark| rest.strip_prefix(mark));
        let ordered = || {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let marked = digits.strip_prefix(". ").or_else(|| digits.strip_prefix(") "));
            marked.filter(|_| digits.len() < rest.len())
        };
        match marker.or_else(ordered) {
            Some(after) => rest = after.trim_start(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use mdbook_preprocessor::book::Chapter;

    use super::*;

    fn book(pages: &[(&str, &str)]) -> Book {
        let items = pages
            .iter()
            .map(|(title, path)| Chapter::new(title, String::new(), *path, vec![]).into())
            .collect();
        Book::new_with_items(items)
    }

    fn contents() -> Contents {
        Contents::of(&book(&[
            ("Before you start", "preface.md"),
            ("One echo, watched", "ch01-echo.md"),
            ("An orderly goodbye", "part/ch09-close.md"),
        ]))
    }

    fn reference(stem: &str) -> Result<String, String> {
        contents().reference(Path::new("ch01-echo.md"), stem, false, Place::Prose)
    }

    #[test]
    fn a_chapter_that_exists_is_a_link_and_one_to_come_is_its_number() {
        assert_eq!(
            reference("ch09-close").unwrap(),
            "[chapter 9](part/ch09-close.md)"
        );
        assert_eq!(reference("ch14-nonblocking").unwrap(), "chapter 14");
        assert_eq!(reference("appendix-c-errors").unwrap(), "appendix C");
        assert_eq!(reference("preface").unwrap(), "[Before you start](preface.md)");
    }

    #[test]
    fn a_reference_in_code_is_text_and_one_in_html_is_html() {
        let from = Path::new("part/ch09-close.md");
        let make = |place| contents().reference(from, "ch01-echo", true, place).unwrap();
        assert_eq!(make(Place::Code), "Chapter 1");
        assert_eq!(make(Place::Html), "<a href=\"../ch01-echo.md\">Chapter 1</a>");
        assert_eq!(make(Place::Prose), "[Chapter 1](../ch01-echo.md)");
    }

    #[test]
    fn a_name_that_cannot_be_meant_is_an_error_with_the_choices() {
        let error = reference("prefaec").unwrap_err();
        assert!(error.contains("`preface`"), "{error}");
        let error = reference("ch09-closing").unwrap_err();
        assert_eq!(error, "chapter 9 is `ch09-close`, not `ch09-closing`");
    }

    #[test]
    fn pages_get_the_number_of_their_file_and_headings_are_not_touched() {
        let mut book = book(&[
            ("Before", "preface.md"),
            ("Bye", "ch09-close.md"),
            ("Errors", "appendix-c-errors.md"),
        ]);
        number_the_pages(&mut book, true);
        let names: Vec<(String, Option<String>)> = book
            .chapters()
            .map(|chapter| {
                (
                    chapter.name.clone(),
                    chapter.number.as_ref().map(ToString::to_string),
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                ("Before".into(), None),
                ("9. Bye".into(), Some("9.".into())),
                ("C. Errors".into(), None)
            ]
        );
    }

    #[test]
    fn titles_carry_no_number_where_mdbook_prints_it() {
        let mut book = book(&[("Bye", "ch09-close.md")]);
        number_the_pages(&mut book, false);
        assert_eq!(book.chapters().next().unwrap().name, "Bye");
    }

    #[test]
    fn two_pages_with_one_number_clash() {
        let contents = Contents::of(&book(&[("A", "ch01-echo.md"), ("B", "ch01-ecco.md")]));
        let clashes = contents.clashes();
        assert_eq!(clashes.len(), 1);
        assert!(clashes[0].1.contains("`ch01-echo`"), "{clashes:?}");
    }

    #[test]
    fn only_two_digits_and_a_name_make_a_chapter() {
        for stem in [
            "ch1-echo",
            "ch001-echo",
            "ch01",
            "ch01-",
            "chapter",
            "appendix-",
            "appendix-ab-x",
        ] {
            assert_eq!(Label::of(stem), None, "{stem}");
        }
    }

    #[test]
    fn a_reference_that_begins_a_sentence_is_written_large() {
        let begins = |text: &str| begins_a_sentence(text, text.find('@').expect("marked"));
        for text in [
            "@",
            "One. @",
            "Is it? @",
            "*One.* @",
            "(One.) @",
            "above\n\n@",
            "# T\n@",
            "1. @",
            "- @",
            "> @",
            "end.\n@",
            "| a | @",
            "## @",
        ] {
            assert!(begins(text), "{text:?}");
        }
        for text in ["see @", "in\n@", "see, @", "- in @", "(see @", "> one\n> @"] {
            assert!(!begins(text), "{text:?}");
        }
    }
}
