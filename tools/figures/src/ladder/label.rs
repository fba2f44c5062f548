//! What a segment is called, and how it is drawn.

use super::{Fate, Mark, Segment, text::counted};

/// How the arrow is drawn: one for each way a segment may differ on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A control segment, or nothing but an ACK: thin.
    Plain,
    /// It carries bytes: thick.
    Data,
    /// FIN: dashed (and thick where it carries bytes).
    Fin,
    /// RST: dotted, with a bar at its tip.
    Rst,
}

impl Stroke {
    pub fn of(segment: &Segment) -> Stroke {
        if segment.flags.rst {
            Stroke::Rst
        } else if segment.flags.fin {
            Stroke::Fin
        } else if segment.bytes > 0 {
            Stroke::Data
        } else {
            Stroke::Plain
        }
    }
}

/// What fits over an arrow, in characters.
const LONGEST: usize = 26;

/// What the drawing writes over the arrow: `SYN`, `SYN ACK`, `11 bytes · 1:12`, `ACK 12`, `FIN 12 · ACK 13`.
///
/// Every number is relative. A SYN needs none, its number is 0; bytes need no acknowledgment beside them, it stands in the
/// header.
pub fn label(segment: &Segment) -> String {
    let whole = words(segment, true);
    // Two words are not cut: a place in the stream alone is less to go by.
    if whole.len() > 2 && whole.join(BETWEEN).chars().count() > LONGEST {
        return short(segment);
    }
    whole.join(BETWEEN)
}

/// The same without the number of bytes, which their place in the stream tells too: where there is little room. FIN and RST
/// are told by nothing else.
pub fn short(segment: &Segment) -> String {
    words(segment, false).join(BETWEEN)
}

const BETWEEN: &str = " · ";

fn words(segment: &Segment, count: bool) -> Vec<String> {
    let flags = segment.flags;
    // The SYN takes the number 0, whatever bytes go with it.
    let begin = segment.seq + u64::from(flags.syn);
    let end = begin + segment.bytes;
    let mut parts = Vec::new();
    if flags.syn {
        parts.push(if segment.ack.is_some() { "SYN ACK" } else { "SYN" }.to_owned());
    }
    if segment.bytes > 0 {
        if count {
            parts.push(counted(segment.bytes, "byte", "bytes"));
        }
        parts.push(format!("{begin}:{end}"));
    }
    for (set, word) in [(flags.fin, "FIN"), (flags.rst, "RST")] {
        match (set, segment.bytes) {
            (true, 0) => parts.push(format!("{word} {end}")),
            (true, _) => parts.push(word.to_owned()),
            (false, _) => {}
        }
    }
    match segment.ack {
        Some(ack) if segment.bytes == 0 && !flags.syn => parts.push(format!("ACK {ack}")),
        _ => {}
    }
    if parts.is_empty() {
        parts.push(format!("seq {}, no flag", segment.seq));
    }
    parts
}

/// The words beside the time: what is unusual, then the segment's own remark.
pub fn remarks(segment: &Segment) -> Vec<&str> {
    let mark = match segment.mark {
        Some(Mark::Again) => Some("sent again"),
        Some(Mark::Copy) => Some("copied by the link"),
        None => None,
    };
    let lost = (segment.fate == Fate::Lost).then_some("lost");
    mark.into_iter()
        .chain(lost)
        .chain(segment.remark.as_deref())
        .collect()
}
