//! Files of captured packets: pcap and pcapng read, pcap written.
//!
//! The formats are those of `pcap-savefile(5)` and of the pcapng draft (draft-ietf-opsawg-pcapng). Both are read in
//! either byte order and at any resolution of time; what is written is always little-endian pcap with nanoseconds, so
//! that the same packets give the same bytes everywhere.
//!
//! A file is not to be trusted: every length is checked against the bytes that are there, so memory stays in proportion
//! to the file, and an error names the packet it met, counted from 1 as every reader of captures counts.

use crate::bytes::{Bytes, Order};

/// What precedes the IP header in each packet of a capture (tcpdump.org, *link-layer header types*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// 0: the loopback of the BSDs and macOS; four bytes of address family in the byte order of the machine.
    Null,
    /// 1: Ethernet; also Linux's `lo`, with addresses of zeros.
    Ethernet,
    /// 101: nothing precedes; a TUN device.
    Raw,
    /// 108: OpenBSD's loopback; as `Null`, in network byte order.
    Loop,
    /// 113: Linux `-i any`, older; 16 bytes.
    LinuxSll,
    /// 276: Linux `-i any`, newer; 20 bytes with the interface's number.
    LinuxSll2,
}

impl Link {
    const ALL: [Link; 6] = [
        Link::Null,
        Link::Ethernet,
        Link::Raw,
        Link::Loop,
        Link::LinuxSll,
        Link::LinuxSll2,
    ];

    /// The number that stands for it in a file.
    pub fn number(self) -> u32 {
        match self {
            Link::Null => 0,
            Link::Ethernet => 1,
            Link::Raw => 101,
            Link::Loop => 108,
            Link::LinuxSll => 113,
            Link::LinuxSll2 => 276,
        }
    }

    fn from_number(number: u32) -> Result<Link, CaptureError> {
        Link::ALL
            .into_iter()
            .find(|link| link.number() == number)
            .ok_or(CaptureError::UnknownLink { number })
    }
}

/// One packet, as the sniffer saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// How long it was on the wire, in bytes; more than `bytes` holds where the sniffer kept only the beginning.
    pub original_len: u32,
    /// The packet from its link header on.
    pub bytes: Vec<u8>,
}

impl Packet {
    /// The packet as it stands in a file that begins with [`file_header`]: 16 bytes and the packet's own.
    ///
    /// A time after the year 2106 does not fit the format and is written as the last that does.
    pub fn to_record(&self) -> Vec<u8> {
        let seconds = u32::try_from(self.time / NANOSECONDS).unwrap_or(u32::MAX);
        // Packets come from a `u32` in a file or from a sniffer's buffer of 256 KiB.
        let captured = self.bytes.len() as u32;
        let words = [
            seconds,
            (self.time % NANOSECONDS) as u32,
            captured,
            self.original_len,
        ];
        let mut record: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        record.extend_from_slice(&self.bytes);
        record
    }
}

/// The packets of one file, in the file's order, all of one link type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// What precedes the IP header in each.
    pub link: Link,
    /// The packets; the first is number 1.
    pub packets: Vec<Packet>,
}

/// Why bytes are not a capture, or where they cease to be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The first bytes belong to no format of captures.
    #[error("this is no capture: it begins with {begins}; give a file written by `tcpdump -w` or Wireshark")]
    NotACapture {
        /// The first bytes, in hexadecimal, or a name for what they are.
        begins: String,
    },
    /// The file ends within its own header.
    #[error("the file ends within its header, after {length} bytes; capture again")]
    NoHeader {
        /// The length of the whole file.
        length: usize,
    },
    /// A kind of interface that is not read here.
    #[error(
        "link type {number} is not read here; capture on a loopback, an Ethernet or a TUN interface, or with `-i any`"
    )]
    UnknownLink {
        /// The number of the link type.
        number: u32,
    },
    /// The file ends in the midst of a packet.
    #[error(
        "the file ends within packet {packet}; the sniffer was stopped while it wrote, the packets before are whole"
    )]
    Truncated {
        /// The packet's number.
        packet: usize,
    },
    /// A packet claims to be longer than any sniffer writes.
    #[error("packet {packet} claims {length} bytes, more than any packet has; the file is damaged there")]
    TooLong {
        /// The packet's number.
        packet: usize,
        /// The length it claims, in bytes.
        length: u32,
    },
    /// A block of a pcapng file contradicts itself.
    #[error("at packet {packet}: {what}; the file is damaged there")]
    BadBlock {
        /// The number of the packet that the block is, or would be followed by.
        packet: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The packets come from interfaces of different kinds.
    #[error(
        "packet {packet} has link type {found}, those before have {expected}; capture on one interface, or with `-i any`"
    )]
    MixedLinks {
        /// The packet's number.
        packet: usize,
        /// The link type of the packets before.
        expected: u32,
        /// The link type of this one.
        found: u32,
    },
}

