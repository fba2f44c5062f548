//! The calls a recorded program made, as `calls.jsonl` holds them.
//!
//! The file is UTF-8, one JSON object a line, in the order of [`Record::time`]. Six kinds of line say all there is to say
//! about the programs' side of a recording:
//!
//! | `kind` | type | says |
//! |---|---|---|
//! | `start` | [`Start`] | a program's process began (or became another program by `exec`), holding these sockets |
//! | `call` | [`Call`] | one call into the kernel, from its beginning to its return |
//! | `fork` | [`Fork`] | a process became two; the child holds every socket the parent held |
//! | `end` | [`End`] | a process is gone, and which sockets it still held |
//! | `task` | [`Task`] | what became of a task: not the kernel's to know, so the program itself has said it |
//! | `signal` | [`Signal`] | the director of the scenario sent a program a signal |
//!
//! A *socket* is a small number that stands for the kernel's socket (its inode), counted from 1 in the order in which
//! the recording meets them. Two descriptors of one socket (`dup`, `try_clone`, `fork`) carry the same number, and a
//! number is never used twice in one recording.
//!
//! Every time is in nanoseconds since the epoch, on the clock that stamps the packets (`CLOCK_REALTIME`).

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One line of `calls.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "almost every line is a call")]
pub enum Record {
    /// A program's process began.
    Start(Start),
    /// A call into the kernel.
    Call(Call),
    /// A process became two.
    Fork(Fork),
    /// A process is gone.
    End(End),
    /// Something became of a task, by the program's own word.
    Task(Task),
    /// A program was sent a signal.
    Signal(Signal),
}

impl Record {
    /// When it happened; for a call, when it began.
    pub fn time(&self) -> u64 {
        match self {
            Record::Start(start) => start.time,
            Record::Call(call) => call.start,
            Record::Fork(fork) => fork.time,
            Record::End(end) => end.time,
            Record::Task(task) => task.time,
            Record::Signal(signal) => signal.time,
        }
    }

    /// The moment at which it is said to have happened: for a call that takes something or waits (`recv`, `accept`,
    /// `poll`) its return, else its beginning.
    pub fn moment(&self) -> u64 {
        match self {
            Record::Call(call) if call.call.receives() || call.call.accepts() || call.call.waits() => {
                call.end.unwrap_or(call.start)
            }
            other => other.time(),
        }
    }

    /// The name of the program in the scenario: `client`, `server`, `worker` ...
    pub fn program(&self) -> &str {
        match self {
            Record::Start(start) => &start.program,
            Record::Call(call) => &call.program,
            Record::Fork(fork) => &fork.program,
            Record::End(end) => &end.program,
            Record::Task(task) => &task.program,
            Record::Signal(signal) => &signal.program,
        }
    }

    /// The process it happened in; for a fork, the parent.
    pub fn pid(&self) -> u32 {
        match self {
            Record::Start(start) => start.pid,
            Record::Call(call) => call.pid,
            Record::Fork(fork) => fork.pid,
            Record::End(end) => end.pid,
            Record::Task(task) => task.pid,
            Record::Signal(signal) => signal.pid,
        }
    }
}

/// A program's process began, or an existing process became this program (`exec`).
///
/// `held` replaces whatever the process was known to hold before: it says which descriptors survived the `exec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// The program's name in the scenario.
    pub program: String,
    /// Its process.
    pub pid: u32,
    /// The sockets it was born with, and the descriptors they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Descriptor>,
}

