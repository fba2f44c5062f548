//! What the chapter says of its own recordings: the sniffer prints what they hold, and
//! their first numbers tell the time.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot do without may end it by a panic"
)]

use std::{fs, path::PathBuf, process::Command};

use ch02_capture::{clock, describe};

const VARIANTS: [&str; 4] =
    ["blocking", "async", "blocking-async", "async-blocking"];

fn recording(variant: &str, file: &str) -> PathBuf {
    let folder = format!("recordings/plain.{variant}");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(file)
}

/// The packets of one of our captures, without their Ethernet headers.
fn packets(variant: &str) -> Vec<Vec<u8>> {
    let capture = fs::read(recording(variant, "capture.pcap")).unwrap();
    let mut packets = Vec::new();
    let mut rest = &capture[24..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        packets.push(rest[16 + 14..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    packets
}

#[test]
fn the_sniffer_prints_what_the_capture_holds() {
    for variant in VARIANTS {
        let output = fs::read_to_string(recording(variant, "output.txt")).unwrap();
        let printed: Vec<&str> = output
            .lines()
            .filter(|line| line.starts_with("sniffer"))
            .filter_map(|line| line.find("IP ").map(|at| &line[at..]))
            .collect();
        let held: Vec<String> =
            packets(variant).iter().filter_map(|packet| describe(packet)).collect();
        assert_eq!(printed, held, "plain.{variant}");
        assert_eq!(printed.len(), 10);
    }
}

#[test]
fn a_packet_that_is_cut_short_has_no_line_and_ends_nothing() {
    for packet in packets("blocking") {
        for length in 0..packet.len() {
            assert_eq!(describe(&packet[..length]), None);
        }
        for at in 0..40 {
            let mut damaged = packet.clone();
            damaged[at] ^= 0xff;
            describe(&damaged);
        }
    }
}

#[test]
fn the_clock_shows_in_the_sequence_numbers() {
    for pair in VARIANTS.windows(2) {
        let output = Command::new(env!("CARGO_BIN_EXE_capture-syn-clock"))
            .args(pair.iter().map(|variant| recording(variant, "capture.pcap")))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let seconds: Vec<f64> = text
            .lines()
            .map(|line| line.split(' ').next().unwrap().parse().unwrap())
            .collect();
        let [by_stamp, by_number] = seconds[..] else { panic!("{text}") };
        assert!(
            (by_stamp - by_number).abs() < 0.001,
            "{text}\nIf these were recorded before and after a start of the machine, record all four again: \
             cargo book record --again capture/plain"
        );
    }
}

#[test]
fn the_time_of_day_is_in_utc_and_to_the_microsecond() {
    let stamp = std::time::Duration::new(1_795_382_525, 605_446_482);
    assert_eq!(clock(stamp), "21:22:05.605446");
}
