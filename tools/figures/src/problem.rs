//! What is wrong on a page, where, and what to do about it.

use std::fmt;

/// Something on a page that keeps the book from being built.
///
/// Prints as `src/ch01-echo.md:42: message`, the form in which editors and terminals find a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The page's file, relative to the book's root, with forward slashes.
    pub file: String,
    /// The line in that file, counted from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Every problem of a book, in the order of files and lines: an author mends them in one go.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A list of choices for the end of a message, or what to say where there is none.
///
/// ```
/// assert_eq!(figures::problem::choices(["a", "b"], "nothing"), "`a`, `b`");
/// assert_eq!(figures::problem::choices::<&str>([], "nothing"), "nothing");
/// ```
pub fn choices<S: fmt::Display>(names: impl IntoIterator<Item = S>, none: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        none.to_owned()
    } else {
        names.join(", ")
    }
}
