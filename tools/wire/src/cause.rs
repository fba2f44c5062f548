//! Which call caused which segment.
//!
//! Every segment of a conversation has one [`Cause`]: a call of its own side, a segment of the other side that it
//! answers, the end of a process, or a timer of the kernel. A segment that left later than its cause also says what
//! released it. Nothing is guessed:
//!
//! - A call is tied to a conversation by its socket, and a socket by its two addresses.
//! - Data belong to the calls that wrote them by counting: the n-th byte written is the n-th byte of the stream.
//! - A SYN belongs to `connect`; a FIN to the first `shutdown` of the sending direction, else to what let go of the
//!   socket last: a `close`, or the end of the last process that held it. So with a descriptor held twice it is the last
//!   close that counts.
//! - A RST belongs to what let go of the socket, or answers a segment that came when nobody was there any more.
//! - A segment with nothing but an acknowledgment answers the segment whose arrival made it due.
//! - Times decide nothing of this. They are checked (no segment may precede its call), and they tell what a segment
//!   waited for: the segment that came right before it, a call that was under way, or else a timer.
//!
//! What cannot be matched so is [`By::Unknown`], with the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use crate::call::{Call, Holders, Name, Record, Signal, Task, by_effect};
use crate::conversation::{Conversation, Mark, Roles, Side, Sides, Turn};
use crate::segment::{Flags, TcpOption};

/// What caused a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The cause itself.
    pub by: By,
    /// What let the segment go where its cause alone did not.
    pub released: Option<Release>,
}

/// The causes a segment may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Calls of its own side, as indices of records: one, or those whose bytes travel together, and the one that closed.
    Calls(Vec<usize>),
    /// The other side's segment that it answers, as an index in [`Conversation::turns`].
    Answer(usize),
    /// The end of the last process that held the socket, as an index of the record; or a program that became another and
    /// let go of it.
    End(usize),
    /// A timer of the kernel.
    Timer(Timer),
    /// Not to be told, and why.
    Unknown(String),
}

/// The kernel's timers that send segments, or let them go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Nothing was acknowledged for too long.
    Retransmission,
    /// An acknowledgment waited for data to ride on, and none came.
    DelayedAck,
    /// Nothing was heard for too long.
    Keepalive,
    /// The other side's window is closed, and may have opened unheard.
    WindowProbe,
    /// It left without any of these, or a call, being there to let it go.
    Other,
}

/// What lets a segment go that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The other side's acknowledgment, as an index in [`Conversation::turns`].
    Acknowledgment(usize),
    /// The other side's larger window, as an index in [`Conversation::turns`].
    Window(usize),
    /// A call of its own side, as an index of the record.
    Call(usize),
    /// A timer.
    Timer(Timer),
}

impl Cause {
    /// The cause in a few words: `send, close`, `answers 4, when the delayed-ACK timer ran out`. Segments are counted
    /// from 1 in their conversation.
    pub fn text(&self, calls: &Calls<'_>) -> String {
        let name = |record: usize| calls.call(record).map_or("?", |call| call.call.as_str());
        let mut text = match &self.by {
            By::Calls(records) => {
                let mut names: Vec<&str> = records.iter().map(|record| name(*record)).collect();
                names.dedup();
                names.join(", ")
            }
            By::Answer(turn) => format!("answers {}", turn + 1),
            By::End(record) => match calls.records().get(*record) {
                Some(Record::End(end)) => format!("end of process ({})", end.status),
                _ => "the program gave way to another".into(),
            },
            By::Timer(timer) => format!("timer: {timer}"),
            By::Unknown(why) => format!("unknown: {why}"),
        };
        match self.released {
            Some(Release::Acknowledgment(turn)) => text += &format!(", when {} acknowledged", turn + 1),
            Some(Release::Window(turn)) => text += &format!(", when {} opened the window", turn + 1),
            Some(Release::Call(record)) => text += &format!(", when {} let it go", name(record)),
            Some(Release::Timer(Timer::Other)) => text += ", when a timer ran out",
            Some(Release::Timer(timer)) => text += &format!(", when the {timer} timer ran out"),
            None => {}
        }
        text
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Timer::Retransmission => "retransmission",
            Timer::DelayedAck => "delayed-ACK",
            Timer::Keepalive => "keepalive",
            Timer::WindowProbe => "window probe",
            Timer::Other => "unnamed",
        })
    }
}

