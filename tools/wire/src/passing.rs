//! What leaves and what arrives, in the order of time, and what each end knows by it.
//!
//! On one host a segment arrives as it leaves. Between two hosts it takes time, may be lost, overtaken or copied, and each
//! host's capture shows one half: when its own end's segments left, and when the other's arrived. Here the two are one.
//! Segments are counted as the client's host saw them; a cause is what the sender's own host saw, told in those numbers;
//! and the states of an end follow from its own host's capture alone, so that nothing is known before it has arrived.

use std::collections::{HashMap, VecDeque};

use crate::cause::{By, Calls, Cause, Release, causes};
use crate::conversation::{Conversation, Mark, Side, Sides, Turn};
use crate::segment::{Flags, Ip};
use crate::state::{State, States, states};

/// A segment that leaves one end, or arrives at the other.
#[derive(Clone, Debug)]
pub struct Passing<'a> {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// The conversation, as an index of those at the client's host.
    pub conversation: usize,
    /// The segment: as the client's host saw it, where it did.
    pub turn: &'a Turn,
    /// Its index in [`Conversation::turns`] of the client's host; none where only the server's host saw it.
    pub number: Option<usize>,
    /// Leaving or arriving.
    pub what: What,
    /// Why it left, as its own end saw it, with segments as indices of those at the client's host; none where it arrives,
    /// and where the link made it.
    pub cause: Option<Cause>,
    /// How it relates to what its side sent before, as its own end saw it; an index in it is one of that end's capture.
    pub mark: Mark,
    /// The states entered by it, in order.
    pub entered: Vec<(Side, State)>,
}

/// Whether a segment leaves or arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The sender's host sees the segment leave.
    Leaves(Way),
    /// The receiver's host sees it arrive.
    Arrives,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One capture saw it: it arrives as it leaves.
    AtOnce,
    /// It arrives later.
    Slow,
    /// The other end never saw it.
    Lost,
    /// The other end saw what this end never sent: the link made a copy. The time is that of its arrival.
    Copied,
}

/// Everything that passes. `near` was captured at the client's host or at the only one, `far` at the server's; its
/// conversations are known again by their ends (see [`agreeing`]). The calls are tied to `near`.
pub fn passing<'a>(
    near: &'a [Conversation],
    far: Option<&'a [Conversation]>,
    calls: &Calls<'_>,
) -> Vec<Passing<'a>> {
    let mut all = Vec::new();
    for conversation in 0..near.len() {
        match far {
            None => one_host(&mut all, near, conversation, calls),
            Some(far) => two_hosts(&mut all, near, far, conversation, calls),
        }
    }
    // At equal times what leaves comes before what arrives.
    all.sort_by_key(|passing| (passing.time, passing.what == What::Arrives));
    all
}

/// The states in which each conversation leaves its ends, each as its own host saw it. Where all was said and a straggler
/// broke TIME-WAIT off, the states in which all was said ([`Conversation::over`]).
pub fn last_states(near: &[Conversation], far: Option<&[Conversation]>) -> Vec<Sides<State>> {
    let both = near.iter().map(|conversation| {
        let here = states(conversation);
        let last = last_of(conversation, &here);
        match far {
            None => last,
            Some(far) => Sides {
                client: last.client,
                server: other(far, conversation)
                    .map_or(here.first.server, |far| last_of(far, &states(far)).server),
            },
        }
    });
    both.collect()
}

fn last_of(conversation: &Conversation, states: &States) -> Sides<State> {
    let broken_off = |over: &usize| {
        let after = &conversation.turns[over + 1..];
        after.iter().any(|turn| turn.has(Flags::RST))
    };
    match conversation.over().filter(broken_off) {
        Some(over) => states.after(over),
        None => states.last,
    }
}

