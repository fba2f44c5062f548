//! Segments put together into conversations, with relative numbers, places in the stream and marks of repetition.
//!
//! A conversation is what passes between one pair of ends from one beginning: a SYN with a new sequence number on the
//! same four-tuple begins another. The *client* is who sent the first SYN without ACK. A capture that begins in
//! mid-conversation shows none; then [`Roles`] says how the sides were told apart.
//!
//! Numbers are relative to the first SYN of each side, which has number 0; so the first byte of a side's stream has
//! number 1, and place 0 in the stream. A side whose SYN is not in the capture is counted as if it had sent it right
//! before the first number that the capture shows of it. All arithmetic on the 32-bit numbers wraps (RFC 9293, 3.4);
//! relative numbers do not wrap, and may be negative only where a side repeats what it sent before the capture began.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::ops::{Index, IndexMut, Range};

use crate::capture::Capture;
use crate::segment::{Flags, Segment, SegmentError};

/// One of the two ends of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who began.
    Client,
    /// Who was called.
    Server,
}

impl Side {
    /// Both, the client first.
    pub const BOTH: [Side; 2] = [Side::Client, Side::Server];

    /// The one across.
    pub fn peer(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Client => "client",
            Side::Server => "server",
        })
    }
}

/// Something for each side; indexed by [`Side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sides<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// How client and server were told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// The capture shows the client's SYN.
    Syn,
    /// The capture begins with the server's SYN, which has an ACK.
    SynAck,
    /// Guessed: the capture begins later, and servers listen on the lower port.
    LowerPort,
    /// Guessed: the capture begins later, both ports are the same, and who speaks first is taken for the client.
    FirstToSpeak,
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Roles::Syn => "the client sent the first SYN",
            Roles::SynAck => "the capture begins with the server's SYN",
            Roles::LowerPort => {
                "the capture begins in mid-conversation; the lower port is taken for the server's"
            }
            Roles::FirstToSpeak => {
                "the capture begins in mid-conversation; who speaks first is taken for the client"
            }
        })
    }
}

/// What passed between one pair of ends from one beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its number in the capture, counted from 1 in the order of first segments.
    pub number: usize,
    /// The ends' addresses.
    pub ends: Sides<SocketAddr>,
    /// How client and server were told apart.
    pub roles: Roles,
    /// The sequence number that counts as 0 for each side; none where a side is not heard of.
    pub origins: Sides<Option<u32>>,
    /// The segments in the order of the capture.
    pub turns: Vec<Turn>,
}

/// A segment in its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The segment itself.
    pub segment: Segment,
    /// Who sent it.
    pub side: Side,
    /// Its sequence number, relative.
    pub sequence: i64,
    /// Its acknowledgment number, relative; none without the ACK flag.
    pub acknowledgment: Option<i64>,
    /// Where its data stand in the sender's stream: from the first byte to the one after the last, counted from 0.
    pub bytes: Range<i64>,
    /// How many of these bytes the capture had not shown before.
    pub fresh: u64,
    /// How it relates to what its side sent before.
    pub mark: Mark,
    /// The window it announces in bytes, scaled; none where the scale is not known.
    pub window: Option<u32>,
}

/// How a segment relates to what its side sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It continues the stream, or carries nothing but an acknowledgment.
    Next,
    /// It leaves a gap: something before it is missing at this place of capture, so far or for ever.
    Ahead,
    /// It fills a gap that a later part of the stream left.
    Late,
    /// It brings nothing that was not there before: a retransmission.
    Repeat {
        /// The index in [`Conversation::turns`] of the segment that first carried its first sequence number.
        of: usize,
    },
    /// It brings something that was there before and something that was not: a retransmission grown or shifted.
    Overlap {
        /// The index in [`Conversation::turns`] of the first segment that shares sequence numbers with it.
        of: usize,
    },
    /// It carries nothing and its number is one that was sent before: it only asks for an answer (keepalive,
    /// window probe).
    Probe,
}

impl Turn {
    /// Whether all of these flags are set.
    pub fn has(&self, flags: u16) -> bool {
        self.segment.has(flags)
    }

    /// The relative number after the segment's last.
    pub fn end(&self) -> i64 {
        self.sequence + i64::from(self.segment.sequence_length())
    }

    /// The relative number of the segment's FIN, if it has one.
    pub fn fin(&self) -> Option<i64> {
        self.has(Flags::FIN).then(|| self.end() - 1)
    }

