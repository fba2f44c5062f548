//! Both ends' TCP states, segment by segment, by the names of RFC 9293 (section 3.3.2).
//!
//! A capture shows what went over the wire, not what the ends held; but TCP's states follow from what an end sent and
//! what it has received, and an end's own acknowledgments tell how far it had received when it sent them. So the states
//! are derived: a segment changes its sender's state as it passes, and its receiver's too, *unless* the receiver's own
//! segments show that it had not taken note yet. A FIN that crosses a FIN is the case that matters: each end sends its own
//! before it knows of the other's, and both pass through CLOSING.
//!
//! A socket that is connected to itself is one end, the client, which hears what it sends; of the server nothing is told.
//!
//! What this cannot know: a change is dated by the packet at the place of capture, a little off the moment in the host; a
//! state that ends by a timer (TIME-WAIT, an orphan) leaves no packet, so it is the last one shown; and an end that is
//! asked for by a SYN is taken to be in LISTEN unless it answers with a RST (nobody listens: CLOSED) or with a SYN of its
//! own (both call). Linux creates the server's connection only when the handshake is complete; the RFC's names are
//! used all the same.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::conversation::{Conversation, Mark, Roles, Side, Sides, Turn};
use crate::segment::Flags;

/// A state of one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No connection.
    Closed,
    /// Waiting to be called.
    Listen,
    /// Has called; waits for the answer.
    SynSent,
    /// Has been called and has answered; waits for the answer's acknowledgment.
    SynReceived,
    /// Open: data may pass.
    Established,
    /// Has finished; waits for the acknowledgment of its FIN, and for the other's FIN.
    FinWait1,
    /// Has finished, and the other knows; waits for the other's FIN.
    FinWait2,
    /// The other has finished; may still send.
    CloseWait,
    /// Both have finished without knowing of each other; waits for the acknowledgment of its FIN.
    Closing,
    /// Both have finished, the other first; waits for the acknowledgment of its FIN.
    LastAck,
    /// Over; waits until no old segment can be on its way any more.
    TimeWait,
}

impl State {
    /// Every state, in the order of RFC 9293, 3.3.2, which ends with CLOSED.
    pub const ALL: [State; 11] = [
        State::Listen,
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
        State::Closed,
    ];

    /// The RFC's name: `SYN-RECEIVED`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Closed => "CLOSED",
            State::Listen => "LISTEN",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
        }
    }

    /// Whether nothing more is to be expected on the wire: CLOSED, LISTEN or TIME-WAIT.
    pub fn is_terminal(self) -> bool {
        matches!(self, State::Closed | State::Listen | State::TimeWait)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no state's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of RFC 9293; the states are {names}", names = State::ALL.map(State::as_str).join(", "))]
pub struct NoState(String);

impl FromStr for State {
    type Err = NoState;

    fn from_str(text: &str) -> Result<State, NoState> {
        State::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| NoState(text.into()))
    }
}

/// An end goes from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The segment that caused it, as an index in [`Conversation::turns`].
    pub turn: usize,
    /// Whose state changes.
    pub side: Side,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}

/// Both ends' states through a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    /// Before the first segment.
    pub first: Sides<State>,
    /// Every change, in order; a segment may cause several.
    pub changes: Vec<Change>,
    /// After the last segment.
    pub last: Sides<State>,
}

impl States {
    /// The changes that one segment causes.
    pub fn at(&self, turn: usize) -> &[Change] {
        let start = self.changes.partition_point(|change| change.turn < turn);
        let end = self.changes.partition_point(|change| change.turn <= turn);
        &self.changes[start..end]
    }

    /// Both states after one segment.
    pub fn after(&self, turn: usize) -> Sides<State> {
        let mut states = self.first;
        for change in self.changes.iter().take_while(|change| change.turn <= turn) {
            states[change.side] = change.to;
        }
        states
    }

    /// The states that one end goes through, from the first to the last.
    pub fn path(&self, side: Side) -> Vec<State> {
        let changes = self.changes.iter().filter(|change| change.side == side);
        std::iter::once(self.first[side])
            .chain(changes.map(|change| change.to))
            .collect()
    }

    /// Whether both ends are in states in which nothing more is to be expected.
    pub fn are_terminal(&self) -> bool {
        Side::BOTH.into_iter().all(|side| self.last[side].is_terminal())
    }
}

