//! A scenario: who talks to whom, and what must be seen.
//!
//! One TOML file, `listings/chNN-slug/scenarios/NAME.toml`, holds the programs and what is expected of them. The same
//! expectation holds for every [`Variant`]: the programs of the file itself are the variant `blocking`, a table
//! `[variant.async]` names others, and with it come the mixtures `blocking-async` and `async-blocking` (the client
//! first) unless `mixtures = false`.
//!
//! ```toml
//! title = "One echo; the client closes first"
//!
//! [[program]]
//! name  = "server"
//! run   = ["echo-blocking-server", "{server}:8000"]
//! ready = "listening on"         # the next program starts when a line with these words is printed
//!
//! [[program]]
//! name  = "client"
//! run   = ["echo-blocking-client", "{server}:8000"]
//!
//! [variant.async]
//! server = "echo-async-server"
//! client = "echo-async-client"
//!
//! [expect]
//! skeleton = ["client SYN", "server SYN", "client 11 bytes", "server 11 bytes", "client FIN", "server FIN"]
//! output   = { server = ["… gone: end of stream"] }
//! exit     = { client = 0 }
//! ```
//!
//! A program with a `ready` line is a server: when the others have ended and the line is silent it is asked to end
//! with SIGTERM. A program without one is a client: it ends by itself.

mod read;
mod spanned;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use wire::call::Status;

/// The name of the variant that a scenario file describes without a `[variant.…]` table.
pub const BASE: &str = "blocking";

/// A scenario file, read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name used on every command, without variant: `echo/one-echo`.
    pub name: String,
    /// The file, relative to the workspace, with forward slashes.
    pub file: String,
    /// What happens, in a few words.
    pub title: String,
    /// Every variant, the base first, mixtures last.
    pub variants: Vec<Variant>,
}

/// One way to cast a scenario: every program with its binary.
#[derive(Clone, Debug)]
pub struct Variant {
    /// `blocking`, `async`, `blocking-async` (the client's kind first) …
    pub name: String,
    /// What is performed.
    pub act: Act,
    /// What must be seen.
    pub expect: Expect,
}

/// What is performed: all that decides how a recording is made. A stored recording keeps it, and is stale once the
/// scenario asks for something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The programs in the order in which they start.
    #[serde(rename = "program")]
    pub programs: Vec<Program>,
}

/// A program of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What it is called in this scenario: `server`.
    pub name: String,
    /// The binary's name and its arguments; `{server}` stands for the server's IP address.
    pub run: Vec<String>,
    /// The words of the line that says it is ready. A program that has one is asked to end at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
}

impl Program {
    /// The binary's name.
    pub fn binary(&self) -> &str {
        &self.run[0]
    }

    /// Whether it is asked to end with SIGTERM once the others have ended, instead of ending by itself.
    pub fn is_asked_to_end(&self) -> bool {
        self.ready.is_some()
    }
}

/// What must be seen, in every variant, stored and live.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The skeletons any of which may be seen: one, unless the scenario is a deliberate race.
    pub skeleton: Vec<Stated<Vec<String>>>,
    /// Lines a program prints, in this order; `…` matches the rest. By program.
    pub output: BTreeMap<String, Vec<Stated<String>>>,
    /// How a program ends. By program. Unsaid, a client ends with 0, a server with 0 or by the SIGTERM it is sent.
    pub exit: BTreeMap<String, Stated<Status>>,
}

/// Something a scenario file says, and the line on which it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated<T> {
    /// What is said.
    pub value: T,
    /// Where, counted from 1.
    pub line: usize,
}

/// A scenario file that cannot be used, with the place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file, as it was given.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

impl Scenario {
    /// Reads a scenario file's text.
    ///
    /// # Errors
    /// An unknown key, a value of the wrong kind, a program that is not there, a contradiction: with the line and the
    /// choices.
    pub fn parse(name: &str, file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
        read::scenario(name, file, text)
    }

    /// The variant of this name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

#[cfg(test)]
mod tests;