/// One call into the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// When the call began, in nanoseconds since the epoch.
    pub start: u64,
    /// When it returned; none where the process ended inside the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The program's name in the scenario.
    pub program: String,
    /// The process that called.
    pub pid: u32,
    /// The thread that called, by the kernel's number.
    pub thread: u32,
    /// The function of libc that was called.
    pub call: Name,
    /// The descriptor the call was about; none for calls that take none (`socket`, `epoll_create1`, `poll`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<i32>,
    /// The socket behind `fd`; none where it is no socket (an epoll instance) or the call has no `fd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<u32>,
    /// The descriptor the call made: of `socket`, `accept`, `accept4`, `dup`, `dup2`, `dup3`, `epoll_create1`, and of
    /// `fcntl` where it duplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Descriptor>,
    /// The address on this side of the connection, where the kernel had given it one by the end of the call. For
    /// `accept` and `accept4` it is the made socket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The other side's address: as asked for by `connect`, as accepted by `accept`, as the kernel knows it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// How many bytes the caller offered or had room for; for a vector of buffers, their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<u64>,
    /// What the call returned; none where the process ended inside the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
    /// The error's name (`EAGAIN`) where `result` is -1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// The arguments that decide what the call did, as text in the kernel's words, joined by `|` where they are flags:
    ///
    /// - `shutdown`: `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`
    /// - `send*`, `recv*`: the flags (`MSG_NOSIGNAL`, `MSG_PEEK|MSG_DONTWAIT`)
    /// - `setsockopt`, `getsockopt`: name and value (`TCP_NODELAY 1`, `SO_LINGER on 0s`, `SO_LINGER off 0s`)
    /// - `fcntl`: the command (`F_DUPFD_CLOEXEC`)
    /// - `ioctl`: the request and its value (`FIONBIO 1`: the socket shall refuse to wait)
    /// - `epoll_ctl`: operation and events (`EPOLL_CTL_ADD EPOLLIN|EPOLLET`)
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What a call that waits (`poll`, `select`, `epoll_wait` ...) reported as ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Ready>,
    /// How often it was made, where a thread asked the same again and again and was told `EAGAIN` each time: `start` is the
    /// first one's, `end` the last one's. None for a call that was made once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The nearest line of ours that led to the call; none where no frame is ours (the runtime's own `epoll_wait`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Call {
    /// How many bytes of the stream the call moved; zero for an error, for end of stream, and for bytes that were only
    /// looked at (`MSG_PEEK`).
    pub fn moved(&self) -> u64 {
        if self.detail.split('|').any(|flag| flag == "MSG_PEEK") {
            return 0;
        }
        self.result
            .and_then(|result| u64::try_from(result).ok())
            .unwrap_or(0)
    }

    /// Whether the call returned without an error.
    pub fn succeeded(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }
}

/// A descriptor and the socket behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// The number the program uses.
    pub fd: i32,
    /// The socket; none where the descriptor is something else, as an epoll instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<u32>,
}

/// One thing a waiting call reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The descriptor, where it is known (`epoll_wait` returns the program's own token, not the descriptor).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<i32>,
    /// The socket behind it, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<u32>,
    /// What for, in the kernel's words: `EPOLLIN|EPOLLRDHUP`, `POLLIN`.
    pub events: String,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The file, relative to the root of the workspace, with `/` between its parts.
    pub file: String,
    /// The line, counted from 1; 0 where the program tells its functions alone, and `file` is then the program's.
    pub line: u32,
    /// The function the line is in, as its source names it (`echo`, `Server::run`).
    pub function: String,
    /// The line itself, without the blanks around it.
    pub text: String,
    /// What goes out of scope here, where the line is nothing but a closing brace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

/// A process became two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// The program's name in the scenario; the child bears it too.
    pub program: String,
    /// The process that forked.
    pub pid: u32,
    /// The process that came of it.
    pub child: u32,
    /// The nearest line of ours that led to the fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A process is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// When its end was noticed, in nanoseconds since the epoch: after the kernel closed what it held.
    pub time: u64,
    /// The program's name in the scenario.
    pub program: String,
    /// The process that ended.
    pub pid: u32,
    /// How it ended.
    pub status: Status,
    /// The sockets it still held, which the kernel closed for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<u32>,
}