/// Derives both ends' states.
pub fn states(conversation: &Conversation) -> States {
    let first = first_states(conversation);
    let ends = Sides {
        client: End::new(first.client, Side::Client),
        server: End::new(first.server, Side::Server),
    };
    let knowledge = Knowledge::of(conversation);
    let mut machine = Machine {
        turns: &conversation.turns,
        one_socket: conversation.is_one_socket(),
        ends,
        changes: Vec::new(),
    };
    // Which segments' receivers take note of them once a turn has passed.
    let mut noted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for turn in 0..conversation.turns.len() {
        machine.sends(turn);
        noted
            .entry(knowledge.noted_at(&conversation.turns, turn))
            .or_default()
            .push(turn);
        for arrived in noted.remove(&turn).unwrap_or_default() {
            machine.learns(turn, arrived);
        }
    }
    let last = Sides {
        client: machine.ends.client.state,
        server: machine.ends.server.state,
    };
    States {
        first,
        changes: machine.changes,
        last,
    }
}

fn first_states(conversation: &Conversation) -> Sides<State> {
    let turns = &conversation.turns;
    match conversation.roles {
        Roles::Syn => {
            let answer = turns.iter().find(|turn| turn.side == Side::Server);
            let called = answer.is_none_or(|turn| turn.has(Flags::SYN | Flags::ACK));
            let called = called && !conversation.is_one_socket();
            Sides {
                client: State::Closed,
                server: if called { State::Listen } else { State::Closed },
            }
        }
        Roles::SynAck => Sides {
            client: State::SynSent,
            server: State::Listen,
        },
        Roles::LowerPort | Roles::FirstToSpeak => Sides {
            client: State::Established,
            server: State::Established,
        },
    }
}

struct Machine<'a> {
    turns: &'a [Turn],
    one_socket: bool,
    ends: Sides<End>,
    changes: Vec<Change>,
}

impl Machine<'_> {
    fn sends(&mut self, turn: usize) {
        let segment = &self.turns[turn];
        self.change(turn, segment.side, |end| end.sends(segment));
    }

    /// The receiver takes note of the segment `arrived` when `turn` has passed.
    fn learns(&mut self, turn: usize, arrived: usize) {
        let segment = &self.turns[arrived];
        let side = receiver(segment.side, self.one_socket);
        // A FIN with the acknowledgment of a FIN changes two states, one after the other.
        for step in [
            End::learns_reset,
            End::learns_syn,
            End::learns_acknowledgment,
            End::learns_fin,
        ] {
            self.change(turn, side, |end| step(end, segment));
        }
    }

    fn change(&mut self, turn: usize, side: Side, step: impl FnOnce(&mut End)) {
        let from = self.ends[side].state;
        step(&mut self.ends[side]);
        let to = self.ends[side].state;
        if from != to {
            self.changes.push(Change { turn, side, from, to });
        }
    }
}

/// Whom a side's segments reach: the other; and itself where a socket is connected to itself.
fn receiver(side: Side, one_socket: bool) -> Side {
    if one_socket { side } else { side.peer() }
}

/// What the ends' own segments tell of how far they had received.
struct Knowledge {
    one_socket: bool,
    /// For each segment of a side that is no RST: its index, and the highest relative number that the side had
    /// acknowledged by then.
    acknowledged: Sides<Vec<(usize, i64)>>,
    /// The segments of a side that repeat or fill what was missing, by index.
    repairs: Sides<Vec<usize>>,
}

impl Knowledge {
    fn of(conversation: &Conversation) -> Knowledge {
        let turns = &conversation.turns;
        let mut knowledge = Knowledge {
            one_socket: conversation.is_one_socket(),
            acknowledged: Sides::default(),
            repairs: Sides::default(),
        };
        for (index, turn) in turns.iter().enumerate().filter(|(_, turn)| !turn.has(Flags::RST)) {
            let acknowledged = &mut knowledge.acknowledged[turn.side];
            let before = acknowledged.last().map_or(i64::MIN, |(_, number)| *number);
            acknowledged.push((index, before.max(turn.acknowledgment.unwrap_or(i64::MIN))));
            if matches!(turn.mark, Mark::Late | Mark::Repeat { .. } | Mark::Overlap { .. }) {
                knowledge.repairs[turn.side].push(index);
            }
        }
        knowledge
    }

