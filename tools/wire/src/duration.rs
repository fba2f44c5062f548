//! Lengths of time as people write them: `35ms`, `1.5s`, `200us`; and as this book prints them: `40.8 ms`, `11 µs`.

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

/// A length of time with digits that can be said, and its unit, as the pages print it: `350 ns`, `11 µs`, `1.23 ms`,
/// `40.8 ms`, `212 ms`, `1.020 s`.
pub fn text(nanoseconds: u64) -> String {
    let (unit, digits, name) = match nanoseconds {
        0..1_000 => (1, 0, "ns"),
        1_000..999_500 => (1_000, 0, "µs"),
        999_500..9_995_000 => (1_000_000, 2, "ms"),
        9_995_000..99_950_000 => (1_000_000, 1, "ms"),
        99_950_000..999_500_000 => (1_000_000, 0, "ms"),
        _ => (1_000_000_000, 3, "s"),
    };
    // Half up, in whole numbers: a floating-point number rounds half to even.
    let scale = 10_u64.pow(digits);
    let scaled = (u128::from(nanoseconds) * u128::from(scale) + unit / 2) / unit;
    let (whole, rest) = (scaled / u128::from(scale), scaled % u128::from(scale));
    match digits as usize {
        0 => format!("{whole} {name}"),
        width => format!("{whole}.{rest:0width$} {name}"),
    }
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
    fn digits_that_can_be_said_are_printed() {
        for (nanoseconds, expected) in [
            (0, "0 ns"),
            (350, "350 ns"),
            (11_000, "11 µs"),
            (11_500, "12 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (9_995_000, "10.0 ms"),
            (40_823_456, "40.8 ms"),
            (99_950_000, "100 ms"),
            (212_000_000, "212 ms"),
            (999_500_000, "1.000 s"),
            (1_020_000_000, "1.020 s"),
            (75_000_000_000, "75.000 s"),
        ] {
            assert_eq!(text(nanoseconds), expected);
        }
    }
}
