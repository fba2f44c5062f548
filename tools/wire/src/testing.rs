//! Conversations for tests, written down in short.

use crate::conversation::{Conversation, Side, Sides, conversations};
use crate::segment::{Flags, Ip, Ipv4, Segment};

/// Sequence numbers begin here; the client's wrap after six.
const ORIGINS: Sides<u32> = Sides {
    client: u32::MAX - 5,
    server: 1_000,
};

/// Segments between 127.0.0.1:40000 and 127.0.0.1:8000, a millisecond apart.
///
/// Each is `>` (from the client) or `<`, flags as tcpdump writes them, and a number of bytes: `>S`, `<S.`, `>P.11`.
/// Sequence number and acknowledgment are what an end that has seen all before would send; words after the first change
/// that: `s5` and `a5` (relative numbers), `w0` (the window), `+40` (milliseconds since the one before), `p40001` (the
/// client's port).
pub(crate) fn segments(lines: &[&str]) -> Vec<Segment> {
    let mut next: Sides<u32> = Sides::default();
    let mut time = 1_700_000_000_000_000_000;
    let mut found = Vec::new();
    for line in lines {
        let mut words = line.split(' ');
        let first = words.next().unwrap();
        let side = if first.starts_with('>') {
            Side::Client
        } else {
            Side::Server
        };
        let digits = first
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(first.len());
        let (letters, length) = (&first[1..digits], first[digits..].parse().unwrap_or(0));
        let flag = |letter, flag| if letters.contains(letter) { flag } else { 0 };
        let flags = flag('S', Flags::SYN)
            | flag('F', Flags::FIN)
            | flag('R', Flags::RST)
            | flag('P', Flags::PSH)
            | flag('.', Flags::ACK);
        let (mut sequence, mut acknowledgment, mut window, mut later, mut port) =
            (next[side], next[side.peer()], 512, 1, 40_000);
        for word in words {
            let number = || word[1..].parse::<u32>().unwrap();
            match &word[..1] {
                "s" => sequence = number(),
                "a" => acknowledgment = number(),
                "w" => window = number() as u16,
                "+" => later = u64::from(number()),
                "p" => port = number() as u16,
                other => panic!("no such word: {other}"),
            }
        }
        time += later * 1_000_000;
        let client = ([127, 0, 0, 1], port).into();
        let server = ([127, 0, 0, 1], 8_000).into();
        let (source, destination) = if side == Side::Client {
            (client, server)
        } else {
            (server, client)
        };
        let acknowledgment = ORIGINS[side.peer()].wrapping_add(acknowledgment);
        let segment = Segment {
            number: found.len() + 1,
            time,
            cooked: None,
            ip: Ip::V4(Ipv4 {
                tos: 0,
                total_length: 40,
                id: 0,
                reserved: false,
                dont_fragment: true,
                ttl: 64,
                checksum: 0,
                right_checksum: 0,
                options: vec![],
            }),
            source,
            destination,
            sequence: ORIGINS[side].wrapping_add(sequence),
            acknowledgment: if flags & Flags::ACK == 0 {
                0
            } else {
                acknowledgment
            },
            flags: Flags(flags),
            window,
            checksum: 0,
            right_checksum: Some(0),
            urgent: 0,
            option_bytes: if flags & Flags::SYN == 0 {
                vec![]
            } else {
                vec![3, 3, 7, 1]
            },
            length,
            payload: vec![b'x'; length as usize],
        };
        if !segment.has(Flags::RST) {
            next[side] = next[side].max(sequence + segment.sequence_length());
        }
        found.push(segment);
    }
    found
}

/// The one conversation that the segments are.
pub(crate) fn conversation(lines: &[&str]) -> Conversation {
    let mut found = conversations(segments(lines));
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// One echo, closed by the client, as Linux does it on its loopback.
pub(crate) const ECHO: &[&str] = &[
    ">S", "<S.", ">.", ">P.11", "<.", "<P.11", ">.", ">F.", "<F.", ">.",
];

/// The calls of the server of [`ECHO`], and what it says of a task that is given up while it waits.
pub(crate) const TASKS: &str = r#"
{"kind":"call","start":1700000000000000000,"end":1700000000002000000,"program":"server","pid":2,"thread":2,"call":"accept4","fd":3,"socket":1,"made":{"fd":4,"socket":2},"local":"127.0.0.1:8000","peer":"127.0.0.1:40000","result":4}
{"kind":"task","time":1700000000002100000,"program":"server","pid":2,"thread":2,"task":"reader","did":"made"}
{"kind":"task","time":1700000000002200000,"program":"server","pid":2,"thread":2,"task":"reader","did":"polled"}
{"kind":"call","start":1700000000003100000,"end":1700000000003200000,"program":"server","pid":2,"thread":2,"call":"recv","fd":4,"socket":2,"requested":100,"result":11}
{"kind":"task","time":1700000000003300000,"program":"server","pid":2,"thread":2,"task":"reader","did":"pending"}
{"kind":"task","time":1700000000003400000,"program":"server","pid":2,"thread":2,"task":"reader","did":"woken","by":"writer"}
{"kind":"task","time":1700000000003500000,"program":"server","pid":2,"thread":2,"task":"reader","did":"polled"}
{"kind":"task","time":1700000000003600000,"program":"server","pid":2,"thread":2,"task":"reader","did":"dropped"}
"#;
