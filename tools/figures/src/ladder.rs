//! The figure: a conversation drawn as a ladder of five lanes.
//!
//! From left to right stand the client's source line, the client's call, the segments, the server's call and the server's
//! source line, and outside of them, where a program says what becomes of its tasks, a line for each task; from top to
//! bottom runs time, one event a row. A [`Ladder`] is what is to be drawn, in the order of time
//! and without a coordinate in it; [`html`], [`pair_html`] and [`standalone_svg`] draw it. They read nothing and ask
//! nothing: equal ladders give equal text.
//!
//! Shape and word carry the meaning, colour supports it: what carries bytes is thick, a FIN is dashed, an RST is dotted
//! and ends in a bar, a lost segment ends in mid-wire with a cross.

mod align;
mod clear;
mod describe;
mod draw;
mod fold;
mod label;
mod layout;
mod page;
mod recorded;
mod span;
mod table;
mod tasks;
mod text;

pub use wire::call::Did;
pub use wire::conversation::Side;

pub use describe::describe;
pub use layout::Room;
pub use page::{
    Mode, Options, drawing_style, html, pair_html, paper_height, paper_svg, plain_style, plain_svg,
    standalone_svg,
};
pub use recorded::{Detail, Note, Recorded, ladder};

/// A conversation, or several at once, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// The recording's name, `echo/one-echo.blocking`: what ties the figure to the text and the listings on its page.
    pub recording: String,
    /// One line that says what is seen.
    pub title: String,
    /// What a reader who cannot see the drawing must know: the relations, in sentences. [`describe`] makes one.
    pub description: String,
    /// One for each socket shown, clients first, from the outside inwards on either side.
    pub lifelines: Vec<Lifeline>,
    /// The events, in the order of time.
    pub rows: Vec<Row>,
    /// Whether nothing may tell when anything happened.
    pub untimed: bool,
}

/// One socket, as a line down the drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    /// Where it stands: a client on the left, a server on the right.
    pub side: Side,
    /// What it is called: `client`, `client 2`.
    pub name: String,
    /// The program that owns the socket: `echo-blocking-client`.
    pub program: String,
    /// Why its calls are not shown, where they could not be recorded.
    pub untapped: Option<String>,
}

/// One event, and the states entered by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, in nanoseconds after the first segment; negative before it.
    pub time: i64,
    /// The marks of the annotations that speak of it: `4`, `a`. A segment's own number is its mark; it is drawn in any
    /// case, and stronger where an annotation speaks of it.
    pub notes: Vec<String>,
    /// What happened.
    pub event: Event,
    /// The states entered, at either end.
    pub states: Vec<State>,
}

/// A TCP state, where it is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The lifeline that enters it, as an index into [`Ladder::lifelines`].
    pub at: usize,
    /// Its name in RFC 9293: `SYN-SENT`.
    pub name: String,
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call returned, or began, without a segment of its own.
    Call(Call),
    /// A segment left one end; its call, where it has one, stands in the same row.
    Segment(Segment),
    /// A segment that left in an earlier row reaches the other end: only where the way takes long enough to see.
    Arrival {
        /// Where it arrives.
        at: usize,
        /// The number of the segment.
        number: u32,
    },
    /// Nothing happens for so long that it is said instead of drawn to scale.
    Silence {
        /// How long, in nanoseconds.
        lasts: u64,
        /// Whether a program asks all the while, and is told `EAGAIN`.
        asked: bool,
    },
    /// Many rows in one.
    Folded(Folded),
    /// Something becomes of a task.
    Task(Task),
}

/// What becomes of a task, by its program's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The lifeline it stands beside: the first of its program's side.
    pub at: usize,
    /// The task's name.
    pub name: String,
    /// What becomes of it; a poll within which nothing else is drawn stands in one row with its answer.
    pub did: Vec<Did>,
    /// The task that woke it.
    pub by: Option<String>,
}

impl Task {
    /// What becomes of it in a few words: `reader woken by writer`, `reader polled, pending`.
    pub fn text(&self) -> String {
        let did: Vec<&str> = self.did.iter().map(|did| did.as_str()).collect();
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{} {}{by}", self.name, did.join(", "))
    }
}

/// A call into the kernel and the line of source that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The lifeline whose program called.
    pub at: usize,
    /// Whether it is about no connection in particular: a listener's call, or one that waits for several sockets.
    pub shared: bool,
    /// The call with its result: `recv = 11`.
    pub text: String,
    /// The line of source behind it, where one of ours is.
    pub source: Option<Source>,
    /// The last row before the call began, where anything happened between its beginning and this row.
    pub since: Option<usize>,
    /// The last row before it returned, where anything happened between this row and its return.
    pub until: Option<usize>,
    /// What else is known of it, for whoever asks.
    pub fields: Vec<Field>,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, relative to the workspace.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The line's text, or what it drops where it is a closing brace.
    pub text: String,
}

