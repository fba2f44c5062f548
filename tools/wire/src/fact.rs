//! What a recording must show besides its skeleton, in one line each: `gap before second client data >= 35ms`.
//!
//! ```text
//! fact =
//!   "gap before" event compare duration          since the segment before it from the same side
//!   "gap from" event "to" event compare duration
//!   event "before" event                         in the order of the capture
//!   event "carries" NUMBER "bytes"
//!   event ":" count                              how often it was sent: "once", "twice", "3 times"
//!   task                                         an event of a task, alone: it happens
//!   task ":" count                               how often it happens, "never" included
//!   event ":" count "at client" "," count "at server"    how often it passed at each host, "never" included
//!   side "ACK alone before" event                what the peer sent last before the event was answered by a segment
//!                                                that carries nothing but the acknowledgment
//!   side "repeats its ACK" count "before" event  at least so many times after the first, the same number each time
//!   side "window reaches" NUMBER                 a window of so many bytes or fewer (SYN and RST aside)
//!   [ ordinal ] side call "returns" ( NUMBER | ERRNO )   that call; without an ordinal, one of them
//!   "close takes" NUMBER "segments"              those with a FIN, and those that do nothing but acknowledge one
//!   NUMBER "segments"                            in one conversation, retransmissions included
//!   NUMBER "connections"
//! compare  = ">=" | "<=" | ">" | "<"
//! duration = "35ms" | "1.5s" | "200us" ...
//! ```
//!
//! Events are those of [`crate::event`]. A fact about a side or a close, in a recording of several conversations, begins
//! with `connection 2:`; at the beginning of a line with events this holds for all of them.

use std::fmt;
use std::str::FromStr;

use crate::call::Call;
use crate::cause::Calls;
use crate::conversation::{Conversation, Side, Turn};
use crate::duration;
use crate::event::{
    Event, Evidence, Found, NotFound, What, copies, family, names, number_of, read_connection, read_side,
    times,
};
use crate::segment::Flags;
use crate::words::Words;

pub use crate::words::ParseError;

/// Something that a recording shows, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The conversation it is about, from 1, for facts that name no event.
    connection: Option<usize>,
    claim: Claim,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Claim {
    GapBefore(Event, Compare, u64),
    GapFrom(Event, Event, Compare, u64),
    Before(Event, Event),
    Carries(Event, u64),
    Sent(Event, usize),
    Happens(Event),
    Passed(Event, usize, usize),
    AckAlone(Side, Event),
    RepeatsAck(Side, usize, Event),
    WindowReaches(Side, u32),
    CloseTakes(usize),
    Segments(usize),
    Connections(usize),
    Returns(Event, Returned),
}

/// What a call returns.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Returned {
    Number(i64),
    Error(String),
}

impl Returned {
    fn of(call: &Call) -> Option<Returned> {
        match &call.errno {
            Some(errno) => Some(Returned::Error(errno.clone())),
            None => call.result.map(Returned::Number),
        }
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Returned::Number(number) => write!(f, "{number}"),
            Returned::Error(errno) => f.write_str(errno),
        }
    }
}

/// How a length of time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    AtLeast,
    AtMost,
    More,
    Less,
}

impl Compare {
    const ALL: [(Compare, &str); 4] = [
        (Compare::AtLeast, ">="),
        (Compare::AtMost, "<="),
        (Compare::More, ">"),
        (Compare::Less, "<"),
    ];

    fn holds(self, one: u64, two: u64) -> bool {
        match self {
            Compare::AtLeast => one >= two,
            Compare::AtMost => one <= two,
            Compare::More => one > two,
            Compare::Less => one < two,
        }
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, text) = Compare::ALL[*self as usize];
        f.write_str(text)
    }
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the recording shows the fact.
    pub holds: bool,
    /// What it shows, for people: `the gap is 40.8 ms`.
    pub seen: String,
}

/// Why it cannot be said whether a recording shows a fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// An event in it names nothing, or more than one thing.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It is about one conversation, and there is none or more than one.
    #[error(
        "`{fact}` is about one connection and there are {count}; begin it with `connection 1:` or another number up to {count}"
    )]
    WhichConnection {
        /// The fact.
        fact: String,
        /// How many conversations there are.
        count: usize,
    },
    /// It is about something that this recording has no record of.
    #[error("`{fact}`: {problem}")]
    NoRecord {
        /// The fact.
        fact: String,
        /// What is missing.
        problem: String,
    },
}

