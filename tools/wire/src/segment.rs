//! One TCP segment, every field of it, with the IP header that carried it.
//!
//! RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP). Headers are taken apart by `etherparse`; options, checksums and what
//! precedes the IP header are read here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice, ip_number};

use crate::bytes::{Bytes, Order};
use crate::capture::{Capture, Link, Packet};

/// A TCP segment as one packet of a capture shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The packet's number in its capture, counted from 1; packets that are not TCP count as well.
    pub number: usize,
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// What a cooked capture (`-i any`) tells of the interface; none for other link types.
    pub cooked: Option<Cooked>,
    /// The IP header.
    pub ip: Ip,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// The sequence number of the first byte, or of the SYN or FIN where that comes first.
    pub sequence: u32,
    /// The next sequence number expected of the other side; it means something only with the ACK flag.
    pub acknowledgment: u32,
    /// The nine flags.
    pub flags: Flags,
    /// The window as it stands in the header, not scaled.
    pub window: u16,
    /// The checksum as it stands in the header.
    pub checksum: u16,
    /// The checksum that would be right; none where the capture does not hold the whole segment.
    pub right_checksum: Option<u16>,
    /// The urgent pointer; it means something only with the URG flag.
    pub urgent: u16,
    /// The options as they stand in the header; [`Segment::options`] takes them apart.
    pub option_bytes: Vec<u8>,
    /// How many bytes of data the segment carries.
    pub length: u32,
    /// The data; less than `length` where the sniffer kept only the beginning.
    pub payload: Vec<u8>,
}

/// What precedes the IP header in a cooked capture (link types 113 and 276).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooked {
    /// The number of the interface on the machine that captured; none in the older form.
    pub interface: Option<u32>,
    /// 0 to us, 1 broadcast, 2 multicast, 3 to somebody else, 4 from us.
    pub direction: u16,
}

/// The IP header of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ip {
    /// RFC 791.
    V4(Ipv4),
    /// RFC 8200.
    V6(Ipv6),
}

/// An IPv4 header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// The type of service: six bits of DSCP, two of ECN.
    pub tos: u8,
    /// Header and data together, in bytes, as the header says.
    pub total_length: u16,
    /// The identification.
    pub id: u16,
    /// The first bit of the flags, which must be zero.
    pub reserved: bool,
    /// The flag DF.
    pub dont_fragment: bool,
    /// The time to live.
    pub ttl: u8,
    /// The header's checksum as it stands there.
    pub checksum: u16,
    /// The checksum that would be right.
    pub right_checksum: u16,
    /// The options as they stand there.
    pub options: Vec<u8>,
}

/// An IPv6 header; extension headers are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// The traffic class: six bits of DSCP, two of ECN.
    pub traffic_class: u8,
    /// The flow label, 20 bits.
    pub flow_label: u32,
    /// What follows the header, in bytes, as the header says.
    pub payload_length: u16,
    /// The protocol of what follows the header.
    pub next_header: u8,
    /// The hop limit.
    pub hop_limit: u8,
}

/// The flags of a segment: FIN is the lowest bit, AE (once NS) the ninth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from the sender.
    pub const FIN: u16 = 0x001;
    /// The sender's first segment.
    pub const SYN: u16 = 0x002;
    /// The connection is no more, or never was.
    pub const RST: u16 = 0x004;
    /// Deliver without waiting for more.
    pub const PSH: u16 = 0x008;
    /// The acknowledgment number counts.
    pub const ACK: u16 = 0x010;
    /// The urgent pointer counts.
    pub const URG: u16 = 0x020;
    /// Congestion was experienced (RFC 3168).
    pub const ECE: u16 = 0x040;
    /// The congestion window was reduced (RFC 3168).
    pub const CWR: u16 = 0x080;
    /// Accurate ECN (RFC 9768); once the nonce sum, NS.
    pub const AE: u16 = 0x100;

    /// Whether all of these are set.
    pub fn has(self, flags: u16) -> bool {
        self.0 & flags == flags
    }
}

impl fmt::Display for Flags {
    /// As tcpdump writes them: `S.`, `P.`, `F.`, `none`. AE has no letter there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Flags::FIN, 'F'),
            (Flags::SYN, 'S'),
            (Flags::RST, 'R'),
            (Flags::PSH, 'P'),
            (Flags::ACK, '.'),
            (Flags::URG, 'U'),
            (Flags::ECE, 'E'),
            (Flags::CWR, 'W'),
        ];
        let text: String = letters
            .into_iter()
            .filter(|(flag, _)| self.has(*flag))
            .map(|(_, letter)| letter)
            .collect();
        f.pad(if text.is_empty() { "none" } else { &text })
    }
}

