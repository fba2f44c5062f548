//! TOML that stands in a page: its errors are told with the line of the page.

use serde::de::DeserializeOwned;

/// What is wrong in a fence's TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line within the fence's body, counted from 0.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads a fence's body.
///
/// # Errors
/// What the TOML reader says, and on which line of the body.
pub fn read<T: DeserializeOwned>(body: &str) -> Result<T, Fault> {
    toml::from_str(body).map_err(|error: toml::de::Error| Fault {
        line: error.span().map_or(0, |span| line_of(body, span.start)),
        message: error.message().to_owned(),
    })
}

/// The first line of a body that holds these words, counted from 0; 0 where none does.
pub fn line_with(body: &str, words: &str) -> usize {
    let first = words
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or(words);
    body.lines().position(|line| line.contains(first)).unwrap_or(0)
}

/// The line of a place in a text, counted from 0.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(at)
        .filter(|&&byte| byte == b'\n')
        .count()
}
