//! The words of a line in one of this crate's small languages, read one after the other.

/// A line that is not of the language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{line}`: {problem}")]
pub struct ParseError {
    /// The whole line.
    pub line: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// What is left of a line. `:` and `,` are words of their own.
#[derive(Clone, Debug)]
pub(crate) struct Words<'a> {
    line: &'a str,
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Words<'a> {
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            match word.strip_suffix([':', ',']) {
                Some(bare) => {
                    words.extend((!bare.is_empty()).then_some(bare));
                    words.push(&word[bare.len()..]);
                }
                None => words.push(word),
            }
        }
        Words { line, words, next: 0 }
    }

    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    pub(crate) fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    /// Takes these words if they are the next ones.
    pub(crate) fn take_if(&mut self, expected: &[&str]) -> bool {
        let are = self.words[self.next..].starts_with(expected);
        if are {
            self.next += expected.len();
        }
        are
    }

    /// Takes these words, or says that they were expected.
    pub(crate) fn expect(&mut self, expected: &[&str]) -> Result<(), ParseError> {
        if self.take_if(expected) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{}`", expected.join(" "))))
        }
    }

    /// Whether any word was taken.
    pub(crate) fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// The end of the line, or an error.
    pub(crate) fn end(&self) -> Result<(), ParseError> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.expected("the end of the line"))
        }
    }

    /// The error that here something else was expected.
    pub(crate) fn expected(&self, what: &str) -> ParseError {
        match self.peek() {
            Some(word) => self.error(format!("expected {what} where `{word}` stands")),
            None => self.error(format!("expected {what} at the end of the line")),
        }
    }

    pub(crate) fn error(&self, problem: String) -> ParseError {
        ParseError {
            line: self.line.into(),
            problem,
        }
    }
}