const FORMS: &str = "a fact: `gap before EVENT >= 35ms`, `gap from EVENT to EVENT < 1ms`, `EVENT before EVENT`, \
    `EVENT carries 6 bytes`, `EVENT: twice`, `EVENT: twice at client, once at server`, `SIDE task NAME dropped`, `SIDE ACK alone before EVENT`, \
    `SIDE repeats its ACK 3 times before EVENT`, `SIDE window reaches 0`, `SIDE recv returns 33`, `close takes 3 segments`, `10 segments` or `2 connections`";

impl FromStr for Fact {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Fact, ParseError> {
        let mut words = Words::of(line);
        let connection = read_connection(&mut words)?;
        let mut claim = read_claim(&mut words)?;
        words.end()?;
        if connection.is_some() {
            for event in claim.events() {
                event.connection = event.connection.or(connection);
            }
        }
        // It stands with the events; a fact without any keeps it.
        let connection = connection.filter(|_| claim.events().is_empty());
        if connection.is_some() && matches!(claim, Claim::Connections(_)) {
            return Err(words.error("a number of connections is not about one of them".into()));
        }
        Ok(Fact { connection, claim })
    }
}

fn read_claim(words: &mut Words<'_>) -> Result<Claim, ParseError> {
    if words.take_if(&["gap", "before"]) {
        let event = Event::read(words)?;
        return Ok(Claim::GapBefore(
            event,
            read_compare(words)?,
            read_duration(words)?,
        ));
    }
    if words.take_if(&["gap", "from"]) {
        let from = Event::read(words)?;
        words.expect(&["to"])?;
        let to = Event::read(words)?;
        return Ok(Claim::GapFrom(
            from,
            to,
            read_compare(words)?,
            read_duration(words)?,
        ));
    }
    if words.take_if(&["close", "takes"]) {
        let count = read_number(words)?;
        if !words.take_if(&["segment"]) {
            words.expect(&["segments"])?;
        }
        return Ok(Claim::CloseTakes(count));
    }
    if words.peek().is_some_and(|word| word.parse::<usize>().is_ok()) {
        let count = read_number(words)?;
        if words.take_if(&["segment"]) || words.take_if(&["segments"]) {
            return Ok(Claim::Segments(count));
        }
        if !words.take_if(&["connection"]) && !words.take_if(&["connections"]) {
            return Err(words.expected("`segments` or `connections`"));
        }
        return Ok(Claim::Connections(count));
    }
    let beginning = words.clone();
    if let Some(side) = read_side(words) {
        if words.take_if(&["window", "reaches"]) {
            return Ok(Claim::WindowReaches(side, read_number(words)?));
        }
        if words.take_if(&["ACK", "alone", "before"]) {
            return Ok(Claim::AckAlone(side, Event::read(words)?));
        }
        if words.take_if(&["repeats", "its", "ACK"]) {
            let count = read_times(words)?;
            words.expect(&["before"])?;
            return Ok(Claim::RepeatsAck(side, count, Event::read(words)?));
        }
    }
    *words = beginning;
    let event = Event::read(words).map_err(|error| {
        if words.has_begun() {
            error
        } else {
            words.expected(FORMS)
        }
    })?;
    if words.take_if(&["before"]) {
        return Ok(Claim::Before(event, Event::read(words)?));
    }
    if words.take_if(&["carries"]) {
        let count = read_number(words)?;
        if !words.take_if(&["byte"]) {
            words.expect(&["bytes"])?;
        }
        return Ok(Claim::Carries(event, count));
    }
    if words.take_if(&[":"]) {
        let count = read_times(words)?;
        if let (What::Task(..), Some(_)) = (event.what, event.ordinal) {
            return Err(words.error("it counts them all; leave the ordinal out".into()));
        }
        if !words.take_if(&["at", "client", ","]) {
            return Ok(Claim::Sent(event, count));
        }
        let server = read_times(words)?;
        words.expect(&["at", "server"])?;
        return Ok(Claim::Passed(event, count, server));
    }
    if let What::Call(_) = event.what {
        words.expect(&["returns"])?;
        return Ok(Claim::Returns(event, read_returned(words)?));
    }
    if let What::Task(..) = event.what
        && words.peek().is_none()
    {
        return Ok(Claim::Happens(event));
    }
    Err(words.expected("`before`, `carries` or `:` after the event"))
}

