//! Does with a file everything that the crate can do, for tests that only ask whether it gets through.

use wire::capture::{Capture, CaptureError};
use wire::conversation::{Conversation, Side};
use wire::event::{Evidence, names};
use wire::fact::Fact;
use wire::segment::SegmentError;
use wire::tcpdump::{Options, Time};
use wire::{conversation, skeleton, state, tcpdump};

/// What came of reading a file.
#[derive(Debug)]
pub enum Outcome {
    /// It is no capture, or damaged before the first packet.
    NoCapture(CaptureError),
    /// So many packets are whole, then the file is damaged.
    Damaged(usize, CaptureError),
    /// A packet cannot be taken apart.
    BadPacket(SegmentError),
    /// Everything was read.
    Read(Vec<Conversation>),
}

/// Reads a file and asks of it whatever can be asked.
pub fn everything(file: &[u8]) -> Outcome {
    let (capture, stopped) = match Capture::parse_prefix(file) {
        Ok(read) => read,
        Err(error) => return Outcome::NoCapture(error),
    };
    let bytes: usize = capture.packets.iter().map(|packet| packet.bytes.len()).sum();
    assert!(bytes <= file.len(), "more bytes of packets than the file has");
    assert_eq!(
        Capture::parse(&capture.to_pcap()).as_ref(),
        Ok(&rounded(&capture))
    );
    let segments = match capture.segments() {
        Ok(segments) => segments,
        Err(error) => {
            assert!((1..=capture.packets.len()).contains(&error.packet));
            return Outcome::BadPacket(error);
        }
    };
    for time in [
        Time::None,
        Time::OfDay,
        Time::Epoch,
        Time::SincePrevious,
        Time::Date,
        Time::SinceFirst,
    ] {
        for verbose in 0..3 {
            let options = Options {
                time,
                verbose,
                absolute: verbose == 1,
                nanoseconds: verbose == 2,
            };
            assert!(tcpdump::print(&segments, options).lines().count() >= segments.len());
        }
    }
    let count = segments.len();
    let conversations = conversation::conversations(segments);
    assert_eq!(
        conversations
            .iter()
            .map(|conversation| conversation.turns.len())
            .sum::<usize>(),
        count
    );
    for conversation in &conversations {
        let states = state::states(conversation);
        assert!(states.changes.is_sorted_by_key(|change| change.turn));
        for side in Side::BOTH {
            let fresh: u64 = conversation
                .turns
                .iter()
                .filter(|turn| turn.side == side)
                .map(|turn| turn.fresh)
                .sum();
            let told = skeleton::skeleton(conversation)
                .into_iter()
                .filter(|step| step.side == side);
            let told: u64 = told
                .map(|step| match step.what {
                    skeleton::What::Bytes(count) => count,
                    _ => 0,
                })
                .sum();
            assert_eq!(fresh, told);
        }
    }
    let evidence = Evidence::at_both_hosts(&conversations, &conversations);
    for (event, found) in names(&evidence).into_iter().take(50) {
        assert_eq!(event.find(&evidence), Ok(found));
        for form in [
            "gap before {} >= 1ms",
            "{}: once at client, once at server",
            "{}: twice",
            "{} before {}",
        ] {
            let fact: Result<Fact, _> = form.replace("{}", &event.to_string()).parse();
            let _ = fact.map(|fact| fact.check(&evidence));
        }
    }
    for fact in [
        "close takes 3 segments",
        "connection 1: server window reaches 0",
        "1 connection",
    ] {
        let _ = fact.parse::<Fact>().map(|fact| fact.check(&evidence));
    }
    match stopped {
        Some(error) => Outcome::Damaged(capture.packets.len(), error),
        None => Outcome::Read(conversations),
    }
}

/// The capture as pcap can hold it: no time after 2106.
fn rounded(capture: &Capture) -> Capture {
    let mut rounded = capture.clone();
    for packet in &mut rounded.packets {
        let (seconds, rest) = (packet.time / 1_000_000_000, packet.time % 1_000_000_000);
        packet.time = seconds.min(u32::MAX.into()) * 1_000_000_000 + rest;
    }
    rounded
}
