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
    let flags = segment.flags;
    // The SYN takes the number 0, whatever bytes go with it.
    let begin = segment.seq + u64::from(flags.syn);
    let end = begin + segment.bytes;
    let mut parts = Vec::new();
    if flags.syn {
        parts.push(if segment.ack.is_some() { "SYN ACK" } else { "SYN" }.to_owned());
    }
    if segment.bytes > 0 {
        parts.push(counted(segment.bytes, "byte", "bytes"));
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
    // The place in the stream says how many bytes there are; FIN and RST are said by nothing else.
    if parts.len() > 2 && segment.bytes > 0 && parts.join(" · ").chars().count() > LONGEST {
        parts.remove(usize::from(flags.syn));
    }
    parts.join(" · ")
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