/// Something became of a task.
///
/// No call tells it: a program that wants it seen writes a line on standard error, [`Task::said`], and the tap notes the
/// moment before the line leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// The program's name in the scenario.
    pub program: String,
    /// The process that said it.
    pub pid: u32,
    /// The thread that said it, by the kernel's number.
    pub thread: u32,
    /// The task's name, one word.
    pub task: String,
    /// What became of it.
    pub did: Did,
    /// For [`Did::Woken`]: the task that was polled meanwhile and so is who woke it. None where it was none: the runtime
    /// did, for a socket or a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The director of the scenario sent a program a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// When, in nanoseconds since the epoch: the moment before it was sent.
    pub time: u64,
    /// The program's name in the scenario.
    pub program: String,
    /// The process it was sent to.
    pub pid: u32,
    /// Which.
    pub signal: Sent,
}

/// The signals that a director sends (`signal(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Sent {
    /// The program is asked to end.
    Sigterm,
    /// It is ended.
    Sigkill,
    /// It is made to stand still.
    Sigstop,
    /// It may go on.
    Sigcont,
}

impl Sent {
    /// Every signal.
    pub const ALL: [Sent; 4] = [Sent::Sigterm, Sent::Sigkill, Sent::Sigstop, Sent::Sigcont];

    /// Its name: `SIGTERM`.
    pub fn as_str(self) -> &'static str {
        match self {
            Sent::Sigterm => "SIGTERM",
            Sent::Sigkill => "SIGKILL",
            Sent::Sigstop => "SIGSTOP",
            Sent::Sigcont => "SIGCONT",
        }
    }
}

impl Task {
    /// What a line of standard error says of a task: its name, what became of it, and who woke it. None where the line is
    /// of another form than `task NAME WHAT` or `task NAME woken by NAME`.
    pub fn said(line: &str) -> Option<(&str, Did, Option<&str>)> {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, did, by) = match words[..] {
            ["task", name, "woken", "by", by] => (name, Did::Woken, Some(by)),
            ["task", name, did] => (name, did.parse().ok()?, None),
            _ => return None,
        };
        (!name.is_empty() && by != Some("")).then_some((name, did, by))
    }
}

/// What may become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Did {
    /// Its future was made; nothing of it has run.
    Made,
    /// It is asked to go on, and runs.
    Polled,
    /// It has answered that it has to wait.
    Pending,
    /// It has answered that it is done.
    Ready,
    /// It asks, or somebody asks for it, to be polled again.
    Woken,
    /// It was given up before it was done.
    Dropped,
}

impl Did {
    /// All of them, in the order in which they happen.
    pub const ALL: [Did; 6] = [
        Did::Made,
        Did::Polled,
        Did::Pending,
        Did::Ready,
        Did::Woken,
        Did::Dropped,
    ];

    /// The word for it: `polled`.
    pub fn as_str(self) -> &'static str {
        match self {
            Did::Made => "made",
            Did::Polled => "polled",
            Did::Pending => "pending",
            Did::Ready => "ready",
            Did::Woken => "woken",
            Did::Dropped => "dropped",
        }
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Did {
    type Err = UnknownDid;

    fn from_str(text: &str) -> Result<Did, UnknownDid> {
        Did::ALL
            .into_iter()
            .find(|did| did.as_str() == text)
            .ok_or(UnknownDid)
    }
}

/// A word that says nothing of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("of a task one can say `made`, `polled`, `pending`, `ready`, `woken` or `dropped`")]
pub struct UnknownDid;

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It returned from `main` or called `exit`, with this code.
    Exited(i32),
    /// A signal ended it: `SIGTERM`, `SIGKILL`.
    Signaled(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exited(code) => write!(f, "exit {code}"),
            Status::Signaled(signal) => f.write_str(signal),
        }
    }
}

macro_rules! names {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// A function of libc that the tap stands in front of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Name {
            /// Every name, in the order of this list.
            pub const ALL: &[Name] = &[$(Name::$variant),*];

            /// The name as libc spells it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Name::$variant => $text,)*
                }
            }
        }
    };
}