    /// The segment that this one repeats, as an index, where it brings nothing new.
    pub fn repeats(&self) -> Option<usize> {
        match self.mark {
            Mark::Repeat { of } => Some(of),
            _ => None,
        }
    }
}

impl Conversation {
    /// Whether it is the same conversation, captured at another place.
    pub fn is_also(&self, other: &Conversation) -> bool {
        let same = |one: Option<u32>, two: Option<u32>| one == two || one.is_none() || two.is_none();
        self.ends == other.ends
            && Side::BOTH
                .into_iter()
                .all(|side| same(self.origins[side], other.origins[side]))
    }

    /// Whether a socket is connected to itself: what it sends arrives where it came from, and every segment is the
    /// client's.
    pub fn is_one_socket(&self) -> bool {
        self.ends.client == self.ends.server
    }

    /// The segment with which all is said: each side's FIN is acknowledged by then. None while that is not so.
    ///
    /// What comes later belongs to no stream. A segment that another overtook, or that was sent again, may still arrive;
    /// an end in TIME-WAIT acknowledges it, that acknowledgment finds nobody any more, and a RST answers it (RFC 1337
    /// tells the story).
    pub fn over(&self) -> Option<usize> {
        let told = |side: Side| {
            let fin = self
                .turns
                .iter()
                .find(|turn| turn.side == side && turn.fin().is_some())?
                .end();
            let acknowledges = |turn: &Turn| {
                turn.side == side.peer() && !turn.has(Flags::RST) && turn.acknowledgment >= Some(fin)
            };
            self.turns.iter().position(acknowledges)
        };
        Some(told(Side::Client)?.max(told(Side::Server)?))
    }

    /// The segments of one side that carry this relative sequence number, as indices: the first, and its repetitions.
    pub fn carriers(&self, side: Side, sequence: i64) -> Vec<usize> {
        let carries = |turn: &Turn| turn.side == side && (turn.sequence..turn.end()).contains(&sequence);
        (0..self.turns.len())
            .filter(|index| carries(&self.turns[*index]))
            .collect()
    }
}

impl Capture {
    /// The conversations of the capture; what is not TCP is passed over.
    ///
    /// # Errors
    ///
    /// The first packet that is TCP and cannot be read.
    pub fn conversations(&self) -> Result<Vec<Conversation>, SegmentError> {
        Ok(conversations(self.segments()?))
    }
}

/// Puts segments together into conversations, in the order of their first segments.
pub fn conversations(segments: impl IntoIterator<Item = Segment>) -> Vec<Conversation> {
    let mut found: Vec<Builder> = Vec::new();
    // The conversation that each pair of ends is in, whichever of them sends.
    let mut current: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
    for segment in segments {
        let (source, destination) = (segment.source, segment.destination);
        let pair = (source.min(destination), source.max(destination));
        let index = match current.get(&pair) {
            Some(&index) if !found[index].is_succeeded_by(&segment) => index,
            _ => {
                found.push(Builder::new(found.len() + 1, &segment));
                found.len() - 1
            }
        };
        current.insert(pair, index);
        found[index].add(segment);
    }
    found.into_iter().map(|builder| builder.conversation).collect()
}

struct Builder {
    conversation: Conversation,
    streams: Sides<Stream>,
}

/// What one side has sent so far.
#[derive(Default)]
struct Stream {
    syn: Option<Syn>,
    /// The ranges of relative numbers that were sent: from each one's first number to the one after its last, and the
    /// segment that first carried it. They do not overlap.
    sent: BTreeMap<i64, (i64, usize)>,
    /// The relative number after the last that was sent.
    next: i64,
}

/// What the first SYN of a side says.
#[derive(Clone, Copy)]
struct Syn {
    /// Its number as it stands in the header.
    sequence: u32,
    /// The window scale it offers.
    scale: Option<u8>,
}

impl Builder {
    fn new(number: usize, first: &Segment) -> Builder {
        let (source, destination) = (first.source, first.destination);
        let (roles, client) = match (first.has(Flags::SYN), first.has(Flags::ACK)) {
            (true, false) => (Roles::Syn, source),
            (true, true) => (Roles::SynAck, destination),
            (false, _) if source.port() > destination.port() => (Roles::LowerPort, source),
            (false, _) if source.port() < destination.port() => (Roles::LowerPort, destination),
            (false, _) => (Roles::FirstToSpeak, source),
        };
        let server = if client == source { destination } else { source };
        let conversation = Conversation {
            number,
            ends: Sides { client, server },
            roles,
            origins: Sides::default(),
            turns: Vec::new(),
        };
        Builder {
            conversation,
            streams: Sides::default(),
        }
    }