fn read_compare(words: &mut Words<'_>) -> Result<Compare, ParseError> {
    let found = Compare::ALL
        .into_iter()
        .find(|(_, text)| words.peek() == Some(text));
    let (compare, _) = found.ok_or_else(|| words.expected("`>=`, `<=`, `>` or `<`"))?;
    words.take();
    Ok(compare)
}

fn read_duration(words: &mut Words<'_>) -> Result<u64, ParseError> {
    let word = words
        .peek()
        .ok_or_else(|| words.expected("a length of time such as `35ms`"))?;
    let nanoseconds = duration::parse(word).map_err(|error| words.error(error.to_string()))?;
    words.take();
    Ok(nanoseconds)
}

fn read_number<T: FromStr>(words: &mut Words<'_>) -> Result<T, ParseError> {
    let number = words.peek().and_then(|word| word.parse().ok());
    let number = number.ok_or_else(|| words.expected("a number"))?;
    words.take();
    Ok(number)
}

fn read_returned(words: &mut Words<'_>) -> Result<Returned, ParseError> {
    let error = |word: &str| {
        word.starts_with('E')
            && word
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    let returned = match words.peek() {
        Some(word) if error(word) => Some(Returned::Error(word.into())),
        word => word.and_then(|word| word.parse().ok()).map(Returned::Number),
    };
    let returned =
        returned.ok_or_else(|| words.expected("a number, or the name of an error such as `ECONNREFUSED`"))?;
    words.take();
    Ok(returned)
}

fn read_times(words: &mut Words<'_>) -> Result<usize, ParseError> {
    for (count, word) in ["never", "once", "twice"].into_iter().enumerate() {
        if words.take_if(&[word]) {
            return Ok(count);
        }
    }
    let choices = "`never`, `once`, `twice` or a number and `times`";
    let count = words
        .peek()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| words.expected(choices))?;
    words.take();
    words.expect(&["times"])?;
    Ok(count)
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.connection {
            write!(f, "connection {number}: ")?;
        }
        let span = |nanoseconds: u64| match nanoseconds {
            0 => "0s".to_owned(),
            _ => [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")]
                .into_iter()
                .find(|(size, _)| nanoseconds.is_multiple_of(*size))
                .map_or_else(String::new, |(size, unit)| {
                    format!("{}{unit}", nanoseconds / size)
                }),
        };
        match &self.claim {
            Claim::GapBefore(event, compare, than) => {
                write!(f, "gap before {event} {compare} {}", span(*than))
            }
            Claim::GapFrom(from, to, compare, than) => {
                write!(f, "gap from {from} to {to} {compare} {}", span(*than))
            }
            Claim::Before(one, two) => write!(f, "{one} before {two}"),
            Claim::Carries(event, 1) => write!(f, "{event} carries 1 byte"),
            Claim::Carries(event, count) => write!(f, "{event} carries {count} bytes"),
            Claim::Sent(event, count) => write!(f, "{event}: {}", times(*count)),
            Claim::Happens(event) => write!(f, "{event}"),
            Claim::Passed(event, client, server) => {
                write!(
                    f,
                    "{event}: {} at client, {} at server",
                    times(*client),
                    times(*server)
                )
            }
            Claim::AckAlone(side, event) => write!(f, "{side} ACK alone before {event}"),
            Claim::RepeatsAck(side, count, event) => {
                write!(f, "{side} repeats its ACK {} before {event}", times(*count))
            }
            Claim::WindowReaches(side, size) => write!(f, "{side} window reaches {size}"),
            Claim::CloseTakes(1) => write!(f, "close takes 1 segment"),
            Claim::CloseTakes(count) => write!(f, "close takes {count} segments"),
            Claim::Returns(event, returned) => write!(f, "{event} returns {returned}"),
            Claim::Segments(1) => write!(f, "1 segment"),
            Claim::Segments(count) => write!(f, "{count} segments"),
            Claim::Connections(1) => write!(f, "1 connection"),
            Claim::Connections(count) => write!(f, "{count} connections"),
        }
    }
}

