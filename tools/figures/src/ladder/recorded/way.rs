//! What leaves and what arrives, in the order of time.

use std::collections::{HashMap, VecDeque};

use wire::{
    cause::{Calls, Cause, causes},
    conversation::{Conversation, Side, Turn},
    segment::Ip,
};

/// A segment that leaves one end, or arrives at the other.
#[derive(Clone, Debug)]
pub struct Passing<'a> {
    pub time: u64,
    /// The conversation, as an index.
    pub conversation: usize,
    pub turn: &'a Turn,
    /// Its index in the conversation; none where only the server's host saw it.
    pub number: Option<usize>,
    pub what: What,
    /// Why it left, as its own end saw it.
    pub cause: Option<Cause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The sender's host sees the segment leave.
    Leaves(Way),
    /// The receiver's host sees it arrive.
    Arrives,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One capture saw it: it arrives as it leaves.
    AtOnce,
    /// It arrives later.
    Slow,
    /// The other end never saw it.
    Lost,
    /// The other end saw what this end never sent: the link made a copy.
    Copied,
}

/// Everything that passes. `near` was captured at the client's host or at the only one, `far` at the server's.
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

fn one_host<'a>(
    all: &mut Vec<Passing<'a>>,
    near: &'a [Conversation],
    conversation: usize,
    calls: &Calls<'_>,
) {
    let causes = causes(near, conversation, calls, None);
    let turns = near[conversation].turns.iter().enumerate();
    all.extend(turns.zip(causes).map(|((number, turn), cause)| Passing {
        time: turn.segment.time,
        conversation,
        turn,
        number: Some(number),
        what: What::Leaves(Way::AtOnce),
        cause: Some(cause),
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
    let matched = matched(here, there);
    // The calls are tied to the conversations of the near capture; those of the far one are the same by their ends.
    let causes_here = causes(near, conversation, calls, Some(Side::Client));
    let tied = Calls::new(calls.records(), far);
    let causes_there = also.map_or_else(Vec::new, |also| causes(far, also, &tied, Some(Side::Server)));
    let mut add = |time, turn, number, what, cause: Option<&Cause>| {
        all.push(Passing {
            time,
            conversation,
            turn,
            number,
            what,
            cause: cause.cloned(),
        });
    };
    let mut seen = vec![false; there.len()];
    for (number, turn) in here.iter().enumerate() {
        let time = turn.segment.time;
        let other = matched.get(&number).copied();
        if let Some(other) = other {
            seen[other] = true;
        }
        let own_cause = causes_here.get(number);
        let number = Some(number);
        match (turn.side, other) {
            (Side::Client, Some(other)) => {
                add(time, turn, number, What::Leaves(Way::Slow), own_cause);
                add(there[other].segment.time, turn, number, What::Arrives, None);
            }
            (Side::Client, None) => add(time, turn, number, What::Leaves(Way::Lost), own_cause),
            (Side::Server, Some(other)) => {
                let left = there[other].segment.time;
                add(
                    left,
                    turn,
                    number,
                    What::Leaves(Way::Slow),
                    causes_there.get(other),
                );
                add(time, turn, number, What::Arrives, None);
            }
            (Side::Server, None) => add(time, turn, number, What::Leaves(Way::Copied), None),
        }
    }
    for (other, turn) in there.iter().enumerate().filter(|(other, _)| !seen[*other]) {
        let (way, cause) = match turn.side {
            Side::Client => (Way::Copied, None),
            Side::Server => (Way::Lost, causes_there.get(other)),
        };
        add(turn.segment.time, turn, None, What::Leaves(way), cause);
    }
}

/// Which segment of the other capture each segment of this one is: by what its headers say, the n-th of equal ones the
/// n-th.
fn matched(near: &[Turn], far: &[Turn]) -> HashMap<usize, usize> {
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
    for (number, turn) in far.iter().enumerate() {
        there.entry(key(turn)).or_default().push_back(number);
    }
    near.iter()
        .enumerate()
        .filter_map(|(number, turn)| Some((number, there.get_mut(&key(turn))?.pop_front()?)))
        .collect()
}
