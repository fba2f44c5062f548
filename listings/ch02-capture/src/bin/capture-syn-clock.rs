//! How much time lies between two conversations: once by the stamps of their captures,
//! once by the sequence numbers of their SYNs.
//!
//! It holds on Linux, for two SYNs with the same addresses and ports, sent by one kernel
//! since it was started.
//!
//! `cargo run --bin capture-syn-clock FIRST.pcap SECOND.pcap`

use std::{
    env, fs,
    io::{self, Write},
};

use anyhow::{Context, Result, ensure};

/// Linux adds the time to its secret number in ticks of 64 ns (`secure_tcp_seq`).
const TICK: f64 = 64e-9;

/// How many ticks it takes until the numbers, and the answer with them, begin anew.
const ROUND: f64 = 4_294_967_296.0 * TICK;

fn main() -> Result<()> {
    let file = |nth| env::args().nth(nth).context("two captures are needed");
    let (first, second) = (first_packet(&file(1)?)?, first_packet(&file(2)?)?);
    ensure!(
        first.ends == second.ends,
        "these are not the same addresses and ports"
    );
    // ANCHOR: clocks
    let ticks = second.number.wrapping_sub(first.number); // may have gone past 2³²
    let by_number = f64::from(ticks) * TICK;
    let by_stamp = (second.stamp - first.stamp).rem_euclid(ROUND);
    writeln!(io::stdout(), "{by_stamp:.6} s by the captures' stamps").ok();
    writeln!(io::stdout(), "{by_number:.6} s by the sequence numbers").ok();
    // ANCHOR_END: clocks
    Ok(())
}

struct Syn {
    /// Seconds since 1970.
    stamp: f64,
    number: u32,
    /// Both addresses and both ports.
    ends: [u8; 12],
}

// ANCHOR: file
/// Reads the first packet of a capture file, an IPv4 SYN without IP options.
fn first_packet(path: &str) -> Result<Syn> {
    let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
    let word = |at: usize| {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    let read = || {
        (word(0)? == 0xa1b2_3c4d).then_some(())?; // pcap, little-endian, in nanoseconds
        let link = if word(20)? == 1 { 14 } else { 0 }; // an Ethernet header, or none
        let stamp = f64::from(word(24)?) + f64::from(word(28)?) * 1e-9;
        let packet = bytes.get(40 + link..)?; // behind the file's header and the packet's
        Some(Syn {
            stamp,
            number: u32::from_be_bytes(packet.get(24..28)?.try_into().ok()?),
            ends: packet.get(12..24)?.try_into().ok()?,
        })
    };
    read().with_context(|| format!("{path} is none of this book's captures"))
}
// ANCHOR_END: file
