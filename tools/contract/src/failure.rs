//! How a case ends other than well, in sentences.

use std::fmt;

/// A case that failed: what was expected, what was seen instead, and where to look.
///
/// Shown as `expected EXPECTED, SEEN: look at LOOK`, then what else is known, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the server should have done ("the same 11 bytes back").
    pub expected: String,
    /// What was seen instead ("got 100").
    pub seen: String,
    /// Where in the server the cause is to be looked for ("what `read` returned").
    pub look: String,
    /// What else is known: how the server ended, the last lines it wrote.
    pub notes: Vec<String>,
}

impl Failure {
    pub(crate) fn new(expected: impl Into<String>, seen: impl Into<String>, look: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            seen: seen.into(),
            look: look.into(),
            notes: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, {}: look at {}",
            self.expected, self.seen, self.look
        )?;
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Why a case stops early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server does not do what it should.
    Broken(Failure),
    /// The case cannot be asked on this system; the reason.
    NotHere(String),
    /// The case has nothing to ask of such a server, as was seen on the way; the reason.
    DoesNotApply(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}