    /// The turn at which a segment's receiver takes note of it: as a rule the segment's own.
    ///
    /// Where the receiver goes on sending segments that do not acknowledge a SYN or FIN, it takes note of it after the
    /// last of them; and if the sender repairs something between that and the acknowledgment, then by that repair. An end
    /// that learns of a RST sends nothing but RSTs from then on. An acknowledgment that is learned leaves no trace.
    fn noted_at(&self, turns: &[Turn], turn: usize) -> usize {
        let segment = &turns[turn];
        let sent = &self.acknowledged[receiver(segment.side, self.one_socket)];
        if segment.has(Flags::RST) {
            return sent.last().map_or(turn, |(last, _)| turn.max(*last));
        }
        if segment.segment.flags.0 & (Flags::SYN | Flags::FIN) == 0 {
            return turn;
        }
        let covering = sent.partition_point(|(_, number)| *number < segment.end());
        let Some((without, _)) = covering.checked_sub(1).map(|before| sent[before]) else {
            return turn;
        };
        if without <= turn {
            return turn;
        }
        let repairs = &self.repairs[segment.side];
        let repair = repairs.get(repairs.partition_point(|repair| *repair < without));
        let known = sent.get(covering).map_or(turns.len(), |(index, _)| *index);
        repair
            .copied()
            .filter(|repair| *repair < known)
            .unwrap_or(without)
    }
}

/// One end, as far as its state depends on it.
struct End {
    state: State,
    /// Whether it was called, so that a RST before the handshake is complete leads back to LISTEN.
    called: bool,
    /// The relative number after its SYN.
    after_syn: Option<i64>,
    /// The relative number after its FIN.
    after_fin: Option<i64>,
    /// The highest relative number that it acknowledged.
    acknowledged: Option<i64>,
}

impl End {
    fn new(state: State, side: Side) -> End {
        End {
            state,
            called: side == Side::Server && state == State::Listen,
            after_syn: None,
            after_fin: None,
            acknowledged: None,
        }
    }

    fn sends(&mut self, turn: &Turn) {
        use State::*;
        if turn.has(Flags::RST) {
            // A listener, or nobody, answers for a connection that it does not have.
            if self.state != Listen {
                self.state = Closed;
            }
            return;
        }
        self.acknowledged = self.acknowledged.max(turn.acknowledgment);
        if turn.has(Flags::SYN) {
            self.after_syn = Some(turn.sequence + 1);
            self.state = match (self.state, turn.has(Flags::ACK)) {
                (Closed | Listen, false) => SynSent,
                (Closed | Listen | SynSent, true) => SynReceived,
                (other, _) => other,
            };
        }
        if turn.has(Flags::FIN) {
            self.after_fin = Some(turn.end());
            self.state = match self.state {
                SynReceived | Established => FinWait1,
                CloseWait => LastAck,
                other => other,
            };
        }
    }

    fn learns_reset(&mut self, turn: &Turn) {
        use State::*;
        if !turn.has(Flags::RST) {
            return;
        }
        // RFC 9293, 3.10.7.3 and 3.10.7.4: one that answers no SYN of ours, or lies before what has arrived, is no reset.
        let valid = match self.state {
            SynSent => turn
                .acknowledgment
                .is_some_and(|number| Some(number) == self.after_syn),
            _ => self.acknowledged.is_none_or(|number| turn.sequence >= number),
        };
        self.state = match self.state {
            other if !valid => other,
            Listen => Listen,
            SynReceived if self.called => Listen,
            _ => Closed,
        };
    }

    fn learns_syn(&mut self, turn: &Turn) {
        use State::*;
        // A listener's state changes when it answers: a SYN that it has no room for leaves no trace.
        if turn.has(Flags::SYN) && self.state == SynSent {
            let answers = turn.acknowledgment.is_some() && turn.acknowledgment >= self.after_syn;
            self.state = if answers { Established } else { SynReceived };
        }
    }

    fn learns_acknowledgment(&mut self, turn: &Turn) {
        use State::*;
        let Some(number) = turn.acknowledgment.filter(|_| !turn.has(Flags::RST)) else {
            return;
        };
        if self.state == SynReceived && self.after_syn.is_some_and(|after| number >= after) {
            self.state = Established;
        }
        if self.after_fin.is_some_and(|after| number >= after) {
            self.state = match self.state {
                FinWait1 => FinWait2,
                Closing => TimeWait,
                LastAck => Closed,
                other => other,
            };
        }
    }

