//! A segment as tcpdump 4.99 prints it, to the byte.
//!
//! Covered is TCP over IPv4, and over IPv6 without extension headers, from whole headers. Times are in UTC; ports and
//! addresses are numbers (`-nn`). Not covered: what tcpdump makes of the data on ports whose protocol it knows (22, 53,
//! 80, 8080 ...), its remarks on headers cut short, the insides of IPv4's options, and those TCP options that it takes
//! apart and nearly nobody sends (multipath TCP, TCP-AO, user timeout, SCPS).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::bytes::{Bytes, Order};
use crate::segment::{Cooked, Flags, Ip, Ipv4, Ipv6, Segment};

/// What stands at the beginning of each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Time {
    /// Nothing: `-t`.
    None,
    /// The time of day in UTC, as tcpdump without `-t` prints it with `TZ=UTC`.
    #[default]
    OfDay,
    /// Seconds since the epoch: `-tt`.
    Epoch,
    /// Since the segment printed before: `-ttt`.
    SincePrevious,
    /// Date and time of day in UTC: `-tttt`.
    Date,
    /// Since the first segment printed: `-ttttt`.
    SinceFirst,
}

/// What tcpdump is told on its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-t` to `-ttttt`.
    pub time: Time,
    /// Nine digits of a second instead of six: `--nano`.
    pub nanoseconds: bool,
    /// Sequence numbers as they stand in the header: `-S`. Otherwise relative to the first ones seen with an ACK.
    pub absolute: bool,
    /// How many times `-v`: 0 gives one line a segment, 1 the IP header and checksums, 2 the sequence number of segments
    /// that carry nothing as well.
    pub verbose: u8,
}

impl Default for Options {
    /// `tcpdump -S -nn -vvv`.
    fn default() -> Options {
        Options {
            time: Time::OfDay,
            nanoseconds: false,
            absolute: true,
            verbose: 3,
        }
    }
}

/// All segments, each with a line break at its end.
pub fn print<'a>(segments: impl IntoIterator<Item = &'a Segment>, options: Options) -> String {
    let mut printer = Printer::new(options);
    segments.into_iter().fold(String::new(), |text, segment| {
        text + &printer.print(segment) + "\n"
    })
}

/// Prints segments one by one, and remembers what relative numbers and times are relative to.
#[derive(Clone, Debug)]
pub struct Printer {
    options: Options,
    /// The time that the next one is counted from.
    reference: Option<u64>,
    /// For each pair of ends, the smaller port first: the numbers that theirs are counted from.
    origins: HashMap<(SocketAddr, SocketAddr), (u32, u32)>,
}

/// A segment's numbers as they are to be printed.
struct Numbers {
    sequence: u32,
    acknowledgment: u32,
    /// What to take off the numbers of SACK blocks.
    other: u32,
}

impl Printer {
    /// A printer that has printed nothing yet.
    pub fn new(options: Options) -> Printer {
        Printer {
            options,
            reference: None,
            origins: HashMap::new(),
        }
    }

    /// The lines of one segment, without a line break at the end: two lines for IPv4 with `-v`, else one.
    pub fn print(&mut self, segment: &Segment) -> String {
        let mut text = self.time(segment.time);
        if let Some(Cooked {
            interface: Some(interface),
            direction,
        }) = segment.cooked
        {
            text += &cooked(interface, direction);
        }
        text += &match &segment.ip {
            Ip::V4(header) => self.ipv4(header),
            Ip::V6(header) => self.ipv6(header),
        };
        text + &self.tcp(segment)
    }

    /// The numbers that it counts from for a segment's sender and for the other side, once it has printed the segment; none
    /// where it prints them as they stand in the header.
    pub fn counts_from(&self, segment: &Segment) -> Option<(u32, u32)> {
        if self.options.absolute || !segment.has(Flags::ACK) || segment.has(Flags::SYN) {
            return None;
        }
        let (pair, reverse) = pair(segment);
        let (first, second) = *self.origins.get(&pair)?;
        Some(if reverse { (second, first) } else { (first, second) })
    }

