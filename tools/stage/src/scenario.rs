//! A scenario: who talks to whom, and what must be seen.
//!
//! One TOML file, `listings/chNN-slug/scenarios/NAME.toml`, holds the programs and what is expected of them. The same
//! expectation holds for every [`Variant`]: the programs of the file itself are the variant `blocking`, a table
//! `[variant.async]` names others, and with it come the mixtures `blocking-async` and `async-blocking` (the client
//! first) unless `mixtures = false`.
//!
//! ```toml
//! title = "One echo; the client closes first"
//! link = { hosts = 2, delay = "5ms", gap = "1ms", drop = ["server data 3"] }   # else all on one host, over loopback
//! pins = { tcp_timestamps = 1 }  # what differs from the usual
//! within = "60s"                 # the longest the clients may take together; 30s unless said
//!
//! [[program]]
//! name = "server"
//! run = ["echo-blocking-server", "{server}:8000"]
//! ready = "listening on"         # the next program starts when a line with these words is printed
//!
//! [[program]]
//! name = "client"
//! run = ["echo-blocking-client", "{server}:8000"]
//! count = 3                      # client-1, client-2, client-3
//! # ends = "asked" | "itself"; host = "client" | "server"; caps = ["net_raw"]; untapped = "why"; busy = true
//!
//! [[then]]                       # the director's hand
//! when = "client FIN"
//! do = ["ss", "wait 60ms", "kill server"]
//!
//! [variant.async]
//! server = "echo-async-server"
//! client = "echo-async-client"
//!
//! [expect]
//! skeleton = ["client SYN", "server SYN", "client 11 bytes", "server 11 bytes", "client FIN", "server FIN"]
//! states = { client = "TIME-WAIT", server = "CLOSED" }
//! output = { server = ["… gone: end of stream"] }
//! exit = { client = 0 }
//! seen = ["server recv returns 11"]           # facts of every run
//! picture = ["server ACK alone before server FIN"]   # facts of the stored run
//! ```
//!
//! A program with a `ready` line is a server: when the others have ended and the line is silent it is asked to end
//! with SIGTERM. A program without one is a client: it ends by itself. `ends` says otherwise.
//!
//! `skeleton` may be a list of lists, any of which may be seen, and a table by connection where connections differ:
//! `{ "connection 2" = […] }`. What a program writes to standard error has to be covered by `output`, or is a
//! disagreement.

mod deed;
mod link;
pub(crate) mod pins;
mod read;
mod spanned;
mod time;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wire::{call::Status, conversation::Side, skeleton::Step, state::State};

pub use deed::{Deed, NoDeed, Then};
pub use link::{Kind, Link, NoNth, Nth};
pub use time::Span;

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
    /// What differs from the usual pins. By the sysctl's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, String>,
    /// The longest the clients may take.
    #[serde(default = "usual_within", skip_serializing_if = "is_usual_within")]
    pub within: Span,
    /// The link between two hosts; none where all programs are on one, and speak over its loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The programs in the order in which they start.
    #[serde(rename = "program")]
    pub programs: Vec<Program>,
    /// What the director does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Then>,
}

fn usual_within() -> Span {
    Span(Duration::from_secs(30))
}

fn is_usual_within(within: &Span) -> bool {
    *within == usual_within()
}

/// A program of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What it is called in this scenario: `server`.
    pub name: String,
    /// The binary's name and its arguments; `{server}` stands for the server's IP address.
    pub run: Vec<String>,
    /// The words of the line that says it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// How many of it are started, one after another: `client-1`, `client-2` …
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// How it ends, where that does not follow from `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// The host it runs on, where that does not follow from how it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// The capabilities it has in its network: `net_raw` for a sniffer, `net_admin`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// Why its calls cannot be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untapped: Option<String>,
    /// Whether it never waits: a loop that asks again and again. The others are heard out until they wait for something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub busy: bool,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// By itself, as clients do.
    Itself,
    /// By SIGTERM, which it is sent when the others have ended and the line is silent.
    Asked,
}

/// One of two hosts joined by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// The one the clients run on.
    Client,
    /// The one the servers run on.
    Server,
}

/// A capability that a program of a scenario may have (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// CAP_NET_RAW: packet and raw sockets.
    NetRaw,
    /// CAP_NET_ADMIN: interfaces, filters, routes.
    NetAdmin,
}

impl Program {
    /// The binary's name.
    pub fn binary(&self) -> &str {
        &self.run[0]
    }

    /// Whether it is asked to end with SIGTERM once the others have ended, instead of ending by itself.
    pub fn is_asked_to_end(&self) -> bool {
        self.ends.map_or(self.ready.is_some(), |ends| ends == Ends::Asked)
    }

    /// The host it runs on, where there are two: what is asked to end serves.
    pub fn host(&self) -> Host {
        let by_role = if self.is_asked_to_end() {
            Host::Server
        } else {
            Host::Client
        };
        self.host.unwrap_or(by_role)
    }

    /// What the running programs are called: its name, or `client-1` … where it is started several times.
    pub fn instances(&self) -> Vec<String> {
        match self.count {
            1 => vec![self.name.clone()],
            count => (1..=count)
                .map(|number| format!("{}-{number}", self.name))
                .collect(),
        }
    }
}

impl Act {
    /// Every program that runs, with the name it runs under, in the order of their starts.
    pub fn running(&self) -> impl Iterator<Item = (String, &Program)> {
        self.programs
            .iter()
            .flat_map(|program| program.instances().into_iter().map(move |name| (name, program)))
    }

    /// What is set in the private network: the usual, and what the scenario changes. By the sysctl's name.
    pub fn all_pins(&self) -> BTreeMap<String, String> {
        let clients = self
            .running()
            .filter(|(_, program)| !program.is_asked_to_end())
            .count();
        let mut all = pins::usual(clients);
        all.extend(self.pins.clone());
        all
    }
}

/// What must be seen.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The skeletons of which every connection shows one: a single one, unless the scenario is a deliberate race.
    pub skeleton: Vec<Stated<Vec<Step>>>,
    /// The skeletons of single connections, where they differ. By the connection's number.
    pub skeleton_of: BTreeMap<usize, Vec<Stated<Vec<Step>>>>,
    /// The states in which both ends of every connection are left.
    pub states: BTreeMap<Side, Stated<State>>,
    /// Lines a program prints, in this order; `…` matches any text. By the name of the program, or of one of several.
    pub output: BTreeMap<String, Vec<Stated<String>>>,
    /// How a program ends. By the name of the program, or of one of several. Unsaid, a client ends with 0, a server
    /// with 0 or by the SIGTERM it is sent, and a program that the director kills by that.
    pub exit: BTreeMap<String, Stated<Status>>,
    /// Facts that hold in every run, stored and live.
    pub seen: Vec<Stated<String>>,
    /// Facts that hold in the stored recording, which the page shows.
    pub picture: Vec<Stated<String>>,
}

impl Expect {
    /// What is said of a running program: of it alone, or of the program it is one of.
    pub(crate) fn of<'a, T>(table: &'a BTreeMap<String, T>, running: &str, program: &str) -> Option<&'a T> {
        table.get(running).or_else(|| table.get(program))
    }
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