/// What a call has to do with the conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The index of the conversation; none for calls on a listener, and for those on no socket.
    pub conversation: Option<usize>,
    /// On whose side it was made.
    pub side: Side,
    /// For a call that moved bytes: their place in the stream, counted from 0 (its own side's stream for a call that
    /// sends, the other's for one that receives).
    pub bytes: Range<u64>,
}

/// The calls of a recording, tied to its conversations.
#[derive(Clone, Debug)]
pub struct Calls<'a> {
    records: &'a [Record],
    owners: Vec<Option<Owner>>,
    /// For each conversation, both ends' sockets.
    sockets: Vec<Sides<Option<u32>>>,
    /// For each socket, the calls that were made on it.
    made: BTreeMap<u32, Vec<usize>>,
    /// For each socket, the record that let go of it last.
    let_go: BTreeMap<u32, usize>,
    /// The listeners, with their addresses.
    listeners: Vec<(u32, SocketAddr)>,
    /// The programs whose sockets are all of one side.
    programs: BTreeMap<&'a str, Side>,
}

/// What the calls tell of a socket.
#[derive(Clone, Copy, Default)]
struct Socket {
    connect: Option<usize>,
    accept: Option<usize>,
    listen: bool,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
}

impl<'a> Calls<'a> {
    /// Ties calls to conversations. The records are those of the same recording, in the order of `calls.jsonl`.
    pub fn new(records: &'a [Record], conversations: &[Conversation]) -> Calls<'a> {
        let known = sockets(records);
        let sockets: Vec<Sides<Option<u32>>> = conversations
            .iter()
            .map(|conversation| Sides {
                client: socket_of(conversation, Side::Client, &known, records),
                // Of a socket that is connected to itself all is the client's.
                server: socket_of(conversation, Side::Server, &known, records)
                    .filter(|_| !conversation.is_one_socket()),
            })
            .collect();
        let mut holders = Holders::new();
        let mut let_go = BTreeMap::new();
        for index in by_effect(records) {
            let_go.extend(
                holders
                    .note(&records[index])
                    .into_iter()
                    .map(|socket| (socket, index)),
            );
        }
        let listeners = known
            .iter()
            .filter(|(_, socket)| socket.listen)
            .filter_map(|(number, socket)| Some((*number, socket.local?)))
            .collect();
        let mut made: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if let Record::Call(call) = record
                && let Some(socket) = subject(call)
            {
                made.entry(socket).or_default().push(index);
            }
        }
        let mut calls = Calls {
            made,
            records,
            owners: Vec::new(),
            sockets,
            let_go,
            listeners,
            programs: BTreeMap::new(),
        };
        calls.own();
        calls
    }

