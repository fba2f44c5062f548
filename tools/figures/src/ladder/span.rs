//! A part of a ladder: from one row to another, with what stands before and after counted and not shown.

use super::{Event, Fate, Folded, Ladder, Row, Segment, State};

/// The rows from `from` to `to`, both included, and the arrivals of what left in them. What was left out is counted in one
/// row before and one behind; the row before says the states that it left the ends in.
pub fn between(ladder: Ladder, from: usize, to: usize) -> Ladder {
    let under_way = |row: &Row| match row.event {
        Event::Segment(Segment {
            fate: Fate::ArrivesIn(row),
            ..
        }) => Some(row),
        _ => None,
    };
    let Some(inside) = ladder.rows.get(from..=to) else {
        return ladder;
    };
    let to = inside.iter().filter_map(under_way).max().unwrap_or(to).max(to);
    let (head, rest) = ladder.rows.split_at(from);
    let (inside, tail) = rest.split_at((to + 1 - from).min(rest.len()));
    let mut rows = Vec::with_capacity(inside.len() + 2);
    rows.extend(left_out(head, "earlier", states_after(head)));
    let shift = rows.len();
    // Where a row stands now; what is outside is said by the row that counts it.
    let place = |row: usize| (row + shift).saturating_sub(from).min(inside.len() + shift - 1);
    rows.extend(inside.iter().cloned().map(|mut row| {
        if let Some(call) = row.event.call_mut() {
            call.since = call.since.map(|row| if row < from { 0 } else { place(row) });
            call.until = call.until.map(place);
        }
        if let Event::Segment(Segment {
            fate: Fate::ArrivesIn(arrives),
            ..
        }) = &mut row.event
        {
            *arrives = place(*arrives);
        }
        row
    }));
    rows.extend(left_out(tail, "later", Vec::new()));
    Ladder { rows, ..ladder }
}

fn left_out(rows: &[Row], when: &str, states: Vec<State>) -> Option<Row> {
    let segments = rows
        .iter()
        .map(|row| match &row.event {
            Event::Segment(_) => 1,
            Event::Folded(folded) => folded.segments,
            _ => 0,
        })
        .sum();
    let times = || {
        let passing = rows
            .iter()
            .filter(|row| matches!(row.event, Event::Segment(_) | Event::Folded(_)));
        passing.map(|row| row.time)
    };
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    (segments > 0 || !states.is_empty()).then(|| Row {
        time: first,
        notes: Vec::new(),
        event: Event::Folded(Folded {
            segments,
            text: format!("{when}, not shown here"),
            client: String::new(),
            server: String::new(),
            outside: true,
            lasts: last.saturating_sub(first).unsigned_abs(),
        }),
        states,
    })
}

/// The last state that each lifeline entered.
fn states_after(rows: &[Row]) -> Vec<State> {
    let mut states: Vec<State> = Vec::new();
    for state in rows.iter().flat_map(|row| &row.states) {
        match states.iter_mut().find(|other| other.at == state.at) {
            Some(known) => known.name.clone_from(&state.name),
            None => states.push(state.clone()),
        }
    }
    states
}
