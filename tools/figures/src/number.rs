//! Numbers that stand in the prose and were measured: `{{#number NAME WHAT}}`.
//!
//! NAME is a recording, `echo/one-echo` or `echo/one-echo.async`. EVENT is an event of that recording in the words of
//! [`wire::event`], `client SYN` or `connection 2: first server data`; SIDE is `client` or `server`. WHAT is one of
//!
//! | WHAT | becomes |
//! |---|---|
//! | `segments` | how many segments there are: `10` |
//! | `bytes from SIDE` | how many bytes that side sent, each counted once: `11` |
//! | `header bytes` | what the IP and TCP headers of all segments take: `424` |
//! | `duration` | from the first segment to the last: `1.000 s` |
//! | `gap EVENT -> EVENT` | the time from one to the other: `52 µs` |
//! | `time EVENT` | its time since the first segment |
//! | `mark EVENT` | the number it bears in the figure: `④` |
//! | `flags EVENT` | as tcpdump writes them: `S.` |
//! | `length EVENT` | how many bytes it carries |
//! | `seq EVENT`, `next seq EVENT`, `ack EVENT` | counted from the sender's (`ack`: the other side's) SYN, so that the first byte is 1 |
//! | `absolute seq EVENT` and so on | as it stands in the header |
//! | `window EVENT` | as it stands in the header, not scaled |
//! | `option OPTION of EVENT` | the value of an option, in tcpdump's words: `mss`, `wscale` |
//! | `port SIDE`, `address SIDE` | of that side |
//! | `EAGAIN PROGRAM CALL` | how often that call of that program (`server`, in the scenario's words) was told to come again |
//! | `kernel`, `date` | what ran it, `Linux 6.18.44`, and the day it did |
//!
//! `segments`, `bytes`, `header bytes`, `duration`, `port` and `address` take `connection N:` in front, where a recording
//! holds several.
//!
//! Counts stand as digits, with commas from 10,000 on; what identifies (ports, sequence numbers) stands without. Times
//! come with the unit that leaves three digits or fewer in front of the point.

use crate::{
    html::mark,
    seen::{Seen, Side},
};

const FORMS: &str = "`segments`, `bytes from SIDE`, `header bytes`, `duration`, `gap EVENT -> EVENT`, \
                     `time EVENT`, `mark EVENT`, `flags EVENT`, `length EVENT`, `[absolute] seq EVENT`, `[absolute] next seq EVENT`, \
                     `[absolute] ack EVENT`, `window EVENT`, `option OPTION of EVENT`, `port SIDE`, `address SIDE`, \
                     `EAGAIN PROGRAM CALL`, `kernel`, `date`";

/// The number that `what` asks of a recording, as it stands in the prose.
///
/// # Errors
/// Words that ask for nothing, or an event that is none, several or unknown: with the choices.
pub fn number(seen: &Seen, what: &str) -> Result<String, String> {
    let (connection, rest) = connection(what)?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        ["segments"] => Ok(count(seen.segments_of(connection)?.len() as u64)),
        ["bytes", "from", side] => Ok(count(seen.bytes_from(connection, self::side(side)?)?)),
        ["header", "bytes"] => {
            let segments = seen.segments_of(connection)?;
            let headers = segments.iter().map(|index| &seen.segments()[*index]);
            Ok(count(
                headers
                    .map(|s| s.ip.whole_length() as u64 - u64::from(s.length))
                    .sum(),
            ))
        }
        ["duration"] => {
            let segments = seen.segments_of(connection)?;
            let times = |index: &usize| seen.segments()[*index].time;
            let first = segments.iter().map(times).min().unwrap_or_default();
            let last = segments.iter().map(times).max().unwrap_or_default();
            Ok(time(last - first))
        }
        ["port", side] => Ok(seen.end(connection, self::side(side)?)?.port().to_string()),
        ["address", side] => Ok(seen.end(connection, self::side(side)?)?.ip().to_string()),
        ["EAGAIN", program, call] => {
            match seen.told_again(program, call.parse().map_err(|e| format!("{e}"))?) {
                0 => Err(format!("no `{call}` of `{program}` was told EAGAIN")),
                times => Ok(count(times)),
            }
        }
        ["kernel"] => Ok(seen.kernel()),
        ["date"] => Ok(seen.date().to_owned()),
        // From here on the event says itself which connection it belongs to.
        _ => of_event(seen, what),
    }
}

/// When the first segment was seen, in nanoseconds since the epoch.
fn first(seen: &Seen) -> u64 {
    let times = seen.segments().iter().map(|segment| segment.time);
    times.min().unwrap_or_default()
}

