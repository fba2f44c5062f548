//! Whatever a file holds, reading it ends with a value or an error that names the packet.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod everything;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use everything::{Outcome, everything};
use proptest::prelude::*;
use wire::capture::{Capture, Link, Packet};

fn folder(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let mut files: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "txt"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_nasty_file_has_the_outcome_that_is_written_down() {
    let mut text = String::new();
    for (name, file) in folder("nasty") {
        let outcome = match everything(&file) {
            Outcome::NoCapture(error) => error.to_string(),
            Outcome::Damaged(whole, error) => format!("{whole} whole, then: {error}"),
            Outcome::BadPacket(error) => error.to_string(),
            Outcome::Read(conversations) => {
                let segments: Vec<usize> = conversations.iter().map(|found| found.turns.len()).collect();
                format!("conversations of {segments:?} segments")
            }
        };
        writeln!(text, "{name}: {outcome}").unwrap();
    }
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nasty/outcomes.txt");
    if std::env::var_os("WIRE_WRITE").is_some() {
        std::fs::write(&expected, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    assert_eq!(
        text, expected,
        "if the new outcomes are right, run again with WIRE_WRITE=1"
    );
}

/// A way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    Byte(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Cut(prop::sample::Index),
    Twice(prop::sample::Index, prop::sample::Index),
    Without(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    let word = prop_oneof![any::<u32>(), 0..100u32, Just(u32::MAX), Just(1 << 31)];
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Byte(place, byte)),
        4 => (place(), word).prop_map(|(place, word)| Damage::Word(place, word)),
        1 => place().prop_map(Damage::Cut),
        1 => (place(), place()).prop_map(|(one, two)| Damage::Twice(one, two)),
        1 => (place(), place()).prop_map(|(one, two)| Damage::Without(one, two)),
    ]
}

fn apply(file: &mut Vec<u8>, damage: &Damage) {
    if file.is_empty() {
        return;
    }
    let length = file.len();
    let range = |one: &prop::sample::Index, two: &prop::sample::Index| {
        let (one, two) = (one.index(length), two.index(length));
        one.min(two)..one.max(two)
    };
    match damage {
        Damage::Byte(place, byte) => file[place.index(length)] = *byte,
        Damage::Word(place, word) => {
            let place = place.index(length);
            for (byte, new) in file[place..].iter_mut().zip(word.to_le_bytes()) {
                *byte = new;
            }
        }
        Damage::Cut(place) => file.truncate(place.index(length)),
        Damage::Twice(one, two) => {
            let part = file[range(one, two)].to_vec();
            file.extend(part);
        }
        Damage::Without(one, two) => drop(file.drain(range(one, two))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_capture_is_read_or_refused(
        file in prop::sample::select(folder("corpus")),
        damages in proptest::collection::vec(damage(), 1..6),
    ) {
        let (_, mut file) = file;
        for damage in &damages {
            apply(&mut file, damage);
        }
        everything(&file);
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(
        start in prop::sample::select(folder("nasty")),
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let (_, mut file) = start;
        file.extend(bytes);
        everything(&file);
    }
}

/// A packet with a SYN, FIN, RST or data, numbers of every kind.
fn crowded(index: u32) -> Packet {
    let flags = [0x11, 0x04, 0x10, 0x19, 0x14, 0x01][index as usize % 6];
    let (source, destination) = if index.is_multiple_of(2) {
        (40_000, 8_000)
    } else {
        (8_000u16, 40_000u16)
    };
    let mut bytes = Vec::new();
    let mut header = etherparse::TcpHeader::new(source, destination, index.wrapping_mul(7), 512);
    header.acknowledgment_number = index.wrapping_mul(3);
    header.fin = flags & 1 != 0;
    header.rst = flags & 4 != 0;
    header.psh = flags & 8 != 0;
    header.ack = flags & 16 != 0;
    etherparse::PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
        .tcp_header(header)
        .write(&mut bytes, if index.is_multiple_of(3) { b"data" } else { b"" })
        .unwrap();
    Packet {
        time: u64::from(index),
        original_len: bytes.len() as u32,
        bytes,
    }
}

#[test]
fn a_crowded_conversation_takes_time_in_proportion_to_its_length() {
    let capture = Capture {
        link: Link::Raw,
        packets: (0..40_000).map(crowded).collect(),
    };
    let started = Instant::now();
    let conversations = capture.conversations().unwrap();
    for conversation in &conversations {
        wire::state::states(conversation);
        wire::skeleton::skeleton(conversation);
    }
    // Under a second; with a step for each pair of segments it would be minutes.
    let taken = started.elapsed();
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}