    fn side_of(&self, segment: &Segment) -> Side {
        if segment.source == self.conversation.ends.client {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// Whether the segment, which is of the same ends, begins another conversation.
    fn is_succeeded_by(&self, segment: &Segment) -> bool {
        if !segment.has(Flags::SYN) || segment.has(Flags::ACK) {
            return false;
        }
        let side = self.side_of(segment);
        match self.streams[side].syn {
            Some(syn) => syn.sequence != segment.sequence,
            // No SYN of this side so far: both may be calling each other at once, unless it has spoken before.
            None => self.conversation.turns.iter().any(|turn| turn.side == side),
        }
    }

    fn add(&mut self, segment: Segment) {
        let side = self.side_of(&segment);
        let syn = segment.has(Flags::SYN);
        if syn {
            let first = Syn {
                sequence: segment.sequence,
                scale: segment.window_scale(),
            };
            self.streams[side].syn.get_or_insert(first);
        }
        let before = if syn {
            segment.sequence
        } else {
            segment.sequence.wrapping_sub(1)
        };
        let sequence = self.relative(side, segment.sequence, before, &segment);
        let acknowledgment = segment.has(Flags::ACK).then(|| {
            let number = segment.acknowledgment;
            self.relative(side.peer(), number, number.wrapping_sub(1), &segment)
        });
        let data = sequence + i64::from(syn) - 1;
        let bytes = data..data + i64::from(segment.length);
        let (mark, fresh) = if segment.has(Flags::RST) {
            // A RST has a place among the numbers and takes up none.
            (Mark::Next, 0)
        } else {
            let taken = sequence..sequence + i64::from(segment.sequence_length());
            self.streams[side].note(taken, &bytes, self.conversation.turns.len())
        };
        let window = self.window(side, &segment);
        let turn = Turn {
            segment,
            side,
            sequence,
            acknowledgment,
            bytes,
            fresh,
            mark,
            window,
        };
        self.conversation.turns.push(turn);
    }

    /// A number of `side` made relative; `before` counts as 0 where nothing of that side was seen so far.
    fn relative(&mut self, side: Side, number: u32, before: u32, segment: &Segment) -> i64 {
        let origin = &mut self.conversation.origins[side];
        let zero = origin.unwrap_or(before);
        // The numbers of a RST may be those of a connection that never was (RFC 9293, 3.10.7.1).
        if !segment.has(Flags::RST) {
            *origin = Some(zero);
        }
        relative(number, zero, self.streams[side].next)
    }

    /// Windows are scaled only where both SYNs offered it, and never in a SYN (RFC 7323, 2.2).
    fn window(&self, side: Side, segment: &Segment) -> Option<u32> {
        let window = u32::from(segment.window);
        if segment.has(Flags::SYN) || window == 0 {
            return Some(window);
        }
        let (own, peer) = (self.streams[side].syn?, self.streams[side.peer()].syn?);
        let scale = own.scale.filter(|_| peer.scale.is_some()).unwrap_or(0);
        Some(window << scale)
    }
}

impl Stream {
    /// Takes note of what a segment carries: its sequence numbers, and the bytes among them.
    fn note(&mut self, taken: Range<i64>, bytes: &Range<i64>, index: usize) -> (Mark, u64) {
        let nothing_before = self.sent.is_empty();
        if taken.is_empty() {
            let probe = !nothing_before && taken.start == self.next - 1;
            return (if probe { Mark::Probe } else { Mark::Next }, 0);
        }
        let (known, fresh) = self.split(&taken);
        let mark = match known {
            Some(of) if fresh.is_empty() => Mark::Repeat { of },
            Some(of) => Mark::Overlap { of },
            None if nothing_before || taken.start == self.next => Mark::Next,
            None if taken.start > self.next => Mark::Ahead,
            None => Mark::Late,
        };
        // A byte's number is one more than its place.
        let numbers = bytes.start + 1..bytes.end + 1;
        let fresh_bytes = fresh.iter().map(|range| common_length(range, &numbers)).sum();
        self.sent
            .extend(fresh.into_iter().map(|range| (range.start, (range.end, index))));
        self.next = if nothing_before {
            taken.end
        } else {
            self.next.max(taken.end)
        };
        (mark, fresh_bytes)
    }

    /// The first segment that shares numbers with the range, and the parts of it that were not sent before.
    fn split(&self, taken: &Range<i64>) -> (Option<usize>, Vec<Range<i64>>) {
        let before = self
            .sent
            .range(..taken.start)
            .next_back()
            .filter(|(_, (end, _))| *end > taken.start);
        let within = self.sent.range(taken.clone());
        let (mut known, mut fresh, mut at) = (None, Vec::new(), taken.start);
        for (&start, &(end, index)) in before.into_iter().chain(within) {
            known.get_or_insert(index);
            if at < start {
                fresh.push(at..start);
            }
            at = end;
        }
        if at < taken.end {
            fresh.push(at..taken.end);
        }
        (known, fresh)
    }
}

/// How many numbers two ranges have in common.
fn common_length(one: &Range<i64>, two: &Range<i64>) -> u64 {
    u64::try_from(one.end.min(two.end) - one.start.max(two.start)).unwrap_or(0)
}

/// The number as a distance from `origin`, on that turn of the 32-bit circle which is nearest to the relative number
/// `near`.
fn relative(number: u32, origin: u32, near: i64) -> i64 {
    let on_circle = number.wrapping_sub(origin);
    near + i64::from(on_circle.wrapping_sub(near as u32).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ECHO, conversation, segments};

    fn marks(conversation: &Conversation) -> Vec<Mark> {
        conversation.turns.iter().map(|turn| turn.mark).collect()
    }

    #[test]
    fn numbers_are_relative_across_the_wrap_of_the_circle() {
        let conversation = conversation(ECHO);
        let numbers: Vec<_> = conversation
            .turns
            .iter()
            .map(|turn| (turn.side, turn.sequence, turn.acknowledgment))
            .collect();
        use Side::{Client, Server};
        assert_eq!(
            numbers,
            [
                (Client, 0, None),
                (Server, 0, Some(1)),
                (Client, 1, Some(1)),
                (Client, 1, Some(1)),
                (Server, 1, Some(12)),
                (Server, 1, Some(12)),
                (Client, 12, Some(12)),
                (Client, 12, Some(12)),
                (Server, 12, Some(13)),
                (Client, 13, Some(13)),
            ]
        );
        assert_eq!(conversation.turns[3].bytes, 0..11);
        assert_eq!(conversation.turns[3].fresh, 11);
        assert_eq!(conversation.turns[7].fin(), Some(12));
        assert_eq!(conversation.roles, Roles::Syn);
        assert!(marks(&conversation).iter().all(|mark| *mark == Mark::Next));
    }

    #[test]
    fn numbers_go_on_counting_past_four_gigabytes() {
        for (number, near, expected) in [
            (5, 0, 5),
            (u32::MAX, 0, -1),
            (5, i64::from(u32::MAX), (1 << 32) + 5),
            (u32::MAX, 1 << 32, (1 << 32) - 1),
            (7, 3 << 32, (3 << 32) + 7),
        ] {
            assert_eq!(relative(number, 0, near), expected);
        }
    }

    #[test]
    fn the_client_is_who_sent_the_syn_whatever_the_ports() {
        let mut segments = segments(ECHO);
        for segment in &mut segments {
            std::mem::swap(&mut segment.source, &mut segment.destination);
        }
        let found = conversations(segments);
        assert_eq!(found[0].ends.client.port(), 8_000);
        assert_eq!(found[0].turns[0].side, Side::Client);
    }

    #[test]
    fn sides_of_a_conversation_begun_before_the_capture_are_guessed_and_the_guess_is_told() {
        let from = |index: usize| conversations(segments(ECHO).split_off(index)).remove(0);
        assert_eq!(from(1).roles, Roles::SynAck);
        assert_eq!(from(1).ends, conversation(ECHO).ends);
        let later = from(3);
        assert_eq!(later.roles, Roles::LowerPort);
        assert_eq!(later.ends.server.port(), 8_000);
        assert_eq!(
            (later.turns[0].sequence, later.turns[0].acknowledgment),
            (1, Some(1))
        );
        assert_eq!(later.turns[0].bytes, 0..11);
        assert_eq!(later.turns[2].bytes, 0..11);
        assert_eq!(later.turns[0].window, None);
        let mut same_ports = segments(ECHO).split_off(5);
        for segment in &mut same_ports {
            segment.source.set_port(7);
            segment.destination.set_ip([127, 0, 0, 2].into());
            segment.destination.set_port(7);
        }
        assert_eq!(conversations(same_ports)[0].roles, Roles::FirstToSpeak);
    }

    #[test]
    fn a_new_syn_on_the_same_ends_is_a_new_conversation() {
        let mut again = segments(ECHO);
        for segment in &mut again {
            let other = if segment.source.port() == 8_000 { 77 } else { 99 };
            segment.sequence = segment.sequence.wrapping_add(other);
            segment.acknowledgment = segment.acknowledgment.wrapping_add(77 + 99 - other);
        }
        let found = conversations(segments(ECHO).into_iter().chain(again));
        assert_eq!(
            found.iter().map(|found| found.turns.len()).collect::<Vec<_>>(),
            [10, 10]
        );
        assert_eq!(found[1].number, 2);
        assert_eq!(found[1].turns[3].bytes, 0..11);
    }

    #[test]
    fn a_syn_sent_again_is_no_new_conversation() {
        let conversation = conversation(&[">S", ">S s0 +1000", "<S.", ">."]);
        assert_eq!(marks(&conversation)[1], Mark::Repeat { of: 0 });
    }

    #[test]
    fn ends_that_call_each_other_at_once_have_one_conversation() {
        let conversation = conversation(&[">S", "<S", ">S. s0", "<S. s0"]);
        assert_eq!(conversation.turns.len(), 4);
    }

    #[test]
    fn several_connections_are_told_apart_by_their_ports() {
        let found = conversations(segments(&[">S", ">S p40001 s0", "<S.", "<S. p40001 s0"]));
        assert_eq!(
            found
                .iter()
                .map(|found| found.ends.client.port())
                .collect::<Vec<_>>(),
            [40_000, 40_001]
        );
        assert!(found.iter().all(|found| found.turns.len() == 2));
    }

    #[test]
    fn retransmissions_are_marked_with_what_they_repeat() {
        let conversation = conversation(&[
            ">S", "<S.", ">.", ">.10",
            ">.10", // the whole, a shorter piece, both in one, one with more behind it
            ">.10 s1", ">.5 s3", ">.20 s1", ">.15 s11", ">F.", ">F. s26",
        ]);
        use Mark::{Next, Overlap, Repeat};
        assert_eq!(
            marks(&conversation)[3..],
            [
                Next,
                Next,
                Repeat { of: 3 },
                Repeat { of: 3 },
                Repeat { of: 3 },
                Overlap { of: 4 },
                Next,
                Repeat { of: 9 }
            ]
        );
        assert_eq!(conversation.turns[8].fresh, 5);
        assert_eq!(conversation.carriers(Side::Client, 11), [4, 7, 8]);
        assert_eq!(conversation.turns[7].repeats(), Some(3));
    }

    #[test]
    fn where_the_first_copy_was_lost_before_the_capture_the_second_fills_the_gap() {
        let conversation = conversation(&[">S", "<S.", ">.", ">.10", ">.10 s21", ">.10 s11", ">.10 s31"]);
        assert_eq!(
            marks(&conversation)[3..],
            [Mark::Next, Mark::Ahead, Mark::Late, Mark::Next]
        );
    }

    #[test]
    fn a_keepalive_is_a_probe() {
        let conversation = conversation(&[">S", "<S.", ">.", ">.5", "<.", ">. s5", "<."]);
        assert_eq!(marks(&conversation)[4..], [Mark::Next, Mark::Probe, Mark::Next]);
    }

    #[test]
    fn windows_are_scaled_after_the_syns_if_both_offer_it() {
        let found = conversation(ECHO);
        assert_eq!(found.turns[0].window, Some(512));
        assert_eq!(found.turns[2].window, Some(512 << 7));
        let mut without = segments(ECHO);
        without[1].option_bytes.clear();
        assert_eq!(conversations(without)[0].turns[2].window, Some(512));
    }

    #[test]
    fn a_reset_takes_up_no_numbers() {
        let conversation = conversation(&[">S", "<R. s77"]);
        assert_eq!(conversation.origins.server, None);
        assert_eq!(conversation.turns[1].acknowledgment, Some(1));
    }

    #[test]
    fn the_same_conversation_is_known_at_another_place_of_capture() {
        let (here, there) = (
            conversation(ECHO),
            conversations(segments(ECHO).split_off(1)).remove(0),
        );
        assert!(here.is_also(&there) && there.is_also(&here));
        let mut later = segments(ECHO);
        later[0].sequence = 1;
        assert!(!here.is_also(&conversations(later)[0]));
    }
}
