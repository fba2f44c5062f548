//! Recordings over a link between two hosts, and one of a socket connected to itself: causes, ways and states as they were
//! read by eye in both captures.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fs;
use std::path::Path;

use wire::call::{self, Record};
use wire::capture::Capture;
use wire::cause::{By, Calls};
use wire::conversation::{Conversation, Side};
use wire::passing::{Passing, Way, What, agreeing, last_states, passing};
use wire::state::State;
use wire::timeline::Timeline;

struct Recorded {
    near: Vec<Conversation>,
    far: Option<Vec<Conversation>>,
    records: Vec<Record>,
}

fn recorded(name: &str) -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/two-hosts")
        .join(name);
    let capture = |file: &str| {
        let file = fs::read(folder.join(file)).ok()?;
        Some(Capture::parse(&file).unwrap().conversations().unwrap())
    };
    let near = capture("client.pcap")
        .or_else(|| capture("capture.pcap"))
        .unwrap();
    Recorded {
        far: capture("server.pcap").map(|far| agreeing(far, &near)),
        near,
        records: call::read(&fs::read_to_string(folder.join("calls.jsonl")).unwrap()).unwrap(),
    }
}

impl Recorded {
    /// What the corpus holds of both hosts, without calls.
    fn of_corpus(name: &str) -> Recorded {
        let capture = |host: &str| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.{host}.pcap"));
            let capture = Capture::parse(&fs::read(file).unwrap()).unwrap();
            capture.conversations().unwrap()
        };
        let near = capture("client");
        Recorded {
            far: Some(agreeing(capture("server"), &near)),
            near,
            records: Vec::new(),
        }
    }

    fn passing(&self) -> Vec<Passing<'_>> {
        let calls = Calls::new(&self.records, &self.near);
        passing(&self.near, self.far.as_deref(), &calls)
    }

    /// What each segment that answers one answers, both counted from 1.
    fn answers(&self) -> Vec<(usize, usize)> {
        let mut answers: Vec<_> = self
            .passing()
            .iter()
            .filter_map(|it| match it.cause.as_ref()?.by {
                By::Answer(of) => Some((it.number? + 1, of + 1)),
                _ => None,
            })
            .collect();
        answers.sort_unstable();
        answers
    }

    /// The states of one end: when in whole milliseconds after the first segment, by the arrival or departure of which
    /// segment, to what.
    fn path(&self, side: Side) -> Vec<(u64, usize, &'static str)> {
        let all = self.passing();
        let first = all[0].time;
        let mut path = Vec::new();
        for it in &all {
            for (_, state) in it.entered.iter().filter(|(entering, _)| *entering == side) {
                path.push((
                    (it.time - first) / 1_000_000,
                    it.number.map_or(0, |number| number + 1),
                    state.as_str(),
                ));
            }
        }
        path
    }

    fn text(&self) -> String {
        let calls = Calls::new(&self.records, &self.near);
        Timeline::new(&self.near, self.far.as_deref(), &calls).text()
    }
}

#[test]
fn a_server_whose_third_segment_was_lost_is_established_by_the_data() {
    let recorded = recorded("lost-third");
    let lost: Vec<_> = recorded
        .passing()
        .iter()
        .filter(|it| it.what == What::Leaves(Way::Lost))
        .map(|it| it.number)
        .collect();
    assert_eq!(lost, [Some(2)]);
    assert_eq!(
        recorded.path(Side::Server),
        [
            (5, 2, "SYN-RECEIVED"),
            (516, 4, "ESTABLISHED"),
            (527, 8, "CLOSE-WAIT"),
            (527, 9, "LAST-ACK"),
            (538, 10, "CLOSED"),
        ]
    );
    assert_eq!(
        recorded.path(Side::Client),
        [
            (0, 1, "SYN-SENT"),
            (10, 2, "ESTABLISHED"),
            (522, 8, "FIN-WAIT-1"),
            (532, 9, "FIN-WAIT-2"),
            (532, 9, "TIME-WAIT"),
        ]
    );
    assert_eq!(recorded.answers(), [(2, 1), (3, 2), (5, 4), (7, 6), (10, 9)]);
    let text = recorded.text();
    let row = |words: &str| text.lines().find(|line| line.contains(words)).unwrap().to_owned();
    assert!(row("3 ACK ").ends_with('✕'), "{text}");
    assert!(row("╌ 4 11 B ▶").contains("→ESTABLISHED"), "{text}");
}

