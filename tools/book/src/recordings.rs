//! Recordings as text for the terminal, and what tells two of them apart.

use stage::catalogue::Entry;
use stage::reading::{self, Reading, ReadingError};
use stage::recording::Recording;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use wire::call::Status;
use wire::capture::{Capture, CaptureError};
use wire::conversation::{Conversation, Mark, Turn};
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
    /// One or the other.
    #[error("the capture cannot be read: {0}")]
    Reading(#[from] ReadingError),
}

/// What a recording shows, for people: title, where it was made, what happened in five lanes, what the programs printed;
/// and under `packets` every segment as `tcpdump -S -nn -vvv` prints it.
pub fn text(entry: Entry<'_>, recording: &Recording, packets: bool) -> Result<String, UnreadableCapture> {
    let title = format!("{}: {}", entry.name(), entry.scenario.title);
    body(&title, recording, packets)
}

/// As [`text`], of a recording that belongs to no scenario of the book.
pub fn body(title: &str, recording: &Recording, packets: bool) -> Result<String, UnreadableCapture> {
    let manifest = &recording.manifest;
    let mut text = format!("{title}\n");
    let _ = writeln!(text, "recorded {} on {}\n", manifest.date, manifest.kernel);
    text.push_str(&reading::timeline(recording)?);
    text.push_str("\noutput (seconds since the start; ! marks standard error)\n");
    let output = recording.output.to_text();
    text.push_str(&indent(if output.is_empty() { "nothing\n" } else { &output }));
    let ends: Vec<String> = manifest
        .exits
        .iter()
        .map(|(program, exit)| format!("{program}: {}", Status::from(exit.clone())))
        .collect();
    let _ = writeln!(text, "  {}", ends.join(", "));
    if !packets {
        return Ok(text);
    }
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

/// What two recordings of one scenario have in common, and what not: a sentence each.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What both say.
    pub agrees: Vec<String>,
    /// What the fresh one says otherwise, where it matters: on the wire, in the output, in the ends of the programs.
    pub differs: Vec<String>,
    /// What the fresh one shows otherwise though both say the same: bare acknowledgments, and where bytes were cut into
    /// segments. The kernel may do so from one run to the next.
    pub varies: Vec<String>,
}

/// Compares a fresh recording with the stored one. Ports, sequence numbers and times differ with every run and are not
/// compared.
pub fn compare(stored: &Recording, fresh: &Recording) -> Comparison {
    let mut found = Comparison::default();
    match (Reading::of(stored), Reading::of(fresh)) {
        (Ok(before), Ok(now)) => found.wire(&before, &now),
        (Err(error), _) => found
            .differs
            .push(format!("the stored capture cannot be read: {error}")),
        (_, Err(error)) => found
            .differs
            .push(format!("the fresh capture cannot be read: {error}")),
    }
    let programs: BTreeSet<&String> = stored
        .manifest
        .exits
        .keys()
        .chain(fresh.manifest.exits.keys())
        .collect();
    for program in programs {
        found.program(program, stored, fresh);
    }
    found
}

impl Comparison {
    fn wire(&mut self, before: &Reading, now: &Reading) {
        if before.skeletons() != now.skeletons() {
            self.differs.push(format!(
                "on the wire was\n{}  and is now\n{}",
                block(&before.skeleton_lines()),
                block(&now.skeleton_lines())
            ));
            return;
        }
        self.agrees
            .push(format!("on the wire: {}", now.skeleton_lines().join(", ")));
        for side in wire::conversation::Side::BOTH {
            let (then, today) = (before.final_states(side), now.final_states(side));
            let words = |states: &[wire::state::State]| {
                let words: Vec<String> = states.iter().map(ToString::to_string).collect();
                words.join(", ")
            };
            if then == today {
                self.agrees.push(format!("the {side} ends in {}", words(&today)));
            } else {
                self.differs.push(format!(
                    "the {side} ended in {} and now ends in {}",
                    words(&then),
                    words(&today)
                ));
            }
        }
        let (then, today) = (of(&before.conversations), of(&now.conversations));
        if then == today {
            self.agrees.push(format!("segment by segment: {today}"));
        } else {
            self.varies.push(format!(
                "segment by segment it was\n    {then}\n  and is now\n    {today}"
            ));
        }
    }