/// An option of a segment's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// 0: the end of the options (RFC 9293, 3.1).
    EndOfList,
    /// 1: padding (RFC 9293, 3.1).
    NoOperation,
    /// 2: the most bytes of data a segment to the sender may carry (RFC 9293, 3.7.1).
    MaximumSegmentSize(u16),
    /// 3: the power of two that the sender's windows are to be multiplied by (RFC 7323, 2).
    WindowScale(u8),
    /// 4: the sender takes selective acknowledgments (RFC 2018, 2).
    SackPermitted,
    /// 5: what has arrived beyond the acknowledgment number, each from its first byte to the one after its last
    /// (RFC 2018, 3).
    Sack(Vec<(u32, u32)>),
    /// 8: the sender's clock, and the last that it had from the other side (RFC 7323, 3).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The other side's clock, echoed.
        echo: u32,
    },
    /// Any other, or one of those above with a length it must not have.
    Unknown {
        /// Its number.
        kind: u8,
        /// What follows its number and length.
        data: Vec<u8>,
    },
    /// What cannot be read as an option: its length is missing, less than two, or more than there is.
    Malformed(Vec<u8>),
}

/// Why a packet that ought to hold a segment does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "packet {packet}: {what}; the packet is damaged, or the sniffer kept too little of it (tcpdump: `-s 0`)"
)]
pub struct SegmentError {
    /// The packet's number in its capture, counted from 1.
    pub packet: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Capture {
    /// The TCP segments of the capture in its order; what is not TCP is passed over.
    ///
    /// # Errors
    ///
    /// The first packet that is TCP and cannot be read.
    pub fn segments(&self) -> Result<Vec<Segment>, SegmentError> {
        self.packets
            .iter()
            .enumerate()
            .filter_map(|(index, packet)| Segment::decode(self.link, packet, index + 1).transpose())
            .collect()
    }
}

impl Segment {
    /// Takes one packet apart; `number` is its place in the capture, from 1.
    ///
    /// None is what is not TCP over IP (ARP, UDP, ICMP), and a fragment, which shows a part of a segment at most.
    ///
    /// # Errors
    ///
    /// A header that is cut short or contradicts itself.
    pub fn decode(link: Link, packet: &Packet, number: usize) -> Result<Option<Segment>, SegmentError> {
        let error = |what: String| SegmentError {
            packet: number,
            what: what.trim_end_matches('.').into(),
        };
        let (cooked, bytes) = match unwrap_link(link, &packet.bytes) {
            Some(Inside::Ip(cooked, bytes)) => (cooked, bytes),
            Some(Inside::Other) => return Ok(None),
            None => return Err(error("its link header is cut short".into())),
        };
        let sliced = LaxSlicedPacket::from_ip(bytes).map_err(|what| error(what.to_string()))?;
        let tcp = match (
            &sliced.transport,
            sliced.net.as_ref().and_then(LaxNetSlice::ip_payload_ref),
        ) {
            (Some(TransportSlice::Tcp(tcp)), _) => tcp,
            (None, Some(payload)) if payload.ip_number == ip_number::TCP && !payload.fragmented => {
                let what = sliced.stop_err.map(|(what, _)| what.to_string());
                return Err(error(
                    what.unwrap_or_else(|| "its TCP header cannot be read".into()),
                ));
            }
            _ => return Ok(None),
        };
        let (ip, addresses) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(slice)) => {
                let header = slice.header();
                let addresses = (header.source_addr().into(), header.destination_addr().into());
                (Ip::V4(ipv4(&header)), addresses)
            }
            Some(LaxNetSlice::Ipv6(slice)) => {
                let header = slice.header();
                let addresses = (header.source_addr().into(), header.destination_addr().into());
                (Ip::V6(ipv6(&header)), addresses)
            }
            _ => return Ok(None),
        };
        // What the IP header promises beyond the bytes that were kept.
        let missing = ip.whole_length().saturating_sub(bytes.len());
        let flags = u16::from_be_bytes([tcp.slice()[12], tcp.slice()[13]]) & 0x1ff;
        Ok(Some(Segment {
            number,
            time: packet.time,
            cooked,
            source: SocketAddr::new(addresses.0, tcp.source_port()),
            destination: SocketAddr::new(addresses.1, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgment: tcp.acknowledgment_number(),
            flags: Flags(flags),
            window: tcp.window_size(),
            checksum: tcp.checksum(),
            right_checksum: (missing == 0).then(|| right_checksum(addresses, tcp.slice())),
            urgent: tcp.urgent_pointer(),
            option_bytes: tcp.options().to_vec(),
            // Both are within a packet's 256 KiB or a header's 64.
            length: (tcp.payload().len() + missing) as u32,
            payload: tcp.payload().to_vec(),
            ip,
        }))
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u16) -> bool {
        self.flags.has(flags)
    }

