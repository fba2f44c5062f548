//! What is wrong with the book, and in which line.
//!
//! mdBook says some of it in errors, some only in its log, and seldom with a place. This module finds the place.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One thing that keeps the book from being built, or that its author should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as far as it is known.
    pub place: Option<Place>,
    /// What, in one or more lines.
    pub message: String,
}

/// A file of the book and a line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path as seen from the book's root.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => write!(f, "{}", self.message),
        }
    }
}

impl Problem {
    /// A problem of no known place.
    pub fn new(message: impl Into<String>) -> Self {
        Problem {
            place: None,
            message: message.into(),
        }
    }
}

/// The book's folders, for finding places in them.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The folder of `book.toml`.
    pub root: &'a Path,
    /// The prose, below `root`.
    pub src: &'a Path,
}

impl Sources<'_> {
    /// The problems one message of mdBook stands for: as many as there are lines in the prose that cause it.
    pub fn locate(&self, message: &str) -> Vec<Problem> {
        let places = self.places(message);
        if places.is_empty() {
            return vec![Problem::new(self.shorten(message))];
        }
        let message = self.shorten(&advise(message));
        places
            .into_iter()
            .map(|place| Problem {
                place: Some(place),
                message: message.clone(),
            })
            .collect()
    }

    fn places(&self, message: &str) -> Vec<Place> {
        // `links`: Error updating "{{#include ../x.rs:main}}", Could not read file …
        if let Some(directive) = between(message, "Error updating \"", "\", ") {
            return self.lines_with(directive);
        }
        // Loading: failed to read chapter `ch02.md`
        if let Some(chapter) = between(message, "failed to read chapter `", "`") {
            let summary = self.src.join("SUMMARY.md");
            return vec![Place {
                line: line_with(&summary, &format!("]({chapter})"))
                    .or_else(|| line_with(&summary, &format!("](./{chapter})"))),
                file: self.relative(&summary),
            }];
        }
        // Loading: Summary parsing failed for file="…": … failed to parse SUMMARY.md line 3, column 1: …
        if let Some(line) = between(message, "failed to parse SUMMARY.md line ", ",") {
            return vec![Place {
                file: self.relative(&self.src.join("SUMMARY.md")),
                line: line.parse().ok(),
            }];
        }
        // Settings: TOML parse error at line 3, column 1
        if message.contains("Invalid configuration file") {
            return vec![Place {
                file: crate::root::SETTINGS.into(),
                line: between(message, "TOML parse error at line ", ",").and_then(|line| line.parse().ok()),
            }];
        }
        if message.contains("Failed to deserialize `output.") {
            return vec![Place {
                file: crate::root::SETTINGS.into(),
                line: None,
            }];
        }
        // Rendering: unclosed HTML tag `<div>` found in `ch01-echo.md` while exiting …
        if let Some(chapter) = message
            .split('`')
            .skip(1)
            .step_by(2)
            .find(|quoted| quoted.ends_with(".md") && self.src.join(quoted).is_file())
        {
            return vec![Place {
                file: self.relative(&self.src.join(chapter)),
                line: None,
            }];
        }
        Vec::new()
    }

    /// Every line of the prose that holds `text`.
    fn lines_with(&self, text: &str) -> Vec<Place> {
        let mut places = Vec::new();
        for file in markdown_files(self.src) {
            let Ok(content) = fs::read_to_string(&file) else {
                continue;
            };
            for (number, line) in content.lines().enumerate() {
                if line.contains(text) {
                    places.push(Place {
                        file: self.relative(&file),
                        line: Some(number + 1),
                    });
                }
            }
        }
        places
    }

    fn relative(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.root).unwrap_or(file).to_path_buf()
    }

    /// The message with the paths in it as seen from the root, as everything else names them.
    fn shorten(&self, message: &str) -> String {
        let root = format!("{}{}", self.root.display(), std::path::MAIN_SEPARATOR);
        message.trim_end().replace(&root, "")
    }
}

/// The message, followed by what to do where mdBook does not say it.
fn advise(message: &str) -> String {
    if message.starts_with("Error updating") {
        return format!(
            "{message}\n  make the file, or mend the path: it starts from the chapter's own folder"
        );
    }
    if message.contains("failed to read chapter") {
        return format!("{message}\n  write the chapter, or take its line out of SUMMARY.md");
    }
    message.to_owned()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let length = text[start..].find(after)?;
    Some(&text[start..start + length])
}

fn line_with(file: &Path, text: &str) -> Option<usize> {
    let content = fs::read_to_string(file).ok()?;
    content
        .lines()
        .position(|line| line.contains(text))
        .map(|index| index + 1)
}

/// The Markdown files of a folder and of those below it, in the order of their names.
fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                markdown_files(&path)
            } else if path.extension().is_some_and(|extension| extension == "md") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn located(files: &[(&str, &str)], message: &str) -> Vec<String> {
        let folder = book(files);
        let src = folder.path().join("src");
        Sources {
            root: folder.path(),
            src: &src,
        }
        .locate(message)
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    #[test]
    fn an_include_that_fails_is_found_wherever_it_stands() {
        let said = located(
            &[
                ("src/a.md", "# A\n\n{{#include ../no.rs}}\n"),
                ("src/deep/b.md", "{{#include ../no.rs}}\n"),
                ("src/c.md", "{{#include ../no.rs:main}}\n"),
            ],
            "Error updating \"{{#include ../no.rs}}\", Could not read file",
        );
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("src/a.md:3: Error updating"), "{said:?}");
        assert!(said[1].starts_with("src/deep/b.md:1: "), "{said:?}");
        assert!(said[0].contains("make the file, or mend the path"), "{said:?}");
    }

    #[test]
    fn a_chapter_that_is_missing_is_told_at_its_line_of_the_summary() {
        let said = located(
            &[(
                "src/SUMMARY.md",
                "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n",
            )],
            "failed to read chapter `two.md`: No such file or directory",
        );
        assert!(
            said[0].starts_with("src/SUMMARY.md:4: failed to read chapter"),
            "{said:?}"
        );
    }

    #[test]
    fn a_mistake_in_the_settings_has_its_line() {
        let said = located(
            &[],
            "Invalid configuration file: TOML parse error at line 3, column 1\n  |\n",
        );
        assert!(said[0].starts_with("book.toml:3: "), "{said:?}");
    }

    #[test]
    fn a_mistake_in_the_summary_has_its_line() {
        let said = located(
            &[],
            "Summary parsing failed for file=\"x\": There was an error: failed to parse SUMMARY.md line 7, column 1: Suffix",
        );
        assert!(said[0].starts_with("src/SUMMARY.md:7: "), "{said:?}");
    }

    #[test]
    fn a_chapter_named_in_a_message_is_the_place() {
        let said = located(
            &[("src/ch01.md", "<div>")],
            "unclosed HTML tag `<div>` found in `ch01.md` while exiting",
        );
        assert!(said[0].starts_with("src/ch01.md: unclosed"), "{said:?}");
    }

    #[test]
    fn a_message_about_nothing_known_is_passed_on() {
        assert_eq!(located(&[], "out of cheese\n"), ["out of cheese"]);
    }
}