    /// The records, as they were given.
    pub fn records(&self) -> &'a [Record] {
        self.records
    }

    /// What the call or the task at this index of the records has to do with the conversations; none where its side is not
    /// to be told.
    pub fn owner(&self, record: usize) -> Option<&Owner> {
        self.owners.get(record)?.as_ref()
    }

    /// The call at this index of the records.
    pub fn call(&self, record: usize) -> Option<&'a Call> {
        match self.records.get(record)? {
            Record::Call(call) => Some(call),
            _ => None,
        }
    }

    /// What became of a task, at this index of the records.
    pub fn task(&self, record: usize) -> Option<&'a Task> {
        match self.records.get(record)? {
            Record::Task(task) => Some(task),
            _ => None,
        }
    }

    /// The signal that was sent, at this index of the records.
    pub fn signal(&self, record: usize) -> Option<&'a Signal> {
        match self.records.get(record)? {
            Record::Signal(signal) => Some(signal),
            _ => None,
        }
    }

    /// One end's socket in a conversation.
    pub fn socket(&self, conversation: usize, side: Side) -> Option<u32> {
        self.sockets.get(conversation)?[side]
    }

    /// The calls of one side on a conversation's socket, with the indices of their records, in the order of time.
    pub fn of(&self, conversation: usize, side: Side) -> impl Iterator<Item = (usize, &'a Call)> {
        let made = self
            .socket(conversation, side)
            .and_then(|socket| self.made.get(&socket));
        made.into_iter()
            .flatten()
            .filter_map(|index| Some((*index, self.call(*index)?)))
    }

    /// The side of a program, where all its sockets are of one.
    pub fn side_of(&self, program: &str) -> Option<Side> {
        self.programs.get(program).copied()
    }

    /// Ties every call to a conversation and a side.
    fn own(&mut self) {
        let mut ends: BTreeMap<u32, (Option<usize>, Side)> = self
            .listeners
            .iter()
            .map(|(socket, _)| (*socket, (None, Side::Server)))
            .collect();
        for (index, sockets) in self.sockets.iter().enumerate() {
            for side in Side::BOTH {
                ends.extend(sockets[side].map(|socket| (socket, (Some(index), side))));
            }
        }
        // How far each socket has written and read.
        let mut moved: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let mut owners: Vec<Option<Owner>> = Vec::with_capacity(self.records.len());
        // A program whose sockets are all of one side is of that side in what it does without a socket, too.
        let mut sides: BTreeMap<&'a str, Option<Side>> = BTreeMap::new();
        for record in self.records {
            let Record::Call(call) = record else {
                owners.push(None);
                continue;
            };
            let socket = subject(call);
            let owner = socket
                .and_then(|socket| ends.get(&socket))
                .map(|(conversation, side)| {
                    let (written, read) = moved.entry(socket.unwrap_or_default()).or_default();
                    let place = if call.call.sends() {
                        Some(written)
                    } else {
                        call.call.receives().then_some(read)
                    };
                    let bytes = place.map_or(0..0, |place| {
                        *place += call.moved();
                        *place - call.moved()..*place
                    });
                    Owner {
                        conversation: *conversation,
                        side: *side,
                        bytes,
                    }
                });
            if let Some(owner) = &owner {
                let side = sides.entry(record.program()).or_insert(Some(owner.side));
                *side = side.filter(|side| *side == owner.side);
            }
            owners.push(owner);
        }
        self.programs = sides
            .into_iter()
            .filter_map(|(program, side)| Some((program, side?)))
            .collect();
        for (owner, record) in owners.iter_mut().zip(self.records) {
            let side = self.programs.get(record.program());
            let has_one = matches!(record, Record::Call(_) | Record::Task(_) | Record::Signal(_));
            if let (None, Some(side), true) = (&owner, side, has_one) {
                *owner = Some(Owner {
                    conversation: None,
                    side: *side,
                    bytes: 0..0,
                });
            }
        }
        self.owners = owners;
    }

    /// What ended one end's sending direction: the first `shutdown` of it, or what let go of the socket.
    fn finish(&self, conversation: usize, side: Side) -> Option<usize> {
        let shut = |call: &Call| {
            call.call == Name::Shutdown
                && call.succeeded()
                && matches!(&call.detail[..], "SHUT_WR" | "SHUT_RDWR")
        };
        let shutdown = self
            .of(conversation, side)
            .find(|(_, call)| shut(call))
            .map(|(index, _)| index);
        let let_go = self
            .socket(conversation, side)
            .and_then(|socket| self.let_go.get(&socket).copied());
        [shutdown, let_go]
            .into_iter()
            .flatten()
            .min_by_key(|index| self.records[*index].time())
    }
}

/// The socket that a call is about: the one it made, else the one it was given.
fn subject(call: &Call) -> Option<u32> {
    let made = call.made.and_then(|made| made.socket);
    if call.call.accepts() || call.call == Name::Socket {
        made.or(call.socket)
    } else {
        call.socket.or(made)
    }
}

fn sockets(records: &[Record]) -> BTreeMap<u32, Socket> {
    let mut known: BTreeMap<u32, Socket> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let Record::Call(call) = record else { continue };
        let Some(number) = subject(call) else { continue };
        let socket = known.entry(number).or_default();
        let waits_for_nobody = call.call.accepts() && call.made.is_none();
        if !waits_for_nobody {
            socket.local = call.local.filter(|local| local.port() != 0).or(socket.local);
            socket.peer = socket.peer.or(call.peer);
        }
        // TCP Fast Open connects and sends in one call.
        if call.call == Name::Connect || call.detail.contains("MSG_FASTOPEN") {
            socket.connect.get_or_insert(index);
        }
        if call.call.accepts() && call.made.is_some() {
            socket.accept.get_or_insert(index);
        }
        socket.listen |= call.call == Name::Listen;
    }
    known
}

/// Whether the address that a socket tells is this one on the wire. IPv4 addresses in the clothes of IPv6 are IPv4
/// addresses there; and a socket whose connection was refused keeps its port, but not its address.
fn same(told: SocketAddr, wire: SocketAddr) -> bool {
    let (ip, other) = (told.ip().to_canonical(), wire.ip().to_canonical());
    told.port() == wire.port() && (ip == other || ip.is_unspecified())
}

