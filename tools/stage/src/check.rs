//! Whether a recording shows what its scenario says must be seen.

use wire::{call::Status, capture::Capture, segment::Flags, skeleton::Step};

use crate::{
    catalogue::Entry,
    output::{Line, Stream, matches},
    reading::{self, Reading},
    recording::Recording,
    scenario::{Deed, Expect, Program, Stated, Variant},
};

/// One thing that a scenario says and a recording does not show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Disagreement {
    /// The scenario's file.
    pub file: String,
    /// The line that says it, counted from 1.
    pub line: usize,
    /// What is said and what is seen.
    pub message: String,
}

/// Compares a recording, fresh or stored, with what its scenario says every run shows. Empty where all agrees.
pub fn check(entry: Entry<'_>, recording: &Recording) -> Vec<Disagreement> {
    let variant = entry.variant;
    let mut found: Vec<(usize, String)> = Vec::new();
    match Reading::of(recording) {
        Ok(reading) => {
            found.extend(skeletons(&variant.expect, &reading));
            found.extend(states(&variant.expect, &reading));
            found.extend(facts("seen", &variant.expect.seen, recording, &reading));
        }
        Err(error) => found.push((1, format!("the capture cannot be read: {error}"))),
    }
    found.extend(stamps(recording));
    found.extend(outputs(variant, recording));
    found.extend(exits(variant, recording));
    place(entry, found)
}

/// Packets are stamped in the order in which they passed.
fn stamps(recording: &Recording) -> Vec<(usize, String)> {
    let elsewhere = recording.link.iter().flat_map(|link| [&link.server, &link.link]);
    let captures = std::iter::once(&recording.capture).chain(elsewhere);
    captures
        .filter_map(|file| Capture::parse(file).ok())
        .flat_map(|capture| {
            let stamps: Vec<u64> = capture.packets.iter().map(|packet| packet.time).collect();
            let back = stamps.windows(2).position(|pair| pair[1] < pair[0]);
            back.map(|index| {
                let number = index + 2;
                (
                    1,
                    format!("packet {number} bears an earlier time than the one before it: the sniffer was not ready"),
                )
            })
        })
        .collect()
}

/// Compares a stored recording with its scenario's `picture`, which the page that shows it relies on. Empty where all
/// agrees.
pub fn picture(entry: Entry<'_>, recording: &Recording) -> Vec<Disagreement> {
    let expect = &entry.variant.expect;
    let found = match Reading::of(recording) {
        Ok(reading) => {
            let mut found = facts("picture", &expect.picture, recording, &reading);
            found.extend(stragglers(&reading));
            found
        }
        // What cannot be read has been told by `check`.
        Err(_) => Vec::new(),
    };
    place(entry, found)
}

/// What came after all was said ([`Conversation::over`](wire::conversation::Conversation::over)): no fault, and nothing
/// that a page should have to explain.
fn stragglers(reading: &Reading) -> Option<(usize, String)> {
    let broken_off = reading.conversations.iter().any(|conversation| {
        let after = conversation.over().map_or(0, |over| over + 1);
        let rst = |turn: &wire::conversation::Turn| turn.has(Flags::RST);
        after > 0 && conversation.turns[after..].iter().any(rst)
    });
    broken_off.then(|| {
        (
            1,
            "a straggler came after both FINs were acknowledged, and a RST broke TIME-WAIT off".into(),
        )
    })
}

fn place(entry: Entry<'_>, found: Vec<(usize, String)>) -> Vec<Disagreement> {
    found
        .into_iter()
        .map(|(line, message)| Disagreement {
            file: entry.scenario.file.clone(),
            line,
            message,
        })
        .collect()
}