/// The conversations of the server's host with the sides that the client's host gives them.
///
/// Where both ends send a SYN before either has come, each host sees its own first, and its own end as the client: one of
/// the two has to give way.
pub fn agreeing(mut far: Vec<Conversation>, near: &[Conversation]) -> Vec<Conversation> {
    for conversation in &mut far {
        let turned = turned(conversation.ends);
        let seen = |ends| near.iter().any(|conversation| conversation.ends == ends);
        if seen(conversation.ends) || !seen(turned) {
            continue;
        }
        conversation.ends = turned;
        conversation.origins = self::turned(conversation.origins);
        for turn in &mut conversation.turns {
            turn.side = turn.side.peer();
        }
    }
    far
}

fn turned<T>(sides: Sides<T>) -> Sides<T> {
    Sides {
        client: sides.server,
        server: sides.client,
    }
}

/// The same conversation at the other host.
fn other<'a>(far: &'a [Conversation], conversation: &Conversation) -> Option<&'a Conversation> {
    far.iter().find(|other| other.is_also(conversation))
}

/// The states that one segment leads to at these ends.
fn entered(states: &States, turn: usize, sides: &[Side]) -> Vec<(Side, State)> {
    let changes = states.at(turn).iter();
    let here = changes.filter(|change| sides.contains(&change.side));
    here.map(|change| (change.side, change.to)).collect()
}

fn one_host<'a>(
    all: &mut Vec<Passing<'a>>,
    near: &'a [Conversation],
    conversation: usize,
    calls: &Calls<'_>,
) {
    let causes = causes(near, conversation, calls, None);
    let states = states(&near[conversation]);
    let turns = near[conversation].turns.iter().enumerate();
    all.extend(turns.zip(causes).map(|((number, turn), cause)| Passing {
        time: turn.segment.time,
        conversation,
        turn,
        number: Some(number),
        what: What::Leaves(Way::AtOnce),
        cause: Some(cause),
        mark: turn.mark,
        entered: entered(&states, number, &Side::BOTH),
    }));
}

fn two_hosts<'a>(
    all: &mut Vec<Passing<'a>>,
    near: &'a [Conversation],
    far: &'a [Conversation],
    conversation: usize,
    calls: &Calls<'_>,
) {
    let here = &near[conversation].turns;
    let also = far.iter().position(|other| other.is_also(&near[conversation]));
    let there: &[Turn] = also.map_or(&[], |also| &far[also].turns);
    let pairs = Pairs::of(here, there);
    let states_here = states(&near[conversation]);
    let states_there = also.map(|also| states(&far[also]));
    let causes_here = causes(near, conversation, calls, Some(Side::Client));
    // The calls are tied to the conversations of the near capture; those of the far one are the same by their ends.
    let tied = Calls::new(calls.records(), far);
    let causes_there = also.map_or_else(Vec::new, |also| causes(far, also, &tied, Some(Side::Server)));
    let causes_there: Vec<Cause> = causes_there
        .into_iter()
        .map(|cause| pairs.in_near_numbers(cause))
        .collect();
    // What happens at the client's host, by its own capture, and at the server's by its own.
    for (number, turn) in here.iter().enumerate() {
        let arrived = pairs.far.get(&number).copied();
        let (what, cause) = match (turn.side, arrived) {
            (Side::Client, Some(_)) => (What::Leaves(Way::Slow), causes_here.get(number).cloned()),
            (Side::Client, None) => (What::Leaves(Way::Lost), causes_here.get(number).cloned()),
            (Side::Server, Some(_)) => (What::Arrives, None),
            (Side::Server, None) => (What::Leaves(Way::Copied), None),
        };
        let sent = arrived.filter(|_| turn.side == Side::Server);
        all.push(Passing {
            time: turn.segment.time,
            conversation,
            turn,
            number: Some(number),
            what,
            cause,
            mark: sent.map_or(turn.mark, |sent| there[sent].mark),
            entered: entered(&states_here, number, &[Side::Client]),
        });
    }
    for (index, turn) in there.iter().enumerate() {
        let number = pairs.near.get(&index).copied();
        let (what, cause) = match (turn.side, number) {
            (Side::Client, Some(_)) => (What::Arrives, None),
            (Side::Client, None) => (What::Leaves(Way::Copied), None),
            (Side::Server, Some(_)) => (What::Leaves(Way::Slow), causes_there.get(index).cloned()),
            (Side::Server, None) => (What::Leaves(Way::Lost), causes_there.get(index).cloned()),
        };
        let entered = states_there
            .as_ref()
            .map_or_else(Vec::new, |states| entered(states, index, &[Side::Server]));
        let sent = number.filter(|_| turn.side == Side::Client);
        all.push(Passing {
            time: turn.segment.time,
            conversation,
            turn: number.map_or(turn, |number| &here[number]),
            number,
            what,
            cause,
            mark: sent.map_or(turn.mark, |sent| here[sent].mark),
            entered,
        });
    }
}

