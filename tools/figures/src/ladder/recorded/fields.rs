//! What is known of a segment or a call besides what is drawn.

use wire::{
    call::Call,
    conversation::{Conversation, Turn},
    duration,
    segment::{Flags, Ip, TcpOption},
};

use super::super::Field;
use crate::number::count;

/// What is known of a call: who made it, where, for how long.
pub fn of_call(call: &Call) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| {
        fields.push(Field {
            name: name.into(),
            value,
            raw: None,
        });
    };
    add("call", call.call.to_string());
    if let Some(fd) = call.fd {
        add("descriptor", fd.to_string());
    }
    if let Some(requested) = call.requested {
        add("room for", requested.to_string());
    }
    match (&call.errno, call.result) {
        (Some(errno), _) => add("error", errno.clone()),
        (None, Some(result)) => add("result", result.to_string()),
        (None, None) => add("result", "never returned".into()),
    }
    if let Some(times) = call.times {
        add("made", format!("{} times", count(times)));
    }
    if let Some(end) = call.end {
        add("took", duration::text(end.saturating_sub(call.start)));
    }
    if !call.detail.is_empty() {
        add("with", call.detail.clone());
    }
    if let Some(place) = &call.place {
        add("function", place.function.clone());
    }
    add("program", call.program.clone());
    add("process", call.pid.to_string());
    add("thread", call.thread.to_string());
    fields
}

/// Every field of a segment's headers, TCP first: relative or in words, and as it stands in the packet.
pub fn of_segment(conversation: &Conversation, turn: &Turn) -> Vec<Field> {
    let segment = &turn.segment;
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String, raw: Option<String>| {
        let raw = raw.filter(|raw| *raw != value);
        fields.push(Field {
            name: name.into(),
            value,
            raw,
        });
    };
    add("from", conversation.ends[turn.side].to_string(), None);
    add("to", conversation.ends[turn.side.peer()].to_string(), None);
    let bytes = || format!("{}:{}", turn.bytes.start + 1, turn.bytes.end + 1);
    let numbers = match (segment.length, turn.has(Flags::SYN)) {
        (0, _) => turn.sequence.to_string(),
        (_, false) => bytes(),
        (_, true) => format!("{}, bytes {}", turn.sequence, bytes()),
    };
    add("seq", numbers, Some(segment.sequence.to_string()));
    if let Some(acknowledgment) = turn.acknowledgment {
        add(
            "ack",
            acknowledgment.to_string(),
            Some(segment.acknowledgment.to_string()),
        );
    }
    add(
        "flags",
        words(segment.flags),
        Some(format!("{:#05x}", segment.flags.0)),
    );
    let window = turn
        .window
        .map_or_else(|| "scale not known".into(), |window| window.to_string());
    add("window", window, Some(segment.window.to_string()));
    add("length", segment.length.to_string(), None);
    add(
        "header",
        format!("{} bytes", 20 + segment.option_bytes.len()),
        None,
    );
    // In the words of tcpdump.
    let checksum = format!("{:#06x}", segment.checksum);
    match segment.right_checksum.map(|right| right == segment.checksum) {
        Some(true) => add("checksum", "correct".into(), Some(checksum)),
        Some(false) => add("checksum", "incorrect".into(), Some(checksum)),
        None => add("checksum", checksum, None),
    }
    if segment.urgent != 0 {
        add("urgent", segment.urgent.to_string(), None);
    }
    for option in segment.options() {
        match option {
            TcpOption::EndOfList | TcpOption::NoOperation => {}
            TcpOption::MaximumSegmentSize(size) => add("mss", size.to_string(), None),
            TcpOption::WindowScale(scale) => {
                let factor = 1u64.checked_shl(scale.into()).unwrap_or(0);
                add("window scale", format!("× {factor}"), Some(scale.to_string()));
            }
            TcpOption::SackPermitted => add("sack", "permitted".into(), None),
            TcpOption::Sack(blocks) => {
                let origin = conversation.origins[turn.side.peer()].unwrap_or(0);
                let relative = |number: u32| number.wrapping_sub(origin);
                let list = |shown: &dyn Fn(u32) -> u32| {
                    let blocks = blocks
                        .iter()
                        .map(|(begin, end)| format!("{}:{}", shown(*begin), shown(*end)));
                    blocks.collect::<Vec<_>>().join(" ")
                };
                add("sack", list(&relative), Some(list(&|number| number)));
            }
            TcpOption::Timestamps { value, echo } => add("timestamps", format!("{value}, echo {echo}"), None),
            TcpOption::Unknown { kind, data } => {
                add("option", format!("{kind}, {} bytes", data.len() + 2), None)
            }
            TcpOption::Malformed(data) => add("option", format!("{} bytes, unreadable", data.len()), None),
        }
    }
    match &segment.ip {
        Ip::V4(ip) => {
            add("ip", "version 4".into(), None);
            add("ttl", ip.ttl.to_string(), None);
            add("id", ip.id.to_string(), None);
            add("tos", format!("{:#04x}", ip.tos), None);
            add(
                "fragment",
                if ip.dont_fragment {
                    "not allowed"
                } else {
                    "allowed"
                }
                .into(),
                None,
            );
            add("ip length", ip.total_length.to_string(), None);
        }
        Ip::V6(ip) => {
            add("ip", "version 6".into(), None);
            add("hop limit", ip.hop_limit.to_string(), None);
            add("class", format!("{:#04x}", ip.traffic_class), None);
            add("flow label", format!("{:#07x}", ip.flow_label), None);
            add("ip length", ip.payload_length.to_string(), None);
        }
    }
    fields
}

/// The flags by name: `ACK PSH`.
fn words(flags: Flags) -> String {
    let names = [
        (Flags::SYN, "SYN"),
        (Flags::FIN, "FIN"),
        (Flags::RST, "RST"),
        (Flags::ACK, "ACK"),
        (Flags::PSH, "PSH"),
        (Flags::URG, "URG"),
        (Flags::ECE, "ECE"),
        (Flags::CWR, "CWR"),
        (Flags::AE, "AE"),
    ];
    let set: Vec<&str> = names
        .into_iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, name)| name)
        .collect();
    if set.is_empty() {
        "none".into()
    } else {
        set.join(" ")
    }
}
