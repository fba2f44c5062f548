//! What caused each segment of the recordings in `tests/calls`, as it was checked by hand once.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wire::call;
use wire::capture::Capture;
use wire::cause::{By, Calls, causes};
use wire::conversation::Side;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pcap"));
    files.sort();
    assert!(files.len() > 15, "the recordings are gone");
    files
}

/// Where a recording was made, if its ends are on two hosts.
fn host(file: &Path) -> Option<Side> {
    let name = file.file_stem()?.to_string_lossy();
    name.ends_with("-at-client").then_some(Side::Client)
}

#[test]
fn every_segment_of_a_recording_has_the_cause_that_is_written_down() {
    let mut text = String::new();
    for file in recordings() {
        writeln!(text, "{}", file.file_stem().unwrap().to_string_lossy()).unwrap();
        let conversations = Capture::parse(&std::fs::read(&file).unwrap())
            .unwrap()
            .conversations()
            .unwrap();
        let records = call::read(&std::fs::read_to_string(file.with_extension("jsonl")).unwrap()).unwrap();
        let calls = Calls::new(&records, &conversations);
        for (index, conversation) in conversations.iter().enumerate() {
            for (turn, cause) in causes(&conversations, index, &calls, host(&file))
                .iter()
                .enumerate()
            {
                assert!(
                    !matches!(cause.by, By::Unknown(_)),
                    "{}: {}",
                    file.display(),
                    cause.text(&calls)
                );
                let segment = &conversation.turns[turn];
                let (side, flags, length) = (segment.side, segment.segment.flags, segment.segment.length);
                let number = format!("{}.{}", index + 1, turn + 1);
                writeln!(
                    text,
                    "  {number:<5} {side} [{flags}] {length}: {}",
                    cause.text(&calls)
                )
                .unwrap();
            }
        }
    }
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/causes.txt");
    if std::env::var_os("WIRE_WRITE").is_some() {
        std::fs::write(&expected, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    assert_eq!(
        text, expected,
        "if the new causes are right, run again with WIRE_WRITE=1"
    );
}

#[test]
fn bytes_of_a_stream_are_written_once_and_read_once() {
    for file in recordings() {
        let conversations = Capture::parse(&std::fs::read(&file).unwrap())
            .unwrap()
            .conversations()
            .unwrap();
        let records = call::read(&std::fs::read_to_string(file.with_extension("jsonl")).unwrap()).unwrap();
        let calls = Calls::new(&records, &conversations);
        // One that is connected to itself writes what it reads: there is no other side.
        let between_two = |conversation: &&wire::conversation::Conversation| {
            conversation.ends.client != conversation.ends.server
        };
        for (index, conversation) in conversations.iter().filter(between_two).enumerate() {
            for side in Side::BOTH {
                let fresh: u64 = conversation
                    .turns
                    .iter()
                    .filter(|turn| turn.side == side)
                    .map(|turn| turn.fresh)
                    .sum();
                let sent = calls.of(index, side).filter(|(_, call)| call.call.sends());
                let written = sent
                    .map(|(record, _)| calls.owner(record).unwrap().bytes.end)
                    .max()
                    .unwrap_or(0);
                assert_eq!(
                    written,
                    fresh,
                    "{} connection {} {side}",
                    file.display(),
                    index + 1
                );
                let received = calls
                    .of(index, side.peer())
                    .filter(|(_, call)| call.call.receives());
                let read = received
                    .map(|(record, _)| calls.owner(record).unwrap().bytes.end)
                    .max()
                    .unwrap_or(0);
                assert!(
                    read <= fresh,
                    "{} connection {} {side}",
                    file.display(),
                    index + 1
                );
            }
        }
    }
}

fn cause_of(name: &str, turn: usize) -> (Vec<call::Record>, By) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/calls")
        .join(name);
    let capture = Capture::parse(&std::fs::read(file.with_extension("pcap")).unwrap()).unwrap();
    let conversations = capture.conversations().unwrap();
    let records = call::read(&std::fs::read_to_string(file.with_extension("jsonl")).unwrap()).unwrap();
    let cause = causes(&conversations, 0, &Calls::new(&records, &conversations), None).swap_remove(turn);
    (records, cause.by)
}

#[test]
fn a_fin_of_a_descriptor_held_twice_belongs_to_the_last_close() {
    let (records, By::Calls(by)) = cause_of("dup", 7) else {
        panic!("not a call")
    };
    let closes: Vec<usize> = (0..records.len())
        .filter(|index| {
            matches!(&records[*index], call::Record::Call(call)
                if call.call == call::Name::Close && call.program == "client" && call.socket.is_some())
        })
        .collect();
    assert_eq!(closes.len(), 2);
    assert_eq!(by, [closes[1]]);
}

#[test]
fn a_fin_of_a_socket_shared_with_a_child_belongs_to_the_end_of_the_child() {
    let (records, By::End(by)) = cause_of("fork", 7) else {
        panic!("not an end")
    };
    let fork = records.iter().find_map(|record| match record {
        call::Record::Fork(fork) => Some(fork.child),
        _ => None,
    });
    assert_eq!(Some(records[by].pid()), fork);
}

#[test]
fn what_a_link_lost_is_sent_again_on_acknowledgments_or_when_a_timer_runs_out() {
    use wire::cause::Timer;
    use wire::conversation::Side;
    for (name, turn, by) in [
        ("lost-third", 19, By::Answer(18)),
        ("lost-tail", 10, By::Timer(Timer::Retransmission)),
        ("lost-syn", 1, By::Timer(Timer::Retransmission)),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.client.pcap"));
        let conversations = Capture::parse(&std::fs::read(file).unwrap())
            .unwrap()
            .conversations()
            .unwrap();
        let calls = Calls::new(&[], &conversations);
        let causes = causes(&conversations, 0, &calls, Some(Side::Client));
        assert_eq!(causes[turn].by, by, "{name}");
        assert_eq!(
            causes[0].text(&calls),
            "unknown: no call of the client on this connection is recorded"
        );
    }
}

#[test]
fn calls_have_names_and_results() {
    use wire::event::{Event, Evidence, Found};
    use wire::fact::Fact;
    let check = |name: &str, facts: &[(&str, bool)], events: &[(&str, Option<&str>)]| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/calls")
            .join(name);
        let capture = Capture::parse(&std::fs::read(file.with_extension("pcap")).unwrap()).unwrap();
        let conversations = capture.conversations().unwrap();
        let records = call::read(&std::fs::read_to_string(file.with_extension("jsonl")).unwrap()).unwrap();
        let calls = Calls::new(&records, &conversations);
        let evidence = Evidence::new(&conversations).with_calls(&calls);
        for (fact, holds) in facts {
            let verdict = fact.parse::<Fact>().unwrap().check(&evidence).unwrap();
            assert_eq!(verdict.holds, *holds, "{name}: {fact}: {}", verdict.seen);
        }
        for (event, found) in events {
            let name = match event.parse::<Event>().unwrap().find(&evidence) {
                Ok(Found::Call { record }) => Some(calls.call(record).unwrap().call.as_str()),
                Ok(Found::Segment { .. }) => panic!("{event} is a segment"),
                Err(_) => None,
            };
            assert_eq!(name, *found, "{event}");
        }
    };
    check(
        "blocking",
        &[
            ("server recv returns 11", true),
            ("server recv returns 0", true),
            ("first server recv returns 0", false),
            ("client send returns 11", true),
            ("client connect before server accept", true),
            ("client close before client FIN", true),
            ("client shutdown returns 0", false),
        ],
        &[
            ("client connect", Some("connect")),
            ("server accept", Some("accept4")),
            ("server listen", Some("listen")),
            ("client recv", Some("recv")),
            ("server recv", None),
            ("last server recv", Some("recv")),
            ("client accept", None),
        ],
    );
    check(
        "async",
        &[
            ("client connect returns EINPROGRESS", true),
            ("server recv returns EAGAIN", true),
        ],
        &[("server accept", Some("accept4")), ("client recv", Some("recv"))],
    );
    check("refused", &[("client connect returns ECONNREFUSED", true)], &[]);
    check(
        "two-clients",
        &[("connection 2: client send returns 3", true)],
        &[
            ("client connect", None),
            ("connection 1: client connect", Some("connect")),
            ("connection 2: server accept", Some("accept4")),
        ],
    );
}