impl Claim {
    fn events(&mut self) -> Vec<&mut Event> {
        match self {
            Claim::GapBefore(event, ..)
            | Claim::Carries(event, _)
            | Claim::Sent(event, _)
            | Claim::Happens(event)
            | Claim::Passed(event, ..)
            | Claim::AckAlone(_, event)
            | Claim::Returns(event, _)
            | Claim::RepeatsAck(_, _, event) => vec![event],
            Claim::GapFrom(one, two, ..) | Claim::Before(one, two) => vec![one, two],
            Claim::WindowReaches(..) | Claim::CloseTakes(_) | Claim::Segments(_) | Claim::Connections(_) => {
                vec![]
            }
        }
    }
}

impl Fact {
    /// Whether the recording shows it.
    ///
    /// # Errors
    ///
    /// [`CheckError`] where that cannot be said.
    pub fn check(&self, evidence: &Evidence<'_>) -> Result<Verdict, CheckError> {
        let verdict = |holds, seen| Ok(Verdict { holds, seen });
        match &self.claim {
            Claim::GapBefore(event, compare, than) => {
                let (conversation, turn) = segment(event, evidence)?;
                let segment = &conversation.turns[turn];
                let before = conversation.turns[..turn]
                    .iter()
                    .rfind(|other| other.side == segment.side);
                let Some(before) = before else {
                    return Err(self.no_record(format!("{event} is the first segment of its side")));
                };
                let gap = segment.segment.time.saturating_sub(before.segment.time);
                verdict(
                    compare.holds(gap, *than),
                    format!("the gap before {event} is {}", duration::text(gap)),
                )
            }
            Claim::GapFrom(from, to, compare, than) => {
                let time = |event: &Event| event.find(evidence).map(|found| evidence.time(found));
                let gap = time(to)?.saturating_sub(time(from)?);
                let seen = format!("from {from} to {to} it takes {}", duration::text(gap));
                verdict(compare.holds(gap, *than), seen)
            }
            Claim::Before(one, two) => {
                let place = |event: &Event| event.find(evidence).map(|found| (evidence.time(found), found));
                let holds = place(one)? < place(two)?;
                verdict(
                    holds,
                    if holds {
                        format!("{one} comes first")
                    } else {
                        format!("{two} comes first")
                    },
                )
            }
            Claim::Carries(event, count) => {
                let (conversation, turn) = segment(event, evidence)?;
                let length = u64::from(conversation.turns[turn].segment.length);
                verdict(length == *count, format!("{event} carries {length} bytes"))
            }
            Claim::Sent(event, count) if matches!(event.what, What::Task(..)) => {
                let happened = happened(event, evidence)?;
                verdict(happened == *count, format!("{event} happens {}", times(happened)))
            }
            Claim::Happens(event) => {
                let happened = match event.ordinal {
                    Some(_) => event.find(evidence).map(|_| 1)?,
                    None => happened(event, evidence)?,
                };
                verdict(happened > 0, format!("{event} happens {}", times(happened)))
            }
            Claim::Sent(event, count) => {
                let (conversation, turn) = segment(event, evidence)?;
                let sent = copies(conversation, turn, event.what).len();
                verdict(sent == *count, format!("{event} was sent {}", times(sent)))
            }
            Claim::Passed(event, client, server) => {
                let (conversation, turn) = segment(event, evidence)?;
                let original = &conversation.turns[turn];
                let number = number_of(original, event.what);
                let passed = |side| {
                    let there = evidence.at(side)?;
                    let other = there.iter().find(|other| other.is_also(conversation));
                    Some(other.map_or(0, |other| other.carriers(original.side, number).len()))
                };
                let Some((at_client, at_server)) = passed(Side::Client).zip(passed(Side::Server)) else {
                    let problem =
                        "there is one capture; it takes one at each host (`link = { hosts = 2, ... }`)";
                    return Err(self.no_record(problem.into()));
                };
                let seen = format!(
                    "{event} passed {} at client, {} at server",
                    times(at_client),
                    times(at_server)
                );
                verdict((at_client, at_server) == (*client, *server), seen)
            }
            Claim::AckAlone(side, event) => {
                let (conversation, turn) = segment(event, evidence)?;
                let before = &conversation.turns[..turn];
                let asked = before
                    .iter()
                    .rposition(|turn| turn.side != *side && takes_numbers(turn));
                let alone = |turn: &Turn| turn.side == *side && turn.segment.is_pure_ack();
                let holds = asked.is_some_and(|asked| {
                    let end = before[asked].end();
                    before[asked..]
                        .iter()
                        .any(|turn| alone(turn) && turn.acknowledgment >= Some(end))
                });
                let seen = if holds {
                    "an ACK goes alone"
                } else {
                    "no ACK goes alone"
                };
                verdict(holds, format!("{seen} before {event}"))
            }
            Claim::RepeatsAck(side, count, event) => {
                let (conversation, turn) = segment(event, evidence)?;
                let acks = conversation.turns[..turn]
                    .iter()
                    .filter(|turn| turn.side == *side);
                let mut acks = acks.rev().take_while(|turn| turn.segment.is_pure_ack());
                let last = acks.next().and_then(|turn| turn.acknowledgment);
                let repeated = acks.take_while(|turn| turn.acknowledgment == last).count();
                let seen = format!("before {event} the {side} repeats its ACK {}", times(repeated));
                verdict(repeated >= *count, seen)
            }
            Claim::WindowReaches(side, size) => {
                let conversation = self.conversation(evidence)?;
                let counts = |turn: &&Turn| {
                    turn.side == *side && turn.segment.flags.0 & (Flags::SYN | Flags::RST) == 0
                };
                let lowest = conversation
                    .turns
                    .iter()
                    .filter(counts)
                    .filter_map(|turn| turn.window)
                    .min();
                let seen = lowest.map_or_else(
                    || "no window is known".into(),
                    |lowest| format!("the lowest window is {lowest} bytes"),
                );
                verdict(lowest.is_some_and(|lowest| lowest <= *size), seen)
            }
            Claim::CloseTakes(count) => {
                let taken = close_takes(self.conversation(evidence)?);
                verdict(taken == *count, format!("the close takes {taken} segments"))
            }
            Claim::Segments(count) => {
                let found = self.conversation(evidence)?.turns.len();
                verdict(found == *count, format!("there are {found} segments"))
            }
            Claim::Returns(event, returned) => {
                let calls = evidence
                    .calls()
                    .ok_or_else(|| self.no_record("no calls are recorded".into()))?;
                let Some(calls) = calls_of(event, evidence, calls)? else {
                    return verdict(false, format!("{event} is never called"));
                };
                let all: Vec<Returned> = calls.into_iter().filter_map(Returned::of).collect();
                let told = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let told = if told.is_empty() { "nothing".into() } else { told };
                verdict(all.contains(returned), format!("{event} returns {told}"))
            }
            Claim::Connections(count) => {
                let found = evidence.conversations().len();
                verdict(found == *count, format!("there are {found} connections"))
            }
        }
    }

