//! The least that a conversation must show: its SYNs, FINs and RSTs in their order, and how many bytes each side sent
//! between them.
//!
//! Precisely:
//!
//! - A *control* is the first SYN, the first FIN and the first RST of each side, at the place where the capture shows it
//!   first.
//! - Between two neighbouring controls (and before the first, and after the last) stands at most one line of bytes for
//!   each side: the sum of the bytes that the capture shows there for the first time. Whose first byte comes first is
//!   written first.
//! - A segment with several of these counts as its parts, in the order of the sequence numbers: SYN, data, FIN.
//! - A byte belongs before the FIN of its own side, also where the capture shows it after it (a segment that was lost,
//!   or overtaken, and came later).
//! - The data of a RST, which belong to no stream, do not count.
//! - A RST after both FINs were acknowledged does not count: there is nothing left that it could break off
//!   ([`Conversation::over`]).
//!
//! So it does not change when the same bytes travel in other segments, when a segment is repeated, when pure ACKs, probes
//! or window updates come, go or move, or when a RST answers each of several segments. It does change when a byte moves
//! past a control of the other side: who had finished first is what it is about.

use std::fmt;
use std::str::FromStr;

use crate::conversation::{Conversation, Side, Sides};
use crate::segment::Flags;

/// One line of a skeleton: `client SYN`, `server 11 bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Who.
    pub side: Side,
    /// What.
    pub what: What,
}

/// What a side does in one line of a skeleton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Its first SYN.
    Syn,
    /// This many bytes of its stream, at least one.
    Bytes(u64),
    /// Its first FIN.
    Fin,
    /// Its first RST.
    Rst,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        match self.what {
            What::Syn => write!(f, "{side} SYN"),
            What::Bytes(1) => write!(f, "{side} 1 byte"),
            What::Bytes(count) => write!(f, "{side} {count} bytes"),
            What::Fin => write!(f, "{side} FIN"),
            What::Rst => write!(f, "{side} RST"),
        }
    }
}

/// A line that is no step of a skeleton.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no line of a skeleton; write `client` or `server`, then `SYN`, `FIN`, `RST`, or a number and `bytes`: `client 11 bytes`"
)]
pub struct NoStep(String);

impl FromStr for Step {
    type Err = NoStep;

    fn from_str(text: &str) -> Result<Step, NoStep> {
        let mut words = text.split(' ');
        let side = match words.next() {
            Some("client") => Side::Client,
            Some("server") => Side::Server,
            _ => return Err(NoStep(text.into())),
        };
        let what = match words.collect::<Vec<_>>()[..] {
            ["SYN"] => What::Syn,
            ["FIN"] => What::Fin,
            ["RST"] => What::Rst,
            ["1", "byte"] => What::Bytes(1),
            [count, "bytes"] => match count.parse() {
                Ok(count) if count > 1 => What::Bytes(count),
                _ => return Err(NoStep(text.into())),
            },
            _ => return Err(NoStep(text.into())),
        };
        Ok(Step { side, what })
    }
}

/// The bytes between two controls.
#[derive(Clone, Copy, Default)]
struct Between {
    bytes: Sides<u64>,
    /// Whose first byte came first.
    first: Option<Side>,
}

/// The skeleton of one conversation.
pub fn skeleton(conversation: &Conversation) -> Vec<Step> {
    // One more of `between` than of `controls`: what precedes each, and what follows the last.
    let mut controls: Vec<Step> = Vec::new();
    let mut between = vec![Between::default()];
    let over = conversation.over();
    for (index, turn) in conversation.turns.iter().enumerate() {
        let side = turn.side;
        let control = |controls: &mut Vec<Step>, between: &mut Vec<Between>, what| {
            let step = Step { side, what };
            if !controls.contains(&step) {
                controls.push(step);
                between.push(Between::default());
            }
        };
        if turn.has(Flags::RST) {
            if over.is_none_or(|over| index < over) {
                control(&mut controls, &mut between, What::Rst);
            }
            continue;
        }
        if turn.has(Flags::SYN) {
            control(&mut controls, &mut between, What::Syn);
        }
        if turn.fresh > 0 {
            let fin = controls.iter().position(|step| {
                *step
                    == Step {
                        side,
                        what: What::Fin,
                    }
            });
            let place = &mut between[fin.unwrap_or(controls.len())];
            place.bytes[side] += turn.fresh;
            place.first.get_or_insert(side);
        }
        if turn.has(Flags::FIN) {
            control(&mut controls, &mut between, What::Fin);
        }
    }
    let mut steps = Vec::new();
    for (index, place) in between.into_iter().enumerate() {
        let first = place.first.unwrap_or(Side::Client);
        for side in [first, first.peer()] {
            if place.bytes[side] > 0 {
                steps.push(Step {
                    side,
                    what: What::Bytes(place.bytes[side]),
                });
            }
        }
        steps.extend(controls.get(index));
    }
    steps
}