names! {
    Socket "socket", Bind "bind", Listen "listen", Accept "accept", Accept4 "accept4", Connect "connect",
    Send "send", Sendto "sendto", Sendmsg "sendmsg", Sendmmsg "sendmmsg", Write "write", Writev "writev",
    Sendfile "sendfile", Splice "splice",
    Recv "recv", Recvfrom "recvfrom", Recvmsg "recvmsg", Recvmmsg "recvmmsg", Read "read", Readv "readv",
    Shutdown "shutdown", Close "close",
    Dup "dup", Dup2 "dup2", Dup3 "dup3", Fcntl "fcntl", Ioctl "ioctl",
    Poll "poll", Ppoll "ppoll", Select "select", Pselect "pselect",
    EpollCreate1 "epoll_create1", EpollCtl "epoll_ctl", EpollWait "epoll_wait", EpollPwait "epoll_pwait",
    Setsockopt "setsockopt", Getsockopt "getsockopt",
}

impl Name {
    /// Whether it puts bytes into a stream. `splice` and `sendfile` count only where the socket is their output, which
    /// is when the tap names the socket.
    pub fn sends(self) -> bool {
        use Name::*;
        matches!(
            self,
            Send | Sendto | Sendmsg | Sendmmsg | Write | Writev | Sendfile | Splice
        )
    }

    /// Whether it takes bytes out of a stream.
    pub fn receives(self) -> bool {
        use Name::*;
        matches!(self, Recv | Recvfrom | Recvmsg | Recvmmsg | Read | Readv)
    }

    /// Whether it takes a connection out of a listener's queue.
    pub fn accepts(self) -> bool {
        matches!(self, Name::Accept | Name::Accept4)
    }