    fn time(&mut self, time: u64) -> String {
        let digit = if self.options.nanoseconds { 1 } else { 1_000 };
        let time = time / digit;
        let clock = Clock {
            a_second: 1_000_000_000 / digit,
        };
        match self.options.time {
            Time::None => String::new(),
            Time::OfDay => clock.of_day(time) + " ",
            Time::Epoch => clock.epoch(time) + " ",
            Time::Date => format!("{} {} ", clock.date(time), clock.of_day(time)),
            Time::SincePrevious | Time::SinceFirst => {
                let reference = *self.reference.get_or_insert(time);
                if self.options.time == Time::SincePrevious {
                    self.reference = Some(time);
                }
                let sign = if time < reference { '-' } else { ' ' };
                format!("{sign}{} ", clock.of_day(time.abs_diff(reference)))
            }
        }
    }

    fn ipv4(&self, header: &Ipv4) -> String {
        let mut text = String::from("IP ");
        if self.options.verbose == 0 {
            return text;
        }
        write!(text, "(tos 0x{:x}", header.tos).ok();
        text += ["", ",ECT(1)", ",ECT(0)", ",CE"][usize::from(header.tos & 3)];
        if header.ttl > 0 {
            write!(text, ", ttl {}", header.ttl).ok();
        }
        let flags = match (header.dont_fragment, header.reserved) {
            (false, false) => "none",
            (true, false) => "DF",
            (false, true) => "rsvd",
            (true, true) => "DF, rsvd",
        };
        write!(
            text,
            ", id {}, offset 0, flags [{flags}], proto TCP (6)",
            header.id
        )
        .ok();
        write!(text, ", length {}", header.total_length).ok();
        if !header.options.is_empty() {
            write!(text, ", options ({})", ip_options(&header.options)).ok();
        }
        if header.checksum != header.right_checksum {
            write!(
                text,
                ", bad cksum {:x} (->{:x})!",
                header.checksum, header.right_checksum
            )
            .ok();
        }
        text + ")\n    "
    }

    fn ipv6(&self, header: &Ipv6) -> String {
        let mut text = String::from("IP6 ");
        if self.options.verbose == 0 {
            return text;
        }
        text += "(";
        if header.traffic_class != 0 {
            write!(text, "class 0x{:02x}, ", header.traffic_class).ok();
        }
        if header.flow_label != 0 {
            write!(text, "flowlabel 0x{:05x}, ", header.flow_label).ok();
        }
        write!(
            text,
            "hlim {}, next-header TCP (6) payload length: {}) ",
            header.hop_limit, header.payload_length
        )
        .ok();
        text
    }

    fn tcp(&mut self, segment: &Segment) -> String {
        let numbers = self.numbers(segment);
        let mut text = format!(
            "{} > {}: Flags [{}]",
            end(segment.source),
            end(segment.destination),
            segment.flags
        );
        if let Some(right) = segment.right_checksum.filter(|_| self.options.verbose > 0) {
            write!(text, ", cksum 0x{:04x} ", segment.checksum).ok();
            if right == segment.checksum {
                text += "(correct)";
            } else {
                write!(text, "(incorrect -> 0x{right:04x})").ok();
            }
        }
        let counts = segment.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST) != 0;
        if self.options.verbose > 1 || segment.length > 0 || counts {
            write!(text, ", seq {}", numbers.sequence).ok();
            if segment.length > 0 {
                write!(text, ":{}", numbers.sequence.wrapping_add(segment.length)).ok();
            }
        }
        if segment.has(Flags::ACK) {
            write!(text, ", ack {}", numbers.acknowledgment).ok();
        }
        write!(text, ", win {}", segment.window).ok();
        if segment.has(Flags::URG) {
            write!(text, ", urg {}", segment.urgent).ok();
        }
        if !segment.option_bytes.is_empty() {
            match tcp_options(&segment.option_bytes, numbers.other, segment.length > 0) {
                Ok(options) => write!(text, ", options [{options}]").ok(),
                // tcpdump stops there, and closes the bracket only if an option went before.
                Err(BadOption {
                    text: options,
                    first: true,
                }) => return text + ", options [" + &options,
                Err(BadOption { text: options, .. }) => return text + ", options [" + &options + "]",
            };
        }
        write!(text, ", length {}", segment.length).ok();
        if segment.length > 0 && segment.has(Flags::RST) && self.options.verbose > 0 {
            text += &reset_data(segment);
        }
        text
    }

    fn numbers(&mut self, segment: &Segment) -> Numbers {
        let (sequence, acknowledgment) = (segment.sequence, segment.acknowledgment);
        if self.options.absolute || !segment.has(Flags::ACK) {
            return Numbers {
                sequence,
                acknowledgment,
                other: 0,
            };
        }
        let (pair, reverse) = pair(segment);
        // The first segment of a pair, and any SYN, is printed as it is and gives the origins.
        let known = self
            .origins
            .get(&pair)
            .copied()
            .filter(|_| !segment.has(Flags::SYN));
        let (own, other) = known.map_or(
            (0, 0),
            |(first, second)| if reverse { (second, first) } else { (first, second) },
        );
        if known.is_none() {
            let theirs = acknowledgment.wrapping_sub(1);
            let origins = if reverse {
                (theirs, sequence)
            } else {
                (sequence, theirs)
            };
            self.origins.insert(pair, origins);
            return Numbers {
                sequence,
                acknowledgment,
                other: theirs,
            };
        }
        Numbers {
            sequence: sequence.wrapping_sub(own),
            acknowledgment: acknowledgment.wrapping_sub(other),
            other,
        }
    }
}