/// The skeleton of a whole capture, as lines. With more than one conversation each line says which: `connection 2:
/// client SYN`; the conversations follow one another.
pub fn lines(conversations: &[Conversation]) -> Vec<String> {
    let one = conversations.len() == 1;
    let line = |number, step| {
        if one {
            format!("{step}")
        } else {
            format!("connection {number}: {step}")
        }
    };
    conversations
        .iter()
        .flat_map(|conversation| {
            skeleton(conversation)
                .into_iter()
                .map(|step| line(conversation.number, step))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::conversations;
    use crate::testing::{ECHO, conversation, segments};

    fn lines_of(script: &[&str]) -> Vec<String> {
        lines(&[conversation(script)])
    }

    #[test]
    fn an_echo_is_six_lines() {
        let expected = [
            "client SYN",
            "server SYN",
            "client 11 bytes",
            "server 11 bytes",
            "client FIN",
            "server FIN",
        ];
        assert_eq!(lines_of(ECHO), expected);
    }

    #[test]
    fn a_rst_after_both_fins_were_acknowledged_does_not_count() {
        let said = [">S", "<S.", ">.", ">F.", "<F.", ">."];
        // An ACK that the server's FIN overtook arrives, is answered in TIME-WAIT, and the answer finds nobody.
        let straggler = ["<. s1", ">.", "<R"];
        assert_eq!(lines_of(&said), lines_of(&[&said[..], &straggler].concat()));
    }

    #[test]
    fn a_rst_that_answers_a_fin_counts() {
        let orphan = lines_of(&[">S", "<S.", ">.", "<F.", ">.", ">F.", "<R"]);
        assert_eq!(orphan.last().unwrap(), "server RST");
    }

    #[test]
    fn pure_acks_and_probes_do_not_count() {
        let bare = [">S", "<S.", ">.11", "<.11", ">F.", "<F."];
        assert_eq!(lines_of(&bare), lines_of(ECHO));
        let probed = [
            ">S", "<S.", ">.", ">.11", ">. s11", "<.", "<. w0", "<.11", ">F.", "<.", "<.", "<F.", ">.",
        ];
        assert_eq!(lines_of(&probed), lines_of(ECHO));
    }

    #[test]
    fn the_sizes_of_segments_do_not_count() {
        let pieces = [
            ">S", "<S.", ">.", ">.5", ">.6", "<.1", "<.2", "<.8", ">F.", "<F.", ">.",
        ];
        assert_eq!(lines_of(&pieces), lines_of(ECHO));
        let joined = [">S", "<S.", ">.", ">.11", "<.11", ">F.", "<F."];
        assert_eq!(lines_of(&joined), lines_of(ECHO));
    }

    #[test]
    fn a_fin_that_rides_on_data_comes_after_them() {
        assert_eq!(
            lines_of(&[">S", "<S.", ">F.11", "<F.11"]),
            lines_of(&[">S", "<S.", ">.11", ">F.", "<.11", "<F."])
        );
    }

    #[test]
    fn retransmissions_do_not_count() {
        let repeated = [
            ">S", ">S s0", "<S.", "<S. s0", ">.", ">.11", ">.11 s1", ">.5 s3", "<.11", ">F.", ">F. s12",
            "<F.", "<F. s12",
        ];
        assert_eq!(lines_of(&repeated), lines_of(ECHO));
    }

    #[test]
    fn a_segment_lost_before_the_capture_counts_where_it_belongs() {
        let lost = [
            ">S", "<S.", ">.", ">.5", ">.5 s7", ">F.", ">.1 s6", "<.11", "<F.", ">.",
        ];
        assert_eq!(
            lines_of(&lost),
            lines_of(&[">S", "<S.", ">.11", ">F.", "<.11", "<F."])
        );
    }

    #[test]
    fn several_rounds_between_the_same_controls_are_summed_and_who_speaks_first_stands_first() {
        let rounds = [">S", "<S.", ">.", "<.3", ">.4", "<.5", ">.6", "<F.", ">F."];
        let expected = [
            "client SYN",
            "server SYN",
            "server 8 bytes",
            "client 10 bytes",
            "server FIN",
            "client FIN",
        ];
        assert_eq!(lines_of(&rounds), expected);
    }

    #[test]
    fn resets_count_once_a_side() {
        let reset = [">S", "<S.", ">.", "<F.", ">.11", "<R s1", ">.1", "<R s2", ">R"];
        let expected = [
            "client SYN",
            "server SYN",
            "server FIN",
            "client 11 bytes",
            "server RST",
            "client 1 byte",
            "client RST",
        ];
        assert_eq!(lines_of(&reset), expected);
    }

    #[test]
    fn with_several_conversations_each_line_names_its_own() {
        let found = conversations(segments(&[">S", ">S p40001 s0", "<R.", "<R. p40001"]));
        let expected = [
            "connection 1: client SYN",
            "connection 1: server RST",
            "connection 2: client SYN",
            "connection 2: server RST",
        ];
        assert_eq!(lines(&found), expected);
    }

    #[test]
    fn lines_are_read_back_and_anything_else_is_told_the_forms() {
        for step in skeleton(&conversation(&[">S", "<S.", ">.11", "<.1", ">R."])) {
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        for wrong in [
            "client",
            "Client SYN",
            "client ACK",
            "client 0 bytes",
            "client 1 bytes",
            "server FIN ",
        ] {
            let error = wrong.parse::<Step>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{wrong}`")) && error.contains("`client 11 bytes`"),
                "{error}"
            );
        }
    }
}