    /// Whether it waits for several descriptors at once.
    pub fn waits(self) -> bool {
        use Name::*;
        matches!(self, Poll | Ppoll | Select | Pselect | EpollWait | EpollPwait)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Name {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Name, UnknownName> {
        Name::ALL
            .iter()
            .copied()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownName(text.into()))
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A call that no tap records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown call `{0}`; the calls are {choices}", choices = names_joined())]
pub struct UnknownName(String);

fn names_joined() -> String {
    Name::ALL
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A line of `calls.jsonl` that does not say what a line must say.
#[derive(Debug, thiserror::Error)]
#[error("calls.jsonl, line {line}: {source}; record the scenario again, or mend the line")]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// Reads `calls.jsonl`. Blank lines are passed over.
pub fn read(text: &str) -> Result<Vec<Record>, ReadError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| ReadError {
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// Writes `calls.jsonl`: the records by time, each on its line.
pub fn write(records: &[Record]) -> String {
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| record.time());
    let mut text = String::new();
    for record in sorted {
        // Strings, numbers and lists of them: nothing here can fail to become JSON.
        text.push_str(&serde_json::to_string(record).expect("a record is plain data"));
        text.push('\n');
    }
    text
}

/// The records in the order in which they changed what descriptors stand for, as indices: a call that made one counts at
/// its return, everything else at its beginning.
///
/// An `accept` that waited through the close of an earlier connection returns the very descriptor which that close set
/// free; by their beginnings the two would stand the wrong way round.
pub fn by_effect(records: &[Record]) -> Vec<usize> {
    let effect = |record: &Record| match record {
        Record::Call(call) if call.made.is_some() => call.end.unwrap_or(call.start),
        other => other.time(),
    };
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|index| effect(&records[*index]));
    order
}

/// Who holds which socket, while the records go by in the order of time.
///
/// The kernel ends a connection when the last descriptor of its socket is closed, whoever holds it; so the one question
/// asked of a close is whether it was the last.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    table: BTreeMap<u32, BTreeMap<i32, u32>>,
}

impl Holders {
    /// Nobody holds anything.
    pub fn new() -> Holders {
        Holders::default()
    }

    /// Takes note of one record and returns the sockets that nobody holds any more because of it.
    ///
    /// Records are to come in the order of [`by_effect`].
    pub fn note(&mut self, record: &Record) -> Vec<u32> {
        let before = match record {
            Record::Start(start) => {
                let now = start
                    .held
                    .iter()
                    .filter_map(|held| Some((held.fd, held.socket?)))
                    .collect();
                self.table
                    .insert(start.pid, now)
                    .unwrap_or_default()
                    .into_values()
                    .collect()
            }
            Record::Call(call) => self.note_call(call),
            Record::Fork(fork) => {
                let copy = self.table.get(&fork.pid).cloned().unwrap_or_default();
                self.table.insert(fork.child, copy);
                Vec::new()
            }
            Record::End(end) => self
                .table
                .remove(&end.pid)
                .unwrap_or_default()
                .into_values()
                .collect(),
            Record::Task(_) | Record::Signal(_) => Vec::new(),
        };
        let mut gone: Vec<u32> = before
            .into_iter()
            .filter(|socket| !self.is_held(*socket))
            .collect();
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    fn note_call(&mut self, call: &Call) -> Vec<u32> {
        if !call.succeeded() {
            return Vec::new();
        }
        let held = self.table.entry(call.pid).or_default();
        let mut lost = Vec::new();
        if let Some(fd) = call.fd {
            if call.call == Name::Close {
                lost.extend(held.remove(&fd));
                // It may have come in by a way the tap does not see, and was never used.
                lost.extend(call.socket);
            } else if let Some(socket) = call.socket {
                // A descriptor that came in by a way the tap does not see (SCM_RIGHTS) is known from its first use.
                lost.extend(held.insert(fd, socket).filter(|old| *old != socket));
            }
        }
        if let Some(made) = call.made {
            // dup2 closes what its target was.
            lost.extend(held.remove(&made.fd));
            if let Some(socket) = made.socket {
                held.insert(made.fd, socket);
            }
        }
        lost
    }

    /// Whether any process still holds the socket.
    pub fn is_held(&self, socket: u32) -> bool {
        self.table
            .values()
            .any(|held| held.values().any(|other| *other == socket))
    }

    /// The sockets one process holds, each once, in ascending order: what [`End::held`] wants.
    pub fn held_by(&self, pid: u32) -> Vec<u32> {
        let mut sockets: Vec<u32> = self
            .table
            .get(&pid)
            .into_iter()
            .flat_map(|held| held.values().copied())
            .collect();
        sockets.sort_unstable();
        sockets.dedup();
        sockets
    }
}

/// A line of source without the comment at its end, which belongs to the listing.
pub fn without_comment(text: &str) -> &str {
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '/' if !quoted && text[at..].starts_with("// ") => return text[..at].trim_end(),
            _ => {}
        }
    }
    text
}

/// A line that continues the one before (`.await`, `.write_all(…)`), with what it continues, on one line. None where the
/// file does not have the line, or the line begins with itself.
pub fn statement(file: &str, place: &Place) -> Option<String> {
    let lines: Vec<&str> = file.lines().map(|line| without_comment(line.trim())).collect();
    let last = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let mut first = last;
    if *lines.get(last)? != without_comment(place.text.trim()) {
        return None;
    }
    while lines.get(first)?.starts_with('.') {
        first = first.checked_sub(1)?;
    }
    // The end of a closure or of a list: its beginning is further up than a reader can be shown.
    if first == last || lines[first].starts_with([')', '}', ']']) {
        return None;
    }
    Some(lines[first..=last].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: Name, start: u64) -> Call {
        Call {
            start,
            end: Some(start + 10),
            program: "client".into(),
            pid: 7,
            thread: 7,
            call: name,
            fd: None,
            socket: None,
            made: None,
            local: None,
            peer: None,
            requested: None,
            result: Some(0),
            errno: None,
            detail: String::new(),
            ready: Vec::new(),
            times: None,
            place: None,
        }
    }

    fn full() -> Call {
        Call {
            fd: Some(3),
            socket: Some(1),
            local: Some("127.0.0.1:40000".parse().unwrap()),
            peer: Some("127.0.0.1:8000".parse().unwrap()),
            requested: Some(11),
            result: Some(11),
            detail: "MSG_NOSIGNAL".into(),
            place: Some(Place {
                file: "listings/ch01-echo/src/bin/echo-blocking-client.rs".into(),
                line: 14,
                function: "main".into(),
                text: "stream.write_all(GREETING)?;".into(),
                dropped: None,
            }),
            ..call(Name::Send, 1_700_000_000_000_000_000)
        }
    }

    #[test]
    fn a_call_is_written_as_one_line_and_read_back_the_same() {
        let records = vec![
            Record::Start(Start {
                time: 1,
                program: "client".into(),
                pid: 7,
                held: vec![],
            }),
            Record::Call(full()),
            Record::Fork(Fork {
                time: 1_800_000_000_000_000_000,
                program: "client".into(),
                pid: 7,
                child: 8,
                place: None,
            }),
            Record::End(End {
                time: 1_900_000_000_000_000_000,
                program: "client".into(),
                pid: 7,
                status: Status::Signaled("SIGTERM".into()),
                held: vec![1],
            }),
            Record::Task(Task {
                time: 1_900_000_000_000_000_001,
                program: "client".into(),
                pid: 7,
                thread: 7,
                task: "reader".into(),
                did: Did::Woken,
                by: Some("writer".into()),
            }),
            Record::Signal(Signal {
                time: 1_900_000_000_000_000_002,
                program: "client".into(),
                pid: 7,
                signal: Sent::Sigterm,
            }),
        ];
        let text = write(&records);
        assert_eq!(text.lines().count(), 6);
        assert_eq!(
            text.lines().last(),
            Some(
                r#"{"kind":"signal","time":1900000000000000002,"program":"client","pid":7,"signal":"SIGTERM"}"#
            )
        );
        assert_eq!(
            text.lines().nth(4),
            Some(
                r#"{"kind":"task","time":1900000000000000001,"program":"client","pid":7,"thread":7,"task":"reader","did":"woken","by":"writer"}"#
            )
        );
        assert!(text.lines().nth(1).unwrap().starts_with(
            r#"{"kind":"call","start":1700000000000000000,"end":1700000000000000010,"program":"client","pid":7,"thread":7,"call":"send","fd":3,"socket":1,"local":"127.0.0.1:40000","#
        ));
        assert_eq!(read(&text).unwrap(), records);
    }

    #[test]
    fn what_a_program_says_of_its_tasks_has_one_form() {
        assert_eq!(
            Task::said("task reader polled"),
            Some(("reader", Did::Polled, None))
        );
        assert_eq!(
            Task::said("task reader woken by writer"),
            Some(("reader", Did::Woken, Some("writer")))
        );
        assert_eq!(
            Task::said("task reader woken"),
            Some(("reader", Did::Woken, None))
        );
        for other in [
            "task reader",
            "task  polled",
            "task reader asleep",
            "task reader polled again",
            "task reader polled by writer",
            "task reader woken by ",
            "a task reader polled",
            "",
        ] {
            assert_eq!(Task::said(other), None, "{other}");
        }
    }

    #[test]
    fn an_unknown_call_is_told_with_its_line_and_the_choices() {
        let text = write(&[Record::Call(full())]).replace("\"send\"", "\"sendd\"");
        let error = read(&format!("\n{text}")).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(
            error
                .to_string()
                .contains("unknown call `sendd`; the calls are socket, bind"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = write(&[Record::Call(full())]).replace("\"thread\"", "\"thread_id\":1,\"thread\"");
        assert!(read(&text).is_err());
    }

    #[test]
    fn bytes_looked_at_with_msg_peek_are_not_moved() {
        assert_eq!(full().moved(), 11);
        assert_eq!(
            Call {
                detail: "MSG_PEEK|MSG_DONTWAIT".into(),
                ..full()
            }
            .moved(),
            0
        );
        assert_eq!(
            Call {
                result: Some(-1),
                ..full()
            }
            .moved(),
            0
        );
    }

    #[test]
    fn of_a_socket_held_twice_only_the_last_close_lets_go() {
        let mut holders = Holders::new();
        let made = |fd, socket| {
            Some(Descriptor {
                fd,
                socket: Some(socket),
            })
        };
        holders.note(&Record::Call(Call {
            made: made(3, 1),
            ..call(Name::Socket, 1)
        }));
        let dup = Call {
            fd: Some(3),
            socket: Some(1),
            made: made(4, 1),
            ..call(Name::Dup, 2)
        };
        holders.note(&Record::Call(dup));
        holders.note(&Record::Fork(Fork {
            time: 3,
            program: "client".into(),
            pid: 7,
            child: 8,
            place: None,
        }));
        let close = |fd, pid| {
            Record::Call(Call {
                fd: Some(fd),
                socket: Some(1),
                pid,
                ..call(Name::Close, 4)
            })
        };
        assert!(holders.note(&close(3, 7)).is_empty());
        assert!(holders.note(&close(4, 7)).is_empty());
        assert_eq!(holders.held_by(8), [1]);
        let end = End {
            time: 9,
            program: "client".into(),
            pid: 8,
            status: Status::Exited(0),
            held: vec![1],
        };
        assert_eq!(holders.note(&Record::End(end)), [1]);
    }

    #[test]
    fn a_descriptor_that_an_accept_was_given_again_is_not_closed_by_the_close_before() {
        let listener = |start, end, socket| {
            let made = Some(Descriptor {
                fd: 4,
                socket: Some(socket),
            });
            Record::Call(Call {
                end: Some(end),
                fd: Some(3),
                socket: Some(9),
                made,
                ..call(Name::Accept4, start)
            })
        };
        let close = |start, socket| {
            Record::Call(Call {
                fd: Some(4),
                socket: Some(socket),
                ..call(Name::Close, start)
            })
        };
        let records = [
            listener(1, 10, 1),
            listener(20, 50, 2),
            close(30, 1),
            close(60, 2),
        ];
        assert_eq!(by_effect(&records), [0, 2, 1, 3]);
        let mut holders = Holders::new();
        let gone: Vec<Vec<u32>> = by_effect(&records)
            .into_iter()
            .map(|index| holders.note(&records[index]))
            .collect();
        assert_eq!(gone, [vec![], vec![1], vec![], vec![2]]);
    }

    #[test]
    fn dup2_over_a_socket_closes_it() {
        let mut holders = Holders::new();
        for (fd, socket) in [(3, 1), (4, 2)] {
            let made = Some(Descriptor {
                fd,
                socket: Some(socket),
            });
            holders.note(&Record::Call(Call {
                made,
                ..call(Name::Socket, 1)
            }));
        }
        let dup2 = Call {
            fd: Some(3),
            socket: Some(1),
            made: Some(Descriptor {
                fd: 4,
                socket: Some(1),
            }),
            ..call(Name::Dup2, 2)
        };
        assert_eq!(holders.note(&Record::Call(dup2)), [2]);
    }

    fn at(file: &str, line: u32, text: &str) -> Option<String> {
        let place = Place {
            file: "a.rs".into(),
            line,
            function: "main".into(),
            text: text.into(),
            dropped: None,
        };
        statement(file, &place)
    }

    #[test]
    fn a_line_that_continues_another_is_shown_with_it() {
        let file = "let x = 1;\nlet mut stream = TcpStream::connect(&address)\n    .await\n    .context(1)?;\nstream\n    .write_all(b)\n";
        assert_eq!(
            at(file, 3, ".await").as_deref(),
            Some("let mut stream = TcpStream::connect(&address).await")
        );
        assert_eq!(
            at(file, 6, ".write_all(b)").as_deref(),
            Some("stream.write_all(b)")
        );
        assert_eq!(at(file, 1, "let x = 1;"), None);
        assert_eq!(at(file, 9, ".await"), None);
        assert_eq!(at("run(|| {\n    1\n})\n.await", 4, ".await"), None);
    }

    #[test]
    fn the_comment_at_the_end_of_a_line_is_left_out_and_an_address_is_none() {
        assert_eq!(
            without_comment("stream.write_all(b)?; // (1) all of it"),
            "stream.write_all(b)?;"
        );
        assert_eq!(without_comment("get(\"http:// x\")?;"), "get(\"http:// x\")?;");
        assert_eq!(without_comment("a / b"), "a / b");
    }

    #[test]
    fn a_file_that_has_changed_since_is_not_asked() {
        assert_eq!(at("stream\n    .read(b)\n", 2, ".write_all(b)"), None);
    }
}
