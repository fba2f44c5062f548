//! Spans of time as scenarios write them: `60ms`, `250us`, `1s`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use wire::duration::{self, NoDuration};

/// A span of time with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = NoDuration;

    fn from_str(text: &str) -> Result<Span, NoDuration> {
        duration::parse(text).map(|nanos| Span(Duration::from_nanos(nanos)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
        let fits = |(size, _): &&(u128, &str)| nanos > 0 && nanos.is_multiple_of(*size);
        let (size, unit) = units.iter().find(fits).unwrap_or(&(1, "ms"));
        write!(f, "{}{unit}", nanos / size)
    }
}

impl TryFrom<String> for Span {
    type Error = NoDuration;

    fn try_from(text: String) -> Result<Span, NoDuration> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_in_its_largest_whole_unit() {
        for text in ["60ms", "250us", "1s", "0ms", "1500ms", "5ns"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1.5s".parse::<Span>().unwrap().to_string(), "1500ms");
        assert_eq!("2000ms".parse::<Span>().unwrap().to_string(), "2s");
    }

    #[test]
    fn a_number_without_unit_is_no_span() {
        for text in ["60", "ms", "-1s", "1 s", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