    /// The conversation that a fact without an event is about.
    fn conversation<'a>(&self, evidence: &Evidence<'a>) -> Result<&'a Conversation, CheckError> {
        let conversations = evidence.conversations();
        let chosen = match (self.connection, conversations) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(number), _) => number.checked_sub(1).and_then(|index| conversations.get(index)),
        };
        chosen.ok_or_else(|| CheckError::WhichConnection {
            fact: self.to_string(),
            count: conversations.len(),
        })
    }

    fn no_record(&self, problem: String) -> CheckError {
        CheckError::NoRecord {
            fact: self.to_string(),
            problem,
        }
    }
}

/// The segment an event names.
fn segment<'a>(event: &Event, evidence: &Evidence<'a>) -> Result<(&'a Conversation, usize), NotFound> {
    match event.find(evidence)? {
        Found::Segment { conversation, turn } => Ok((&evidence.conversations()[conversation], turn)),
        Found::Call { .. } => Err(NotFound {
            event: Box::new(*event),
            problem: "is no segment, and this is about segments".into(),
            choices: names(evidence)
                .into_iter()
                .filter(|(event, _)| event.what.is_segment())
                .map(|(event, _)| event.to_string())
                .collect(),
        }),
    }
}

/// How often something became of a task. Of a task that nothing became of, nothing can be said: its name may be wrong.
fn happened(event: &Event, evidence: &Evidence<'_>) -> Result<usize, NotFound> {
    let What::Task(name, _) = event.what else {
        return Ok(0);
    };
    let known = names(evidence).iter().any(|(other, _)| match other.what {
        What::Task(other_name, _) => other_name == name && other.side == event.side,
        _ => false,
    });
    if !known {
        let problem = "is of a task that is not recorded".into();
        return Err(event.not_found(problem, event.alternatives(evidence)));
    }
    Ok(event
        .groups(evidence)
        .iter()
        .map(|(_, things)| things.len())
        .sum())
}