    fn learns_fin(&mut self, turn: &Turn) {
        use State::*;
        if turn.has(Flags::FIN) {
            self.state = match self.state {
                SynReceived | Established => CloseWait,
                FinWait1 => Closing,
                FinWait2 => TimeWait,
                other => other,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ECHO, conversation};

    /// Both ends' paths, states joined by arrows.
    fn paths(script: &[&str]) -> (String, String) {
        let states = states(&conversation(script));
        let path = |side| {
            states
                .path(side)
                .into_iter()
                .map(State::as_str)
                .collect::<Vec<_>>()
                .join(" > ")
        };
        (path(Side::Client), path(Side::Server))
    }

    /// A handshake, then these.
    fn open(rest: &[&str]) -> (String, String) {
        let (client, server) = paths(&[&[">S", "<S.", ">."], rest].concat());
        let handshake = |path: String, before: &str| {
            path.strip_prefix(before)
                .unwrap_or_else(|| panic!("{path}"))
                .to_owned()
        };
        (
            handshake(client, "CLOSED > SYN-SENT > ESTABLISHED"),
            handshake(server, "LISTEN > SYN-RECEIVED > ESTABLISHED"),
        )
    }

    fn are(client: &str, server: &str) -> (String, String) {
        (client.into(), server.into())
    }

    #[test]
    fn who_finishes_first_waits_in_time_wait() {
        let expected = are(
            " > FIN-WAIT-1 > FIN-WAIT-2 > TIME-WAIT",
            " > CLOSE-WAIT > LAST-ACK > CLOSED",
        );
        assert_eq!(open(&[">F.", "<F.", ">."]), expected);
        assert_eq!(open(&[">F.", "<.", "<F.", ">."]), expected);
        assert_eq!(open(&[">F.", "<.5", ">.", "<F.", ">."]), expected);
        let (client, server) = expected;
        assert_eq!(open(&["<F.", ">F.", "<."]), (server, client));
    }

    #[test]
    fn each_change_is_dated_by_the_segment_that_causes_it() {
        let states = states(&conversation(ECHO));
        let turns: Vec<usize> = states.changes.iter().map(|change| change.turn).collect();
        // SYN, SYN-ACK twice, ACK; FIN twice; FIN with ACK: LAST-ACK, FIN-WAIT-2, TIME-WAIT; ACK.
        assert_eq!(turns, [0, 1, 1, 2, 7, 7, 8, 8, 8, 9]);
        assert_eq!(
            states.at(9),
            [Change {
                turn: 9,
                side: Side::Server,
                from: State::LastAck,
                to: State::Closed
            }]
        );
        assert_eq!(states.at(4), []);
        assert_eq!(
            states.after(7),
            Sides {
                client: State::FinWait1,
                server: State::CloseWait
            }
        );
        assert_eq!(
            states.after(6),
            Sides {
                client: State::Established,
                server: State::Established
            }
        );
        assert!(states.are_terminal());
    }

    #[test]
    fn fins_that_cross_lead_both_ends_through_closing() {
        let expected = are(
            " > FIN-WAIT-1 > CLOSING > TIME-WAIT",
            " > FIN-WAIT-1 > CLOSING > TIME-WAIT",
        );
        assert_eq!(open(&["<F.", ">F. a1", "<.", ">."]), expected);
        assert_eq!(open(&[">F.", "<F. a1", ">.", "<."]), expected);
    }

    #[test]
    fn a_fin_that_crosses_data_is_learned_of_after_them() {
        let conversation = conversation(&[">S", "<S.", ">.", ">F.", "<.5 a1", "<F.", ">."]);
        let states = states(&conversation);
        let learned = states
            .changes
            .iter()
            .find(|change| change.to == State::CloseWait)
            .unwrap();
        assert_eq!(learned.turn, 4);
        assert_eq!(
            states.last,
            Sides {
                client: State::TimeWait,
                server: State::Closed
            }
        );
    }

    #[test]
    fn a_fin_behind_a_gap_is_learned_of_when_the_gap_is_filled() {
        let lost = [
            ">S", "<S.", ">.", ">.5 s6", ">F.", "<. a1", ">.5 s1", "<.", "<F.", ">.",
        ];
        let states = states(&conversation(&lost));
        let learned = states
            .changes
            .iter()
            .find(|change| change.to == State::CloseWait)
            .unwrap();
        assert_eq!(learned.turn, 6);
    }

    #[test]
    fn an_answer_that_is_lost_is_learned_of_by_its_copy() {
        let states = states(&conversation(&[">S", "<S.", ">S s0", "<S. s0", ">."]));
        let learned = states
            .changes
            .iter()
            .find(|change| change.to == State::Established)
            .unwrap();
        assert_eq!((learned.turn, learned.side), (3, Side::Client));
    }

    #[test]
    fn a_reset_closes_both_ends() {
        assert_eq!(open(&[">.5", "<R."]), are(" > CLOSED", " > CLOSED"));
        assert_eq!(open(&[">R."]), are(" > CLOSED", " > CLOSED"));
        // Write after close: the server is gone, its kernel answers for it.
        let expected = are(" > CLOSE-WAIT > CLOSED", " > FIN-WAIT-1 > FIN-WAIT-2 > CLOSED");
        assert_eq!(open(&["<F.", ">.5", "<R s2"]), expected);
    }

    #[test]
    fn a_reset_that_crosses_data_is_learned_of_after_them() {
        let states = states(&conversation(&[">S", "<S.", ">.", ">R.", "<.5 a1"]));
        let turns: Vec<_> = states
            .changes
            .iter()
            .map(|change| (change.turn, change.side))
            .collect();
        assert_eq!(turns[4..], [(3, Side::Client), (4, Side::Server)]);
    }

    #[test]
    fn a_reset_from_the_past_is_none() {
        assert_eq!(open(&["<.20", ">.", "<R. s5"]).0, "");
        assert_eq!(paths(&[">S", "<R. a77"]).0, "CLOSED > SYN-SENT");
    }

    #[test]
    fn where_nobody_listens_the_server_is_closed() {
        assert_eq!(paths(&[">S", "<R."]), are("CLOSED > SYN-SENT > CLOSED", "CLOSED"));
    }

    #[test]
    fn a_syn_that_nobody_answers_leaves_the_listener_listening() {
        assert_eq!(paths(&[">S", ">S s0"]), are("CLOSED > SYN-SENT", "LISTEN"));
    }

    #[test]
    fn a_reset_within_the_handshake_leads_the_listener_back_to_listen() {
        assert_eq!(paths(&[">S", "<S.", ">R s1"]).1, "LISTEN > SYN-RECEIVED > LISTEN");
    }

    #[test]
    fn ends_that_call_each_other_go_through_syn_received() {
        let path = "CLOSED > SYN-SENT > SYN-RECEIVED > ESTABLISHED";
        assert_eq!(paths(&[">S", "<S", ">S. s0", "<S. s0"]), are(path, path));
    }

    #[test]
    fn a_socket_connected_to_itself_hears_what_it_sends() {
        let mut own = conversation(&[">S", ">S. s0 a1", ">. a1", ">.5 a1", ">. a6", ">F. a6", ">. a7"]);
        own.ends.server = own.ends.client;
        let states = states(&own);
        let path: Vec<_> = states.path(Side::Client).into_iter().map(State::as_str).collect();
        assert_eq!(
            path.join(" > "),
            "CLOSED > SYN-SENT > SYN-RECEIVED > ESTABLISHED > FIN-WAIT-1 > CLOSING > TIME-WAIT"
        );
        let turns: Vec<usize> = states.changes.iter().map(|change| change.turn).collect();
        assert_eq!(turns, [0, 0, 1, 5, 5, 6]);
        assert_eq!(states.path(Side::Server), [State::Closed]);
        assert!(states.are_terminal());
    }

    #[test]
    fn a_capture_begun_in_mid_conversation_begins_established() {
        let (client, server) = paths(&[">.5", "<.", ">F.", "<F.", ">."]);
        assert_eq!(client, "ESTABLISHED > FIN-WAIT-1 > FIN-WAIT-2 > TIME-WAIT");
        assert_eq!(server, "ESTABLISHED > CLOSE-WAIT > LAST-ACK > CLOSED");
    }

    #[test]
    fn names_are_the_rfc_s_and_others_are_told_them() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        let error = "TIME_WAIT".parse::<State>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`TIME_WAIT` is no state of RFC 9293; the states are LISTEN, SYN-SENT")
        );
    }
}
