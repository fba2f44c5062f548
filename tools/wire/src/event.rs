//! The names by which people speak of what a recording shows: `client FIN`, `third client data`, `first server recv`.
//!
//! ```text
//! event   = [ "connection" NUMBER ":" ] [ ordinal "copy of" ] [ ordinal ] side what
//! side    = "client" | "server"
//! what    = "SYN" | "FIN" | "RST" | "data" | "ACK" | call | signal | "task" NAME did
//! call    = "connect" | "accept" | "recv" | "send" | "close" | any other call that is recorded
//! signal  = "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"
//! did     = "made" | "polled" | "pending" | "ready" | "woken" | "dropped"
//! ordinal = "first" ... "tenth" | "11th" ... | "last"
//! ```
//!
//! - `SYN`, `FIN`, `RST` and `data` are segments that carry one; a segment that carries two has two names. `server SYN`
//!   is the SYN-ACK.
//! - `ACK` is a segment that carries an acknowledgment and nothing else.
//! - A retransmission has no name of its own: it is the `second copy of` what it repeats. The first copy is the original.
//! - `recv`, `send`, `accept` and `poll` stand for every call that does the same (`read`, `writev`, `accept4`,
//!   `epoll_wait` ...). A call that found nothing there (`EAGAIN`), and one that the process did not live to see return, do
//!   not count.
//! - `server SIGTERM` is the moment at which the scenario's director sends it. It is of no conversation.
//! - `task reader polled` is what a program says of its own tasks ([`crate::call::Task`]). It is of no conversation.
//! - Ordinals count within one conversation, in the order of time. Without one, an event must be the only one of its
//!   kind. In a recording of several conversations the event must say which, unless only one of them has it.

use std::fmt;
use std::str::FromStr;

use crate::call::{Call, Did, Name, Sent};
use crate::cause::Calls;
use crate::conversation::{Conversation, Side, Turn};
use crate::segment::Flags;
use crate::words::Words;

pub use crate::words::ParseError;

/// A name for one thing in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The conversation's number, from 1.
    pub connection: Option<usize>,
    /// Which copy of a segment that was sent more than once; none is the first.
    pub copy: Option<Ordinal>,
    /// Which of several of a kind.
    pub ordinal: Option<Ordinal>,
    /// Whose.
    pub side: Side,
    /// What.
    pub what: What,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A segment with a SYN.
    Syn,
    /// A segment with a FIN.
    Fin,
    /// A segment with a RST.
    Rst,
    /// A segment with data.
    Data,
    /// A segment with nothing but an acknowledgment.
    Ack,
    /// A call into the kernel.
    Call(Name),
    /// Something becomes of a task.
    Task(TaskName, Did),
    /// A signal is sent.
    Signal(Sent),
}

impl What {
    /// Whether it is a segment; else the programs' records tell it.
    pub fn is_segment(self) -> bool {
        !matches!(self, What::Call(_) | What::Task(..) | What::Signal(_))
    }
}

/// A task's name, at most [`TaskName::LONGEST`] bytes of it, so that an event stays a small value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskName {
    bytes: [u8; TaskName::LONGEST],
    length: usize,
}

impl TaskName {
    /// How many bytes a name may have that an event speaks of.
    pub const LONGEST: usize = 24;

