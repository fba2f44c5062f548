//! What lies between the programs: one host's loopback, or a link of ours between two hosts.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use wire::{conversation::Side, segment::Flags, segment::Segment};

use super::time::Span;

/// A link between two hosts, the clients on one and the servers on the other, that misbehaves as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// How long every packet is on its way, one way.
    #[serde(default)]
    pub delay: Span,
    /// The least time between two packets of one direction: the link's speed, in packets. One millisecond makes what
    /// happens repeatable, for every packet is answered before the next one arrives.
    #[serde(default)]
    pub gap: Span,
    /// These are lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<Nth>,
    /// These arrive so much later, overtaken by those behind them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub late: BTreeMap<Nth, Span>,
    /// These arrive twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twice: Vec<Nth>,
}

/// One segment that a side puts on the link, counted from 1 among its kind: `server data 3`.
///
/// The link counts what passes, so a retransmission is the next one: `["server data 3", "server data 4"]` of a stream
/// whose third segment is its last are this segment and its first retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nth {
    /// Who sends it.
    pub side: Side,
    /// What it is.
    pub kind: Kind,
    /// Which one of these.
    pub number: u32,
}

/// What a link tells segments apart by. A segment may be several: the last data with a FIN is `data` and `FIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// With the flag SYN.
    Syn,
    /// With the flag FIN.
    Fin,
    /// With the flag RST.
    Rst,
    /// With data.
    Data,
    /// With nothing but an acknowledgment.
    Ack,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 5] = [Kind::Syn, Kind::Fin, Kind::Rst, Kind::Data, Kind::Ack];

    /// As scenarios write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Syn => "SYN",
            Kind::Fin => "FIN",
            Kind::Rst => "RST",
            Kind::Data => "data",
            Kind::Ack => "ACK",
        }
    }

    /// Whether a segment is of this kind.
    pub fn is(self, segment: &Segment) -> bool {
        match self {
            Kind::Syn => segment.has(Flags::SYN),
            Kind::Fin => segment.has(Flags::FIN),
            Kind::Rst => segment.has(Flags::RST),
            Kind::Data => segment.length > 0,
            Kind::Ack => segment.is_pure_ack(),
        }
    }
}

/// A text that names no segment of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no segment on a link; write `client` or `server`, one of SYN, FIN, RST, data, ACK, and its number: `server data 3`"
)]
pub struct NoNth(String);

impl FromStr for Nth {
    type Err = NoNth;

    fn from_str(text: &str) -> Result<Nth, NoNth> {
        let parse = || {
            let mut words = text.split(' ');
            let side = match words.next()? {
                "client" => Side::Client,
                "server" => Side::Server,
                _ => return None,
            };
            let kind = words.next()?;
            let kind = Kind::ALL.into_iter().find(|other| other.as_str() == kind)?;
            let number = words.next()?.parse().ok().filter(|number| *number > 0)?;
            words.next().is_none().then_some(Nth { side, kind, number })
        };
        parse().ok_or_else(|| NoNth(text.into()))
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.side, self.kind.as_str(), self.number)
    }
}

impl TryFrom<String> for Nth {
    type Error = NoNth;

    fn try_from(text: String) -> Result<Nth, NoNth> {
        text.parse()
    }
}

impl From<Nth> for String {
    fn from(nth: Nth) -> String {
        nth.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_a_link_is_named_by_side_kind_and_number() {
        let third: Nth = "server data 3".parse().unwrap();
        assert_eq!(
            (third.side, third.kind, third.number),
            (Side::Server, Kind::Data, 3)
        );
        assert_eq!(third.to_string(), "server data 3");
    }

    #[test]
    fn what_has_no_side_kind_or_number_names_no_segment() {
        for text in [
            "server data",
            "data 3",
            "server Data 3",
            "server data 0",
            "server data 3 4",
            "peer data 3",
        ] {
            let error = text.parse::<Nth>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` names no segment")),
                "{error}"
            );
        }
    }
}
