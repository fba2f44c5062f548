//! Long runs of ordinary segments, folded into one row that counts them.

use std::ops::Range;

use super::{Call, Event, Fate, Folded, Ladder, Row, Segment, Side};

/// How many segments of a long run stay at its beginning and at its end.
const HEAD: usize = 4;
const TAIL: usize = 2;

pub fn fold(ladder: Ladder, longest: usize) -> Ladder {
    let mut folds: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    while start < ladder.rows.len() {
        let length = ladder.rows[start..]
            .iter()
            .take_while(|row| ordinary(row))
            .count();
        if let Some(range) = middle(&ladder.rows, start..start + length, longest) {
            folds.push(range);
        }
        start += length.max(1);
    }
    if folds.is_empty() {
        return ladder;
    }
    apply(ladder, &folds)
}

/// What may be folded away: nobody speaks of it and nothing about it is unusual.
fn ordinary(row: &Row) -> bool {
    row.notes.is_empty()
        && row.states.is_empty()
        && match &row.event {
            Event::Call(_) | Event::Arrival { .. } => true,
            Event::Segment(segment) => {
                let flags = segment.flags;
                !(flags.syn || flags.fin || flags.rst)
                    && segment.mark.is_none()
                    && segment.remark.is_none()
                    && segment.fate != Fate::Lost
            }
            // The bar of a poll begins and ends in rows of their own.
            Event::Silence { .. } | Event::Folded(_) | Event::Task(_) => false,
        }
}

/// The rows of a run to fold away: all but its first and last segments, if it is long enough for that.
fn middle(rows: &[Row], run: Range<usize>, longest: usize) -> Option<Range<usize>> {
    let segments: Vec<usize> = run
        .filter(|&index| matches!(rows[index].event, Event::Segment(_)))
        .collect();
    if segments.len() <= longest.max(HEAD + TAIL + 1) {
        return None;
    }
    Some(segments[HEAD]..segments[segments.len() - TAIL])
}

fn apply(ladder: Ladder, folds: &[Range<usize>]) -> Ladder {
    let summaries: Vec<Row> = folds.iter().map(|fold| summary(&ladder, fold.clone())).collect();
    // Where each row goes.
    let mut places = Vec::with_capacity(ladder.rows.len());
    let mut next = 0;
    for index in 0..ladder.rows.len() {
        match folds.iter().find(|fold| fold.contains(&index)) {
            Some(fold) if fold.start != index => places.push(next - 1),
            _ => {
                places.push(next);
                next += 1;
            }
        }
    }
    let mut summaries = summaries.into_iter();
    let mut rows: Vec<Row> = Vec::with_capacity(next);
    for (index, mut row) in ladder.rows.into_iter().enumerate() {
        match folds.iter().find(|fold| fold.contains(&index)) {
            Some(fold) if fold.start == index => rows.extend(summaries.next()),
            Some(_) => {}
            None => {
                if let Some(call) = row.event.call_mut() {
                    for end in [&mut call.since, &mut call.until].into_iter().flatten() {
                        *end = places.get(*end).copied().unwrap_or(*end);
                    }
                }
                if let Event::Segment(Segment {
                    fate: Fate::ArrivesIn(to),
                    ..
                }) = &mut row.event
                {
                    *to = places.get(*to).copied().unwrap_or(*to);
                }
                rows.push(row);
            }
        }
    }
    Ladder { rows, ..ladder }
}

fn summary(ladder: &Ladder, fold: Range<usize>) -> Row {
    let rows = &ladder.rows[fold.clone()];
    let mut kinds: Vec<(String, usize)> = Vec::new();
    let mut calls: [Vec<(String, usize)>; 2] = [Vec::new(), Vec::new()];
    let count =
        |list: &mut Vec<(String, usize)>, word: String| match list.iter_mut().find(|(w, _)| *w == word) {
            Some((_, times)) => *times += 1,
            None => list.push((word, 1)),
        };
    let mut segments = 0;
    for row in rows {
        if let Event::Segment(segment) = &row.event {
            segments += 1;
            let arrow = if ladder.side(segment.from) == Side::Client {
                "→"
            } else {
                "←"
            };
            let what = if segment.bytes > 0 { "data" } else { "ACK" };
            count(&mut kinds, format!("{what} {arrow}"));
        }
        if let Some(call) = row.event.call() {
            let side = usize::from(ladder.side(call.at) == Side::Server);
            count(&mut calls[side], verb(call).to_owned());
        }
    }
    let listed = |list: &[(String, usize)]| {
        list.iter()
            .map(|(word, times)| format!("{times} × {word}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let first = rows.first().map_or(0, |row| row.time);
    let last = rows.last().map_or(first, |row| row.time);
    Row {
        time: first,
        notes: Vec::new(),
        states: Vec::new(),
        event: Event::Folded(Folded {
            segments,
            text: listed(&kinds),
            client: listed(&calls[0]),
            server: listed(&calls[1]),
            lasts: last.saturating_sub(first).unsigned_abs(),
            outside: false,
        }),
    }
}

/// The call without its result.
fn verb(call: &Call) -> &str {
    call.text.split(' ').next().unwrap_or("")
}