/// The longest packet libpcap accepts in a file.
const MAXIMUM_LENGTH: u32 = 262_144;
const NANOSECONDS: u64 = 1_000_000_000;

const PCAP_MICROSECONDS: u32 = 0xa1b2_c3d4;
const PCAP_NANOSECONDS: u32 = 0xa1b2_3c4d;
const PCAPNG_SECTION: u32 = 0x0a0d_0d0a;

impl Capture {
    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// Any [`CaptureError`]: the file is no capture, or is damaged or cut short at some packet.
    pub fn parse(file: &[u8]) -> Result<Capture, CaptureError> {
        match Capture::parse_prefix(file)? {
            (capture, None) => Ok(capture),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads as many packets as there are whole ones, and says why it stopped where that is not the end of the file.
    ///
    /// # Errors
    ///
    /// Where not even the beginning is that of a capture.
    pub fn parse_prefix(file: &[u8]) -> Result<(Capture, Option<CaptureError>), CaptureError> {
        let magic = file
            .get(..4)
            .ok_or(CaptureError::NoHeader { length: file.len() })?;
        let magic = [magic[0], magic[1], magic[2], magic[3]];
        let (little, big) = (u32::from_le_bytes(magic), u32::from_be_bytes(magic));
        match (little, big) {
            (PCAPNG_SECTION, _) => pcapng(file),
            (PCAP_MICROSECONDS, _) => pcap(Bytes::new(file, Order::Little), 1_000),
            (_, PCAP_MICROSECONDS) => pcap(Bytes::new(file, Order::Big), 1_000),
            (PCAP_NANOSECONDS, _) => pcap(Bytes::new(file, Order::Little), 1),
            (_, PCAP_NANOSECONDS) => pcap(Bytes::new(file, Order::Big), 1),
            _ => Err(CaptureError::NotACapture {
                begins: name_of(magic),
            }),
        }
    }

    /// The capture as a file: little-endian pcap with nanoseconds.
    pub fn to_pcap(&self) -> Vec<u8> {
        let mut file = file_header(self.link).to_vec();
        for packet in &self.packets {
            file.extend_from_slice(&packet.to_record());
        }
        file
    }
}

/// The 24 bytes a file begins with; each [`Packet::to_record`] appended after them keeps it a whole file.
pub fn file_header(link: Link) -> [u8; 24] {
    let version = 2 | 4 << 16;
    let words = [PCAP_NANOSECONDS, version, 0, 0, MAXIMUM_LENGTH, link.number()];
    let mut header = [0; 24];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    header
}

fn name_of(magic: [u8; 4]) -> String {
    match magic {
        [0x1f, 0x8b, ..] => "gzip's mark (unpack it first)".into(),
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd's mark (unpack it first)".into(),
        [a, b, c, d] => format!("{a:02x} {b:02x} {c:02x} {d:02x}"),
    }
}

/// A capture, and why reading it stopped if not at its end.
type Prefix = (Capture, Option<CaptureError>);

/// `unit` is how many nanoseconds one unit of the file's fractions of a second is.
fn pcap(mut file: Bytes<'_>, unit: u64) -> Result<Prefix, CaptureError> {
    let length = file.len();
    let link = pcap_link(&mut file).ok_or(CaptureError::NoHeader { length })?;
    let mut capture = Capture {
        link: Link::from_number(link)?,
        packets: Vec::new(),
    };
    while !file.is_empty() {
        match pcap_packet(&mut file, unit, capture.packets.len() + 1) {
            Ok(packet) => capture.packets.push(packet),
            Err(error) => return Ok((capture, Some(error))),
        }
    }
    Ok((capture, None))
}

fn pcap_link(file: &mut Bytes<'_>) -> Option<u32> {
    // Magic number, version, two unused words, the sniffer's limit.
    file.take(20)?;
    // The upper bits tell of a checksum after Ethernet frames, which the IP length leaves out anyway.
    Some(file.u32()? & 0x03ff_ffff)
}

fn pcap_packet(file: &mut Bytes<'_>, unit: u64, packet: usize) -> Result<Packet, CaptureError> {
    let cut = CaptureError::Truncated { packet };
    let mut word = || file.u32().ok_or(cut.clone());
    let (seconds, fraction, captured, original_len) = (word()?, word()?, word()?, word()?);
    let bytes = packet_bytes(file, captured, packet)?;
    let time = u64::from(seconds) * NANOSECONDS + u64::from(fraction) * unit;
    Ok(Packet {
        time,
        original_len,
        bytes,
    })
}

fn packet_bytes(file: &mut Bytes<'_>, length: u32, packet: usize) -> Result<Vec<u8>, CaptureError> {
    if length > MAXIMUM_LENGTH {
        return Err(CaptureError::TooLong { packet, length });
    }
    Ok(file
        .take(length as usize)
        .ok_or(CaptureError::Truncated { packet })?
        .to_vec())
}

/// What a pcapng file says of one interface.
#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    /// The most bytes it keeps of a packet; 0 for all.
    limit: u32,
    clock: Clock,
}

/// How an interface counts time.
#[derive(Clone, Copy)]
struct Clock {
    units_a_second: u128,
    /// Seconds to add to every time.
    offset: i64,
}

impl Clock {
    /// A count of units since the epoch, in nanoseconds; held at the ends of what 64 bits can say.
    fn nanoseconds(self, count: u64) -> u64 {
        let counted = u128::from(count) * u128::from(NANOSECONDS) / self.units_a_second;
        let offset = i128::from(self.offset) * i128::from(NANOSECONDS);
        let time = i128::try_from(counted)
            .unwrap_or(i128::MAX)
            .saturating_add(offset);
        u64::try_from(time.max(0)).unwrap_or(u64::MAX)
    }
}

fn pcapng(file: &[u8]) -> Result<Prefix, CaptureError> {
    let mut reader = PcapNg {
        rest: Bytes::new(file, Order::Little),
        interfaces: Vec::new(),
        packets: Vec::new(),
    };
    let mut link = None;
    let mut stopped = None;
    while !reader.rest.is_empty() && stopped.is_none() {
        stopped = reader.block(&mut link).err();
    }
    let found = link.or(reader.interfaces.first().map(|interface| interface.link));
    let link = match (found, stopped.clone()) {
        (Some(number), _) => Link::from_number(number)?,
        (None, Some(error)) => return Err(error),
        (None, None) => {
            return Err(CaptureError::BadBlock {
                packet: 1,
                what: "no interface is described",
            });
        }
    };
    Ok((
        Capture {
            link,
            packets: reader.packets,
        },
        stopped,
    ))
}

struct PcapNg<'a> {
    rest: Bytes<'a>,
    /// Those of the current section.
    interfaces: Vec<Interface>,
    packets: Vec<Packet>,
}