/// Both ends, the smaller port first, and whether that is not the sender's.
fn pair(segment: &Segment) -> ((SocketAddr, SocketAddr), bool) {
    let (source, destination) = (segment.source, segment.destination);
    if (source.port(), source.ip()) > (destination.port(), destination.ip()) {
        ((destination, source), true)
    } else {
        ((source, destination), false)
    }
}

/// An address and a port with a dot between them.
fn end(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => format!("{ip}.{}", address.port()),
        IpAddr::V6(ip) => format!("{ip}.{}", address.port()),
    }
}

/// tcpdump asks the machine it runs on for the interface's name. Number 1 is `lo` on every Linux; others are not known
/// here.
fn cooked(interface: u32, direction: u16) -> String {
    let name = if interface == 1 { "lo" } else { "?" };
    let direction = ["In", "B", "M", "P", "Out"]
        .get(usize::from(direction))
        .unwrap_or(&"?");
    format!("{name:<5} {direction:<3} ")
}

/// Counts of some fraction of a second, as text.
struct Clock {
    a_second: u64,
}

impl Clock {
    fn fraction(&self, time: u64) -> String {
        let digits = self.a_second.ilog10() as usize;
        format!("{:0digits$}", time % self.a_second)
    }

    fn of_day(&self, time: u64) -> String {
        let seconds = time / self.a_second;
        let (hours, minutes, seconds) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{hours:02}:{minutes:02}:{seconds:02}.{}", self.fraction(time))
    }

    fn epoch(&self, time: u64) -> String {
        format!("{}.{}", time / self.a_second, self.fraction(time))
    }