/// One field of a header, or one fact about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name: `seq`, `window`, `took`.
    pub name: String,
    /// Its value as people read it: relative, scaled, in words.
    pub value: String,
    /// Its value as it stood in the packet, where that differs.
    pub raw: Option<String>,
}

/// One segment on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number in the recording, counted from 1; the same that its line in tcpdump's text bears. 0 where that text does
    /// not show it.
    pub number: u32,
    /// The lifeline it leaves.
    pub from: usize,
    /// The lifeline it is meant for.
    pub to: usize,
    /// The flags that are drawn.
    pub flags: Flags,
    /// How many bytes it carries.
    pub bytes: u64,
    /// The number of its first byte (or of its SYN or FIN), counted so that the sender's SYN is 0.
    pub seq: u64,
    /// The next byte it expects, counted likewise, where ACK is set.
    pub ack: Option<u64>,
    /// Why it left.
    pub cause: Cause,
    /// What is unusual about it.
    pub mark: Option<Mark>,
    /// What becomes of it.
    pub fate: Fate,
    /// A few words of its own, drawn beside the time: `window 0`.
    pub remark: Option<String>,
    /// Every field of its header.
    pub fields: Vec<Field>,
}

/// The flags that decide how a segment is drawn and what it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Opens a direction.
    pub syn: bool,
    /// Carries an acknowledgment.
    pub ack: bool,
    /// Ends a direction.
    pub fin: bool,
    /// Ends the connection.
    pub rst: bool,
}

/// Why a segment left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A call of its own side.
    Call(Call),
    /// The kernel sends it in the course of things, in answer to the peer or as more of the bytes of an earlier call;
    /// in words, which the drawing leaves out.
    Kernel(String),
    /// A timer of the kernel, by name: `retransmission timer`.
    Timer(String),
    /// The end of the process that held the socket: `process ends`.
    End(String),
    /// It had to wait; what released it: `released by ACK 7`, which is a segment's number.
    Held(String),
    /// It could not be told, and why.
    Unknown(String),
}

/// What is unusual about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It repeats what was sent before.
    Again,
    /// The link made a second copy of it, in mid-wire.
    Copy,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives before anything else is seen to happen.
    Arrives,
    /// It arrives in a later row, the row of its [`Event::Arrival`].
    ArrivesIn(usize),
    /// It never arrives.
    Lost,
}

/// Many rows in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// How many segments.
    pub segments: usize,
    /// What they are, in a few words: `24 × data →, 12 × ACK ←`.
    pub text: String,
    /// How many calls of the clients' side are folded with them, in words; empty for none.
    pub client: String,
    /// The same for the servers' side.
    pub server: String,
    /// How long it takes altogether, in nanoseconds.
    pub lasts: u64,
    /// Whether they stand before or behind what is to be shown.
    pub outside: bool,
}

impl Ladder {
    /// The lifelines of one side, by index, from the outside inwards.
    pub fn on(&self, side: Side) -> impl Iterator<Item = usize> + '_ {
        (0..self.lifelines.len()).filter(move |&at| self.side(at) == side)
    }

    /// The side a lifeline stands on; the client's where there is no such lifeline.
    pub fn side(&self, at: usize) -> Side {
        self.lifelines.get(at).map_or(Side::Client, |line| line.side)
    }

    /// How many segments there are, the folded ones included; those outside of a span are not.
    pub fn segments(&self) -> usize {
        self.rows
            .iter()
            .map(|row| match &row.event {
                Event::Segment(_) => 1,
                Event::Folded(folded) if !folded.outside => folded.segments,
                _ => 0,
            })
            .sum()
    }

    /// The same ladder, in which a run of more than `longest` ordinary segments (data and ACKs without a note, a state
    /// or a mark) shows its beginning and its end and counts the rest.
    pub fn folded(self, longest: usize) -> Ladder {
        fold::fold(self, longest)
    }
}

impl Event {
    /// The call of this row, its own or its segment's.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Event::Call(call) => Some(call),
            Event::Segment(Segment {
                cause: Cause::Call(call),
                ..
            }) => Some(call),
            _ => None,
        }
    }

    fn call_mut(&mut self) -> Option<&mut Call> {
        match self {
            Event::Call(call) => Some(call),
            Event::Segment(Segment {
                cause: Cause::Call(call),
                ..
            }) => Some(call),
            _ => None,
        }
    }
}
