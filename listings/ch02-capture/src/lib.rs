//! One packet, one line: what `tcpdump -S -nn` prints of a TCP segment, without its
//! options.

use std::{net::Ipv4Addr, time::Duration};

/// Describes the IPv4 packet in `packet`; `None` where it holds no whole TCP header.
///
/// The places of the fields are those of RFC 791, section 3.1, and RFC 9293, section 3.1.
pub fn describe(packet: &[u8]) -> Option<String> {
    // ANCHOR: ip
    let first = byte(packet, 0)?;
    let later_fragment = two(packet, 6)? & 0x1fff != 0;
    if first >> 4 != 4 || byte(packet, 9)? != TCP || later_fragment {
        return None;
    }
    let (from, to) = (four(packet, 12)?, four(packet, 16)?);
    let header = usize::from(first & 0x0f) * 4; // it counts in words of four bytes
    let segment = packet.get(header..usize::from(two(packet, 2)?))?;
    // ANCHOR_END: ip
    // ANCHOR: tcp
    let (from_port, to_port) = (two(segment, 0)?, two(segment, 2)?);
    let (seq, ack) = (four(segment, 4)?, four(segment, 8)?);
    let header = usize::from(byte(segment, 12)? >> 4) * 4;
    let flags = byte(segment, 13)?;
    let window = two(segment, 14)?;
    let length = segment.get(header..)?.len();
    // ANCHOR_END: tcp
    // ANCHOR: line
    let (from, to) = (Ipv4Addr::from(from), Ipv4Addr::from(to));
    let letters = letters(flags);
    let mut line =
        format!("IP {from}.{from_port} > {to}.{to_port}: Flags [{letters}]");
    if length > 0 {
        line += &format!(", seq {seq}:{}", seq.wrapping_add(length as u32));
    } else if flags & (SYN | FIN | RST) != 0 {
        line += &format!(", seq {seq}");
    }
    if flags & ACK != 0 {
        line += &format!(", ack {ack}");
    }
    Some(line + &format!(", win {window}, length {length}"))
    // ANCHOR_END: line
}

/// The protocol's number in an IPv4 header (RFC 9293, section 3.1).
const TCP: u8 = 6;

// ANCHOR: flags
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The letters tcpdump prints for the flags, in its order.
fn letters(flags: u8) -> String {
    let names = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W']; // the lowest bit first
    let set = (0..8).filter(|bit| flags & (1 << bit) != 0);
    let letters: String = set.map(|bit| names[bit]).collect();
    if letters.is_empty() { "none".into() } else { letters }
}
// ANCHOR_END: flags

/// The time of day, in UTC, to the microsecond: `12:34:56.789012`.
pub fn clock(since_epoch: Duration) -> String {
    let (seconds, micros) =
        (since_epoch.as_secs() % 86_400, since_epoch.subsec_micros());
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{micros:06}", seconds % 60)
}

// Whatever is on the wire may be cut short or be a lie: nothing is indexed unasked.

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// A number of two bytes, the higher one first, as all numbers in headers.
fn two(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([byte(bytes, at)?, byte(bytes, at + 1)?]))
}

/// A number of four bytes, the highest one first.
fn four(bytes: &[u8], at: usize) -> Option<u32> {
    let pair = |at| two(bytes, at).map(u32::from);
    Some(pair(at)? << 16 | pair(at + 2)?)
}
