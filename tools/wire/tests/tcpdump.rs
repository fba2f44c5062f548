//! What the crate prints is what the real tcpdump prints.
//!
//! Runs where a tcpdump is installed; where none is, it says so and passes, unless `BOOK_REQUIRE_LIVE=1`.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use wire::capture::{Capture, Link, Packet};
use wire::tcpdump::{Options, Time, print};

/// Whether there is a tcpdump to compare with.
fn tcpdump_is_here() -> bool {
    let here = Command::new("tcpdump").arg("--version").output().is_ok();
    if !here {
        assert!(
            std::env::var_os("BOOK_REQUIRE_LIVE").is_none_or(|value| value != "1"),
            "no tcpdump to compare with; install it (`apt-get install tcpdump`), or unset BOOK_REQUIRE_LIVE"
        );
        eprintln!("not compared: no tcpdump is installed");
    }
    here
}

/// The options as both programs are given them.
fn settings() -> Vec<(Options, Vec<&'static str>)> {
    let full = Options::default();
    vec![
        (full, vec!["-S", "-vvv"]),
        (
            Options {
                time: Time::None,
                absolute: false,
                ..full
            },
            vec!["-t", "-vvv"],
        ),
        (
            Options {
                time: Time::Epoch,
                verbose: 0,
                ..full
            },
            vec!["-tt", "-S"],
        ),
        (
            Options {
                time: Time::SincePrevious,
                verbose: 0,
                absolute: false,
                ..full
            },
            vec!["-ttt"],
        ),
        (
            Options {
                time: Time::Date,
                verbose: 1,
                ..full
            },
            vec!["-tttt", "-S", "-v"],
        ),
        (
            Options {
                time: Time::SinceFirst,
                verbose: 2,
                absolute: false,
                nanoseconds: true,
            },
            vec!["-ttttt", "--nano", "-vv"],
        ),
    ]
}

fn tcpdump(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tcpdump")
        .env("TZ", "UTC")
        .args(["-nn", "-r"])
        .arg(file)
        .args(arguments)
        .arg("tcp")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The stored captures of this crate, and every recording of the book.
fn captures() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&here.join("tests/corpus"), &mut files);
    assert!(files.len() > 30, "the corpus is gone");
    for listing in here
        .join("../../listings")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
    {
        collect(&listing.path().join("recordings"), &mut files);
    }
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "pcap" || extension == "pcapng")
        {
            files.push(path);
        }
    }
}

#[test]
fn every_stored_capture_is_printed_as_tcpdump_prints_it() {
    if !tcpdump_is_here() {
        return;
    }
    for file in captures() {
        let segments = Capture::parse(&std::fs::read(&file).unwrap())
            .unwrap()
            .segments()
            .unwrap();
        assert!(!segments.is_empty(), "{} holds no segment", file.display());
        for (options, arguments) in settings() {
            let (ours, theirs) = (print(&segments, options), tcpdump(&file, &arguments));
            assert_eq!(ours, theirs, "{} with {arguments:?}", file.display());
        }
    }
}

/// The options of a segment: whole ones of every kind that is covered, then perhaps some bytes of nonsense.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |bytes: &'static [u8]| Just(bytes.to_vec()).boxed();
    let option = prop_oneof![
        fixed(&[1]),
        fixed(&[0]),
        fixed(&[4, 2]),
        any::<u16>().prop_map(|size| [&[2, 4][..], &size.to_be_bytes()].concat()),
        any::<u8>().prop_map(|scale| vec![3, 3, scale]),
        any::<[u8; 8]>().prop_map(|times| [&[8, 10][..], &times].concat()),
        (0..3u8, any::<[u8; 16]>()).prop_map(|(blocks, bytes)| {
            [&[5, 2 + 8 * blocks][..], &bytes[..usize::from(8 * blocks)]].concat()
        }),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| [
            &[34, bytes.len() as u8 + 2][..],
            &bytes
        ]
        .concat()),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| [
            &[254, bytes.len() as u8 + 2][..],
            &bytes
        ]
        .concat()),
        (150..200u8, proptest::collection::vec(any::<u8>(), 0..8)).prop_map(|(kind, bytes)| [
            &[kind, bytes.len() as u8 + 2][..],
            &bytes
        ]
        .concat()),
        (
            prop_oneof![
                Just(2u8),
                Just(3),
                Just(4),
                Just(5),
                Just(8),
                Just(6),
                Just(13),
                Just(99)
            ],
            0..12u8
        )
            .prop_map(|(kind, length)| vec![kind, length]),
    ];
    (proptest::collection::vec(option, 0..5), any::<bool>()).prop_map(|(options, pad)| {
        let mut bytes = options.concat();
        bytes.truncate(40);
        bytes.resize(bytes.len().next_multiple_of(4), u8::from(pad));
        bytes
    })
}

