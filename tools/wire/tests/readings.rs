//! What the stored captures show: skeletons, states, repetitions, as they were read by eye once.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wire::capture::Capture;
use wire::conversation::{Conversation, Mark, Side};
use wire::{skeleton, state};

fn reading(conversation: &Conversation) -> String {
    let mut text = format!(
        "  {} segments; {}\n",
        conversation.turns.len(),
        conversation.roles
    );
    let steps: Vec<String> = skeleton::skeleton(conversation)
        .iter()
        .map(ToString::to_string)
        .collect();
    writeln!(text, "  {}", steps.join(", ")).unwrap();
    let states = state::states(conversation);
    for side in Side::BOTH {
        let path: Vec<&str> = states.path(side).into_iter().map(state::State::as_str).collect();
        writeln!(text, "  {side}: {}", path.join(" > ")).unwrap();
    }
    for change in &states.changes {
        let state::Change { turn, side, from, to } = change;
        writeln!(text, "    {}: {side} {from} > {to}", turn + 1).unwrap();
    }
    for (index, turn) in conversation
        .turns
        .iter()
        .enumerate()
        .filter(|(_, turn)| turn.mark != Mark::Next)
    {
        let mark = match turn.mark {
            Mark::Repeat { of } => format!("repeats {}", of + 1),
            Mark::Overlap { of } => format!("overlaps {}", of + 1),
            other => format!("{other:?}").to_lowercase(),
        };
        writeln!(text, "    {}: {} {mark}", index + 1, turn.side).unwrap();
    }
    text
}

#[test]
fn every_stored_capture_reads_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension != "txt"));
    files.sort();
    let mut text = String::new();
    for file in files {
        writeln!(text, "{}", file.file_name().unwrap().to_string_lossy()).unwrap();
        let capture = Capture::parse(&std::fs::read(&file).unwrap()).unwrap();
        text.extend(capture.conversations().unwrap().iter().map(reading));
    }
    let expected = folder.join("readings.txt");
    if std::env::var_os("WIRE_WRITE").is_some() {
        std::fs::write(&expected, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    assert_eq!(
        text, expected,
        "if the new reading is right, run again with WIRE_WRITE=1"
    );
}
