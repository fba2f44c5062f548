//! The recording fence: what passed between the programs, in tcpdump's words, numbered and annotated.
//!
//! ````text
//! ```recording
//! show = "echo/one-echo"      # or "echo/one-echo.async"; without variant the blocking one
//! numbers = "relative"        # sequence numbers from each side's first; or "absolute", as `tcpdump -S` prints them
//! verbose = false             # true: the IP header and the checksums as well, as `tcpdump -vvv` prints them
//! time = "elapsed"            # since the first segment; or "delta" (since the one before), "clock" (of day, UTC), "none"
//! unnamed = false             # true: the caption does not say which recording it is
//!
//! [notes]                     # event = what there is to say about it, in Markdown; directives work here too
//! "client SYN" = "`TcpStream::connect`."
//! "first server data" = "The same {{#number echo/one-echo bytes from server}} bytes."
//! ```
//! ````
//!
//! What is shown here are the defaults. An event is named in the words of [`wire::event`]; it must match exactly one
//! segment.

use std::fmt::Write as _;

use serde::{Deserialize, de};
use toml::Spanned;
use wire::tcpdump::{self, Printer};

use crate::{
    html::{escape, mark},
    seen::Seen,
    toml_at::{self, Fault, line_of},
};

/// The kind of fence that shows a recording.
pub const FENCE: &str = "recording";