impl PcapNg<'_> {
    /// Reads one block; `link` is that of the packets so far.
    fn block(&mut self, link: &mut Option<u32>) -> Result<(), CaptureError> {
        let packet = self.packets.len() + 1;
        let bad = |what| CaptureError::BadBlock { packet, what };
        let cut = CaptureError::Truncated { packet };
        let kind = self.rest.u32().ok_or(cut.clone())?;
        if kind == PCAPNG_SECTION {
            // The byte order is told by a word after the length that is to be read with it.
            let magic = self.rest.peek(4, 4).ok_or(cut.clone())?;
            self.rest.order = match magic {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                _ => return Err(bad("a section does not tell its byte order")),
            };
            self.interfaces.clear();
        }
        let length = self.rest.u32().ok_or(cut.clone())?;
        if length < 12 || length % 4 != 0 {
            return Err(bad(
                "a block's length is less than its frame, or no multiple of four",
            ));
        }
        let body = self.rest.take(length as usize - 12).ok_or(cut.clone())?;
        if self.rest.u32().ok_or(cut)? != length {
            return Err(bad("a block's two lengths differ"));
        }
        let mut body = Bytes::new(body, self.rest.order);
        match kind {
            1 => {
                let interface = interface(&mut body).ok_or(bad("an interface's description is cut short"))?;
                self.interfaces.push(interface);
            }
            // The simple, the obsolete and the ordinary block of a packet.
            2 | 3 | 6 => {
                let (interface, found) = self.packet(kind, &mut body, packet)?;
                let expected = *link.get_or_insert(interface);
                if expected != interface {
                    return Err(CaptureError::MixedLinks {
                        packet,
                        expected,
                        found: interface,
                    });
                }
                self.packets.push(found);
            }
            // Names, statistics, secrets, and whatever else comes to be defined.
            _ => {}
        }
        Ok(())
    }

    /// A packet, and the link type of its interface.
    fn packet(&self, kind: u32, body: &mut Bytes<'_>, packet: usize) -> Result<(u32, Packet), CaptureError> {
        let bad = |what| CaptureError::BadBlock { packet, what };
        let mut word = || body.u32().ok_or(bad("a packet's block is cut short"));
        let number = match kind {
            3 => 0,
            2 => {
                let first = word()?;
                // The first half is the interface, the second counts lost packets.
                if self.rest.order == Order::Big {
                    first >> 16
                } else {
                    first & 0xffff
                }
            }
            _ => word()?,
        };
        let interface = *self
            .interfaces
            .get(number as usize)
            .ok_or(bad("a packet names an interface that is not described"))?;
        let (time, captured, original_len) = if kind == 3 {
            let original = word()?;
            let limit = if interface.limit == 0 {
                u32::MAX
            } else {
                interface.limit
            };
            // This kind of block has no time.
            (0, original.min(limit), original)
        } else {
            let count = u64::from(word()?) << 32 | u64::from(word()?);
            (interface.clock.nanoseconds(count), word()?, word()?)
        };
        let bytes = packet_bytes(body, captured, packet).map_err(|error| match error {
            CaptureError::Truncated { .. } => bad("a packet is longer than its block"),
            other => other,
        })?;
        Ok((
            interface.link,
            Packet {
                time,
                original_len,
                bytes,
            },
        ))
    }
}