    fn new(name: &str) -> Option<TaskName> {
        let mut bytes = [0; TaskName::LONGEST];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(TaskName {
            bytes,
            length: name.len(),
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A place in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ordinal {
    /// Counted from 1.
    Nth(usize),
    /// The last.
    Last,
}

const ORDINALS: [&str; 10] = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
];

impl Ordinal {
    /// The place of the meant one among `count`, from 0.
    fn index(self, count: usize) -> Option<usize> {
        match self {
            Ordinal::Nth(number) => number.checked_sub(1).filter(|index| *index < count),
            Ordinal::Last => count.checked_sub(1),
        }
    }

    fn parse(word: &str) -> Option<Ordinal> {
        if word == "last" {
            return Some(Ordinal::Last);
        }
        if let Some(index) = ORDINALS.iter().position(|ordinal| *ordinal == word) {
            return Some(Ordinal::Nth(index + 1));
        }
        let digits = word.find(|letter: char| !letter.is_ascii_digit())?;
        let number: usize = word[..digits].parse().ok().filter(|number| *number > 0)?;
        (word[digits..] == *ending(number)).then_some(Ordinal::Nth(number))
    }
}

fn ending(number: usize) -> &'static str {
    match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ordinal::Last => f.write_str("last"),
            Ordinal::Nth(number) => match number.checked_sub(1).and_then(|index| ORDINALS.get(index)) {
                Some(word) => f.write_str(word),
                None => write!(f, "{number}{}", ending(*number)),
            },
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            What::Syn => "SYN",
            What::Fin => "FIN",
            What::Rst => "RST",
            What::Data => "data",
            What::Ack => "ACK",
            What::Call(name) => name.as_str(),
            What::Signal(signal) => signal.as_str(),
            What::Task(name, did) => return write!(f, "task {} {did}", name.as_str()),
        };
        f.pad(word)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.connection {
            write!(f, "connection {number}: ")?;
        }
        if let Some(copy) = self.copy {
            write!(f, "{copy} copy of ")?;
        }
        if let Some(ordinal) = self.ordinal {
            write!(f, "{ordinal} ")?;
        }
        write!(f, "{} {}", self.side, self.what)
    }
}

impl FromStr for Event {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Event, ParseError> {
        let mut words = Words::of(line);
        let event = Event::read(&mut words)?;
        words.end()?;
        Ok(event)
    }
}

impl Event {
    pub(crate) fn read(words: &mut Words<'_>) -> Result<Event, ParseError> {
        let connection = read_connection(words)?;
        let mut ordinal = read_ordinal(words);
        let mut copy = None;
        if ordinal.is_some() && words.take_if(&["copy", "of"]) {
            copy = ordinal;
            ordinal = read_ordinal(words);
        }
        let side = read_side(words).ok_or_else(|| {
            words.expected("`client` or `server` (perhaps after `first`, `second` ... `last`)")
        })?;
        let what = match words.peek() {
            Some("SYN") => What::Syn,
            Some("FIN") => What::Fin,
            Some("RST") => What::Rst,
            Some("data") => What::Data,
            Some("ACK") => What::Ack,
            Some("task") => read_task(words)?,
            word => match word.and_then(call_or_signal) {
                Some(what) => what,
                None => {
                    let choices = "`SYN`, `FIN`, `RST`, `data`, `ACK`, a call (`connect`, `accept`, `recv`, `send`, `close` ...), a signal (`SIGTERM`), or `task NAME polled`";
                    return Err(words.expected(choices));
                }
            },
        };
        words.take();
        if copy.is_some() && !matches!(what, What::Syn | What::Fin | What::Data) {
            return Err(words.error(format!(
                "of a `{what}` there are no copies; only SYN, FIN and data are sent again"
            )));
        }
        Ok(Event {
            connection,
            copy,
            ordinal,
            side,
            what,
        })
    }
}

fn call_or_signal(word: &str) -> Option<What> {
    let signal = Sent::ALL.into_iter().find(|signal| signal.as_str() == word);
    signal
        .map(What::Signal)
        .or_else(|| word.parse().ok().map(What::Call))
}

/// `task NAME DID`; the last word is left to be taken.
fn read_task(words: &mut Words<'_>) -> Result<What, ParseError> {
    words.take();
    let name = words.peek().and_then(TaskName::new).ok_or_else(|| {
        words.expected(&format!(
            "the task's name, one word of at most {} bytes,",
            TaskName::LONGEST
        ))
    })?;
    words.take();
    let did = words.peek().and_then(|word| word.parse().ok());
    let did = did.ok_or_else(|| {
        words.expected("`made`, `polled`, `pending`, `ready`, `woken` or `dropped`, which become of a task,")
    })?;
    Ok(What::Task(name, did))
}

pub(crate) fn read_connection(words: &mut Words<'_>) -> Result<Option<usize>, ParseError> {
    if !words.take_if(&["connection"]) {
        return Ok(None);
    }
    let number = words
        .peek()
        .and_then(|word| word.parse().ok())
        .filter(|number| *number > 0);
    let number = number.ok_or_else(|| words.expected("the connection's number, counted from 1"))?;
    words.take();
    words.expect(&[":"])?;
    Ok(Some(number))
}