fn socket_of(
    conversation: &Conversation,
    side: Side,
    known: &BTreeMap<u32, Socket>,
    records: &[Record],
) -> Option<u32> {
    let (own, peer) = (conversation.ends[side], conversation.ends[side.peer()]);
    let first = conversation.turns.first()?.segment.time;
    // Where both ends connect, the second SYN has a call that may be younger than the first SYN.
    let spoke = conversation.turns.iter().find(|turn| turn.side == side);
    let spoke = spoke.map_or(first, |turn| turn.segment.time);
    let begun_before = !matches!(conversation.roles, Roles::Syn);
    let of_these = |socket: &Socket| {
        socket.local.is_some_and(|local| same(local, own))
            && socket.peer.is_some_and(|address| same(address, peer))
    };
    let interval = |index: usize| match &records[index] {
        Record::Call(call) => (call.start, call.end.unwrap_or(u64::MAX)),
        other => (other.time(), other.time()),
    };
    // The same ends may have met more than once: the last who called before the first segment, the first who was given
    // the connection after it.
    let called = known
        .iter()
        .filter(|(_, socket)| of_these(socket))
        .filter_map(|(number, socket)| Some((interval(socket.connect?).0, *number)))
        .filter(|(start, _)| begun_before || *start <= spoke)
        .max();
    // A call that connects and sends at once ends without telling the socket's own address. Where it is the only one to
    // this peer that was under way, no other can have sent the SYN.
    let mut nameless = known
        .iter()
        .filter(|(_, socket)| {
            socket.local.is_none() && socket.peer.is_some_and(|address| same(address, peer))
        })
        .filter_map(|(number, socket)| Some((interval(socket.connect?), *number)))
        .filter(|((start, end), _)| !begun_before && (*start..=*end).contains(&spoke));
    let called = called.or_else(|| match (nameless.next(), nameless.next()) {
        (Some(((start, _), number)), None) => Some((start, number)),
        _ => None,
    });
    let accepted = known
        .iter()
        .filter(|(_, socket)| of_these(socket))
        .filter_map(|(number, socket)| Some((interval(socket.accept?).1, *number)))
        .filter(|(end, _)| begun_before || *end >= first)
        .min();
    called.or(accepted).map(|(_, number)| number)
}

/// Between a segment and what it set free there lies no more than this; otherwise a timer did it. Linux's shortest timer
/// of interest, the delayed acknowledgment's, is 40 ms.
const AT_ONCE: u64 = 5_000_000;
/// Linux delays an acknowledgment for 40 ms at least, in grains of its clock.
const DELAYED: u64 = 35_000_000;

/// The cause of every segment of one conversation.
///
/// `host` says where the capture was made when the ends are on two hosts; segments of the other end then passed here some
/// time after they left, so what released them is not told. On one host, as on a loopback, it is none.
pub fn causes(
    conversations: &[Conversation],
    conversation: usize,
    calls: &Calls<'_>,
    host: Option<Side>,
) -> Vec<Cause> {
    let Some(found) = conversations.get(conversation) else {
        return Vec::new();
    };
    let reader = Reader {
        turns: &found.turns,
        found,
        index: conversation,
        calls,
        host,
    };
    (0..found.turns.len()).map(|turn| reader.cause(turn)).collect()
}

struct Reader<'a> {
    found: &'a Conversation,
    turns: &'a [Turn],
    index: usize,
    calls: &'a Calls<'a>,
    host: Option<Side>,
}

fn by(by: By) -> Cause {
    Cause { by, released: None }
}

fn unknown(why: impl Into<String>) -> Cause {
    by(By::Unknown(why.into()))
}