fn skeletons(expect: &Expect, reading: &Reading) -> Vec<(usize, String)> {
    let seen = reading.skeletons();
    let mut found = Vec::new();
    for (index, skeleton) in seen.iter().enumerate() {
        let allowed = match expect.skeleton_of.get(&(index + 1)) {
            Some(allowed) => allowed,
            None => &expect.skeleton,
        };
        if let Some(first) = allowed.first()
            && !allowed.iter().any(|one| one.value == *skeleton)
        {
            let which = if seen.len() > 1 {
                format!(" of connection {}", index + 1)
            } else {
                String::new()
            };
            let more = if allowed.len() > 1 {
                " (or one of the others)"
            } else {
                ""
            };
            found.push((
                first.line,
                format!(
                    "expect.skeleton says{which}{more}\n    {}\n  and on the wire is\n    {}",
                    steps(&first.value),
                    steps(skeleton)
                ),
            ));
        }
    }
    let missing = expect
        .skeleton_of
        .iter()
        .filter(|(number, _)| **number > seen.len());
    found.extend(missing.map(|(number, allowed)| {
        let line = allowed.first().map_or(1, |one| one.line);
        (
            line,
            format!(
                "expect.skeleton speaks of connection {number}, and on the wire are {}",
                seen.len()
            ),
        )
    }));
    // An empty skeleton is that of a scenario without a conversation.
    let may_be_empty = expect.skeleton.iter().any(|one| one.value.is_empty());
    if let Some(first) = expect.skeleton.first()
        && seen.is_empty()
        && !may_be_empty
    {
        found.push((first.line, "nothing was seen on the wire".into()));
    }
    found
}

fn steps(skeleton: &[Step]) -> String {
    let steps: Vec<String> = skeleton.iter().map(ToString::to_string).collect();
    steps.join(", ")
}

fn states(expect: &Expect, reading: &Reading) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (side, wanted) in &expect.states {
        for (index, state) in reading.final_states(*side).into_iter().enumerate() {
            if state != wanted.value {
                found.push((
                    wanted.line,
                    format!(
                        "expect.states says that the {side} ends in {}, and connection {} leaves it in {state}",
                        wanted.value,
                        index + 1
                    ),
                ));
            }
        }
    }
    found
}

fn facts(
    key: &str,
    facts: &[Stated<String>],
    recording: &Recording,
    reading: &Reading,
) -> Vec<(usize, String)> {
    let texts: Vec<&str> = facts.iter().map(|fact| fact.value.as_str()).collect();
    let complaints = reading::not_shown(recording, reading, &texts).into_iter();
    complaints
        .map(|(index, seen)| {
            (
                facts[index].line,
                format!("expect.{key} says `{}`; {seen}", texts[index]),
            )
        })
        .collect()
}

/// Every line expected is there, in its order, and nothing unexpected went to standard error.
fn outputs(variant: &Variant, recording: &Recording) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let directed = ["ss", "client-ss", "server-ss"].map(|name| (name.to_string(), name.to_string()));
    let running = variant
        .act
        .running()
        .map(|(name, program)| (name, program.name.clone()));
    for (name, program) in running.chain(directed) {
        let nothing = Vec::new();
        let expected = Expect::of(&variant.expect.output, &name, &program).unwrap_or(&nothing);
        let lines: Vec<&Line> = recording.output.of(&name).collect();
        if let Some(missing) = first_missing(expected, &lines) {
            let printed: Vec<String> = lines.iter().map(|line| format!("    {}", line.text)).collect();
            found.push((
                missing.line,
                format!(
                    "expect.output says that {name} prints, in this place,\n    {}\n  and it printed\n{}",
                    missing.value,
                    if printed.is_empty() {
                        "    nothing".into()
                    } else {
                        printed.join("\n")
                    }
                ),
            ));
        }
        let covered = |line: &Line| expected.iter().any(|pattern| matches(&pattern.value, &line.text));
        let errors = lines.iter().filter(|line| line.stream == Stream::Err);
        found.extend(errors.filter(|line| !covered(line)).map(|line| {
            let message = format!(
                "{name} wrote to standard error, and expect.output says nothing of it:\n    {}",
                line.text
            );
            (1, message)
        }));
    }
    found
}

/// The first pattern that no line matches, each looked for behind the lines that matched those before. Which of a
/// program's two outputs is heard first is a matter of moments, so that each of them has an order and both together none.
fn first_missing<'a>(expected: &'a [Stated<String>], lines: &[&Line]) -> Option<&'a Stated<String>> {
    let mut behind: [usize; 2] = [0; 2];
    let stream = |line: &Line| usize::from(line.stream == Stream::Err);
    expected.iter().find(|pattern| {
        let found = lines
            .iter()
            .enumerate()
            .position(|(index, line)| index >= behind[stream(line)] && matches(&pattern.value, &line.text));
        if let Some(index) = found {
            behind[stream(lines[index])] = index + 1;
        }
        found.is_none()
    })
}