#[test]
fn a_timeline_is_five_lanes_in_a_hundred_columns() {
    use wire::timeline::{Timeline, unknowns};
    // Of two hosts it wants both captures.
    for file in recordings().into_iter().filter(|file| host(file).is_none()) {
        let conversations = Capture::parse(&std::fs::read(&file).unwrap())
            .unwrap()
            .conversations()
            .unwrap();
        let records = call::read(&std::fs::read_to_string(file.with_extension("jsonl")).unwrap()).unwrap();
        let calls = Calls::new(&records, &conversations);
        let timeline = Timeline::new(&conversations, None, &calls);
        assert!(unknowns(&timeline, false).is_empty(), "{}", file.display());
        assert!(timeline.rows.is_sorted_by_key(|row| row.time));
        let text = timeline.text();
        for line in text.lines() {
            assert!(
                line.chars().count() <= 100 && !line.ends_with(' '),
                "{}: {line}",
                file.display()
            );
        }
        let expected = file.with_extension("timeline.txt");
        if expected.exists() {
            if std::env::var_os("WIRE_WRITE").is_some() {
                std::fs::write(&expected, &text).unwrap();
            }
            let expected = std::fs::read_to_string(&expected).unwrap();
            assert_eq!(
                text, expected,
                "if the new text is right, run again with WIRE_WRITE=1"
            );
        }
    }
}