/// Which segment of one capture is which of the other: by what its headers say, the n-th of equal ones the n-th.
struct Pairs {
    /// By index in the near capture.
    far: HashMap<usize, usize>,
    /// By index in the far capture.
    near: HashMap<usize, usize>,
    /// For a copy that the link made on its way to the far host: what it is a copy of, in the near capture.
    originals: HashMap<usize, usize>,
}

impl Pairs {
    fn of(near: &[Turn], far: &[Turn]) -> Pairs {
        let key = |turn: &Turn| {
            let segment = &turn.segment;
            let id = match &segment.ip {
                Ip::V4(ip) => ip.id,
                Ip::V6(_) => 0,
            };
            (
                turn.side,
                segment.sequence,
                segment.acknowledgment,
                segment.flags,
                segment.length,
                id,
            )
        };
        let mut there: HashMap<_, VecDeque<usize>> = HashMap::new();
        for (index, turn) in far.iter().enumerate() {
            there.entry(key(turn)).or_default().push_back(index);
        }
        let mut pairs = Pairs {
            far: HashMap::new(),
            near: HashMap::new(),
            originals: HashMap::new(),
        };
        let mut last: HashMap<_, usize> = HashMap::new();
        for (number, turn) in near.iter().enumerate() {
            let key = key(turn);
            last.insert(key, number);
            if let Some(index) = there.get_mut(&key).and_then(VecDeque::pop_front) {
                pairs.far.insert(number, index);
                pairs.near.insert(index, number);
            }
        }
        for (key, left) in there {
            let original = last.get(&key).copied();
            pairs
                .originals
                .extend(left.into_iter().filter_map(|index| Some((index, original?))));
        }
        pairs
    }

    /// A cause that the far host saw, told in the near host's numbers.
    fn in_near_numbers(&self, cause: Cause) -> Cause {
        let number = |index: usize| {
            self.near
                .get(&index)
                .or_else(|| self.originals.get(&index))
                .copied()
        };
        let by = match cause.by {
            By::Answer(index) => number(index).map_or_else(
                || By::Unknown("what it answers was seen at the server's host alone".into()),
                By::Answer,
            ),
            other => other,
        };
        let released = match cause.released {
            Some(Release::Acknowledgment(index)) => number(index).map(Release::Acknowledgment),
            Some(Release::Window(index)) => number(index).map(Release::Window),
            other => other,
        };
        Cause { by, released }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ECHO, conversation};

    /// The server's FIN overtakes the ACK in front of it: TIME-WAIT answers that, and nobody is left to hear the answer.
    const STRAGGLER: &[&str] = &[">S", "<S.", ">.", ">F.", "<F.", ">.", "<. s1", ">.", "<R"];

    #[test]
    fn a_rst_after_all_was_said_leaves_the_ends_as_they_were() {
        let last = last_states(&[conversation(STRAGGLER)], None)[0];
        assert_eq!((last.client, last.server), (State::TimeWait, State::Closed));
    }

    #[test]
    fn an_ack_that_a_fin_overtook_answers_what_it_acknowledges() {
        let conversations = [conversation(STRAGGLER)];
        let causes = causes(&conversations, 0, &Calls::new(&[], &conversations), None);
        assert_eq!(causes[6].by, By::Answer(3));
    }

