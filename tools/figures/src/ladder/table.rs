//! The same events as a table: for screen readers, for a search, and for the script that shows a header's fields.

use std::fmt::Write as _;

use super::{
    Call, Cause, Event, Fate, Field, Ladder, Row, Segment, Side, label,
    text::{Clock, counted, escape},
};

/// The table of a ladder's events, hidden from sight by the style sheet and from nobody else.
pub fn table(ladder: &Ladder, clock: Clock) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<div class=\"ladder-table\"><table>\n<caption>{}: the same events as a table</caption>\n<thead><tr>",
        escape(&ladder.title)
    );
    let tasks = |side| match super::tasks::names(ladder, side).is_empty() {
        true => "",
        false => ", task",
    };
    for head in [
        match clock {
            Clock::Hidden => "place, times not told".into(),
            clock => format!("time, {}", clock.unit()),
        },
        format!("client’s source line{}", tasks(Side::Client)),
        "client’s call".into(),
        "segment".into(),
        "server’s call".into(),
        format!("server’s source line{}", tasks(Side::Server)),
        "states entered, notes".into(),
    ] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in ladder.rows.iter().enumerate() {
        write_row(&mut out, ladder, clock, index, row);
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn write_row(out: &mut String, ladder: &Ladder, clock: Clock, index: usize, row: &Row) {
    let _ = write!(out, "<tr data-row=\"{index}\"");
    let call = row.event.call();
    if let Some(source) = call.and_then(|call| call.source.as_ref()) {
        let _ = write!(
            out,
            " data-file=\"{}\" data-code=\"{}\"",
            escape(&source.file),
            escape(&source.text)
        );
        // A line that is no longer there cannot be shown.
        if source.line > 0 {
            let _ = write!(out, " data-line=\"{}\"", source.line);
        }
    }
    match &row.event {
        Event::Segment(Segment { number, .. }) | Event::Arrival { number, .. } => {
            let _ = write!(out, " data-segment=\"{number}\"");
        }
        // An annotation finds its call by the mark, as it finds a segment by its number.
        _ => {
            if let Some(mark) = row.notes.first() {
                let _ = write!(out, " data-segment=\"{}\"", escape(mark));
            }
        }
    }
    let fields = fields(&row.event);
    if !fields.is_empty() {
        let _ = write!(out, " data-fields=\"{}\"", escape(&json(&fields)));
    }
    out.push('>');
    let mut cells: [String; 5] = Default::default();
    let set = |cells: &mut [String; 5], side: Side, call: Option<String>, source: Option<String>| {
        let (call_cell, source_cell) = if side == Side::Client { (1, 0) } else { (3, 4) };
        cells[call_cell] = call.unwrap_or_default();
        cells[source_cell] = source.unwrap_or_default();
    };
    if let Some(call) = call {
        set(
            &mut cells,
            ladder.side(call.at),
            Some(if call.shared {
                call.text.clone()
            } else {
                whose(ladder, call.at, &call.text)
            }),
            call.source.as_ref().map(|source| source.text.clone()),
        );
    }
    cells[2] = match &row.event {
        Event::Call(_) => String::new(),
        Event::Segment(segment) => {
            if let Some(reason) = reason(segment) {
                set(
                    &mut cells,
                    ladder.side(segment.from),
                    Some(whose(ladder, segment.from, reason)),
                    None,
                );
            }
            sentence(ladder, segment)
        }
        Event::Arrival { at, number } => format!("segment {number} reaches {}", name(ladder, *at)),
        Event::Silence { lasts, asked } => clock.silence(*lasts, *asked),
        Event::Task(task) => {
            let words = Some(format!("task {}", task.text()));
            set(&mut cells, ladder.side(task.at), None, words);
            String::new()
        }
        Event::Folded(folded) => {
            cells[1].clone_from(&folded.client);
            cells[3].clone_from(&folded.server);
            format!(
                "{} within {}, not shown one by one: {}",
                counted(folded.segments as u64, "segment", "segments"),
                clock.lasting(folded.lasts),
                folded.text
            )
        }
    };
    let states = row
        .states
        .iter()
        .map(|state| format!("{}: {}", name(ladder, state.at), state.name));
    let notes = row.notes.iter().map(|note| format!("note {note}"));
    let rest: Vec<String> = states.chain(notes).collect();
    let head = match clock {
        Clock::Hidden => (index + 1).to_string(),
        clock => clock.time(row.time),
    };
    let _ = write!(out, "<th scope=\"row\">{head}</th>");
    for cell in cells.iter().chain([&rest.join(", ")]) {
        let _ = write!(out, "<td>{}</td>", escape(cell));
    }
    out.push_str("</tr>\n");
}

/// A segment in words: who sends what to whom, why, and what becomes of it.
fn sentence(ladder: &Ladder, segment: &Segment) -> String {
    let mut words = format!(
        "{}, {} to {}: {}",
        segment.number,
        name(ladder, segment.from),
        name(ladder, segment.to),
        label::label(segment)
    );
    for remark in label::remarks(segment) {
        let _ = write!(words, ", {remark}");
    }
    match &segment.cause {
        Cause::Kernel(what) if !what.is_empty() => {
            let _ = write!(words, " ({what})");
        }
        Cause::Unknown(why) => {
            let _ = write!(words, " (cause not known: {why})");
        }
        _ => {}
    }
    if let Fate::ArrivesIn(_) = segment.fate {
        words.push_str(", under way");
    }
    words
}

fn reason(segment: &Segment) -> Option<&str> {
    match &segment.cause {
        Cause::Timer(words) | Cause::End(words) | Cause::Held(words) => Some(words),
        _ => None,
    }
}

fn name(ladder: &Ladder, at: usize) -> &str {
    ladder.lifelines.get(at).map_or("", |line| line.name.as_str())
}

/// Where a side has several lifelines, whose call it is.
fn whose(ladder: &Ladder, at: usize, text: &str) -> String {
    if ladder.on(ladder.side(at)).count() > 1 {
        format!("{}: {text}", name(ladder, at))
    } else {
        text.to_owned()
    }
}

/// The fields of a row: of its segment's header, then of its call.
fn fields(event: &Event) -> Vec<&Field> {
    let of_segment: &[Field] = match event {
        Event::Segment(segment) => &segment.fields,
        _ => &[],
    };
    let of_call: &[Field] = event.call().map_or(&[], |call: &Call| &call.fields);
    of_segment.iter().chain(of_call).collect()
}

/// `[["seq","1","3735928560"],["window","65536"]]`: name, value, and the raw value where it differs.
fn json(fields: &[&Field]) -> String {
    let list: Vec<Vec<&str>> = fields
        .iter()
        .map(|field| {
            let mut entry = vec![field.name.as_str(), field.value.as_str()];
            entry.extend(field.raw.as_deref());
            entry
        })
        .collect();
    serde_json::to_string(&list).unwrap_or_default()
}