fn read_ordinal(words: &mut Words<'_>) -> Option<Ordinal> {
    let ordinal = words.peek().and_then(Ordinal::parse)?;
    words.take();
    Some(ordinal)
}

pub(crate) fn read_side(words: &mut Words<'_>) -> Option<Side> {
    let side = Side::BOTH
        .into_iter()
        .find(|side| words.peek() == Some(&side.to_string()))?;
    words.take();
    Some(side)
}

/// What a recording shows: what events and facts are looked up in.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    conversations: &'a [Conversation],
    /// The same conversations captured at the client's host and at the server's, where there are two hosts.
    hosts: Option<(&'a [Conversation], &'a [Conversation])>,
    calls: Option<&'a Calls<'a>>,
}

impl<'a> Evidence<'a> {
    /// One capture.
    pub fn new(conversations: &'a [Conversation]) -> Evidence<'a> {
        Evidence {
            conversations,
            hosts: None,
            calls: None,
        }
    }

    /// Two captures of the same conversations, at the client's host and at the server's. Events are looked up in the
    /// client's.
    pub fn at_both_hosts(client: &'a [Conversation], server: &'a [Conversation]) -> Evidence<'a> {
        Evidence {
            conversations: client,
            hosts: Some((client, server)),
            calls: None,
        }
    }

    /// The same with the programs' calls, tied to the conversations that events are looked up in.
    pub fn with_calls(self, calls: &'a Calls<'a>) -> Evidence<'a> {
        Evidence {
            calls: Some(calls),
            ..self
        }
    }

    /// The conversations that events are looked up in.
    pub fn conversations(&self) -> &'a [Conversation] {
        self.conversations
    }

    /// The conversations as they were captured at one end's host, where there are two hosts.
    pub fn at(&self, side: Side) -> Option<&'a [Conversation]> {
        let (client, server) = self.hosts?;
        Some(if side == Side::Client { client } else { server })
    }

    /// The programs' calls, where they are recorded.
    pub fn calls(&self) -> Option<&'a Calls<'a>> {
        self.calls
    }

    /// When something happened: a segment passed; a call began, or returned where it took something or waited.
    pub fn time(&self, found: Found) -> u64 {
        match found {
            Found::Segment { conversation, turn } => {
                self.conversations[conversation].turns[turn].segment.time
            }
            Found::Call { record } => self.calls.map_or(0, |calls| calls.records()[record].moment()),
        }
    }
}

/// The thing that an event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    /// A segment.
    Segment {
        /// The index of its conversation.
        conversation: usize,
        /// Its index in [`Conversation::turns`].
        turn: usize,
    },
    /// A call, or what became of a task.
    Call {
        /// The index of its record.
        record: usize,
    },
}

/// An event that names nothing, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` {problem}; {}", list(choices))]
pub struct NotFound {
    /// The event.
    pub event: Box<Event>,
    /// `matches nothing`, `matches 3 things` or the like.
    pub problem: String,
    /// What could be meant instead, as it would be written.
    pub choices: Vec<String>,
}

/// At most so many choices are printed.
const LISTED: usize = 40;