/// The calls an event names: one with an ordinal, all of the kind without; none where there are none.
///
/// Here calls that found nothing count as well: that they did is what the fact may be about.
fn calls_of<'a>(
    event: &Event,
    evidence: &Evidence<'a>,
    calls: &'a Calls<'a>,
) -> Result<Option<Vec<&'a Call>>, NotFound> {
    if event.ordinal.is_some() {
        return match event.find(evidence)? {
            Found::Call { record } => Ok(calls.call(record).map(|call| vec![call])),
            Found::Segment { .. } => Ok(None),
        };
    }
    let What::Call(name) = event.what else {
        return Ok(None);
    };
    let wanted = |record: &usize| {
        let owner = calls.owner(*record);
        let there = event
            .connection
            .is_none_or(|number| owner.and_then(|owner| owner.conversation) == Some(number - 1));
        there && owner.is_some_and(|owner| owner.side == event.side)
    };
    let found = (0..calls.records().len())
        .filter(wanted)
        .filter_map(|record| calls.call(record))
        .filter(|call| call.call == name || family(call.call) == name);
    let found: Vec<&Call> = found.collect();
    Ok(Some(found).filter(|found| !found.is_empty()))
}

fn takes_numbers(turn: &Turn) -> bool {
    !turn.has(Flags::RST) && turn.segment.sequence_length() > 0
}

