//! Lengths of time as people write them: `35ms`, `1.5s`, `200us`; and as this book prints them: `40.8 ms`.

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no length of time; write a number and a unit without a blank: `35ms`, `1.5s`, `200us`, `50ns`"
)]
pub struct NoDuration(String);

/// Reads a length of time, in nanoseconds.
///
/// # Errors
///
/// Anything but a decimal number and one of `s`, `ms`, `us`, `µs`, `ns`; and more than 500 years.
pub fn parse(text: &str) -> Result<u64, NoDuration> {
    let error = || NoDuration(text.into());
    let unit = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .ok_or_else(error)?;
    let (number, unit) = text.split_at(unit);
    let digits: usize = match unit {
        "s" => 9,
        "ms" => 6,
        "us" | "µs" => 3,
        "ns" => 0,
        _ => return Err(error()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.trim_end_matches('0').len() > digits {
        return Err(error());
    }
    let fraction = format!("{:0<digits$}", fraction.trim_end_matches('0'));
    format!("{whole}{fraction}").parse().map_err(|_| error())
}

/// A length of time with three digits that count, and its unit: `350 ns`, `11.0 µs`, `40.8 ms`, `1.02 s`.
pub fn text(nanoseconds: u64) -> String {
    let (unit, size) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..999_500 => ("µs", 1_000),
        999_500..999_500_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let count = nanoseconds as f64 / size as f64;
    let digits = match count {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{count:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, expected) in [
            ("35ms", 35_000_000),
            ("1.5s", 1_500_000_000),
            ("200us", 200_000),
            ("0.5µs", 500),
            ("50ns", 50),
            ("0s", 0),
            ("1.000ns", 1),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            "35",
            "ms",
            "3 ms",
            "-3ms",
            "1.ms",
            ".5ms",
            "0.5ns",
            "3h",
            "1.2.3s",
            "99999999999999s",
        ] {
            assert_eq!(parse(wrong), Err(NoDuration(wrong.into())));
        }
    }

    #[test]
    fn three_digits_are_printed() {
        for (nanoseconds, expected) in [
            (0, "0 ns"),
            (350, "350 ns"),
            (11_000, "11.0 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (999_600, "1.00 ms"),
            (40_823_456, "40.8 ms"),
            (1_020_000_000, "1.02 s"),
            (75_000_000_000, "75.0 s"),
            (7_500_000_000_000, "7500 s"),
        ] {
            assert_eq!(text(nanoseconds), expected);
        }
    }
}