/// A packet whose every field is anything.
fn packet() -> impl Strategy<Value = Packet> {
    let ports = prop_oneof![Just((40_000u16, 8_000u16)), Just((8_000, 40_000)), Just((7, 7))];
    let flags = prop_oneof![
        any::<u16>(),
        Just(0x10),
        Just(0x18),
        Just(0x11),
        Just(0x02),
        Just(0x12),
        Just(0x14)
    ];
    let data = proptest::collection::vec(any::<u8>(), 0..40);
    let ip = (
        any::<u8>(),
        any::<u16>(),
        any::<bool>(),
        any::<bool>(),
        any::<u8>(),
        any::<bool>(),
    );
    let tcp = (
        any::<u32>(),
        any::<u32>(),
        any::<u16>(),
        any::<u16>(),
        any::<u16>(),
    );
    let time = 0..2_000_000_000_000_000_000u64;
    (time, ports, flags, options(), data, ip, tcp).prop_map(|(time, ports, flags, options, data, ip, tcp)| {
        let (tos, id, df, reserved, ttl, good) = ip;
        let (sequence, acknowledgment, window, checksum, urgent) = tcp;
        let total = (40 + options.len() + data.len()) as u16;
        let mut bytes = vec![0x45, tos];
        bytes.extend(total.to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend([
            u8::from(df) << 6 | u8::from(reserved) << 7,
            0,
            ttl,
            6,
            0,
            0,
            127,
            0,
            0,
            1,
            127,
            0,
            0,
            1,
        ]);
        if good {
            let sum = etherparse::Ipv4HeaderSlice::from_slice(&bytes)
                .unwrap()
                .to_header()
                .calc_header_checksum();
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        bytes.extend(ports.0.to_be_bytes());
        bytes.extend(ports.1.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(acknowledgment.to_be_bytes());
        bytes.extend(((5 + options.len() as u16 / 4) << 12 | flags & 0x1ff).to_be_bytes());
        for field in [window, checksum, urgent] {
            bytes.extend(field.to_be_bytes());
        }
        bytes.extend(options);
        bytes.extend(data);
        Packet {
            time,
            original_len: bytes.len() as u32,
            bytes,
        }
    })
}

/// The same behind an IPv6 header.
fn packet_of_ipv6() -> impl Strategy<Value = Packet> {
    let class = prop_oneof![Just(0), any::<u8>()];
    let label = prop_oneof![Just(0), 0..1u32 << 20];
    let address = prop_oneof![
        Just("::1"),
        Just("fe80::1"),
        Just("2001:db8:0:1:0:0:0:9"),
        Just("2001:db8:1:2:3:4:5:6"),
        Just("::ffff:10.0.0.1"),
        Just("::"),
    ];
    let addresses = (address.clone(), address);
    (packet(), class, label, any::<u8>(), addresses).prop_map(
        |(mut packet, class, label, hops, addresses)| {
            let tcp = packet.bytes.split_off(20);
            let mut bytes = (6u32 << 28 | u32::from(class) << 20 | label)
                .to_be_bytes()
                .to_vec();
            bytes.extend((tcp.len() as u16).to_be_bytes());
            bytes.extend([6, hops]);
            for address in [addresses.0, addresses.1] {
                bytes.extend(address.parse::<std::net::Ipv6Addr>().unwrap().octets());
            }
            bytes.extend(tcp);
            Packet {
                original_len: bytes.len() as u32,
                bytes,
                ..packet
            }
        },
    )
}

#[test]
fn packets_of_any_content_are_printed_as_tcpdump_prints_them() {
    if !tcpdump_is_here() {
        return;
    }
    let packets = proptest::collection::vec(prop_oneof![3 => packet(), 1 => packet_of_ipv6()], 200);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    runner
        .run(&packets, |packets| {
            let capture = Capture {
                link: Link::Raw,
                packets,
            };
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), capture.to_pcap()).unwrap();
            let segments = capture.segments().unwrap();
            for (options, arguments) in settings() {
                let (ours, theirs) = (print(&segments, options), tcpdump(file.path(), &arguments));
                prop_assert_eq!(ours, theirs);
            }
            Ok(())
        })
        .unwrap();
}