fn interface(body: &mut Bytes<'_>) -> Option<Interface> {
    let link = u32::from(body.u16()?);
    body.u16()?;
    let limit = body.u32()?;
    let mut clock = Clock {
        units_a_second: 1_000_000,
        offset: 0,
    };
    // Options end with number 0, with the block, or where one is cut short; none of them is worth an error.
    while let (Some(option), Some(length)) = (body.u16(), body.u16()) {
        let Some(value) = body.take(usize::from(length)) else {
            break;
        };
        body.take((4 - usize::from(length) % 4) % 4);
        match (option, value) {
            (0, _) => break,
            (9, &[resolution]) => clock.units_a_second = units_a_second(resolution),
            (14, value) => clock.offset = Bytes::new(value, body.order).u64().unwrap_or(0).cast_signed(),
            _ => {}
        }
    }
    Some(Interface { link, limit, clock })
}

/// `if_tsresol`: a negative power of ten, or of two where the highest bit is set. Finer than 2^-63 or 10^-19 is taken
/// as those.
fn units_a_second(resolution: u8) -> u128 {
    let power = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 {
        10u128.pow(power.min(19))
    } else {
        1 << power.min(63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(time: u64, bytes: &[u8]) -> Packet {
        Packet {
            time,
            original_len: bytes.len() as u32,
            bytes: bytes.to_vec(),
        }
    }

    fn two_packets() -> Capture {
        Capture {
            link: Link::Raw,
            packets: vec![
                packet(1_700_000_000_123_456_789, b"first"),
                packet(1_700_000_001_000_000_001, b"second!"),
            ],
        }
    }

    /// A file with every word turned to big-endian.
    fn pcap_file(magic: u32, big: bool, fraction: u32) -> Vec<u8> {
        let words = [
            magic,
            0x0004_0002,
            0,
            0,
            65535,
            101,
            1_700_000_000,
            fraction,
            4,
            60,
        ];
        let mut file: Vec<u8> = words
            .into_iter()
            .flat_map(|word: u32| {
                if big {
                    word.to_be_bytes()
                } else {
                    word.to_le_bytes()
                }
            })
            .collect();
        file.extend_from_slice(b"body");
        file
    }

    /// A block of a pcapng file.
    fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(4), 0);
        let word = |word: u32| {
            if big {
                word.to_be_bytes()
            } else {
                word.to_le_bytes()
            }
        };
        let length = word(padded.len() as u32 + 12);
        [&word(kind)[..], &length[..], &padded[..], &length[..]].concat()
    }

    fn words(big: bool, words: &[u32]) -> Vec<u8> {
        words
            .iter()
            .flat_map(|word| {
                if big {
                    word.to_be_bytes()
                } else {
                    word.to_le_bytes()
                }
            })
            .collect()
    }

    fn section(big: bool) -> Vec<u8> {
        block(
            big,
            PCAPNG_SECTION,
            &words(big, &[0x1a2b_3c4d, 0x0000_0001, u32::MAX, u32::MAX]),
        )
    }

    fn described(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
        let link = if big {
            link.to_be_bytes()
        } else {
            link.to_le_bytes()
        };
        block(
            big,
            1,
            &[&link[..], &[0, 0], &words(big, &[0])[..], options].concat(),
        )
    }

    fn enhanced(big: bool, interface: u32, count: u64, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let mut body = words(
            big,
            &[interface, (count >> 32) as u32, count as u32, length, length],
        );
        body.extend_from_slice(bytes);
        block(big, 6, &body)
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let capture = two_packets();
        assert_eq!(Capture::parse(&capture.to_pcap()).unwrap(), capture);
    }

    #[test]
    fn a_file_written_packet_by_packet_is_the_file_written_at_once() {
        let capture = two_packets();
        let mut file = file_header(capture.link).to_vec();
        file.extend(capture.packets.iter().flat_map(Packet::to_record));
        assert_eq!(file, capture.to_pcap());
    }

    #[test]
    fn microseconds_and_nanoseconds_are_read_in_both_byte_orders() {
        for (magic, fraction) in [(PCAP_MICROSECONDS, 123_456), (PCAP_NANOSECONDS, 123_456_000)] {
            for big in [false, true] {
                let capture = Capture::parse(&pcap_file(magic, big, fraction)).unwrap();
                let expected = Packet {
                    time: 1_700_000_000_123_456_000,
                    original_len: 60,
                    bytes: b"body".to_vec(),
                };
                assert_eq!(
                    capture,
                    Capture {
                        link: Link::Raw,
                        packets: vec![expected]
                    }
                );
            }
        }
    }

    #[test]
    fn pcapng_is_read_in_both_byte_orders() {
        for big in [false, true] {
            let count = 1_700_000_000_123_456;
            let file = [
                section(big),
                described(big, 1, &[]),
                enhanced(big, 0, count, b"seven b"),
            ]
            .concat();
            let capture = Capture::parse(&file).unwrap();
            assert_eq!(capture.link, Link::Ethernet);
            assert_eq!(capture.packets, [packet(count * 1_000, b"seven b")]);
        }
    }

    #[test]
    fn pcapng_times_follow_the_interface_s_resolution_and_offset() {
        let resolution = |resolution: u8| {
            [
                &9u16.to_le_bytes()[..],
                &1u16.to_le_bytes()[..],
                &[resolution, 0, 0, 0],
            ]
            .concat()
        };
        let offset = [
            &14u16.to_le_bytes()[..],
            &8u16.to_le_bytes()[..],
            &5i64.to_le_bytes()[..],
        ]
        .concat();
        for (options, count, time) in [
            (
                resolution(9),
                1_700_000_000_000_000_001,
                1_700_000_000_000_000_001,
            ),
            (resolution(3), 1_700_000_000_123, 1_700_000_000_123_000_000),
            (resolution(0x80 | 1), 3, 1_500_000_000),
            ([resolution(0), offset].concat(), 2, 7_000_000_000),
        ] {
            let file = [
                section(false),
                described(false, 101, &options),
                enhanced(false, 0, count, b"abc"),
            ]
            .concat();
            assert_eq!(Capture::parse(&file).unwrap().packets[0].time, time);
        }
    }

    #[test]
    fn blocks_of_other_kinds_are_passed_over_and_sections_may_follow_one_another() {
        let file = [
            section(false),
            block(false, 0x0bad, b"anything"),
            described(false, 1, &[]),
            enhanced(false, 0, 1, b"one"),
            section(true),
            described(true, 1, &[]),
            enhanced(true, 0, 2, b"two"),
        ]
        .concat();
        assert_eq!(
            Capture::parse(&file).unwrap().packets,
            [packet(1_000, b"one"), packet(2_000, b"two")]
        );
    }

    #[test]
    fn a_new_section_describes_its_interfaces_anew() {
        let file = [
            section(false),
            described(false, 1, &[]),
            section(false),
            enhanced(false, 0, 1, b"one"),
        ]
        .concat();
        assert!(
            Capture::parse(&file)
                .unwrap_err()
                .to_string()
                .contains("an interface that is not described")
        );
    }

    #[test]
    fn an_interface_without_packets_may_be_of_another_kind() {
        let file = [
            section(false),
            described(false, 113, &[]),
            described(false, 1, &[]),
            enhanced(false, 1, 1, b"one"),
        ]
        .concat();
        assert_eq!(Capture::parse(&file).unwrap().link, Link::Ethernet);
    }

    #[test]
    fn packets_of_two_kinds_of_interface_are_refused_with_the_packet_s_number() {
        let file = [
            section(false),
            described(false, 1, &[]),
            described(false, 101, &[]),
            enhanced(false, 0, 1, b"one"),
            enhanced(false, 1, 2, b"two"),
        ]
        .concat();
        let error = Capture::parse(&file).unwrap_err();
        assert_eq!(
            error,
            CaptureError::MixedLinks {
                packet: 2,
                expected: 1,
                found: 101
            }
        );
    }

    #[test]
    fn simple_packets_end_at_the_interface_s_limit() {
        let interface = block(false, 1, &words(false, &[1, 3]));
        let body = [&words(false, &[5])[..], b"thr"].concat();
        let capture = Capture::parse(&[section(false), interface, block(false, 3, &body)].concat()).unwrap();
        assert_eq!(
            capture.packets,
            [Packet {
                time: 0,
                original_len: 5,
                bytes: b"thr".to_vec()
            }]
        );
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_whole_packets_and_the_number_of_the_cut_one() {
        let file = two_packets().to_pcap();
        for length in 0..file.len() {
            let whole = usize::from(length >= 24 + 16 + 5);
            match Capture::parse_prefix(&file[..length]) {
                Ok((capture, None)) => {
                    assert_eq!(capture.packets.len(), whole);
                    assert!([24, 24 + 16 + 5].contains(&length), "cut at {length}");
                }
                Ok((capture, Some(error))) => {
                    assert_eq!(capture.packets.len(), whole);
                    assert_eq!(
                        error,
                        CaptureError::Truncated { packet: whole + 1 },
                        "cut at {length}"
                    );
                }
                Err(error) => {
                    assert_eq!(error, CaptureError::NoHeader { length });
                    assert!(length < 24);
                }
            }
        }
    }

    #[test]
    fn a_packet_of_four_gigabytes_is_refused_before_anything_is_made_of_it() {
        let mut file = two_packets().to_pcap();
        file[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Capture::parse(&file).unwrap_err();
        assert_eq!(
            error,
            CaptureError::TooLong {
                packet: 1,
                length: u32::MAX
            }
        );
    }

    #[test]
    fn what_is_no_capture_is_named_by_its_first_bytes() {
        let error = Capture::parse(b"GIF89a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is no capture: it begins with 47 49 46 38; give a file written by `tcpdump -w` or Wireshark"
        );
        assert!(
            Capture::parse(&[0x1f, 0x8b, 8, 0])
                .unwrap_err()
                .to_string()
                .contains("unpack it first")
        );
    }

    #[test]
    fn an_unknown_link_type_is_an_error_that_names_the_ways_out() {
        let mut file = two_packets().to_pcap();
        file[20] = 105;
        assert_eq!(
            Capture::parse(&file).unwrap_err(),
            CaptureError::UnknownLink { number: 105 }
        );
    }
}
