//! Recordings as text for the terminal, and what tells two of them apart.

use stage::catalogue::Entry;
use stage::reading::Reading;
use stage::recording::Recording;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use wire::call::Status;
use wire::capture::{Capture, CaptureError};
use wire::conversation::{Mark, Turn};
use wire::segment::{Flags, SegmentError};
use wire::tcpdump;

/// A capture that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableCapture {
    /// The file is no capture, or not a whole one.
    #[error("the capture cannot be read: {0}")]
    File(#[from] CaptureError),
    /// A packet in it is none.
    #[error("the capture cannot be read: {0}")]
    Segment(#[from] SegmentError),
}

/// What a recording shows, for people: title, where it was made, what the programs printed, every segment as
/// `tcpdump -S -nn -vvv` prints it.
pub fn text(entry: Entry<'_>, recording: &Recording) -> Result<String, UnreadableCapture> {
    let manifest = &recording.manifest;
    let mut text = format!("{}: {}\n", entry.name(), entry.scenario.title);
    let _ = writeln!(text, "recorded {} on {}\n", manifest.date, manifest.kernel);
    text.push_str("output (seconds since the start; ! marks standard error)\n");
    let output = recording.output.to_text();
    text.push_str(&indent(if output.is_empty() { "nothing\n" } else { &output }));
    let ends: Vec<String> = manifest
        .exits
        .iter()
        .map(|(program, exit)| format!("{program}: {}", Status::from(exit.clone())))
        .collect();
    let _ = writeln!(text, "  {}", ends.join(", "));
    for (place, capture) in captures(recording) {
        let _ = writeln!(
            text,
            "\npackets{place} (as `tcpdump -S -nn -vvv` prints them, times in UTC)"
        );
        let segments = Capture::parse(capture)?.segments()?;
        text.push_str(&indent(&tcpdump::print(&segments, tcpdump::Options::default())));
    }
    Ok(text)
}

/// Every capture of a recording, and where its packets were seen.
fn captures(recording: &Recording) -> Vec<(&'static str, &[u8])> {
    match &recording.link {
        None => vec![("", &recording.capture)],
        Some(elsewhere) => vec![
            (" at the client's host", &recording.capture),
            (" on the link", &elsewhere.link),
            (" at the server's host", &elsewhere.server),
        ],
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// What a fresh recording says otherwise than the stored one, a sentence each: skeleton, output, ends of programs.
/// Ports and times differ with every run and are no difference.
pub fn differences(stored: &Recording, fresh: &Recording) -> Vec<String> {
    let mut found = Vec::new();
    match (Reading::of(stored), Reading::of(fresh)) {
        (Ok(before), Ok(now)) if before.skeletons() != now.skeletons() => found.push(format!(
            "on the wire was\n{}  and is now\n{}",
            block(&before.skeleton_lines()),
            block(&now.skeleton_lines())
        )),
        (Err(error), _) => found.push(format!("the stored capture cannot be read: {error}")),
        (_, Err(error)) => found.push(format!("the fresh capture cannot be read: {error}")),
        _ => {}
    }
    let programs: BTreeSet<&String> = stored
        .manifest
        .exits
        .keys()
        .chain(fresh.manifest.exits.keys())
        .collect();
    for program in programs {
        let lines = |recording: &Recording| -> Vec<String> {
            recording
                .output
                .of(program)
                .map(|line| line.text.clone())
                .collect()
        };
        let (before, now) = (lines(stored), lines(fresh));
        if before != now {
            found.push(format!(
                "{program} printed\n{}  and now\n{}",
                block(&before),
                block(&now)
            ));
        }
        let end = |recording: &Recording| recording.manifest.exits.get(program).cloned().map(Status::from);
        let (before, now) = (end(stored), end(fresh));
        if before != now {
            let word =
                |end: Option<Status>| end.map_or_else(|| "nothing".into(), |status| status.to_string());
            found.push(format!(
                "{program} ended with {} and now with {}",
                word(before),
                word(now)
            ));
        }
    }
    found
}

fn block(lines: &[String]) -> String {
    match lines {
        [] => "    nothing\n".into(),
        lines => lines.iter().map(|line| format!("    {line}\n")).collect(),
    }
}

/// The segments of a capture in one line, sizes and pure ACKs included: two runs of the same shape differ in nothing
/// but times and numbers.
pub fn shape(capture: &[u8]) -> Result<String, UnreadableCapture> {
    let conversations = Capture::parse(capture)?.conversations()?;
    let count: usize = conversations
        .iter()
        .map(|conversation| conversation.turns.len())
        .sum();
    let runs: Vec<String> = conversations
        .iter()
        .map(|conversation| conversation.turns.iter().map(turn).collect::<Vec<_>>().join(", "))
        .collect();
    Ok(format!("{count} segments: {}", runs.join("; ")))
}

fn turn(turn: &Turn) -> String {
    let mut words = vec![turn.side.to_string()];
    for (flag, word) in [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::RST, "RST")] {
        if turn.has(flag) {
            words.push(word.into());
        }
    }
    let bytes = turn.bytes.end - turn.bytes.start;
    if bytes > 0 {
        words.push(bytes.to_string());
    }
    if words.len() == 1 {
        words.push("ACK".into());
    }
    if matches!(turn.mark, Mark::Repeat { .. } | Mark::Overlap { .. }) {
        words.push("again".into());
    }
    words.join(" ")
}