impl Reader<'_> {
    fn cause(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        if segment.has(Flags::RST) {
            return self.reset(turn);
        }
        match segment.mark {
            // Where both ends connect, a SYN goes again with an acknowledgment, and answers the other's SYN.
            Mark::Repeat { of }
                if segment.has(Flags::SYN | Flags::ACK) && !self.turns[of].has(Flags::ACK) =>
            {
                return self.syn(turn);
            }
            Mark::Repeat { .. } => return self.retransmission(turn),
            Mark::Probe => return self.probe(turn),
            _ => {}
        }
        if segment.has(Flags::SYN) {
            return self.syn(turn);
        }
        if segment.segment.is_pure_ack() {
            return self.acknowledgment(turn);
        }
        if segment.segment.sequence_length() == 0 {
            return unknown("it carries nothing, not even an acknowledgment");
        }
        self.stream(turn)
    }

    /// Whether a segment came from the other end. A socket that is connected to itself is its own other end.
    fn is_from_peer(&self, of: Side, other: &Turn) -> bool {
        other.side != of || self.is_own_peer()
    }

    fn is_own_peer(&self) -> bool {
        self.found.is_one_socket()
    }

    fn time(&self, turn: usize) -> u64 {
        self.turns[turn].segment.time
    }

    /// Whether the time of this side's segments here is the time at which they left.
    fn departs_here(&self, side: Side) -> bool {
        self.host.is_none_or(|host| host == side)
    }

    /// Why a call of this side is not to be found.
    fn not_recorded(&self, side: Side, what: &str) -> Cause {
        match self.calls.socket(self.index, side) {
            Some(_) => unknown(format!("no call of the {side} {what}")),
            None => unknown(format!("no call of the {side} on this connection is recorded")),
        }
    }

    fn syn(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        let side = segment.side;
        if segment.has(Flags::ACK) {
            let asks = |other: &Turn| {
                self.is_from_peer(side, other) && other.has(Flags::SYN) && !other.has(Flags::ACK)
            };
            let asked = self.last_before(turn, asks);
            return asked.map_or_else(
                || unknown("the SYN that it answers is not in the capture"),
                |asked| by(By::Answer(asked)),
            );
        }
        let connects = |call: &Call| call.call == Name::Connect || call.detail.contains("MSG_FASTOPEN");
        let connect = self.calls.of(self.index, side).find(|(_, call)| connects(call));
        match connect {
            Some((_, call)) if call.start > segment.segment.time => {
                unknown("the call that connects began after the segment had passed")
            }
            // The data of a Fast Open go with its SYN, by the same call.
            Some((index, _)) => by(By::Calls(vec![index])),
            None => self.not_recorded(side, "connects"),
        }
    }

    /// Data, a FIN, or both.
    fn stream(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        let side = segment.side;
        if !matches!(self.found.roles, Roles::Syn | Roles::SynAck) {
            return unknown("the capture begins in mid-conversation, so bytes cannot be counted");
        }
        let mut causes = Vec::new();
        if segment.segment.length > 0 {
            let wanted = segment.bytes.start.max(0).cast_unsigned()..segment.bytes.end.max(0).cast_unsigned();
            causes = self.writers(side, &wanted);
            let covered = |place: u64| causes.iter().any(|index| self.bytes(*index).contains(&place));
            if !covered(wanted.start) || !covered(wanted.end - 1) {
                return self.not_recorded(
                    side,
                    &format!("wrote bytes {} to {} of its stream", wanted.start, wanted.end),
                );
            }
            if self.overlap(&causes) {
                return unknown(format!(
                    "two calls of the {side} wrote at the same time, in an order not to be told"
                ));
            }
        }
        if segment.has(Flags::FIN) {
            match self.calls.finish(self.index, side) {
                Some(finish) if !matches!(self.calls.records()[finish], Record::Call(_)) => {
                    return self.end_of_process(turn, finish);
                }
                Some(finish) => causes.push(finish),
                None => {
                    return self.not_recorded(
                        side,
                        "closes the socket or shuts it down, and no end of a process is",
                    );
                }
            }
        }
        let ends: Vec<&Call> = causes
            .iter()
            .filter_map(|index| self.calls.call(*index))
            .collect();
        if ends.iter().any(|call| call.start > segment.segment.time) {
            return unknown("the call that it ought to come from began after the segment had passed");
        }
        // A `close` that lingers has long done its part when the last segments leave under it.
        let done = |call: &&Call| match call.call {
            Name::Close if segment.segment.time.saturating_sub(call.start) > AT_ONCE => Some(call.start),
            _ => call.end,
        };
        let end = ends.last().and_then(done);
        Cause {
            by: By::Calls(causes),
            released: end.and_then(|end| self.release(turn, end)),
        }
    }

    fn end_of_process(&self, turn: usize, record: usize) -> Cause {
        // The end is noticed after the kernel has closed everything; a segment that waited longer was released.
        let after = self.time(turn) > self.calls.records()[record].time();
        let released = after.then(|| self.came_before(turn, 0)).flatten();
        Cause {
            by: By::End(record),
            released,
        }
    }

    /// The calls of a side that wrote any of these bytes.
    fn writers(&self, side: Side, wanted: &Range<u64>) -> Vec<usize> {
        self.calls
            .of(self.index, side)
            .filter(|(_, call)| call.call.sends())
            .map(|(index, _)| index)
            .filter(|index| {
                let bytes = self.bytes(*index);
                bytes.start < wanted.end && wanted.start < bytes.end
            })
            .collect()
    }

    fn bytes(&self, record: usize) -> Range<u64> {
        self.calls.owner(record).map_or(0..0, |owner| owner.bytes.clone())
    }

    /// Whether any of these calls was under way together with another that wrote to the same socket.
    fn overlap(&self, writers: &[usize]) -> bool {
        let all = || writers.iter().filter_map(|index| self.calls.call(*index));
        let Some(side) = writers
            .first()
            .and_then(|index| self.calls.owner(*index))
            .map(|owner| owner.side)
        else {
            return false;
        };
        self.calls
            .of(self.index, side)
            .filter(|(_, call)| call.call.sends() && call.moved() > 0)
            .any(|(_, other)| {
                all().any(|call| {
                    let end = |call: &Call| call.end.unwrap_or(u64::MAX);
                    call != other && call.start < end(other) && other.start < end(call)
                })
            })
    }

    /// What released a segment whose call was over before it left.
    fn release(&self, turn: usize, end: u64) -> Option<Release> {
        let segment = &self.turns[turn];
        if !self.departs_here(segment.side) || segment.segment.time <= end {
            return None;
        }
        // One that has waited for long, as a `close` that lingers, lets nothing go by itself.
        let lets_go = |call: &Call| {
            matches!(call.call, Name::Setsockopt | Name::Shutdown | Name::Close)
                && segment.segment.time.saturating_sub(call.start) <= AT_ONCE
        };
        let call = self.call_under_way(turn, end, lets_go).map(Release::Call);
        // A busy machine may let a segment pass the place of capture a little after the call that sent it.
        let late = segment.segment.time - end > AT_ONCE;
        call.or_else(|| self.came_before(turn, end))
            .or(late.then_some(Release::Timer(Timer::Other)))
    }

    /// The other side's segment that came right before this one, no earlier than `since`, and what it brought.
    fn came_before(&self, turn: usize, since: u64) -> Option<Release> {
        let segment = &self.turns[turn];
        let came = self.last_before(turn, |other| {
            self.is_from_peer(segment.side, other) && !other.has(Flags::RST)
        })?;
        let gap = self.time(turn).saturating_sub(self.time(came));
        if gap > AT_ONCE || self.time(came) < since {
            return None;
        }
        let before = self.last_before(came, |other| {
            self.is_from_peer(segment.side, other) && !other.has(Flags::RST)
        });
        let edge = |turn: usize| {
            let turn = &self.turns[turn];
            Some(turn.acknowledgment? + i64::from(turn.window?))
        };
        let was_shut = before.and_then(edge).is_some_and(|edge| edge < segment.end());
        let opens = edge(came).is_some_and(|edge| edge >= segment.end());
        let acknowledges =
            self.turns[came].acknowledgment > before.and_then(|before| self.turns[before].acknowledgment);
        match (was_shut && opens, acknowledges) {
            (true, _) => Some(Release::Window(came)),
            (false, true) => Some(Release::Acknowledgment(came)),
            (false, false) => None,
        }
    }

    /// A call of the segment's side on its socket, begun after `since`, that was under way when it left.
    fn call_under_way(&self, turn: usize, since: u64, wanted: impl Fn(&Call) -> bool) -> Option<usize> {
        let time = self.time(turn);
        self.calls
            .of(self.index, self.turns[turn].side)
            .filter(|(_, call)| {
                call.start > since && (call.start..=call.end.unwrap_or(u64::MAX)).contains(&time)
            })
            .find(|(_, call)| wanted(call))
            .map(|(index, _)| index)
    }

    fn last_before(&self, turn: usize, wanted: impl Fn(&Turn) -> bool) -> Option<usize> {
        self.turns[..turn].iter().rposition(wanted)
    }

    /// A segment that was sent before: the other side's acknowledgments asked for it, or a timer ran out.
    fn retransmission(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        let side = segment.side;
        if !self.departs_here(side) {
            return unknown(format!(
                "what made the {side} send it again is seen only at its own host"
            ));
        }
        let came = self.last_before(turn, |other| {
            self.is_from_peer(side, other) && !other.has(Flags::RST)
        });
        let Some(came) = came.filter(|came| self.time(turn).saturating_sub(self.time(*came)) <= AT_ONCE)
        else {
            return by(By::Timer(Timer::Retransmission));
        };
        let other = &self.turns[came];
        // A SYN that was sent again is answered again.
        if segment.has(Flags::SYN | Flags::ACK) && other.has(Flags::SYN) {
            return by(By::Answer(came));
        }
        // An acknowledgment that stops right here, after data beyond it arrived (RFC 5681, 3.2; RFC 6675).
        // So does the answer to a SYN that takes no more than the SYN, whose data then go again (RFC 7413, 4.2).
        let says_so = other.segment.is_pure_ack() || other.has(Flags::SYN | Flags::ACK);
        let asks = says_so && other.acknowledgment <= Some(segment.sequence);
        let repeated = self.turns[..came].iter().any(|earlier| {
            earlier.side != side
                && earlier.acknowledgment == other.acknowledgment
                && earlier.segment.is_pure_ack()
        });
        if asks && (repeated || other.acknowledgment == Some(segment.sequence)) {
            by(By::Answer(came))
        } else {
            by(By::Timer(Timer::Retransmission))
        }
    }

    fn probe(&self, turn: usize) -> Cause {
        let side = self.turns[turn].side;
        let heard = self.last_before(turn, |other| self.is_from_peer(side, other));
        if heard.is_some_and(|heard| self.turns[heard].window == Some(0)) {
            return by(By::Timer(Timer::WindowProbe));
        }
        let asked = |call: &Call| call.call == Name::Setsockopt && call.detail.starts_with("SO_KEEPALIVE 1");
        if self.calls.of(self.index, side).any(|(_, call)| asked(call)) {
            by(By::Timer(Timer::Keepalive))
        } else if let Some(answered) = self.brought(turn).filter(|_| self.overtaken(turn)) {
            by(By::Answer(answered))
        } else {
            self.not_recorded(side, "asks for keepalives, and the other's window is not closed")
        }
    }

    /// Whether its own side's FIN overtook it: on loopback, two processors hand over what they send each by itself.
    fn overtaken(&self, turn: usize) -> bool {
        let segment = &self.turns[turn];
        let fin = |other: &Turn| {
            other.side == segment.side
                && other.fin() == Some(segment.sequence)
                && segment.segment.time.saturating_sub(other.segment.time) <= AT_ONCE
        };
        self.turns[..turn].iter().any(fin)
    }

    /// What brought the last byte that a segment acknowledges, SYN and FIN included.
    fn brought(&self, turn: usize) -> Option<usize> {
        let (side, number) = (self.turns[turn].side, self.turns[turn].acknowledgment);
        self.last_before(turn, |other| {
            self.is_from_peer(side, other)
                && !other.has(Flags::RST)
                && other.segment.sequence_length() > 0
                && Some(other.end()) >= number
                && Some(other.sequence) < number
        })
    }

    fn acknowledgment(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        let side = segment.side;
        let before = self.last_before(turn, |other| other.side == side && !other.has(Flags::RST));
        let said = before.and_then(|before| self.turns[before].acknowledgment);
        let number = segment.acknowledgment;
        let answered = if number > said {
            // A gap that was filled since may have been what it waited for; it then covers more than that.
            let filled = (before.unwrap_or(0)..turn).rev().find(|other| {
                let other = &self.turns[*other];
                let fills = matches!(other.mark, Mark::Late | Mark::Repeat { .. });
                self.is_from_peer(side, other) && fills && Some(other.end()) < number
            });
            filled.or_else(|| self.brought(turn))
        } else {
            // Nothing new: it answers what came since, if that asks for an answer, and such answers do not wait.
            let asks = |other: &Turn| {
                self.is_from_peer(side, other)
                    && (other.mark == Mark::Probe || other.segment.sequence_length() > 0)
            };
            let waits = |asked: &usize| {
                self.departs_here(side) && self.time(turn).saturating_sub(self.time(*asked)) > AT_ONCE
            };
            self.selectively_told(turn).or_else(|| {
                self.last_before(turn, asks).filter(|asked| {
                    before.is_none_or(|before| *asked > before || self.is_own_peer() && *asked == before)
                        && !waits(asked)
                })
            })
        };
        let Some(answered) = answered else {
            return self.window_update(turn, before);
        };
        let due = self.time(answered);
        let released = if self.departs_here(side) {
            // A call that reads acknowledges what it takes, at once; then it may wait for more.
            let time = self.time(turn);
            let reads = |call: &Call| {
                call.call == Name::Setsockopt || call.call.receives() && time - call.start <= AT_ONCE
            };
            let waited = time.saturating_sub(due);
            match self.call_under_way(turn, due, reads) {
                Some(call) => Some(Release::Call(call)),
                None => (waited >= DELAYED).then_some(Release::Timer(Timer::DelayedAck)),
            }
        } else {
            None
        };
        Cause {
            by: By::Answer(answered),
            released,
        }
    }

    /// What a selective acknowledgment answers: its first block holds the segment that asked for it (RFC 2018, 4; RFC 2883
    /// for one that came twice).
    fn selectively_told(&self, turn: usize) -> Option<usize> {
        let segment = &self.turns[turn];
        let blocks = segment
            .segment
            .options()
            .into_iter()
            .find_map(|option| match option {
                TcpOption::Sack(blocks) => Some(blocks),
                _ => None,
            })?;
        let (left, right) = *blocks.first()?;
        self.last_before(turn, |other| {
            self.is_from_peer(segment.side, other)
                && other.segment.sequence_length() > 0
                && other.segment.sequence.wrapping_sub(left) < right.wrapping_sub(left)
        })
    }

    /// An acknowledgment of nothing new that answers nothing: the reader made room.
    fn window_update(&self, turn: usize, before: Option<usize>) -> Cause {
        let segment = &self.turns[turn];
        let larger = before.is_some_and(|before| self.turns[before].segment.window < segment.segment.window);
        if !larger {
            return unknown("it acknowledges nothing new, answers nothing and opens no window");
        }
        match self.call_under_way(turn, 0, |call| call.call.receives() && call.moved() > 0) {
            Some(call) => by(By::Calls(vec![call])),
            None => self.not_recorded(segment.side, "was reading when the window opened"),
        }
    }

    fn reset(&self, turn: usize) -> Cause {
        let segment = &self.turns[turn];
        let side = segment.side;
        let asked = self.last_before(turn, |other| {
            self.is_from_peer(side, other) && !other.has(Flags::RST)
        });
        let spoke = self.turns[..turn]
            .iter()
            .any(|other| other.side == side && other.has(Flags::SYN));
        let finished = self.turns[..turn]
            .iter()
            .any(|other| other.side == side && other.segment.flags.0 & (Flags::FIN | Flags::RST) != 0);
        let finish = self
            .calls
            .finish(self.index, side)
            .or_else(|| self.listener_s_end(side));
        if spoke && !finished {
            // Closed with data unread, or told not to linger; or gone with the process.
            let caused = finish.filter(|finish| match &self.calls.records()[*finish] {
                Record::Call(call) => {
                    (call.start..=call.end.unwrap_or(u64::MAX)).contains(&segment.segment.time)
                        || !self.departs_here(side) && call.start <= segment.segment.time
                }
                other => segment.segment.time <= other.time() || !self.departs_here(side),
            });
            match caused.map(|finish| (finish, &self.calls.records()[finish])) {
                Some((finish, Record::Call(_))) => return by(By::Calls(vec![finish])),
                Some((finish, _)) => return by(By::End(finish)),
                None if finish.is_none() && self.calls.socket(self.index, side).is_some() => {
                    return self.not_recorded(side, "closes the socket, and no end of a process is recorded");
                }
                None => {}
            }
        }
        // Nobody is there (any more) for what came.
        match asked {
            Some(asked) if !spoke || finished || finish.is_some() => by(By::Answer(asked)),
            _ => self.not_recorded(side, "closes the socket"),
        }
    }

    /// What let go of the listener that a connection waited at without being accepted.
    fn listener_s_end(&self, side: Side) -> Option<usize> {
        if side == Side::Client || self.calls.socket(self.index, side).is_some() {
            return None;
        }
        let here = self.found.ends.server;
        let listens = |address: &SocketAddr| {
            address.port() == here.port()
                && (address.ip().is_unspecified() || address.ip().to_canonical() == here.ip().to_canonical())
        };
        let ends = self
            .calls
            .listeners
            .iter()
            .filter(|(_, address)| listens(address));
        ends.filter_map(|(socket, _)| self.calls.let_go.get(socket).copied())
            .min()
    }
}
