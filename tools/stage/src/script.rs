//! What the program `stage` is told, and what it reports: two JSON files in a folder that both sides know.
//!
//! The script comes in complete, with paths instead of names, so that the process in the private network decides
//! nothing and reads nothing of the workspace.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use wire::call::{Signal, Status};

use crate::{
    output::Line,
    refusal::Refusal,
    scenario::{Cap, Deed, Host, Link, Then},
};

/// The folder's file that holds the [`Script`].
pub const SCRIPT: &str = "script.json";
/// The folder's file that holds the [`Report`].
pub const REPORT: &str = "report.json";
/// The folder's file that holds the packets of one host, or those seen at the client's of two.
pub const CAPTURE: &str = "capture.pcap";
/// The folder's file that holds the packets seen at the server's of two hosts.
pub const SERVER_CAPTURE: &str = "server.pcap";
/// The folder's file that holds the packets that were put on the link between two hosts.
pub const LINK_CAPTURE: &str = "link.pcap";
/// The folder's file that the tap writes to.
pub const TAP_LOG: &str = "tap.log";
/// The folder's folder in which the programs run.
pub const WORK: &str = "work";

/// What to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Script {
    /// The programs, in the order in which they start.
    pub programs: Vec<Part>,
    /// What joins two hosts; none for one host.
    pub link: Option<Link>,
    /// Sysctls to set in the network, by their path under `/proc/sys`.
    pub pins: BTreeMap<String, String>,
    /// What the director does.
    pub then: Vec<Then>,
    /// The library that notes the calls of the programs.
    pub tap: Option<PathBuf>,
    /// Bounds, in milliseconds.
    pub limits: Limits,
}

/// One program to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// What it is called while it runs: `client`, `client-2`.
    pub name: String,
    /// What the scenario calls it: `client`.
    pub program: String,
    /// Its binary.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What says that it is ready, if the next program waits for it.
    pub ready: Option<Ready>,
    /// Whether it is sent SIGTERM when the others have ended.
    pub asked_to_end: bool,
    /// Where it runs, of two hosts.
    pub host: Host,
    /// What it may in its network.
    pub caps: Vec<Cap>,
    /// Whether its calls are noted.
    pub tapped: bool,
    /// Whether it runs in the folder and with the environment that the stage was started in, as a reader's own program
    /// does; otherwise in an empty folder and with almost no environment.
    pub at_home: bool,
    /// Whether it never waits, so that nothing can be told from its being at work.
    pub busy: bool,
}

/// What says that a program is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// It prints a line with these words.
    Says(String),
    /// A TCP socket on its host listens that did not before.
    Listens,
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::Says(words) => write!(f, "printed a line with `{words}`"),
            Ready::Listens => f.write_str("listened on a TCP port"),
        }
    }
}

/// What the process in the private network tells while it performs, one JSON object a line on its standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// A program was started.
    Started(String),
    /// A program printed a line.
    Printed(Line),
    /// A program ended.
    Ended(String, Status),
    /// The director did something.
    Did(Deed),
    /// The clients have ended; it is waited for silence.
    Settling,
}

/// How long to wait, in milliseconds. No wait is longer than one of these.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// From a program's start to its ready line.
    pub ready: u64,
    /// From the first start to the end of the last client.
    pub whole: u64,
    /// The silence, on the wire and in the output, after which the line counts as silent.
    pub silence: u64,
    /// The silence that is enough to give up waiting for connections that do not end.
    pub patience: u64,
    /// For the line to become silent, once the clients have ended.
    pub settle: u64,
    /// From SIGTERM to a server's end.
    pub end: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            ready: 10_000,
            whole: 30_000,
            // Longer than a delayed acknowledgement, which Linux holds back for 40 ms.
            silence: 50,
            // Longer than the first retransmission, which comes after 200 ms at the earliest.
            patience: 300,
            settle: 5_000,
            end: 3_000,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Why it is no performance, if it is none.
    pub failure: Option<Failure>,
    /// The programs that were started.
    pub started: Vec<Started>,
    /// What the programs printed until then.
    pub lines: Vec<Line>,
    /// When the performance began, in nanoseconds since the epoch.
    pub began: u64,
    /// The processes that ended, in this order.
    pub ends: Vec<End>,
    /// The signals that the director sent, in this order.
    pub signals: Vec<Signal>,
    /// Where the time went, in microseconds, in order.
    pub spent: Vec<(String, u64)>,
}

/// A program that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What it is called while it runs.
    pub name: String,
    /// The number of its process in the private network.
    pub pid: i32,
}

/// A process that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The program it belongs to; none for a descendant that outlived its parent.
    pub program: Option<String>,
    /// Its number in the private network.
    pub pid: i32,
    /// When it was seen to have ended, in nanoseconds since the epoch.
    pub time: u64,
    /// How.
    pub status: Status,
}

/// Why a performance is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// The machine forbids a private network.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A program could not be started.
    #[error("starting `{program}` ({path}): {error}", path = path.display())]
    Start {
        /// Its name in the scenario.
        program: String,
        /// Its binary.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// A program ended before it was ready.
    #[error("`{program}` ended ({status}) before it {ready}; read its output below")]
    EndedEarly {
        /// Its name in the scenario.
        program: String,
        /// What was waited for.
        ready: Ready,
        /// How it ended.
        status: Status,
    },
    /// A program did not become ready in time.
    #[error(
        "`{program}` had not {ready} after {millis} ms and was killed; is that what it does when it is ready?"
    )]
    NotReady {
        /// Its name in the scenario.
        program: String,
        /// What was waited for.
        ready: Ready,
        /// How long was waited.
        millis: u64,
    },
    /// A client did not end in time.
    #[error(
        "`{program}` had not ended after {millis} ms and was killed; does it wait for something that never comes?"
    )]
    Hang {
        /// Its name in the scenario.
        program: String,
        /// How long was waited.
        millis: u64,
    },
    /// The line did not become silent.
    #[error("{millis} ms after the last client ended, packets or output still came: {what}")]
    NotSilent {
        /// How long was waited.
        millis: u64,
        /// What came last.
        what: String,
    },
    /// A server did not end when asked.
    #[error("`{program}` had not ended {millis} ms after SIGTERM and was killed")]
    NotEnding {
        /// Its name in the scenario.
        program: String,
        /// How long was waited.
        millis: u64,
    },
    /// An event that the director waited for did not come.
    #[error("[[then]] waits for `{when}`, which never came; in the capture are {seen}")]
    NeverCame {
        /// The event.
        when: String,
        /// What came instead.
        seen: String,
    },
    /// Packets were lost on the way to us.
    #[error("the sniffer lost {dropped} of {seen} packets; run it again on a less busy machine")]
    Lossy {
        /// Packets that the kernel had for us.
        seen: u32,
        /// Packets it could not keep.
        dropped: u32,
    },
    /// A program prints without end.
    #[error("`{program}` printed more than {bytes} bytes and was killed")]
    Flood {
        /// Its name in the scenario.
        program: String,
        /// The bound.
        bytes: usize,
    },
    /// Something the stage itself needs failed.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system says.
        error: String,
    },
}
