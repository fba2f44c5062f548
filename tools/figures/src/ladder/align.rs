//! Two ladders side by side: which row stands beside which, and where they differ.

use super::{
    Call, Event, Fate, Ladder, Row, Segment, Side,
    draw::Verdict,
    label,
    layout::{Extent, Place},
};

/// What two ladders have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// The rows beside each other, from top to bottom; a gap stands as `None`.
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
    /// The verdict on each row of the first and of the second ladder.
    pub verdicts: (Vec<Verdict>, Vec<Verdict>),
    /// How many rows with a segment, or with a call alone, are not the same in both.
    pub wire: usize,
    pub calls: usize,
}

/// Aligns by the wire first: a segment stands beside the same segment of the other ladder, and what happens between is
/// put beside each other as far as it is equal.
pub fn align(left: &Ladder, right: &Ladder) -> Alignment {
    let pairs = beside(left, right, &common(left, right));
    let mut verdicts = (
        vec![
            Verdict {
                pair: 0,
                differs: true
            };
            left.rows.len()
        ],
        vec![
            Verdict {
                pair: 0,
                differs: true
            };
            right.rows.len()
        ],
    );
    let (mut wire, mut calls) = (0, 0);
    for (pair, &(a, b)) in pairs.iter().enumerate() {
        let rows = (a.map(|a| &left.rows[a]), b.map(|b| &right.rows[b]));
        let same = match rows {
            (Some(a), Some(b)) => weight(left, a, right, b) > 0,
            _ => false,
        };
        let same_calls = match rows {
            (Some(a), Some(b)) => said(left, a) == said(right, b),
            _ => false,
        };
        let is_wire = [rows.0, rows.1].into_iter().flatten().any(|row| {
            matches!(
                row.event,
                Event::Segment(_) | Event::Folded(_) | Event::Arrival { .. }
            )
        });
        wire += usize::from(!same && is_wire);
        calls += usize::from(!same && !is_wire || same && !same_calls);
        let verdict = Verdict {
            pair,
            differs: !same || !same_calls,
        };
        if let Some(a) = a {
            verdicts.0[a] = verdict;
        }
        if let Some(b) = b {
            verdicts.1[b] = verdict;
        }
    }
    Alignment {
        pairs,
        verdicts,
        wire,
        calls,
    }
}

/// The longest common subsequence by weight: pairs of equal rows, in order.
fn common(left: &Ladder, right: &Ladder) -> Vec<(usize, usize)> {
    let (rows, others) = (&left.rows, &right.rows);
    let wide = others.len() + 1;
    let mut best = vec![0u32; (rows.len() + 1) * wide];
    for a in (0..rows.len()).rev() {
        for b in (0..others.len()).rev() {
            let skip = best[(a + 1) * wide + b].max(best[a * wide + b + 1]);
            let weight = weight(left, &rows[a], right, &others[b]);
            let take = if weight > 0 {
                weight + best[(a + 1) * wide + b + 1]
            } else {
                0
            };
            best[a * wide + b] = skip.max(take);
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < rows.len() && b < others.len() {
        let weight = weight(left, &rows[a], right, &others[b]);
        if weight > 0 && best[a * wide + b] == weight + best[(a + 1) * wide + b + 1] {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if best[a * wide + b] == best[(a + 1) * wide + b] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// Fills the gaps between equal rows: what stands in both gaps is put beside each other, which saves height.
fn beside(left: &Ladder, right: &Ladder, common: &[(usize, usize)]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::new();
    let (mut a, mut b) = (0, 0);
    for &(next_a, next_b) in common.iter().chain([&(left.rows.len(), right.rows.len())]) {
        while a < next_a || b < next_b {
            pairs.push(((a < next_a).then_some(a), (b < next_b).then_some(b)));
            a = next_a.min(a + 1);
            b = next_b.min(b + 1);
        }
        if next_a < left.rows.len() {
            pairs.push((Some(next_a), Some(next_b)));
            (a, b) = (next_a + 1, next_b + 1);
        }
    }
    pairs
}

/// How much it is worth to put two rows beside each other; zero where they are not the same. Segments decide.
fn weight(left: &Ladder, a: &Row, right: &Ladder, b: &Row) -> u32 {
    match (&a.event, &b.event) {
        (Event::Segment(x), Event::Segment(y)) if segment(left, x) == segment(right, y) => 1000,
        (Event::Folded(x), Event::Folded(y)) if x.segments == y.segments && x.text == y.text => 1000,
        (Event::Arrival { at: x, .. }, Event::Arrival { at: y, .. }) if left.side(*x) == right.side(*y) => {
            100
        }
        (Event::Silence { .. }, Event::Silence { .. }) => 100,
        (Event::Call(x), Event::Call(y)) if call(left, x) == call(right, y) => 1,
        (Event::Task(x), Event::Task(y)) if left.side(x.at) == right.side(y.at) && x.text() == y.text() => 1,
        _ => 0,
    }
}

/// What makes two segments the same: never a time, a port or a window.
fn segment(ladder: &Ladder, segment: &Segment) -> (Side, String, bool, bool) {
    (
        ladder.side(segment.from),
        label::label(segment),
        segment.mark.is_some(),
        segment.fate == Fate::Lost,
    )
}

fn call<'a>(ladder: &Ladder, call: &'a Call) -> (Side, &'a str) {
    // A descriptor's number is a matter of what else the program has open.
    let text = match call.text.split_once(" = ") {
        Some((name @ ("accept" | "accept4" | "socket"), result)) if result.parse::<u32>().is_ok() => name,
        _ => &call.text,
    };
    (ladder.side(call.at), text)
}

/// The call of a row, to be compared.
fn said<'a>(ladder: &Ladder, row: &'a Row) -> Option<(Side, &'a str)> {
    row.event.call().map(|of| call(ladder, of))
}

/// The places of both ladders' rows, equal ones at equal height, and the height of both.
pub fn places(
    pairs: &[(Option<usize>, Option<usize>)],
    left: &[Extent],
    right: &[Extent],
    head: f64,
) -> (Vec<Place>, Vec<Place>, f64) {
    let mut y = head;
    let (mut at_left, mut at_right) = (
        vec![Place::default(); left.len()],
        vec![Place::default(); right.len()],
    );
    for &(a, b) in pairs {
        let extent = a
            .map_or(Extent::default(), |a| left[a])
            .max(b.map_or(Extent::default(), |b| right[b]));
        y += extent.above;
        if let Some(a) = a {
            at_left[a] = Place { y, extent };
        }
        if let Some(b) = b {
            at_right[b] = Place { y, extent };
        }
        y += extent.below;
    }
    (at_left, at_right, y + 10.0)
}
