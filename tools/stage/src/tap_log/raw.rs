//! The tap's log as it was written, line by line. What each key means is said in the tap's own documentation.

use serde::Deserialize;

/// One line.
#[derive(Debug)]
pub enum Line {
    /// A process began, by `exec` or by `fork`.
    Process(Process),
    /// What is loaded into one.
    Object(Object),
    /// A call begins.
    Begin(Begin),
    /// A call has returned.
    End(End),
    /// The program has said something of a task.
    Task(Task),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub process: u32,
    pub parent: u32,
    pub at: u64,
    pub exec: bool,
    #[serde(default)]
    pub sockets: Vec<(i32, u64)>,
    #[serde(default)]
    pub lost: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub process: u32,
    pub object: String,
    pub base: u64,
    pub limit: u64,
    #[serde(default)]
    pub lost: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    pub begin: String,
    pub at: u64,
    pub process: u32,
    pub thread: u32,
    pub fd: Option<i32>,
    pub socket: Option<u64>,
    pub local: Option<String>,
    pub peer: Option<String>,
    pub requested: Option<u64>,
    #[serde(default)]
    pub detail: String,
    /// The epoll instance, and the program's token in it.
    pub target: Option<(i32, u64)>,
    pub stack: Vec<u64>,
    #[serde(default)]
    pub lost: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub end: String,
    pub process: u32,
    pub thread: u32,
    pub from: u64,
    pub to: u64,
    pub result: i64,
    pub errno: Option<String>,
    pub fd: Option<i32>,
    pub socket: Option<u64>,
    pub local: Option<String>,
    pub peer: Option<String>,
    pub detail: Option<String>,
    #[serde(default)]
    pub ready: Vec<(i32, Option<u64>, String)>,
    #[serde(default)]
    pub tokens: Vec<(u64, String)>,
    #[serde(default)]
    pub lost: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The line it wrote, without the first word.
    pub task: String,
    pub at: u64,
    pub process: u32,
    pub thread: u32,
    #[serde(default)]
    pub lost: u64,
}

impl Line {
    /// Reads one line; none where it is no whole line of the log.
    pub fn read(text: &str) -> Option<Line> {
        // The first key tells the kind, so that no line is read twice.
        if text.starts_with(r#"{"begin""#) {
            serde_json::from_str(text).map(Line::Begin).ok()
        } else if text.starts_with(r#"{"end""#) {
            serde_json::from_str(text).map(Line::End).ok()
        } else if text.starts_with(r#"{"task""#) {
            serde_json::from_str(text).map(Line::Task).ok()
        } else if text.contains(r#""object":"#) {
            serde_json::from_str(text).map(Line::Object).ok()
        } else {
            serde_json::from_str(text).map(Line::Process).ok()
        }
    }

    /// How many lines before this one could not be written.
    pub fn lost(&self) -> u64 {
        match self {
            Line::Process(line) => line.lost,
            Line::Object(line) => line.lost,
            Line::Begin(line) => line.lost,
            Line::End(line) => line.lost,
            Line::Task(line) => line.lost,
        }
    }
}