#[test]
fn ends_that_call_each_other_know_of_nothing_before_it_has_arrived() {
    let recorded = recorded("both");
    assert_eq!(
        recorded.path(Side::Server),
        [
            (0, 2, "SYN-SENT"),
            (419, 1, "SYN-RECEIVED"),
            (819, 3, "ESTABLISHED"),
            (1221, 12, "FIN-WAIT-1"),
            (1626, 10, "CLOSING"),
            (2026, 13, "TIME-WAIT"),
        ]
    );
    assert_eq!(
        recorded.path(Side::Client),
        [
            (0, 1, "SYN-SENT"),
            (419, 2, "SYN-RECEIVED"),
            (820, 4, "ESTABLISHED"),
            (1221, 10, "FIN-WAIT-1"),
            (1626, 12, "CLOSING"),
            (2026, 14, "TIME-WAIT"),
        ]
    );
    assert_eq!(
        recorded.answers(),
        [
            (3, 2),
            (4, 1),
            (5, 4),
            (7, 3),
            (9, 8),
            (11, 6),
            (13, 12),
            (14, 10)
        ]
    );
}

#[test]
fn fins_that_cross_lead_each_end_through_closing_at_its_own_host_s_time() {
    let recorded = Recorded::of_corpus("simultaneous-close");
    assert_eq!(
        recorded.path(Side::Server)[2..],
        [(16, 5, "FIN-WAIT-1"), (21, 4, "CLOSING"), (26, 6, "TIME-WAIT")]
    );
    assert_eq!(
        recorded.path(Side::Client)[2..],
        [(16, 4, "FIN-WAIT-1"), (21, 5, "CLOSING"), (26, 7, "TIME-WAIT")]
    );
    assert_eq!(recorded.answers(), [(2, 1), (3, 2), (6, 5), (7, 4)]);
}

#[test]
fn what_the_server_answers_bears_the_numbers_of_the_client_s_capture() {
    assert_eq!(
        recorded("two-hosts").answers(),
        [
            (2, 1),
            (3, 2),
            (8, 4),
            (10, 9),
            (12, 11),
            (14, 13),
            (16, 15),
            (19, 18)
        ]
    );
    // 5 comes behind 6 and 7: each of these is answered with what was there before, and 5 with everything.
    assert_eq!(
        recorded("overtaken").answers(),
        [
            (2, 1),
            (3, 2),
            (8, 4),
            (10, 9),
            (11, 6),
            (12, 7),
            (13, 5),
            (15, 14),
            (17, 16),
            (19, 18),
            (22, 21)
        ]
    );
}

#[test]
fn a_socket_connected_to_itself_goes_through_every_state_alone() {
    let recorded = recorded("myself");
    let path: Vec<_> = recorded
        .path(Side::Client)
        .into_iter()
        .map(|(_, number, state)| (number, state))
        .collect();
    assert_eq!(
        path,
        [
            (1, "SYN-SENT"),
            (1, "SYN-RECEIVED"),
            (2, "ESTABLISHED"),
            (6, "FIN-WAIT-1"),
            (6, "CLOSING"),
            (7, "TIME-WAIT"),
        ]
    );
    assert_eq!(recorded.path(Side::Server), []);
    let last = last_states(&recorded.near, None);
    assert_eq!((last[0].client, last[0].server), (State::TimeWait, State::Closed));
    let text = recorded.text();
    assert!(!text.contains("server:"), "all of it is the client's:\n{text}");
}
