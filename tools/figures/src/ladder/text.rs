//! Words and numbers as the drawing needs them: cut, clocked, short.

/// Cuts a text to a number of characters, the last of which is then `…`.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Cuts a line of source so that what it calls remains: first goes what stands before the expression (`let mut x = `,
/// `match `) and what follows it (`;`, ` {`), then its end.
pub fn cut_source(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short = text;
    for keyword in ["let ", "if let ", "while let "] {
        if let Some(rest) = text.strip_prefix(keyword)
            && let Some((pattern, expression)) = rest.split_once(" = ")
            && !pattern.contains('"')
        {
            short = expression;
        }
    }
    for keyword in ["if ", "match ", "while ", "return ", "for "] {
        short = short.strip_prefix(keyword).unwrap_or(short);
    }
    short = short.trim_end_matches('{').trim_end().trim_end_matches(';');
    // What is said when it fails is no part of what it does.
    for context in [".with_context(", ".context("] {
        short = short.split_once(context).map_or(short, |(call, _)| call);
    }
    // Nobody is helped by half of an `.await`.
    let waited = short.trim_end_matches('?').strip_suffix(".await");
    if let Some(call) = waited.filter(|call| short.chars().count() > most && call.chars().count() < most) {
        return format!("{call}…");
    }
    cut(short, most)
}

/// How the times of one figure are written: one unit for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Microseconds,
    Milliseconds,
    Seconds,
    /// No times are shown.
    Hidden,
}

impl Clock {
    /// The unit for a figure that lasts so many nanoseconds.
    pub fn spanning(nanoseconds: i64) -> Clock {
        match nanoseconds {
            ..1_000_000 => Clock::Microseconds,
            1_000_000..10_000_000_000 => Clock::Milliseconds,
            _ => Clock::Seconds,
        }
    }

    /// The unit's sign.
    pub fn unit(self) -> &'static str {
        match self {
            Clock::Microseconds => "µs",
            Clock::Milliseconds => "ms",
            Clock::Seconds => "s",
            Clock::Hidden => "",
        }
    }

    /// The words for a silence; `asked` says that a program asked all the while, and was told `EAGAIN`.
    pub fn silence(self, lasts: u64, asked: bool) -> String {
        let what = if asked { "only EAGAIN" } else { "nothing" };
        format!("{what} for {}", self.lasting(lasts))
    }

    /// A duration, or what is said in its place where no times are shown.
    pub fn lasting(self, nanoseconds: u64) -> String {
        match self {
            Clock::Hidden => "a while".into(),
            _ => wire::duration::text(nanoseconds),
        }
    }

    /// A time without its unit: `0.27`.
    pub fn time(self, nanoseconds: i64) -> String {
        let (unit, digits) = match self {
            Clock::Microseconds => (1_000, 0),
            Clock::Milliseconds => (1_000_000, 2),
            Clock::Seconds => (1_000_000_000, 3),
            Clock::Hidden => return String::new(),
        };
        let sign = if nanoseconds < 0 { "−" } else { "" };
        format!("{sign}{}", rounded(nanoseconds.unsigned_abs(), unit, digits))
    }
}

/// `value / unit` with so many decimals, rounded half up, without a detour over floating point.
fn rounded(value: u64, unit: u64, digits: u32) -> String {
    let scale = 10u64.pow(digits);
    let scaled = (u128::from(value) * u128::from(scale) + u128::from(unit / 2)) / u128::from(unit);
    let (whole, rest) = (scaled / u128::from(scale), scaled % u128::from(scale));
    match digits {
        0 => whole.to_string(),
        digits => format!("{whole}.{rest:0width$}", width = digits as usize),
    }
}

/// A coordinate: at most one decimal, none where it is zero.
pub fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.into(),
        None => text,
    }
}

/// Escapes a text for HTML and puts it on one line: the figure is one HTML block, which an empty line would end.
pub fn escape(text: &str) -> String {
    crate::html::escape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `1 byte`, `11 bytes`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_in_an_ellipsis_and_counts_characters_not_bytes() {
        assert_eq!(cut("recv = 11", 9), "recv = 11");
        assert_eq!(cut("recv = 11", 8), "recv =…");
        assert_eq!(cut("“ééééé”", 4), "“éé…");
    }

    #[test]
    fn of_a_source_line_that_is_too_long_the_call_remains() {
        let connect = "let mut stream = TcpStream::connect(&address).with_context(|| \"x\")?;";
        assert_eq!(cut_source(connect, 27), "TcpStream::connect(&addres…");
        assert_eq!(cut_source(connect, 28), "TcpStream::connect(&address)");
        assert_eq!(
            cut_source("stream.write_all(MESSAGE).await?;", 27),
            "stream.write_all(MESSAGE)…"
        );
        assert_eq!(
            cut_source("match stream.read(&mut answer[got..])? {", 27),
            "stream.read(&mut answer[go…"
        );
        assert_eq!(
            cut_source("let n = stream.read(&mut buffer)?;", 27),
            "stream.read(&mut buffer)?"
        );
        assert_eq!(
            cut_source("stream.write_all(message)?;", 26),
            "stream.write_all(message)?"
        );
        assert_eq!(
            cut_source("match listener.accept() {", 27),
            "match listener.accept() {"
        );
        assert_eq!(
            cut_source("if let Err(error) = stream.shutdown(Shutdown::Write) {", 40),
            "stream.shutdown(Shutdown::Write)"
        );
    }

    #[test]
    fn a_clock_rounds_and_keeps_the_sign() {
        assert_eq!(Clock::spanning(999_999), Clock::Microseconds);
        assert_eq!(Clock::Microseconds.time(52_499), "52");
        assert_eq!(Clock::Milliseconds.time(1_000_455_000), "1000.46");
        assert_eq!(Clock::Milliseconds.time(-1_204_000), "−1.20");
        assert_eq!(Clock::Seconds.time(12_000_400_000), "12.000");
    }

    #[test]
    fn a_coordinate_has_no_needless_decimals() {
        assert_eq!(
            (n(12.0), n(12.25), n(-0.04)),
            ("12".into(), "12.2".into(), "0".into())
        );
    }
}