    /// When each end entered its states after ESTABLISHED, in milliseconds after the first segment.
    fn closing(near: &Conversation, far: &Conversation) -> Vec<(u64, Side, &'static str)> {
        let (near, far) = ([near.clone()], [far.clone()]);
        let calls = Calls::new(&[], &near);
        let all = passing(&near, Some(&far), &calls);
        let first = all[0].time;
        let told = all.iter().flat_map(|it| {
            let at = (it.time - first) / 1_000_000;
            it.entered
                .iter()
                .map(move |(side, state)| (at, *side, state.as_str()))
        });
        told.skip(4).collect()
    }

    #[test]
    fn fins_that_cross_on_a_link_lead_each_end_through_closing_at_its_own_time() {
        // 200 ms each way: the server's FIN leaves at 901 and the client's at 1001, and each arrives behind the other's.
        let near = conversation(&[
            ">S",
            "<S. +400",
            ">. +0",
            ">F. +600",
            "<F. a1 +100",
            ">. +0",
            "<. +300",
        ]);
        let far = conversation(&[
            ">S +201",
            "<S. +0",
            ">. +400",
            "<F. +300",
            ">F. a1 +300",
            "<. +0",
            ">. +100",
        ]);
        use Side::{Client, Server};
        let expected = [
            (900, Server, "FIN-WAIT-1"),
            (1000, Client, "FIN-WAIT-1"),
            (1100, Client, "CLOSING"),
            (1200, Server, "CLOSING"),
            (1300, Server, "TIME-WAIT"),
            (1400, Client, "TIME-WAIT"),
        ];
        assert_eq!(closing(&near, &far), expected);
        let last = last_states(&[near], Some(&[far]));
        assert_eq!(
            last,
            [Sides {
                client: State::TimeWait,
                server: State::TimeWait
            }]
        );
    }

    #[test]
    fn where_nothing_reaches_the_server_s_host_it_stays_as_it_was() {
        let near = [conversation(&[">S", ">S s0 +1000"])];
        let last = last_states(&near, Some(&[]));
        assert_eq!((last[0].client, last[0].server), (State::SynSent, State::Listen));
        let calls = Calls::new(&[], &near);
        let all = passing(&near, Some(&[]), &calls);
        assert!(all.iter().all(|it| it.what == What::Leaves(Way::Lost)));
    }

    #[test]
    fn a_copy_is_answered_as_what_it_is_a_copy_of() {
        let near = [conversation(&[">S", "<S. +10", ">.", ">.5", "<. +10", "<. +1"])];
        // The link makes a second copy of the data; the server answers both.
        let far = [conversation(&[
            ">S +5", "<S. +0", ">. +6", ">.5", "<. +1", ">.5 s1", "<.",
        ])];
        let calls = Calls::new(&[], &near);
        let all = passing(&near, Some(&far), &calls);
        let of = |side| {
            let told = all.iter().filter(move |it| it.turn.side == side);
            told.map(|it| (it.number, it.what)).collect::<Vec<_>>()
        };
        assert!(of(Side::Client).contains(&(None, What::Leaves(Way::Copied))));
        let answers: Vec<_> = all
            .iter()
            .filter(|it| it.turn.side == Side::Server)
            .filter_map(|it| it.cause.as_ref().map(|cause| cause.by.clone()))
            .collect();
        assert_eq!(answers, [By::Answer(0), By::Answer(3), By::Answer(3)]);
    }

    #[test]
    fn a_host_that_took_its_own_end_for_the_client_gives_way() {
        let near = [conversation(&[">S", "<S", ">S. s0", "<S. s0"])];
        assert_eq!(agreeing(near.to_vec(), &near), near, "who agrees stays");
        // As the other host has it, whose SYN was its first.
        let mut far = near[0].clone();
        far.ends = turned(far.ends);
        far.origins = turned(far.origins);
        for turn in &mut far.turns {
            turn.side = turn.side.peer();
        }
        assert!(!far.is_also(&near[0]));
        assert_eq!(agreeing(vec![far], &near), near);
        let other = [conversation(ECHO)];
        assert_eq!(agreeing(other.to_vec(), &[]), other);
    }
}