    /// The date of the proleptic Gregorian calendar. Years begin in March here, so that the leap day comes last.
    fn date(&self, time: u64) -> String {
        let days = time / self.a_second / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// Options up to one that cannot be read, with tcpdump's remark on it.
#[derive(Debug, PartialEq)]
struct BadOption {
    text: String,
    /// Whether it is the first of all, or the end of the packet: the bracket stays open.
    first: bool,
}

/// The options as they stand between the brackets. `followed` says whether the segment carries bytes: where an option's length
/// is missing, tcpdump reads on beyond them, and finds either nonsense or the end of the packet.
fn tcp_options(bytes: &[u8], other: u32, followed: bool) -> Result<String, BadOption> {
    let mut text = String::new();
    let mut first = true;
    let mut rest = Bytes::new(bytes, Order::Big);
    while let Some(kind) = rest.u8() {
        if !first {
            text.push(',');
        }
        let bad = |text: &str| BadOption {
            text: format!("{text}[bad opt]"),
            first,
        };
        let own = if kind <= 1 { 1 } else { 2 };
        let length = if own == 1 {
            1
        } else {
            let length = rest.u8().map(usize::from).ok_or_else(|| match followed {
                true => bad(&text),
                false => BadOption {
                    text: format!("{text} [|tcp]"),
                    first: true,
                },
            })?;
            if (2..=rest.len() + 2).contains(&length) {
                length
            } else {
                return Err(bad(&text));
            }
        };
        text += &option_name(kind);
        let before = rest.len();
        tcp_option(&mut text, kind, length - own, &mut rest, other).ok_or_else(|| bad(&text))?;
        if before - rest.len() != length - own {
            write!(text, "[len {length}]").ok();
        }
        first = false;
        if kind == 0 {
            break;
        }
    }
    Ok(text)
}

fn option_name(kind: u8) -> String {
    let name = match kind {
        0 => "eol",
        1 => "nop",
        2 => "mss",
        3 => "wscale",
        4 => "sackOK",
        5 => "sack",
        6 => "echo",
        7 => "echoreply",
        8 => "TS",
        11 => "cc",
        12 => "ccnew",
        13 => "",
        19 => "md5",
        34 => "tfo",
        254 => "exp",
        _ => return format!("unknown-{kind}"),
    };
    name.into()
}

/// What follows an option's name. `length` is what the option claims for it; options of a fixed length read that much
/// whatever they claim. None where there is too little to read.
fn tcp_option(text: &mut String, kind: u8, length: usize, rest: &mut Bytes<'_>, other: u32) -> Option<()> {
    match kind {
        2 => write!(text, " {}", rest.u16()?).ok(),
        3 => write!(text, " {}", rest.u8()?).ok(),
        5 if !length.is_multiple_of(8) => {
            *text += " invalid sack";
            rest.take(length).map(|_| ())
        }
        5 => {
            write!(text, " {} ", length / 8).ok();
            for _ in 0..length / 8 {
                let (start, end) = (rest.u32()?.wrapping_sub(other), rest.u32()?.wrapping_sub(other));
                write!(text, "{{{start}:{end}}}").ok();
            }
            Some(())
        }
        6 | 7 | 11..=13 => write!(text, " {}", rest.u32()?).ok(),
        8 => {
            let (value, echo) = (rest.u32()?, rest.u32()?);
            write!(text, " val {value} ecr {echo}").ok()
        }
        19 => {
            let digest = hex(rest.take(16)?);
            write!(
                text,
                " shared secret not supplied with -M, can't check - {digest}"
            )
            .ok()
        }
        34 => write!(text, " {}", fast_open(rest.take(length)?)).ok(),
        254 => {
            // RFC 6994: two bytes say whose experiment it is.
            let (experiment, data) = rest.take(length)?.split_at_checked(2)?;
            match experiment {
                [0xf9, 0x89] => write!(text, "-tfo{}", fast_open(data)).ok(),
                _ => write!(text, "-{}", hex(experiment)).ok(),
            }
        }
        0 | 1 | 4 => Some(()),
        _ => {
            let data = rest.take(length)?;
            if data.is_empty() {
                Some(())
            } else {
                write!(text, " 0x{}", hex(data)).ok()
            }
        }
    }
}

/// TCP Fast Open (RFC 7413, 4.1.1).
fn fast_open(cookie: &[u8]) -> String {
    match cookie.len() {
        0 => " cookiereq".into(),
        4..=16 if cookie.len().is_multiple_of(2) => format!(" cookie {}", hex(cookie)),
        _ => " (invalid)".into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names of IPv4's options. Those that hold addresses or times are named only.
fn ip_options(bytes: &[u8]) -> String {
    let mut names = Vec::new();
    let mut rest = bytes;
    while let Some(&kind) = rest.first() {
        names.push(match kind {
            0 => "EOL".to_owned(),
            1 => "NOP".into(),
            7 => "RR".into(),
            68 => "timestamp".into(),
            82 => "traceroute".into(),
            130 => "security".into(),
            131 => "LSRR".into(),
            137 => "SSRR".into(),
            148 => "RA".into(),
            _ => format!("unknown {kind}"),
        });
        let length = if kind <= 1 {
            1
        } else {
            rest.get(1)
                .map_or(usize::MAX, |length| usize::from(*length).max(2))
        };
        match rest.get(length..) {
            Some(after) if kind != 0 => rest = after,
            _ => break,
        }
    }
    names.join(",")
}

/// The beginning of the text that a RST may carry (RFC 9293, 3.5.3), unprintable bytes made visible.
fn reset_data(segment: &Segment) -> String {
    const SHOWN: usize = 30;
    let whole = segment.payload.len() as u64 == u64::from(segment.length);
    let mut text = String::from(if whole { " [RST" } else { " [!RST" });
    text += if segment.length as usize > SHOWN {
        "+ "
    } else {
        " "
    };
    for byte in segment.payload.iter().take(SHOWN) {
        if !byte.is_ascii() {
            text += "M-";
        }
        let byte = byte & 0x7f;
        if byte.is_ascii_control() {
            text.push('^');
            text.push(char::from(byte ^ 0x40));
        } else {
            text.push(char::from(byte));
        }
    }
    text + "]"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Ipv4;

    fn segment(flags: u16, sequence: u32, acknowledgment: u32, payload: &[u8]) -> Segment {
        Segment {
            number: 1,
            time: 1_700_000_000_123_456_789,
            cooked: None,
            ip: Ip::V4(Ipv4 {
                tos: 0,
                total_length: 40 + payload.len() as u16,
                id: 4711,
                reserved: false,
                dont_fragment: true,
                ttl: 64,
                checksum: 7,
                right_checksum: 7,
                options: vec![],
            }),
            source: "127.0.0.1:40000".parse().unwrap(),
            destination: "127.0.0.1:8000".parse().unwrap(),
            sequence,
            acknowledgment,
            flags: Flags(flags),
            window: 512,
            checksum: 0xfe28,
            right_checksum: Some(0x5c5f),
            urgent: 0,
            option_bytes: vec![],
            length: payload.len() as u32,
            payload: payload.to_vec(),
        }
    }

    fn answer(flags: u16, sequence: u32, acknowledgment: u32, payload: &[u8]) -> Segment {
        let segment = segment(flags, sequence, acknowledgment, payload);
        Segment {
            source: segment.destination,
            destination: segment.source,
            ..segment
        }
    }

    fn printed(segment: &Segment, time: Time) -> String {
        Printer::new(Options {
            time,
            ..Options::default()
        })
        .print(segment)
    }

    #[test]
    fn a_segment_is_two_lines_with_v() {
        let text = print(
            &[segment(Flags::PSH | Flags::ACK, 5, 9, b"Hi, ferris?")],
            Options::default(),
        );
        assert_eq!(
            text,
            "22:13:20.123456 IP (tos 0x0, ttl 64, id 4711, offset 0, flags [DF], proto TCP (6), length 51)\n    \
             127.0.0.1.40000 > 127.0.0.1.8000: Flags [P.], cksum 0xfe28 (incorrect -> 0x5c5f), seq 5:16, ack 9, win 512, length 11\n"
        );
    }

    #[test]
    fn a_segment_is_one_line_without_v_and_a_pure_ack_shows_no_sequence_number() {
        let options = Options {
            verbose: 0,
            time: Time::None,
            ..Options::default()
        };
        assert_eq!(
            print(&[segment(Flags::ACK, 5, 9, b"")], options),
            "IP 127.0.0.1.40000 > 127.0.0.1.8000: Flags [.], ack 9, win 512, length 0\n"
        );
    }

    #[test]
    fn times_come_in_all_of_tcpdump_s_forms() {
        let segment = segment(Flags::ACK, 5, 9, b"");
        assert!(printed(&segment, Time::None).starts_with("IP "));
        assert!(printed(&segment, Time::Epoch).starts_with("1700000000.123456 IP "));
        assert!(printed(&segment, Time::Date).starts_with("2023-11-14 22:13:20.123456 IP "));
        let nanoseconds = Options {
            nanoseconds: true,
            ..Options::default()
        };
        assert!(
            Printer::new(nanoseconds)
                .print(&segment)
                .starts_with("22:13:20.123456789 IP ")
        );
        let mut since = Printer::new(Options {
            time: Time::SincePrevious,
            ..Options::default()
        });
        let mut first = Printer::new(Options {
            time: Time::SinceFirst,
            ..Options::default()
        });
        for (later, previous, since_first) in [
            (0, " 00:00:00.000000 IP", " 00:00:00.000000 IP"),
            (1_500_000, " 00:00:00.001500 IP", " 00:00:00.001500 IP"),
            (500_000, "-00:00:00.001000 IP", " 00:00:00.000500 IP"),
        ] {
            let segment = Segment {
                time: segment.time + later,
                ..segment.clone()
            };
            assert!(since.print(&segment).starts_with(previous));
            assert!(first.print(&segment).starts_with(since_first));
        }
    }

    #[test]
    fn dates_are_right_at_the_ends_of_months_and_in_leap_years() {
        let clock = Clock { a_second: 1 };
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(clock.date(seconds), date);
        }
    }

    #[test]
    fn without_s_numbers_are_relative_after_the_first_ack() {
        let segments = [
            segment(Flags::SYN, 1_000, 0, b""),
            answer(Flags::SYN | Flags::ACK, 9_000, 1_001, b""),
            segment(Flags::ACK, 1_001, 9_001, b""),
            segment(Flags::ACK, 1_001, 9_001, b"abc"),
            answer(Flags::ACK, 9_001, 1_004, b""),
            // Without an ACK flag there is nothing to be relative to.
            answer(Flags::RST, 9_001, 0, b""),
            // The same ends meet again.
            answer(Flags::SYN | Flags::ACK, 5_000, 7_001, b""),
            segment(Flags::ACK, 7_001, 5_001, b""),
        ];
        let options = Options {
            absolute: false,
            time: Time::None,
            ..Options::default()
        };
        let mut printer = Printer::new(options);
        let numbers: Vec<String> = segments
            .iter()
            .map(|segment| {
                let text = printer.print(segment);
                let (_, numbers) = text.split_once(", seq ").unwrap();
                numbers.split(", win").next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(
            numbers,
            [
                "1000",
                "9000, ack 1001",
                "1, ack 1",
                "1:4, ack 1",
                "1, ack 4",
                "9001",
                "5000, ack 7001",
                "1, ack 1"
            ]
        );
    }

    #[test]
    fn options_are_printed_by_name() {
        for (bytes, text) in [
            (
                &[2, 4, 255, 215, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7][..],
                "mss 65495,sackOK,TS val 7 ecr 0,nop,wscale 7",
            ),
            (&[1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12], "nop,nop,sack 1 {4:7}"),
            (&[254, 4, 1, 2], "exp-0102"),
            (&[34, 2, 200, 4, 1, 2], "tfo  cookiereq,unknown-200 0x0102"),
            (&[2, 5, 1, 2, 0], "mss 258[len 5],eol"),
        ] {
            assert_eq!(tcp_options(bytes, 5, true).unwrap(), text);
        }
    }

    #[test]
    fn an_option_that_cannot_be_read_ends_the_line() {
        let line = |bytes: &[u8]| {
            let segment = Segment {
                option_bytes: bytes.to_vec(),
                ..segment(Flags::ACK, 5, 9, b"")
            };
            let text = printed(&segment, Time::None);
            text.split_once("options ").unwrap().1.to_owned()
        };
        assert_eq!(line(&[1, 8]), "[nop, [|tcp]");
        assert_eq!(line(&[2, 4, 1]), "[[bad opt]");
        assert_eq!(line(&[8, 3, 1]), "[TS[bad opt]");
    }

    #[test]
    fn the_text_in_a_reset_is_shown_with_its_unprintable_bytes() {
        let reset = segment(Flags::RST, 5, 0, b"gone\n\xff");
        assert!(printed(&reset, Time::None).ends_with("length 6 [RST gone^JM-^?]"));
        let long = segment(Flags::RST, 5, 0, &[b'x'; 40]);
        assert!(printed(&long, Time::None).ends_with(&format!("[RST+ {}]", "x".repeat(30))));
    }
}