    /// Whether the segment carries an acknowledgment and nothing else: no data, no SYN, no FIN, no RST.
    pub fn is_pure_ack(&self) -> bool {
        self.length == 0 && self.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK) == Flags::ACK
    }

    /// How many sequence numbers the segment takes up: one a byte, one for SYN, one for FIN (RFC 9293, 3.4).
    pub fn sequence_length(&self) -> u32 {
        self.length + u32::from(self.has(Flags::SYN)) + u32::from(self.has(Flags::FIN))
    }

    /// The options in their order.
    pub fn options(&self) -> Vec<TcpOption> {
        let mut options = Vec::new();
        let mut rest = Bytes::new(&self.option_bytes, Order::Big);
        while !rest.is_empty() {
            let before = rest;
            options.push(option(&mut rest).unwrap_or_else(|| {
                rest.take(rest.len());
                TcpOption::Malformed(before.rest().to_vec())
            }));
            if options.last() == Some(&TcpOption::EndOfList) {
                break;
            }
        }
        options
    }

    /// The window scale of a SYN's options, at most 14 (RFC 7323, 2.3).
    pub fn window_scale(&self) -> Option<u8> {
        self.options().into_iter().find_map(|option| match option {
            TcpOption::WindowScale(scale) => Some(scale.min(14)),
            _ => None,
        })
    }
}

impl Ip {
    /// Header and data together, in bytes, as the header says; zero where it says nothing.
    pub fn whole_length(&self) -> usize {
        match self {
            Ip::V4(header) => usize::from(header.total_length),
            Ip::V6(header) if header.payload_length == 0 => 0,
            Ip::V6(header) => 40 + usize::from(header.payload_length),
        }
    }
}

/// What a link header is followed by.
enum Inside<'a> {
    Ip(Option<Cooked>, &'a [u8]),
    Other,
}

/// Takes the link header off; none where it is cut short.
fn unwrap_link(link: Link, bytes: &[u8]) -> Option<Inside<'_>> {
    let mut rest = Bytes::new(bytes, Order::Big);
    let mut cooked = None;
    let mut kind = match link {
        Link::Raw => return Some(Inside::Ip(None, bytes)),
        Link::Null | Link::Loop => {
            let family = rest.u32()?;
            // Nobody wrote down the byte order of the machine that captured; no family is above 16 bits.
            let family = if family > 0xffff {
                family.swap_bytes()
            } else {
                family
            };
            // INET; INET6 of NetBSD and OpenBSD, FreeBSD, macOS.
            let ip = matches!(family, 2 | 24 | 28 | 30);
            return Some(if ip {
                Inside::Ip(None, rest.rest())
            } else {
                Inside::Other
            });
        }
        Link::Ethernet => {
            rest.take(12)?;
            rest.u16()?
        }
        Link::LinuxSll => {
            cooked = Some(Cooked {
                direction: rest.u16()?,
                interface: None,
            });
            rest.take(12)?;
            rest.u16()?
        }
        Link::LinuxSll2 => {
            let kind = rest.u16()?;
            rest.take(2)?;
            let interface = Some(rest.u32()?);
            rest.take(2)?;
            cooked = Some(Cooked {
                interface,
                direction: rest.u8()?.into(),
            });
            rest.take(9)?;
            kind
        }
    };
    // Tags of virtual LANs (IEEE 802.1Q and its forebears).
    while matches!(kind, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
        rest.take(2)?;
        kind = rest.u16()?;
    }
    let ip = matches!(kind, 0x0800 | 0x86dd);
    Some(if ip {
        Inside::Ip(cooked, rest.rest())
    } else {
        Inside::Other
    })
}