fn exits(variant: &Variant, recording: &Recording) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (name, program) in variant.act.running() {
        let said = Expect::of(&variant.expect.exit, &name, &program.name);
        let line = said.map_or(1, |stated| stated.line);
        let Some(exit) = recording.manifest.exits.get(&name) else {
            found.push((line, format!("the recording does not say how {name} ended")));
            continue;
        };
        let status = Status::from(exit.clone());
        let killed = variant
            .act
            .then
            .iter()
            .flat_map(|then| &then.deeds)
            .any(|deed| matches!(deed, Deed::Kill(target) if *target == name || *target == program.name));
        let (agrees, wanted) = match said {
            Some(stated) => (stated.value == status, stated.value.to_string()),
            None => usual_end(program, killed, &status),
        };
        if !agrees {
            found.push((
                line,
                format!("expect.exit: {name} was to end with {wanted} and ended with {status}"),
            ));
        }
    }
    found
}

/// Whether a program may end so where the scenario says nothing, and how it should: a client with 0, a server with 0 or
/// by the SIGTERM it is sent, and what the director kills by that.
fn usual_end(program: &Program, killed: bool, status: &Status) -> (bool, String) {
    let signal = if killed {
        "SIGKILL"
    } else if program.is_asked_to_end() {
        "SIGTERM"
    } else {
        return (*status == Status::Exited(0), "exit 0".into());
    };
    let agrees = match status {
        Status::Exited(code) => *code == 0 && !killed,
        Status::Signaled(name) => name == signal,
    };
    (agrees, signal.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Ends;

    fn program(ends: Ends) -> Program {
        Program {
            name: "x".into(),
            run: vec!["x".into()],
            ready: None,
            count: 1,
            ends: Some(ends),
            host: None,
            caps: Vec::new(),
            untapped: None,
            busy: false,
        }
    }

    #[test]
    fn a_packet_stamped_earlier_than_the_one_before_it_is_told() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("listings/ch01-echo/recordings/one-echo.blocking");
        let mut recording = Recording::read(&folder).unwrap();
        assert_eq!(stamps(&recording), []);
        let mut capture = Capture::parse(&recording.capture).unwrap();
        capture.packets[3].time = capture.packets[2].time - 1;
        recording.capture = capture.to_pcap();
        let complaints = stamps(&recording);
        assert!(
            complaints[0].1.starts_with("packet 4 bears an earlier time"),
            "{complaints:?}"
        );
    }

    #[test]
    fn a_server_may_end_by_the_signal_it_is_sent_and_a_client_may_not() {
        let term = Status::Signaled("SIGTERM".into());
        assert!(usual_end(&program(Ends::Asked), false, &term).0);
        assert!(usual_end(&program(Ends::Asked), false, &Status::Exited(0)).0);
        assert!(!usual_end(&program(Ends::Itself), false, &term).0);
        assert!(!usual_end(&program(Ends::Asked), false, &Status::Exited(101)).0);
    }

    #[test]
    fn what_the_director_kills_ends_by_that_and_by_nothing_else() {
        let kill = Status::Signaled("SIGKILL".into());
        assert!(usual_end(&program(Ends::Itself), true, &kill).0);
        assert!(!usual_end(&program(Ends::Itself), true, &Status::Exited(0)).0);
        assert!(!usual_end(&program(Ends::Itself), false, &kill).0);
    }

    #[test]
    fn expected_lines_must_come_in_their_order() {
        let said = |text: &str| Line {
            program: "x".into(),
            stream: Stream::Out,
            at: std::time::Duration::ZERO,
            text: text.into(),
        };
        let stated = |text: &str| Stated {
            value: text.to_string(),
            line: 1,
        };
        let lines = [said("came"), said("said 11"), said("gone")];
        let lines: Vec<&Line> = lines.iter().collect();
        assert_eq!(first_missing(&[stated("came"), stated("gone")], &lines), None);
        let swapped = [stated("gone"), stated("came")];
        assert_eq!(first_missing(&swapped, &lines), Some(&swapped[1]));
        let mut error = said("came");
        error.stream = Stream::Err;
        let lines = [said("said 11"), said("gone"), error];
        let lines: Vec<&Line> = lines.iter().collect();
        assert_eq!(first_missing(&swapped, &lines), None);
        assert_eq!(
            first_missing(&[stated("gone"), stated("said 11")], &lines).map(|line| &*line.value),
            Some("said 11")
        );
    }
}