    fn program(&mut self, program: &str, stored: &Recording, fresh: &Recording) {
        let lines = |recording: &Recording| -> Vec<String> {
            recording
                .output
                .of(program)
                .map(|line| line.text.clone())
                .collect()
        };
        let (before, now) = (lines(stored), lines(fresh));
        if before == now {
            let count = match now.len() {
                0 => "nothing".into(),
                1 => "the same line".into(),
                count => format!("the same {count} lines"),
            };
            self.agrees.push(format!("the {program} printed {count}"));
        } else {
            self.differs.push(format!(
                "the {program} printed\n{}  and now\n{}",
                block(&before),
                block(&now)
            ));
        }
        let end = |recording: &Recording| recording.manifest.exits.get(program).cloned().map(Status::from);
        let (before, now) = (end(stored), end(fresh));
        let word = |end: Option<Status>| end.map_or_else(|| "nothing".into(), |status| status.to_string());
        if before == now {
            self.agrees
                .push(format!("the {program} ended with {}", word(now)));
        } else {
            self.differs.push(format!(
                "the {program} ended with {} and now with {}",
                word(before),
                word(now)
            ));
        }
    }
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
    Ok(of(&Capture::parse(capture)?.conversations()?))
}

/// The shape of conversations.
fn of(conversations: &[Conversation]) -> String {
    let count: usize = conversations
        .iter()
        .map(|conversation| conversation.turns.len())
        .sum();
    let runs: Vec<String> = conversations
        .iter()
        .map(|conversation| conversation.turns.iter().map(turn).collect::<Vec<_>>().join(", "))
        .collect();
    format!("{count} segments: {}", runs.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;
    use stage::recording::Exit;
    use std::path::Path;

    fn stored(name: &str) -> Recording {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Recording::read(&root.join("listings/ch01-echo/recordings").join(name)).unwrap()
    }

    #[test]
    fn a_recording_agrees_with_itself_in_every_sentence() {
        let recording = stored("one-echo.blocking");
        let found = compare(&recording, &recording);
        assert!(found.differs.is_empty() && found.varies.is_empty(), "{found:?}");
        let said = found.agrees.join("\n");
        for part in [
            "on the wire: client SYN, server SYN, client 11 bytes",
            "the client ends in TIME-WAIT",
            "segment by segment: 10 segments: client SYN, server SYN, client ACK",
            "the server printed the same 4 lines",
            "the client ended with exit 0",
        ] {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
    }

    #[test]
    fn what_differs_is_told_for_the_wire_the_output_and_the_ends() {
        let right = stored("one-echo.blocking");
        let mut wrong = stored("whole-buffer.blocking");
        wrong.manifest.exits.insert("client".into(), Exit::Code(1));
        let said = compare(&right, &wrong).differs.join("\n");
        assert!(
            said.contains("server 11 bytes") && said.contains("server 100 bytes"),
            "{said}"
        );
        assert!(
            said.contains("gone: end of stream") && said.contains("Connection reset"),
            "{said}"
        );
        assert!(
            said.contains("the client ended with exit 0 and now with exit 1"),
            "{said}"
        );
    }

    #[test]
    fn a_bare_acknowledgment_less_varies_and_does_not_differ() {
        let right = stored("one-echo.blocking");
        let mut fewer = right.clone();
        let mut capture = Capture::parse(&right.capture).unwrap();
        // The acknowledgment of the client's eleven bytes.
        capture.packets.remove(4);
        fewer.capture = capture.to_pcap();
        let found = compare(&right, &fewer);
        assert!(found.differs.is_empty(), "{found:?}");
        assert!(
            found.varies[0].contains("10 segments") && found.varies[0].contains("9 segments"),
            "{found:?}"
        );
    }
}