fn ipv4(header: &etherparse::Ipv4HeaderSlice<'_>) -> Ipv4 {
    let bytes = header.slice();
    Ipv4 {
        tos: bytes[1],
        total_length: header.total_len(),
        id: header.identification(),
        reserved: bytes[6] & 0x80 != 0,
        dont_fragment: header.dont_fragment(),
        ttl: header.ttl(),
        checksum: header.header_checksum(),
        right_checksum: should_be(header.header_checksum(), sum(0, bytes)),
        options: header.options().to_vec(),
    }
}

fn ipv6(header: &etherparse::Ipv6HeaderSlice<'_>) -> Ipv6 {
    Ipv6 {
        traffic_class: header.traffic_class(),
        flow_label: header.flow_label().value(),
        payload_length: header.payload_length(),
        next_header: header.next_header().0,
        hop_limit: header.hop_limit(),
    }
}

/// The checksum over the pseudo-header and the segment (RFC 9293, 3.1; RFC 8200, 8.1).
fn right_checksum((source, destination): (IpAddr, IpAddr), segment: &[u8]) -> u16 {
    let octets = |address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut total = sum(0, &octets(source));
    total = sum(total, &octets(destination));
    // The length is 16 bits wide in IPv4 and 32 in IPv6; added up, that comes to the same.
    total = sum(total, &(segment.len() as u32).to_be_bytes());
    total = sum(total, &[0, ip_number::TCP.0]);
    should_be(
        u16::from_be_bytes([segment[16], segment[17]]),
        sum(total, segment),
    )
}

/// Adds bytes to a sum of 16-bit numbers, the odd last byte as if a zero followed it (RFC 1071).
fn sum(start: u64, bytes: &[u8]) -> u64 {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let pairs: u64 = pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)))
        .sum();
    start + pairs + odd.first().map_or(0, |byte| u64::from(*byte) << 8)
}

/// The checksum that would be right, given the one that is there and the sum over everything with it.
///
/// In one's complement arithmetic zero has two forms; where the checksum is right this gives the form that is there.
fn should_be(is: u16, total: u64) -> u16 {
    let fold = |mut total: u64| {
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    };
    let wrong_by = !fold(total);
    if wrong_by == 0 {
        is
    } else {
        fold(u64::from(is) + u64::from(wrong_by))
    }
}

