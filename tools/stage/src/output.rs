//! What the programs printed, in the order of time.
//!
//! `output.txt` holds one line of output on each of its lines: the program's name, `!` behind it where the line went to
//! standard error, the seconds since the performance began, and the text.
//!
//! ```text
//! server   0.003912  listening on 127.0.0.1:8000
//! client   0.007204  connected from 127.0.0.1:40000
//! client!  0.007311  Error: reading from 127.0.0.1:8000
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The lines of every program, in the order in which they arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line that a program printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The program's name in the scenario.
    pub program: String,
    /// Which of its two outputs it went to.
    pub stream: Stream,
    /// When it arrived, since the performance began. Whole microseconds.
    pub at: Duration,
    /// The text without its end of line; what is no UTF-8 is replaced.
    pub text: String,
}

/// The two outputs of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A line of `output.txt` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output.txt:{line}: no line of output: NAME SECONDS TEXT belongs here; record the scenario again")]
pub struct OutputError {
    /// The line, counted from 1.
    pub line: usize,
}

impl Output {
    /// The lines of one program, both outputs.
    pub fn of<'a>(&'a self, program: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.program == program)
    }

    /// `output.txt`.
    pub fn to_text(&self) -> String {
        let width = self
            .lines
            .iter()
            .map(|line| line.program.len())
            .max()
            .unwrap_or(0)
            + 1;
        let mut text = String::new();
        for line in &self.lines {
            let mark = match line.stream {
                Stream::Out => "",
                Stream::Err => "!",
            };
            let name = format!("{}{mark}", line.program);
            let seconds = format!("{}.{:06}", line.at.as_secs(), line.at.subsec_micros());
            let said = line.text.replace('\r', "\u{240d}");
            text.push_str(format!("{name:<width$} {seconds:>9}  {said}").trim_end());
            text.push('\n');
        }
        text
    }

    /// Reads `output.txt`.
    ///
    /// # Errors
    /// The first line that does not have the form.
    pub fn parse(text: &str) -> Result<Output, OutputError> {
        let lines = text
            .lines()
            .enumerate()
            .map(|(index, line)| parse_line(line).ok_or(OutputError { line: index + 1 }))
            .collect::<Result<_, _>>()?;
        Ok(Output { lines })
    }
}

fn parse_line(line: &str) -> Option<Line> {
    let (name, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    // An empty line of output ends with the time.
    let (seconds, text) = rest.split_once("  ").unwrap_or((rest, ""));
    let (whole, micros) = seconds.split_once('.')?;
    if micros.len() != 6 {
        return None;
    }
    let at = Duration::new(
        whole.parse().ok()?,
        micros.parse::<u32>().ok()?.checked_mul(1000)?,
    );
    let (program, stream) = match name.strip_suffix('!') {
        Some(program) => (program, Stream::Err),
        None => (name, Stream::Out),
    };
    Some(Line {
        program: program.into(),
        stream,
        at,
        text: text.into(),
    })
}

/// Whether a line is what a pattern says: `…` stands for any text, everything else for itself.
pub fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(program: &str, stream: Stream, micros: u64, text: &str) -> Line {
        Line {
            program: program.into(),
            stream,
            at: Duration::from_micros(micros),
            text: text.into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let output = Output {
            lines: vec![
                line("server", Stream::Out, 3912, "listening on 127.0.0.1:8000"),
                line("a-longer-name", Stream::Err, 12_000_001, "  indented  and spaced"),
                line("server", Stream::Out, 12_000_002, ""),
            ],
        };
        let text = output.to_text();
        assert_eq!(
            text,
            "server          0.003912  listening on 127.0.0.1:8000\n\
             a-longer-name! 12.000001    indented  and spaced\n\
             server         12.000002\n"
        );
        assert_eq!(Output::parse(&text).unwrap(), output);
    }

    #[test]
    fn a_line_of_another_form_is_told_with_its_number() {
        let error = Output::parse("server 0.000001  fine\nserver says hello\n").unwrap_err();
        assert_eq!(error.line, 2);
    }

    #[test]
    fn an_ellipsis_matches_any_text_and_the_rest_matches_itself() {
        assert!(matches(
            "… gone: end of stream",
            "127.0.0.1:40000 gone: end of stream"
        ));
        assert!(matches("heard … bytes: …", "heard 11 bytes: Hi"));
        assert!(matches(
            "listening on 127.0.0.1:8000",
            "listening on 127.0.0.1:8000"
        ));
        assert!(!matches(
            "listening on 127.0.0.1:800",
            "listening on 127.0.0.1:8000"
        ));
        assert!(!matches("… gone", "127.0.0.1:40000 gone: end of stream"));
        assert!(!matches("aba…ba", "aba"));
        assert!(matches("…", ""));
    }
}