fn of_event(seen: &Seen, what: &str) -> Result<String, String> {
    let strip = |form: &str| what.strip_prefix(form).and_then(|rest| rest.strip_prefix(' '));
    if let Some(events) = strip("gap") {
        let (from, to) = events
            .split_once(" -> ")
            .ok_or("a gap has two ends: `gap client SYN -> server SYN`")?;
        // Between the stamps as tcpdump prints them, in whole microseconds: a reader who subtracts must find the same.
        let printed = |event| Ok::<_, String>(seen.moment(event)? / 1000 * 1000);
        let (from, to) = (printed(from)?, printed(to)?);
        return to.checked_sub(from).map(time).ok_or_else(|| {
            format!(
                "the second event comes {} before the first; turn them round",
                time(from - to)
            )
        });
    }
    if let Some(words) = strip("option") {
        let (option, event) = words
            .split_once(" of ")
            .ok_or("an option is asked of an event: `option mss of client SYN`")?;
        return seen.option(seen.find(event)?, option);
    }
    if let Some(event) = strip("time") {
        return Ok(time(seen.moment(event)?.saturating_sub(first(seen))));
    }
    if let Some(event) = strip("mark") {
        return Ok(mark(seen.find(event)? + 1));
    }
    if let Some(event) = strip("flags") {
        return Ok(seen.segments()[seen.find(event)?].flags.to_string());
    }
    if let Some(event) = strip("length") {
        return Ok(count(seen.segments()[seen.find(event)?].length.into()));
    }
    if let Some(event) = strip("window") {
        return Ok(count(seen.segments()[seen.find(event)?].window.into()));
    }
    let (absolute, rest) = match strip("absolute") {
        Some(rest) => (true, rest),
        None => (false, what),
    };
    let strip = |form: &str| rest.strip_prefix(form).and_then(|rest| rest.strip_prefix(' '));
    let sequence = |index: usize, number: u32, of_sender: bool| {
        let origin = if absolute {
            0
        } else {
            seen.origin(index, of_sender)?
        };
        Ok(number.wrapping_sub(origin).to_string())
    };
    if let Some(event) = strip("seq") {
        let index = seen.find(event)?;
        return sequence(index, seen.segments()[index].sequence, true);
    }
    if let Some(event) = strip("next seq") {
        let index = seen.find(event)?;
        let segment = &seen.segments()[index];
        return sequence(
            index,
            segment.sequence.wrapping_add(segment.sequence_length()),
            true,
        );
    }
    if let Some(event) = strip("ack") {
        let index = seen.find(event)?;
        return sequence(index, seen.segments()[index].acknowledgment, false);
    }
    Err(format!("`{what}` asks for no number; there are {FORMS}"))
}

/// Takes `connection 2:` off the front.
fn connection(what: &str) -> Result<(Option<usize>, &str), String> {
    let Some((number, rest)) = what
        .strip_prefix("connection ")
        .and_then(|rest| rest.split_once(':'))
    else {
        return Ok((None, what));
    };
    match number.trim().parse() {
        Ok(number) if number > 0 => Ok((Some(number), rest.trim_start())),
        _ => Err(format!(
            "`{number}` numbers no connection; they are counted from 1"
        )),
    }
}

fn side(word: &str) -> Result<Side, String> {
    match word {
        "client" => Ok(Side::Client),
        "server" => Ok(Side::Server),
        other => Err(format!(
            "`{other}` is no side; the choices are `client` and `server`"
        )),
    }
}

/// A count: commas from 10,000 on.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A span of time, in nanoseconds, with the unit that suits it: `800 ns`, `11 µs`, `1.23 ms`, `44.1 ms`, `212 ms`,
/// `1.000 s`. Between number and unit stands a space that does not break.
fn time(nanoseconds: u64) -> String {
    wire::duration::text(nanoseconds).replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_the_unit_that_suits_them() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (800, "800 ns"),
            (11_400, "11 µs"),
            (999_400, "999 µs"),
            (999_500, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (9_994_999, "9.99 ms"),
            (44_123_000, "44.1 ms"),
            (212_000_000, "212 ms"),
            (999_600_000, "1.000 s"),
            (1_000_400_000, "1.000 s"),
            (61_500_000_000, "61.500 s"),
        ] {
            assert_eq!(time(nanoseconds).replace('\u{a0}', " "), text, "{nanoseconds}");
        }
    }

    #[test]
    fn counts_take_commas_from_ten_thousand_on() {
        let text: Vec<String> = [0, 11, 4096, 9999, 10_000, 65_495, 3_145_728]
            .into_iter()
            .map(count)
            .collect();
        assert_eq!(text, ["0", "11", "4096", "9999", "10,000", "65,495", "3,145,728"]);
    }

    #[test]
    fn a_connection_is_counted_from_one() {
        assert_eq!(connection("connection 2: segments"), Ok((Some(2), "segments")));
        assert_eq!(connection("segments"), Ok((None, "segments")));
        assert!(connection("connection 0: segments").is_err());
        assert!(connection("connection x: segments").is_err());
    }
}