/// The next option; none where it is malformed.
fn option(rest: &mut Bytes<'_>) -> Option<TcpOption> {
    let kind = rest.u8()?;
    match kind {
        0 => return Some(TcpOption::EndOfList),
        1 => return Some(TcpOption::NoOperation),
        _ => {}
    }
    let length = usize::from(rest.u8()?);
    let data = rest.take(length.checked_sub(2)?)?;
    let mut fields = Bytes::new(data, Order::Big);
    let known = match (kind, data.len()) {
        (2, 2) => fields.u16().map(TcpOption::MaximumSegmentSize),
        (3, 1) => fields.u8().map(TcpOption::WindowScale),
        (4, 0) => Some(TcpOption::SackPermitted),
        (5, length) if length > 0 && length % 8 == 0 => {
            let blocks = std::iter::from_fn(|| Some((fields.u32()?, fields.u32()?)));
            Some(TcpOption::Sack(blocks.collect()))
        }
        (8, 8) => fields
            .u32()
            .zip(fields.u32())
            .map(|(value, echo)| TcpOption::Timestamps { value, echo }),
        _ => None,
    };
    Some(known.unwrap_or_else(|| TcpOption::Unknown {
        kind,
        data: data.to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SYN from 127.0.0.1:40000 to 127.0.0.1:8000 as Linux puts it on `lo`, with all the usual options.
    fn syn() -> Vec<u8> {
        let options: &[u8] = &[2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
        packet(Flags::SYN, options, &[])
    }

    fn packet(flags: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut header = etherparse::TcpHeader::new(40_000, 8_000, 1_000, 65_535);
        header.syn = flags & Flags::SYN != 0;
        header.fin = flags & Flags::FIN != 0;
        header.ack = flags & Flags::ACK != 0;
        header.psh = flags & Flags::PSH != 0;
        header.ns = flags & Flags::AE != 0;
        header.set_options_raw(options).unwrap();
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp_header(header)
            .write(&mut bytes, payload)
            .unwrap();
        bytes
    }

    fn decode(link: Link, bytes: Vec<u8>) -> Result<Option<Segment>, SegmentError> {
        let packet = Packet {
            time: 5,
            original_len: bytes.len() as u32,
            bytes,
        };
        Segment::decode(link, &packet, 3)
    }

    fn segment(bytes: Vec<u8>) -> Segment {
        decode(Link::Raw, bytes).unwrap().unwrap()
    }

    #[test]
    fn every_field_of_a_syn_is_read() {
        let syn = segment(syn());
        assert_eq!((syn.number, syn.time), (3, 5));
        assert_eq!(syn.source, "127.0.0.1:40000".parse().unwrap());
        assert_eq!(syn.destination, "127.0.0.1:8000".parse().unwrap());
        assert_eq!(
            (syn.sequence, syn.acknowledgment, syn.window, syn.length),
            (1_000, 0, 65_535, 0)
        );
        assert_eq!(syn.flags.to_string(), "S");
        assert_eq!(syn.right_checksum, Some(syn.checksum));
        let Ip::V4(ip) = &syn.ip else { panic!("not IPv4") };
        assert_eq!(
            (ip.total_length, ip.ttl, ip.dont_fragment, ip.reserved),
            (60, 64, true, false)
        );
        assert_eq!(ip.right_checksum, ip.checksum);
        assert_eq!(
            syn.options(),
            [
                TcpOption::MaximumSegmentSize(65_495),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 7, echo: 0 },
                TcpOption::NoOperation,
                TcpOption::WindowScale(7),
            ]
        );
        assert_eq!(syn.window_scale(), Some(7));
    }

    #[test]
    fn a_fin_counts_one_sequence_number() {
        let fin = segment(packet(Flags::FIN | Flags::ACK, &[], b"abc"));
        assert_eq!(fin.sequence_length(), 4);
        assert_eq!(segment(syn()).sequence_length(), 1);
    }

    #[test]
    fn a_segment_with_only_an_acknowledgment_is_a_pure_ack() {
        assert!(segment(packet(Flags::ACK, &[], b"")).is_pure_ack());
        assert!(!segment(packet(Flags::ACK | Flags::PSH, &[], b"a")).is_pure_ack());
        assert!(!segment(packet(Flags::ACK | Flags::FIN, &[], b"")).is_pure_ack());
        assert!(!segment(packet(0, &[], b"")).is_pure_ack());
    }

    #[test]
    fn the_ninth_flag_is_read_too() {
        let flags = segment(packet(Flags::AE | Flags::ACK, &[], b"")).flags;
        assert!(flags.has(Flags::AE));
        assert_eq!(flags.to_string(), ".");
        assert_eq!(Flags(0).to_string(), "none");
        assert_eq!(Flags(0xff).to_string(), "FSRP.UEW");
    }

    #[test]
    fn a_wrong_checksum_is_told_with_the_right_one() {
        let mut bytes = packet(Flags::ACK, &[], b"odd");
        let right = u16::from_be_bytes([bytes[36], bytes[37]]);
        bytes[36..38].copy_from_slice(&0xfe28u16.to_be_bytes());
        bytes[10] ^= 1;
        let segment = segment(bytes);
        assert_eq!((segment.checksum, segment.right_checksum), (0xfe28, Some(right)));
        let Ip::V4(ip) = segment.ip else {
            panic!("not IPv4")
        };
        assert_eq!(ip.right_checksum ^ ip.checksum, 0x100);
    }

    #[test]
    fn what_the_sniffer_did_not_keep_counts_in_the_length_and_hides_the_checksum() {
        let mut bytes = packet(Flags::ACK, &[], &[7; 100]);
        bytes.truncate(60);
        let segment = segment(bytes);
        assert_eq!((segment.length, segment.payload.len()), (100, 20));
        assert_eq!(segment.right_checksum, None);
    }

    #[test]
    fn padding_after_the_ip_packet_is_no_data() {
        let mut bytes = [&[0; 12][..], &[0x08, 0x00], &packet(Flags::ACK, &[], b"a")].concat();
        bytes.resize(60, 0);
        let segment = decode(Link::Ethernet, bytes).unwrap().unwrap();
        assert_eq!((segment.length, &segment.payload[..]), (1, &b"a"[..]));
    }

    #[test]
    fn every_link_header_is_taken_off() {
        let ip = packet(Flags::ACK, &[], b"a");
        let sll2: &[u8] = &[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0];
        for (link, header) in [
            (Link::Ethernet, [&[0; 12][..], &[8, 0]].concat()),
            (Link::Ethernet, [&[0; 12][..], &[0x81, 0, 0, 5, 8, 0]].concat()),
            (Link::Null, vec![2, 0, 0, 0]),
            (Link::Null, vec![0, 0, 0, 2]),
            (Link::Loop, vec![0, 0, 0, 2]),
            (Link::LinuxSll, [&[0, 4][..], &[0; 12], &[8, 0]].concat()),
            (Link::LinuxSll2, sll2.to_vec()),
        ] {
            let segment = decode(link, [&header[..], &ip].concat()).unwrap().unwrap();
            assert_eq!(segment.payload, b"a", "{link:?}");
            for length in 0..header.len() {
                assert!(
                    decode(link, header[..length].to_vec()).is_err(),
                    "{link:?} cut at {length}"
                );
            }
            let direction = segment.cooked.map(|cooked| cooked.direction);
            assert_eq!(
                direction,
                matches!(link, Link::LinuxSll | Link::LinuxSll2).then_some(4)
            );
        }
    }

    #[test]
    fn ipv6_is_read_with_its_checksum() {
        let mut bytes = Vec::new();
        let local = std::net::Ipv6Addr::LOCALHOST.octets();
        etherparse::PacketBuilder::ipv6(local, local, 64)
            .tcp(40_000, 8_000, 1, 2)
            .write(&mut bytes, b"hello")
            .unwrap();
        let segment = decode(Link::Null, [&[30, 0, 0, 0][..], &bytes].concat())
            .unwrap()
            .unwrap();
        assert_eq!(segment.source, "[::1]:40000".parse().unwrap());
        assert_eq!(segment.right_checksum, Some(segment.checksum));
        assert_eq!(segment.length, 5);
        let Ip::V6(ip) = segment.ip else {
            panic!("not IPv6")
        };
        assert_eq!((ip.payload_length, ip.next_header, ip.hop_limit), (25, 6, 64));
    }

    #[test]
    fn what_is_not_tcp_is_passed_over() {
        let mut udp = Vec::new();
        etherparse::PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .udp(1, 2)
            .write(&mut udp, b"probe")
            .unwrap();
        assert_eq!(decode(Link::Raw, udp), Ok(None));
        assert_eq!(
            decode(Link::Ethernet, [&[0; 12][..], &[8, 6, 0, 1]].concat()),
            Ok(None)
        );
        let mut fragment = packet(Flags::ACK, &[], b"a");
        fragment[6] = 0x20;
        assert_eq!(decode(Link::Raw, fragment), Ok(None));
    }

    #[test]
    fn a_header_cut_short_is_an_error_with_the_packet_s_number() {
        let whole = packet(Flags::ACK, &[1, 1, 1, 1], b"");
        for length in 0..whole.len() {
            let error = decode(Link::Raw, whole[..length].to_vec()).unwrap_err();
            assert_eq!(error.packet, 3, "cut at {length}");
        }
        let mut bad = whole;
        bad[32] = 0x40;
        assert!(
            decode(Link::Raw, bad)
                .unwrap_err()
                .to_string()
                .starts_with("packet 3: ")
        );
    }

    #[test]
    fn a_five_within_a_timestamp_is_no_sack() {
        let options: &[u8] = &[1, 1, 8, 10, 5, 10, 0, 0, 0, 0, 0, 5];
        let options = segment(packet(Flags::ACK, options, &[])).options();
        assert_eq!(
            options[2],
            TcpOption::Timestamps {
                value: 0x050a_0000,
                echo: 5
            }
        );
    }

    #[test]
    fn sack_blocks_are_pairs_of_numbers() {
        let options: &[u8] = &[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        let options = segment(packet(Flags::ACK, options, &[])).options();
        assert_eq!(options[2], TcpOption::Sack(vec![(1, 2), (3, 4)]));
    }

    #[test]
    fn options_that_lie_about_their_length_are_kept_as_they_stand() {
        for (bytes, last) in [
            (&[2, 0, 1, 1][..], TcpOption::Malformed(vec![2, 0, 1, 1])),
            (&[1, 1, 1, 8], TcpOption::Malformed(vec![8])),
            (&[1, 8, 10, 0], TcpOption::Malformed(vec![8, 10, 0])),
            (&[2, 3, 5, 0], TcpOption::EndOfList),
            (
                &[254, 4, 1, 2],
                TcpOption::Unknown {
                    kind: 254,
                    data: vec![1, 2],
                },
            ),
        ] {
            let options = segment(packet(Flags::ACK, bytes, &[])).options();
            assert_eq!(options.last(), Some(&last));
        }
        let wrong = segment(packet(Flags::ACK, &[2, 3, 5, 0], &[])).options();
        assert_eq!(
            wrong[0],
            TcpOption::Unknown {
                kind: 2,
                data: vec![5]
            }
        );
    }
}