/// A recording fence, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The recording's name, as written.
    pub show: String,
    /// The line of the body that names it, counted from 0.
    pub line: usize,
    /// What tcpdump is told.
    pub options: tcpdump::Options,
    /// Whether the caption keeps silent about which recording it is.
    pub unnamed: bool,
    /// The annotations, in the order of the fence.
    pub notes: Vec<Note>,
}

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it speaks of: `client SYN`.
    pub event: String,
    /// What it says, in Markdown.
    pub text: String,
    /// The line of the body that it begins on, counted from 0.
    pub line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    show: Spanned<String>,
    #[serde(default)]
    numbers: Numbers,
    #[serde(default)]
    verbose: bool,
    #[serde(default)]
    time: Time,
    #[serde(default)]
    unnamed: bool,
    #[serde(default)]
    notes: Notes,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Numbers {
    #[default]
    Relative,
    Absolute,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Time {
    #[default]
    Elapsed,
    Delta,
    Clock,
    None,
}

/// The table of notes, in the order in which it is written.
#[derive(Default)]
struct Notes(Vec<(Spanned<String>, String)>);

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Notes, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Notes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of notes: \"client SYN\" = \"what there is to say\"")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Notes, A::Error> {
                let mut notes = Vec::new();
                while let Some(note) = map.next_entry()? {
                    notes.push(note);
                }
                Ok(Notes(notes))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Shown {
    /// Reads the body of a recording fence.
    ///
    /// # Errors
    /// An unknown or missing key, a value that is none of the choices: with the line of the body.
    pub fn parse(body: &str) -> Result<Shown, Fault> {
        let fields: Fields = toml_at::read(body)?;
        let notes = fields
            .notes
            .0
            .into_iter()
            .map(|(event, text)| Note {
                line: line_of(body, event.span().start),
                event: event.into_inner(),
                text,
            })
            .collect();
        Ok(Shown {
            line: line_of(body, fields.show.span().start),
            show: fields.show.into_inner(),
            options: tcpdump::Options {
                time: match fields.time {
                    Time::Elapsed => tcpdump::Time::SinceFirst,
                    Time::Delta => tcpdump::Time::SincePrevious,
                    Time::Clock => tcpdump::Time::OfDay,
                    Time::None => tcpdump::Time::None,
                },
                absolute: matches!(fields.numbers, Numbers::Absolute),
                verbose: if fields.verbose { 3 } else { 0 },
                nanoseconds: false,
            },
            unnamed: fields.unnamed,
            notes,
        })
    }

    /// The figure, ready to stand in the page. `id` is what its ids begin with, unique in the book; `notes` are the
    /// annotations' segments, counted from 0, and their Markdown, with directives already replaced.
    pub fn figure(&self, seen: &Seen, id: &str, notes: &[(usize, String)]) -> String {
        let mut notes: Vec<&(usize, String)> = notes.iter().collect();
        notes.sort_by_key(|(segment, _)| *segment);
        let mut out = format!(
            "<figure class=\"recording\" id=\"{id}\">\n<figcaption>{}</figcaption>\n<ol class=\"segments\">\n",
            self.caption(seen)
        );
        let mut printer = Printer::new(self.options);
        for (index, segment) in seen.segments().iter().enumerate() {
            let number = index + 1;
            let side = seen.side(index).map_or_else(String::new, |side| side.to_string());
            // One element a segment, so that it can be pointed at; no empty line, which would end the HTML.
            writeln!(
                out,
                "<li id=\"{id}-{number}\" class=\"{side}\"><span class=\"mark\">{}</span> <span class=\"side\">{side}</span> \
                 <pre>{}</pre></li>",
                mark(number),
                escape(printer.print(segment).trim())
            )
            .ok();
        }
        out.push_str("</ol>\n");
        if !notes.is_empty() {
            out.push_str("<ul class=\"notes\">\n");
            for (segment, text) in notes {
                let number = segment + 1;
                // The note is Markdown, and mdBook's to read: an empty line on either side.
                writeln!(
                    out,
                    "<li>\n\n<a class=\"mark\" href=\"#{id}-{number}\">{}</a> {}\n\n</li>",
                    mark(number),
                    text.trim()
                )
                .ok();
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</figure>\n");
        out
    }

    fn caption(&self, seen: &Seen) -> String {
        let made = format!("{}, {}", escape(&seen.kernel()), escape(seen.date()));
        let told = format!("as <code>{}</code> prints it", self.command());
        if self.unnamed {
            return format!("{made}, {told}");
        }
        format!(
            "<code>{}</code>: {} ({made}, {told})",
            escape(seen.name()),
            escape(seen.title())
        )
    }

    /// The tcpdump that prints the same.
    fn command(&self) -> String {
        let mut command = String::from("tcpdump -nn");
        if self.options.absolute {
            command.push_str(" -S");
        }
        if self.options.verbose > 0 {
            command.push_str(" -vvv");
        }
        command.push_str(match self.options.time {
            tcpdump::Time::SinceFirst => " -ttttt",
            tcpdump::Time::SincePrevious => " -ttt",
            tcpdump::Time::None => " -t",
            _ => "",
        });
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_read_with_its_defaults_and_its_notes_in_order() {
        let shown = Shown::parse(
            "show = \"echo/one-echo\"\n[notes]\n\"server SYN\" = \"b\"\n\"client SYN\" = \"\"\"\na\n\"\"\"\n",
        )
        .unwrap();
        assert_eq!((shown.show.as_str(), shown.line), ("echo/one-echo", 0));
        assert_eq!(
            shown.options,
            tcpdump::Options {
                time: tcpdump::Time::SinceFirst,
                nanoseconds: false,
                absolute: false,
                verbose: 0
            }
        );
        let notes: Vec<(usize, &str, &str)> = shown
            .notes
            .iter()
            .map(|note| (note.line, note.event.as_str(), note.text.trim()))
            .collect();
        assert_eq!(notes, [(2, "server SYN", "b"), (3, "client SYN", "a")]);
    }

    #[test]
    fn every_option_is_told_to_tcpdump() {
        let shown =
            Shown::parse("show = \"x\"\nnumbers = \"absolute\"\nverbose = true\ntime = \"clock\"\n").unwrap();
        assert_eq!(shown.options, tcpdump::Options::default());
        assert_eq!(shown.command(), "tcpdump -nn -S -vvv");
        let command = |time: &str| {
            Shown::parse(&format!("show = \"x\"\ntime = \"{time}\"\n"))
                .unwrap()
                .command()
        };
        assert_eq!(command("delta"), "tcpdump -nn -ttt");
        assert_eq!(command("elapsed"), "tcpdump -nn -ttttt");
        assert_eq!(command("none"), "tcpdump -nn -t");
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_the_choices() {
        for (body, line, words) in [
            ("", 0, "missing field `show`"),
            (
                "show = \"x\"\nnumber = 1\n",
                1,
                "unknown field `number`, expected one of `show`",
            ),
            (
                "show = \"x\"\nnumbers = \"raw\"\n",
                1,
                "expected `relative` or `absolute`",
            ),
            (
                "show = \"x\"\ntime = \"wall\"\n",
                1,
                "`elapsed`, `delta`, `clock`, `none`",
            ),
            (
                "show = \"x\"\n[notes]\n\"client SYN\" = 1\n",
                2,
                "expected a string",
            ),
            ("show = \"x\"\nnotes = \"none\"\n", 1, "a table of notes"),
            (
                "show = \"x\"\n[notes]\n\"a\" = \"1\"\n\"a\" = \"2\"\n",
                3,
                "duplicate key",
            ),
        ] {
            let fault = Shown::parse(body).unwrap_err();
            assert!(fault.message.contains(words), "{body}: {}", fault.message);
            assert_eq!(fault.line, line, "{body}: {}", fault.message);
        }
    }
}