/// The segments of a close: those that bring a FIN, and those that do nothing but acknowledge one for the first time.
/// Repetitions do not count.
fn close_takes(conversation: &Conversation) -> usize {
    let mut taken = 0;
    for side in Side::BOTH {
        let turns = || conversation.turns.iter();
        let Some(fin) = turns().find(|turn| turn.side == side && turn.has(Flags::FIN)) else {
            continue;
        };
        let answer = turns().find(|turn| turn.side != side && turn.acknowledgment >= Some(fin.end()));
        taken += 1 + usize::from(answer.is_some_and(|turn| turn.segment.is_pure_ack()));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::conversations;
    use crate::testing::{ECHO, TASKS, conversation, segments};

    fn check(script: &[&str], fact: &str) -> (bool, String) {
        let conversations = [conversation(script)];
        let verdict = fact
            .parse::<Fact>()
            .unwrap()
            .check(&Evidence::new(&conversations))
            .unwrap();
        (verdict.holds, verdict.seen)
    }

    fn holds(script: &[&str], fact: &str) -> bool {
        check(script, fact).0
    }

    /// Two writes, a delayed ACK, and the second segment that waited for it.
    const HELD_BACK: &[&str] = &[">S", "<S.", ">.", ">P.6", "<. +41", ">P.5 +1", "<P.2"];

    /// The third of four segments lost, and sent again after three repeated ACKs.
    const LOST: &[&str] = &[
        ">S", "<S.", ">.", ">.10", ">.10", ">.10", ">.10", "<. a11", "<. a21", "<. a21", "<. a21", "<. a21",
        ">.10 s21", "<.",
    ];

    #[test]
    fn a_gap_is_measured_from_the_segment_before_of_the_same_side() {
        assert_eq!(
            check(HELD_BACK, "gap before second client data >= 35ms"),
            (true, "the gap before second client data is 42.0 ms".into())
        );
        assert!(!holds(HELD_BACK, "gap before second client data > 42ms"));
        assert!(holds(HELD_BACK, "gap before second client data <= 42ms"));
        assert!(holds(HELD_BACK, "gap before first client data < 2ms"));
        assert!(holds(
            HELD_BACK,
            "gap from server ACK to second client data <= 1ms"
        ));
        assert!(holds(
            HELD_BACK,
            "gap from first client data to server ACK >= 41ms"
        ));
    }

    #[test]
    fn the_first_segment_of_a_side_has_no_gap_before_it() {
        let conversations = [conversation(ECHO)];
        let fact: Fact = "gap before client SYN > 1ms".parse().unwrap();
        let error = fact.check(&Evidence::new(&conversations)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("client SYN is the first segment of its side")
        );
    }

    #[test]
    fn events_have_an_order() {
        assert!(holds(ECHO, "client FIN before server FIN"));
        assert_eq!(
            check(ECHO, "server FIN before client data"),
            (false, "client data comes first".into())
        );
    }

    #[test]
    fn segments_have_a_size() {
        assert!(holds(HELD_BACK, "first client data carries 6 bytes"));
        assert!(!holds(HELD_BACK, "second client data carries 6 bytes"));
    }

    #[test]
    fn retransmissions_are_counted() {
        assert!(holds(LOST, "third client data: twice"));
        assert!(holds(LOST, "second client data: once"));
        assert_eq!(
            check(LOST, "third client data: 3 times"),
            (false, "third client data was sent twice".into())
        );
        assert_eq!(
            check(
                LOST,
                "server repeats its ACK 3 times before second copy of third client data"
            ),
            (
                true,
                "before second copy of third client data the server repeats its ACK 3 times".into()
            )
        );
        assert!(!holds(
            LOST,
            "server repeats its ACK 4 times before second copy of third client data"
        ));
    }

    #[test]
    fn what_was_lost_on_the_way_passed_once_less_at_the_other_host() {
        let here = [conversation(LOST)];
        let mut there = segments(LOST);
        there.remove(5);
        let there = conversations(there);
        let fact = |text: &str| text.parse::<Fact>().unwrap();
        let evidence = Evidence::at_both_hosts(&here, &there);
        let once = fact("third client data: twice at client, once at server")
            .check(&evidence)
            .unwrap();
        assert!(once.holds, "{}", once.seen);
        let other = fact("fourth client data: twice at client, once at server")
            .check(&evidence)
            .unwrap();
        assert!(!other.holds);
        assert_eq!(
            other.seen,
            "fourth client data passed once at client, once at server"
        );
        let error = fact("third client data: twice at client, once at server").check(&Evidence::new(&here));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("it takes one at each host")
        );
    }

    #[test]
    fn an_ack_goes_alone_or_rides_on_the_fin() {
        assert!(!holds(ECHO, "server ACK alone before server FIN"));
        assert!(holds(ECHO, "server ACK alone before server data"));
        let four = [">S", "<S.", ">.", ">F.", "<.", "<F.", ">."];
        assert!(holds(&four, "server ACK alone before server FIN"));
        // An ACK that does not cover the FIN is not its answer.
        let early = [">S", "<S.", ">.", ">.5", ">F.", "<. a6", "<F.", ">."];
        assert!(!holds(&early, "server ACK alone before server FIN"));
    }

    #[test]
    fn a_window_reaches_zero_or_not() {
        let full = [">S", "<S. w0", ">.", ">.5", "<. w1", "<. w0", "<R. w0"];
        assert!(holds(&full, "server window reaches 0"));
        let open = [">S", "<S. w0", ">.", ">.5", "<. w1", "<R. w0"];
        assert_eq!(
            check(&open, "server window reaches 0"),
            (false, "the lowest window is 128 bytes".into())
        );
        assert!(holds(&open, "server window reaches 128"));
    }

    #[test]
    fn a_close_takes_three_segments_or_four() {
        assert_eq!(
            check(ECHO, "close takes 3 segments"),
            (true, "the close takes 3 segments".into())
        );
        assert!(holds(
            &[">S", "<S.", ">.", ">F.", "<.", "<F.", ">."],
            "close takes 4 segments"
        ));
        // The answer to the FIN rides on data; a FIN sent again does not count.
        assert!(holds(
            &[">S", "<S.", ">.", ">F.", ">F. s1", "<.5", ">.", "<F.", ">.", ">."],
            "close takes 3 segments"
        ));
        assert!(holds(&[">S", "<S.", ">.", ">R."], "close takes 0 segments"));
    }

    #[test]
    fn with_several_connections_a_fact_says_which() {
        let found = conversations(segments(&[
            ">S",
            ">S p40001 s0",
            "<S.",
            "<R. p40001 s0",
            ">F. s1",
        ]));
        let evidence = Evidence::new(&found);
        let check = |fact: &str| fact.parse::<Fact>().unwrap().check(&evidence);
        assert!(check("2 connections").unwrap().holds);
        assert!(check("connection 1: client SYN before client FIN").unwrap().holds);
        assert!(check("connection 1: close takes 1 segment").unwrap().holds);
        assert!(check("connection 2: close takes 0 segments").unwrap().holds);
        assert!(check("connection 1: 3 segments").unwrap().holds);
        assert!(!check("connection 2: 3 segments").unwrap().holds);
        assert!(check("5 segments").is_err());
        let error = check("close takes 1 segment").unwrap_err().to_string();
        assert!(
            error.contains("there are 2; begin it with `connection 1:`"),
            "{error}"
        );
        assert!(check("connection 3: close takes 1 segment").is_err());
        assert!(
            check("client SYN before server RST")
                .unwrap_err()
                .to_string()
                .contains("in 2 connections")
        );
    }

    #[test]
    fn what_becomes_of_a_task_is_a_fact() {
        let records = crate::call::read(TASKS).unwrap();
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&records, &conversations);
        let evidence = Evidence::new(&conversations).with_calls(&calls);
        let check = |fact: &str| fact.parse::<Fact>().unwrap().check(&evidence);
        for (fact, holds) in [
            ("server task reader dropped", true),
            ("second server task reader polled", true),
            ("server task reader ready", false),
            ("server task reader ready: never", true),
            ("server task reader polled: twice", true),
            ("server task reader polled: once", false),
            ("first server task reader polled before server recv", true),
            ("server task reader pending before server recv", false),
            (
                "gap from server task reader made to server task reader dropped >= 1ms",
                true,
            ),
        ] {
            assert_eq!(check(fact).unwrap().holds, holds, "{fact}");
        }
        // Of a name that nobody bears, `never` would always be true.
        let error = check("server task raeder polled: never").unwrap_err().to_string();
        assert!(
            error.contains("a task that is not recorded; there are: server task reader made"),
            "{error}"
        );
        assert!(check("third server task reader polled").is_err());
        assert!(check("server task reader polled carries 5 bytes").is_err());
    }

    #[test]
    fn facts_are_written_as_they_are_read() {
        for text in [
            "gap before second client data >= 35ms",
            "gap from client FIN to server FIN < 1500us",
            "connection 2: client SYN before connection 1: server FIN",
            "first client data carries 1 byte",
            "third client data: twice at client, once at server",
            "server FIN: 3 times",
            "server ACK alone before server FIN",
            "client repeats its ACK twice before last server data",
            "connection 2: server window reaches 0",
            "close takes 4 segments",
            "connection 2: 10 segments",
            "1 segment",
            "1 connection",
        ] {
            assert_eq!(text.parse::<Fact>().unwrap().to_string(), text);
        }
        let both: Fact = "connection 2: client SYN before server FIN".parse().unwrap();
        assert_eq!(
            both.to_string(),
            "connection 2: client SYN before connection 2: server FIN"
        );
        let Claim::Before(one, two) = both.claim else {
            panic!("not an order")
        };
        assert_eq!((one.connection, two.connection), (Some(2), Some(2)));
    }

    #[test]
    fn what_is_no_fact_is_told_what_was_expected() {
        for (text, part) in [
            ("", "expected a fact: `gap before EVENT >= 35ms`"),
            ("the server is slow", "expected a fact"),
            ("client FINE before server FIN", "where `FINE` stands"),
            (
                "client FIN after server FIN",
                "expected `before`, `carries` or `:` after the event where `after` stands",
            ),
            ("gap before client FIN = 3ms", "expected `>=`, `<=`, `>` or `<`"),
            ("gap before client FIN >= 3", "`3` is no length of time"),
            ("gap from client FIN >= 3ms", "expected `to`"),
            (
                "client data: thrice",
                "expected `never`, `once`, `twice` or a number and `times`",
            ),
            (
                "client data: once at server",
                "expected the end of the line where `at` stands",
            ),
            (
                "close takes three segments",
                "expected a number where `three` stands",
            ),
            ("server window reaches 0 bytes", "expected the end of the line"),
            ("connection 1: 2 connections", "not about one of them"),
            (
                "2 packets",
                "expected `segments` or `connections` where `packets` stands",
            ),
        ] {
            let error = text.parse::<Fact>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