fn list(choices: &[String]) -> String {
    if choices.is_empty() {
        return "the recording shows nothing that has a name".into();
    }
    let more = choices.len().saturating_sub(LISTED);
    let listed = choices
        .iter()
        .take(LISTED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("there are: {listed}{more}")
}

impl Event {
    /// The one thing that the event names.
    ///
    /// # Errors
    ///
    /// [`NotFound`] where it names nothing, or more than one thing.
    pub fn find(&self, evidence: &Evidence<'_>) -> Result<Found, NotFound> {
        let wanted = self.ordinal.unwrap_or(Ordinal::Last);
        let mut named = self.groups(evidence);
        named.retain(|(_, things)| wanted.index(things.len()).is_some());
        let (conversation, things) = match &named[..] {
            [(conversation, things)] => (*conversation, things),
            [] => {
                let problem = match self.what {
                    What::Call(_) if evidence.calls.is_none() => "is a call, and no calls are recorded",
                    What::Task(..) if evidence.calls.is_none() => "is of a task, and no calls are recorded",
                    What::Signal(_) if evidence.calls.is_none() => "is a signal, and no calls are recorded",
                    _ => "matches nothing",
                };
                return Err(self.not_found(problem.into(), self.alternatives(evidence)));
            }
            several => {
                let problem = format!("matches something in {} connections", several.len());
                let choices = several
                    .iter()
                    .flat_map(|(index, things)| self.variants(evidence, *index, things.len()));
                return Err(self.not_found(problem, choices.collect()));
            }
        };
        let thing = match (self.ordinal, &things[..]) {
            (Some(ordinal), things) => ordinal.index(things.len()).map(|index| things[index]),
            (None, [thing]) => Some(*thing),
            (None, _) => None,
        };
        let Some(thing) = thing else {
            let problem = format!("matches {} things", things.len());
            return Err(self.not_found(problem, self.variants(evidence, conversation, things.len())));
        };
        let (Some(copy), Found::Segment { conversation, turn }) = (self.copy, thing) else {
            return Ok(thing);
        };
        let copies = copies(&evidence.conversations[conversation], turn, self.what);
        match copy.index(copies.len()) {
            Some(index) => Ok(Found::Segment {
                conversation,
                turn: copies[index],
            }),
            None => {
                let choices = (1..=copies.len()).map(|number| {
                    Event {
                        copy: Some(Ordinal::Nth(number)),
                        ..*self
                    }
                    .to_string()
                });
                Err(self.not_found(format!("was sent {}", times(copies.len())), choices.collect()))
            }
        }
    }

    /// Everything of the event's side and kind, conversation by conversation; calls on no conversation (those of a
    /// listener) stand under none, and are left out where the event says which conversation.
    pub(crate) fn groups(&self, evidence: &Evidence<'_>) -> Vec<(Option<usize>, Vec<Found>)> {
        let conversations = (0..evidence.conversations.len()).map(Some);
        let nowhere = (!self.what.is_segment() && self.connection.is_none()).then_some(None);
        let groups = conversations
            .filter(|index| {
                self.connection
                    .is_none_or(|number| index.is_none_or(|index| number == index + 1))
            })
            .chain(nowhere)
            .map(|conversation| (conversation, self.matching(evidence, conversation)));
        groups.filter(|(_, things)| !things.is_empty()).collect()
    }

    /// Everything of the event's side and kind in one conversation, retransmissions left out.
    fn matching(&self, evidence: &Evidence<'_>, conversation: Option<usize>) -> Vec<Found> {
        if !self.what.is_segment() {
            let Some(calls) = evidence.calls else {
                return Vec::new();
            };
            let is = |record: &usize| {
                let owner = calls.owner(*record);
                owner.is_some_and(|owner| (owner.conversation, owner.side) == (conversation, self.side))
                    && match self.what {
                        What::Call(name) => calls.call(*record).is_some_and(|call| stands_for(name, call)),
                        What::Task(name, did) => calls
                            .task(*record)
                            .is_some_and(|task| task.task == name.as_str() && task.did == did),
                        What::Signal(sent) => {
                            calls.signal(*record).is_some_and(|signal| signal.signal == sent)
                        }
                        _ => false,
                    }
            };
            return (0..calls.records().len())
                .filter(is)
                .map(|record| Found::Call { record })
                .collect();
        }
        let Some(conversation) = conversation else {
            return Vec::new();
        };
        let turns = evidence.conversations[conversation].turns.iter().enumerate();
        turns
            .filter(|(_, turn)| turn.side == self.side && is(turn, self.what))
            .map(|(turn, _)| Found::Segment { conversation, turn })
            .collect()
    }

    /// How each of so many things of the event's kind would be named.
    fn variants(&self, evidence: &Evidence<'_>, conversation: Option<usize>, count: usize) -> Vec<String> {
        let connection = conversation
            .filter(|_| evidence.conversations.len() > 1)
            .map(|index| index + 1);
        let ordinal = |number| (count > 1).then_some(Ordinal::Nth(number));
        let event = Event {
            connection,
            copy: None,
            ..*self
        };
        (1..=count)
            .map(|number| {
                Event {
                    ordinal: ordinal(number),
                    ..event
                }
                .to_string()
            })
            .collect()
    }

    /// What could have been meant where nothing was found: calls for a call, segments for a segment, tasks for a task,
    /// signals for a signal.
    pub(crate) fn alternatives(&self, evidence: &Evidence<'_>) -> Vec<String> {
        let kind = |what: What| match what {
            What::Call(_) => 1,
            What::Task(..) => 2,
            What::Signal(_) => 3,
            _ => 0,
        };
        let wanted = if evidence.calls.is_some() {
            kind(self.what)
        } else {
            0
        };
        names(evidence)
            .into_iter()
            .filter(|(event, _)| kind(event.what) == wanted)
            .map(|(event, _)| event.to_string())
            .collect()
    }

    pub(crate) fn not_found(&self, problem: String, choices: Vec<String>) -> NotFound {
        NotFound {
            event: Box::new(*self),
            problem,
            choices,
        }
    }
}

/// `once`, `twice`, `3 times`.
pub(crate) fn times(count: usize) -> String {
    match count {
        0 => "never".into(),
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}

/// Whether a segment is of this kind, and no retransmission of one.
fn is(turn: &Turn, what: What) -> bool {
    let first = turn.repeats().is_none();
    match what {
        What::Syn => turn.has(Flags::SYN) && first,
        What::Fin => turn.has(Flags::FIN) && first,
        What::Rst => turn.has(Flags::RST),
        What::Data => turn.fresh > 0,
        What::Ack => turn.segment.is_pure_ack(),
        What::Call(_) | What::Task(..) | What::Signal(_) => false,
    }
}

/// The segments that carry what makes this one what it is, the original first.
pub(crate) fn copies(conversation: &Conversation, turn: usize, what: What) -> Vec<usize> {
    let original = &conversation.turns[turn];
    let carriers = conversation.carriers(original.side, number_of(original, what));
    carriers.into_iter().filter(|index| *index >= turn).collect()
}

/// The relative number of what makes a segment what it is: of its first byte, its SYN, its FIN.
pub(crate) fn number_of(turn: &Turn, what: What) -> i64 {
    match what {
        What::Data => turn.bytes.start + 1,
        What::Fin => turn.end() - 1,
        _ => turn.sequence,
    }
}

/// The name that stands for every call that does the same.
pub fn family(name: Name) -> Name {
    match name {
        _ if name.sends() => Name::Send,
        _ if name.receives() => Name::Recv,
        _ if name.accepts() => Name::Accept,
        _ if name.waits() => Name::Poll,
        other => other,
    }
}

/// Whether a call is one that the name stands for: itself, or one of its family. One that found nothing is not, nor one
/// that never returned.
fn stands_for(name: Name, call: &Call) -> bool {
    let happened = call.errno.as_deref() != Some("EAGAIN") && call.end.is_some();
    happened && (call.call == name || family(call.call) == name)
}

/// Every event that can be named, with its shortest name, in the order of the conversations and of time. Calls come
/// after the segments, under the names of their families, then tasks, then signals.
pub fn names(evidence: &Evidence<'_>) -> Vec<(Event, Found)> {
    let segments = [What::Syn, What::Fin, What::Rst, What::Data, What::Ack];
    let mut calls: Vec<Name> = Name::ALL.iter().map(|name| family(*name)).collect();
    calls.sort_unstable();
    calls.dedup();
    let mut names = Vec::new();
    let tasks = tasks(evidence);
    for kinds in [
        segments.to_vec(),
        calls.into_iter().map(What::Call).collect(),
        tasks,
        Sent::ALL.map(What::Signal).to_vec(),
    ] {
        let mut found = Vec::new();
        for what in kinds {
            for side in Side::BOTH {
                let event = Event {
                    connection: None,
                    copy: None,
                    ordinal: None,
                    side,
                    what,
                };
                for (conversation, things) in event.groups(evidence) {
                    let connection = conversation
                        .filter(|_| evidence.conversations.len() > 1)
                        .map(|index| index + 1);
                    for (index, thing) in things.iter().enumerate() {
                        let ordinal = (things.len() > 1).then_some(Ordinal::Nth(index + 1));
                        found.push((
                            conversation,
                            Event {
                                connection,
                                ordinal,
                                ..event
                            },
                            *thing,
                        ));
                    }
                }
            }
        }
        // Listeners' calls come first: nothing of theirs is in a conversation.
        found.sort_by_key(|(conversation, event, thing)| (*conversation, *thing, event.what == What::Fin));
        names.extend(found.into_iter().map(|(_, event, thing)| (event, thing)));
    }
    names
}

/// Everything that became of any task, each once.
fn tasks(evidence: &Evidence<'_>) -> Vec<What> {
    let mut tasks = Vec::new();
    let Some(calls) = evidence.calls else {
        return tasks;
    };
    for task in (0..calls.records().len()).filter_map(|record| calls.task(record)) {
        let what = TaskName::new(&task.task).map(|name| What::Task(name, task.did));
        tasks.extend(what.filter(|what| !tasks.contains(what)));
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::conversations;
    use crate::testing::{ECHO, TASKS, conversation, segments};

    fn find(script: &[&str], event: &str) -> Result<usize, String> {
        let conversations = [conversation(script)];
        let event: Event = event.parse().unwrap();
        match event.find(&Evidence::new(&conversations)) {
            Ok(Found::Segment { turn, .. }) => Ok(turn),
            Ok(Found::Call { .. }) => panic!("not a segment"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_segment_of_an_echo_has_a_name() {
        let conversations = [conversation(ECHO)];
        let names: Vec<String> = names(&Evidence::new(&conversations))
            .iter()
            .map(|(event, _)| event.to_string())
            .collect();
        assert_eq!(
            names,
            [
                "client SYN",
                "server SYN",
                "first client ACK",
                "client data",
                "server ACK",
                "server data",
                "second client ACK",
                "client FIN",
                "server FIN",
                "third client ACK",
            ]
        );
        for (turn, name) in names.iter().enumerate() {
            assert_eq!(find(ECHO, name), Ok(turn));
        }
        assert_eq!(find(ECHO, "last client ACK"), Ok(9));
    }

    #[test]
    fn a_name_for_several_things_is_an_error_that_lists_them() {
        let error = find(ECHO, "client ACK").unwrap_err();
        assert_eq!(
            error,
            "`client ACK` matches 3 things; there are: first client ACK, second client ACK, third client ACK"
        );
    }

    #[test]
    fn a_name_for_nothing_is_an_error_that_lists_everything() {
        let error = find(ECHO, "server RST").unwrap_err();
        assert!(
            error.starts_with("`server RST` matches nothing; there are: client SYN, server SYN, first"),
            "{error}"
        );
        assert!(
            find(ECHO, "fourth client ACK")
                .unwrap_err()
                .contains("matches nothing")
        );
        assert!(
            find(ECHO, "connection 2: client SYN")
                .unwrap_err()
                .contains("matches nothing")
        );
    }

    #[test]
    fn a_retransmission_is_a_copy_of_what_it_repeats() {
        let lost = [
            ">S", "<S.", ">.", ">.10", ">.10", ">.10", ">.10 s11", ">.20 s11", ">F.", ">F. s31",
        ];
        assert_eq!(find(&lost, "third client data"), Ok(5));
        assert_eq!(find(&lost, "second copy of second client data"), Ok(6));
        assert_eq!(find(&lost, "last copy of second client data"), Ok(7));
        assert_eq!(find(&lost, "second copy of third client data"), Ok(7));
        assert!(
            find(&lost, "fourth client data")
                .unwrap_err()
                .contains("matches nothing")
        );
        assert_eq!(find(&lost, "first copy of client FIN"), Ok(8));
        assert_eq!(find(&lost, "second copy of client FIN"), Ok(9));
        assert_eq!(
            find(&lost, "second copy of first client data").unwrap_err(),
            "`second copy of first client data` was sent once; there are: first copy of first client data"
        );
    }

    #[test]
    fn a_segment_with_data_and_fin_has_two_names() {
        let script = [">S", "<S.", ">F.5"];
        assert_eq!(find(&script, "client data"), Ok(2));
        assert_eq!(find(&script, "client FIN"), Ok(2));
    }

    #[test]
    fn with_several_connections_the_name_says_which_unless_one_alone_has_it() {
        let found = conversations(segments(&[">S", ">S p40001 s0", "<S.", "<R. p40001 s0", ">. s1"]));
        let evidence = Evidence::new(&found);
        let find = |event: &str| event.parse::<Event>().unwrap().find(&evidence);
        assert_eq!(
            find("server RST").unwrap(),
            Found::Segment {
                conversation: 1,
                turn: 1
            }
        );
        assert_eq!(
            find("connection 2: client SYN").unwrap(),
            Found::Segment {
                conversation: 1,
                turn: 0
            }
        );
        assert_eq!(
            find("client SYN").unwrap_err().to_string(),
            "`client SYN` matches something in 2 connections; there are: connection 1: client SYN, connection 2: client SYN"
        );
    }

    #[test]
    fn what_became_of_a_task_is_found_by_its_name_and_counted() {
        let records = crate::call::read(TASKS).unwrap();
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&records, &conversations);
        let evidence = Evidence::new(&conversations).with_calls(&calls);
        let find = |event: &str| event.parse::<Event>().unwrap().find(&evidence);
        assert_eq!(
            find("second server task reader polled").unwrap(),
            Found::Call { record: 6 }
        );
        assert_eq!(
            find("server task reader dropped").unwrap(),
            Found::Call { record: 7 }
        );
        assert_eq!(
            find("server task reader polled").unwrap_err().to_string(),
            "`server task reader polled` matches 2 things; there are: first server task reader polled, second server task reader polled"
        );
        let error = find("server task writer polled").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "`server task writer polled` matches nothing; there are: server task reader made, first"
            ) && !error.contains("SYN")
                && !error.contains("recv"),
            "{error}"
        );
        assert!(find("client task reader dropped").is_err());
        let without = Evidence::new(&conversations);
        let error = "server task reader made".parse::<Event>().unwrap().find(&without);
        assert!(error.unwrap_err().to_string().contains("no calls are recorded"));
    }

    #[test]
    fn a_signal_is_found_by_its_name() {
        let sent =
            r#"{"kind":"signal","time":1700000000003700000,"program":"server","pid":2,"signal":"SIGTERM"}"#;
        let records = crate::call::read(&format!("{}\n{sent}\n", TASKS.trim())).unwrap();
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&records, &conversations);
        let evidence = Evidence::new(&conversations).with_calls(&calls);
        let find = |event: &str| event.parse::<Event>().unwrap().find(&evidence);
        assert_eq!(find("server SIGTERM").unwrap(), Found::Call { record: 8 });
        assert_eq!(
            find("server SIGSTOP").unwrap_err().to_string(),
            "`server SIGSTOP` matches nothing; there are: server SIGTERM"
        );
        let without = Evidence::new(&conversations);
        let error = "server SIGTERM".parse::<Event>().unwrap().find(&without);
        assert!(error.unwrap_err().to_string().contains("no calls are recorded"));
    }

    #[test]
    fn events_are_written_as_they_are_read() {
        for text in [
            "client SYN",
            "connection 2: server FIN",
            "first server data",
            "11th client ACK",
            "22nd client data",
            "last server recv",
            "connection 3: second copy of 113th client data",
            "server epoll_wait",
            "second server SIGCONT",
            "server task reader dropped",
            "second server task echo-2 polled",
        ] {
            assert_eq!(text.parse::<Event>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_event_is_told_what_was_expected() {
        for (text, part) in [
            ("", "expected `client` or `server`"),
            ("sever FIN", "where `sever` stands"),
            ("client", "expected `SYN`, `FIN`, `RST`, `data`, `ACK`, a call"),
            ("server task", "the task's name"),
            (
                "server task a-name-that-is-far-too-long polled",
                "at most 24 bytes",
            ),
            ("server task reader slept", "where `slept` stands"),
            ("client fin", "where `fin` stands"),
            (
                "client FIN now",
                "expected the end of the line where `now` stands",
            ),
            ("connection client SYN", "the connection's number"),
            ("connection 0: client SYN", "the connection's number"),
            ("connection 1 client SYN", "expected `:`"),
            ("second copy of client ACK", "there are no copies"),
            ("12nd client data", "expected `client` or `server`"),
        ] {
            let error = text.parse::<Event>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}`: ")) && error.contains(part),
                "{error}"
            );
        }
    }
}
