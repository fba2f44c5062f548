//! The recording fence: what passed between the programs, drawn as a ladder, annotated, and in tcpdump's words.
//!
//! ````text
//! ```recording
//! show = "echo/one-echo"      # or "echo/one-echo.async"; without variant the blocking one
//! compare = "echo/one-echo.async"  # a second one beside it; not given: none
//! connections = [1, 2]        # which are drawn, the others are counted; not given: all
//! span = "client FIN -> last client ACK"  # from one event to another; not given: everything
//! detail = "story"            # which calls: "story", "waits" (also those that wait for several sockets, or were told to
//!                             # come again), "all"
//! mode = "explore"            # "predict": rows stay covered until the reader has guessed and opens them
//! numbers = "relative"        # in tcpdump's text: counted from each side's first; or "absolute", as `tcpdump -S`
//! verbose = false             # true: the IP header and the checksums as well, as `tcpdump -vvv` prints them
//! time = "elapsed"            # since the first segment; or "delta" (since the one before), "clock" (of day, UTC), "none"
//! unnamed = false             # true: nothing tells which recording it is, neither its name nor its calls
//!
//! [notes]                     # event = what there is to say about it, in Markdown; directives work here too
//! "client SYN" = "`TcpStream::connect`."
//! "first server data" = "The same {{#number echo/one-echo bytes from server}} bytes."
//! "server accept" = "A call may be spoken of as well."
//! ```
//! ````
//!
//! Where an option can be left out, it is the default that is shown, or none. An event is named in the words of
//! [`wire::event`]; it must match exactly one thing. A segment's annotation bears the segment's number, a call's a letter.

use std::fmt::Write as _;

use serde::{Deserialize, de};
use toml::Spanned;
use wire::{
    event::Found,
    segment::Flags,
    tcpdump::{self, Printer},
};

use crate::{
    html::{escape, mark},
    ladder::{self, Detail, Ladder, Mode, Options},
    seen::{Choice, Seen},
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
    /// The name of the one beside it, and its line.
    pub compare: Option<(String, usize)>,
    /// The connections drawn, by number, and their line; all where there is none.
    pub connections: (Vec<usize>, usize),
    /// The names of the first and the last thing drawn, and their line.
    pub span: Option<(String, String, usize)>,
    /// How many of the calls are drawn.
    pub detail: Detail,
    /// What a reader is asked to do first.
    pub mode: Mode,
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

/// An annotation whose place was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it speaks of.
    pub place: Found,
    /// What it says, in Markdown, with directives already replaced.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    show: Spanned<String>,
    compare: Option<Spanned<String>>,
    #[serde(default)]
    connections: Option<Spanned<Vec<usize>>>,
    span: Option<Spanned<String>>,
    #[serde(default)]
    detail: Calls,
    #[serde(default)]
    mode: Asked,
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

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Calls {
    #[default]
    Story,
    Waits,
    All,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Asked {
    #[default]
    Explore,
    Predict,
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
        let fault = |at: usize, message: &str| Fault {
            line: line_of(body, at),
            message: message.into(),
        };
        let compare = fields
            .compare
            .map(|name| (line_of(body, name.span().start), name));
        if fields.unnamed
            && let Some((line, _)) = &compare
        {
            return Err(Fault {
                line: *line,
                message: "an unnamed recording shows no calls, so there is nothing to compare; remove `compare` or `unnamed`".into(),
            });
        }
        let span = match fields.span {
            None => None,
            Some(span) => {
                let at = span.span().start;
                let (from, to) = span.get_ref().split_once("->").ok_or_else(|| {
                    fault(
                        at,
                        "a span has two ends: `span = \"client FIN -> last client ACK\"`",
                    )
                })?;
                Some((from.trim().to_owned(), to.trim().to_owned(), line_of(body, at)))
            }
        };
        Ok(Shown {
            line: line_of(body, fields.show.span().start),
            show: fields.show.into_inner(),
            compare: compare.map(|(line, name)| (name.into_inner(), line)),
            connections: fields.connections.map_or((Vec::new(), 0), |numbers| {
                let line = line_of(body, numbers.span().start);
                (numbers.into_inner(), line)
            }),
            span,
            detail: match fields.detail {
                Calls::Story => Detail::Story,
                Calls::Waits => Detail::Waits,
                Calls::All => Detail::All,
            },
            mode: match fields.mode {
                Asked::Explore => Mode::Explore,
                Asked::Predict => Mode::Predict,
            },
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

    /// The figure, ready to stand in the page. `id` is what its ids begin with, unique in the book; `other` is the recording
    /// to compare with; `notes` are the annotations, in the order of [`Shown::notes`].
    ///
    /// # Errors
    /// A connection or an end of the span that is not there, an annotation of something that is not drawn: with the line of
    /// the body.
    pub fn figure(
        &self,
        seen: &Seen,
        other: Option<&Seen>,
        id: &str,
        notes: &[Told],
    ) -> Result<String, Fault> {
        let (drawn, marks) = self.ladder(seen, notes)?;
        for (note, (told, mark)) in self.notes.iter().zip(notes.iter().zip(&marks)) {
            if !drawn.rows.iter().any(|row| row.notes.contains(mark)) {
                return Err(Fault {
                    line: note.line,
                    message: format!(
                        "`{}` is not drawn: {}; remove the note, or widen what is drawn",
                        note.event,
                        match seen.connection_of(told.place) {
                            Some(number) if !self.draws(number) => format!("it is in connection {number}"),
                            _ => "it is outside of the span".into(),
                        }
                    ),
                });
            }
        }
        let key = if self.unnamed { id } else { seen.name() };
        let mut out = format!(
            "<figure class=\"recording\" id=\"{id}\" data-recording=\"{}\">\n<figcaption>{}</figcaption>\n",
            escape(key),
            self.caption(seen, other)
        );
        for seen in [Some(seen), other].into_iter().flatten() {
            out.push_str(&banner(seen));
        }
        let options = Options {
            id: format!("{id}-ladder"),
            mode: self.mode,
        };
        let other = match other {
            Some(other) => Some((other, self.drawn(other, std::iter::empty())?)),
            None => None,
        };
        let fold = |ladder: Ladder| Ladder {
            recording: if self.unnamed {
                id.to_owned()
            } else {
                ladder.recording.clone()
            },
            ..ladder.folded(LONGEST)
        };
        let shown = numbers(&drawn);
        let annotations = annotations(seen, id, notes, &marks, &drawn);
        out.push_str(&match &other {
            None => ladder::html(&fold(drawn), &options),
            Some((_, beside)) => ladder::pair_html(&fold(drawn), &fold(beside.clone()), &options),
        });
        out.push_str(&annotations);
        self.text(&mut out, seen, &shown, id, id, other.is_some());
        if let Some((other, beside)) = &other {
            self.text(
                &mut out,
                other,
                &numbers(beside),
                &format!("{id}-beside"),
                other.name(),
                true,
            );
        }
        out.push_str("</figure>\n");
        Ok(out)
    }

    /// What the figure draws of its recording, unfolded, with the marks of its annotations: those in the order of
    /// [`Shown::notes`]. `notes` are their places.
    ///
    /// # Errors
    /// A connection or an end of the span that is not there: with the line of the body.
    pub fn ladder(&self, seen: &Seen, notes: &[Told]) -> Result<(Ladder, Vec<String>), Fault> {
        let marks = marks(seen, notes);
        let of = notes.iter().zip(&marks);
        let drawn = self.drawn(seen, of.map(|(note, mark)| (note.place, mark.as_str())))?;
        Ok((drawn, marks))
    }

    /// The drawing of one recording.
    fn drawn<'m>(&self, seen: &Seen, marks: impl Iterator<Item = (Found, &'m str)>) -> Result<Ladder, Fault> {
        let (connections, line) = &self.connections;
        let all = seen.connections();
        if let Some(number) = connections.iter().find(|&&number| number == 0 || number > all) {
            return Err(Fault {
                line: *line,
                message: format!(
                    "there is no connection {number}; `{}` has {all}, counted from 1",
                    seen.name()
                ),
            });
        }
        let span = match &self.span {
            None => None,
            Some((from, to, line)) => {
                let fault = |message| Fault { line: *line, message };
                let (first, last) = (seen.found(from).map_err(fault)?, seen.found(to).map_err(fault)?);
                if seen.time(first) > seen.time(last) {
                    return Err(fault(format!("`{to}` comes before `{from}`; turn them round")));
                }
                for (event, found) in [(from, first), (to, last)] {
                    if let Some(number) = seen.connection_of(found).filter(|&number| !self.draws(number)) {
                        return Err(fault(format!(
                            "`{event}` is in connection {number}, which is not among `connections`"
                        )));
                    }
                }
                Some((first, last))
            }
        };
        Ok(seen.ladder(Choice {
            detail: self.detail,
            connections: connections.clone(),
            span,
            notes: marks
                .map(|(place, mark)| ladder::Note {
                    place,
                    mark: mark.into(),
                })
                .collect(),
            unnamed: self.unnamed,
            untimed: self.options.time == tcpdump::Time::None,
        }))
    }

    fn draws(&self, connection: usize) -> bool {
        self.connections.0.is_empty() || self.connections.0.contains(&connection)
    }

    /// The segments of these numbers as tcpdump prints them, to be folded away.
    fn text(&self, out: &mut String, seen: &Seen, shown: &[usize], id: &str, key: &str, several: bool) {
        let open = if shown.len() > LONGEST || several {
            ""
        } else {
            " open"
        };
        let key = match several {
            true => format!(
                " data-recording=\"{}\"",
                escape(if key == id { seen.name() } else { key })
            ),
            false => String::new(),
        };
        let of = match several {
            true => format!(" of <code>{}</code>", escape(seen.name())),
            false => String::new(),
        };
        // The drawing has the times of both hosts, the text those of one.
        let host = match seen.is_of_two_hosts() {
            true => " as the client's host saw them and",
            false => "",
        };
        let _ = writeln!(
            out,
            "<details class=\"tcpdump\"{open}{key}>\n<summary>The segments{of}{host} as <code>{}</code> prints them</summary>\n<ol class=\"segments\">",
            self.command()
        );
        let mut elsewhere = Vec::new();
        let mut printer = Printer::new(self.options);
        for (index, segment) in seen.segments().iter().enumerate() {
            let number = index + 1;
            if seen
                .connection_at(index)
                .is_some_and(|connection| !self.draws(connection))
            {
                continue;
            }
            // What is not shown is printed too: times and numbers count from there.
            let printed = printer.print(segment);
            if !shown.contains(&number) {
                continue;
            }
            for remark in otherwise(seen, index, &printer) {
                if !elsewhere.contains(&remark) {
                    elsewhere.push(remark);
                }
            }
            let side = seen.side(index).map_or_else(String::new, |side| side.to_string());
            // One element a segment, so that it can be pointed at; no empty line, which would end the HTML.
            let _ = writeln!(
                out,
                "<li id=\"{id}-{number}\" class=\"{side}\" data-segment=\"{number}\"><span class=\"mark\">{}</span> \
                 <span class=\"side\">{side}</span> <pre>{}</pre></li>",
                mark(number),
                escape(printed.trim())
            );
        }
        out.push_str("</ol>\n");
        for remark in elsewhere {
            let _ = writeln!(out, "<p>{remark}</p>");
        }
        out.push_str("</details>\n");
    }

    fn caption(&self, seen: &Seen, other: Option<&Seen>) -> String {
        let made = format!("{}, {}", escape(&seen.kernel()), escape(seen.date()));
        if self.unnamed {
            return format!("<strong>A recorded conversation</strong> <small>{made}</small>");
        }
        let name = |seen: &Seen| format!("<code>{}</code>", escape(seen.name()));
        let names = match other {
            None => name(seen),
            Some(other) => format!("{} and {}", name(seen), name(other)),
        };
        format!(
            "<strong>{}</strong> <small>{names}, {made}</small>",
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

/// A run of more ordinary segments than these is folded, and a longer text is folded away.
pub const LONGEST: usize = 12;

/// The marks of the annotations: a segment's number; of calls, the letters in the order of time.
fn marks(seen: &Seen, notes: &[Told]) -> Vec<String> {
    let mut calls: Vec<Found> = notes
        .iter()
        .map(|note| note.place)
        .filter(|&place| seen.index(place).is_none())
        .collect();
    calls.sort_by_key(|&place| seen.time(place));
    calls.dedup();
    let letter = |place: Found| {
        let index = calls.iter().position(|other| *other == place).unwrap_or(0);
        char::from(b'a' + u8::try_from(index % 26).unwrap_or(0)).to_string()
    };
    notes
        .iter()
        .map(|note| {
            seen.index(note.place)
                .map_or_else(|| letter(note.place), |index| (index + 1).to_string())
        })
        .collect()
}

/// The annotations as a list in the order of time.
fn annotations(seen: &Seen, id: &str, notes: &[Told], marks: &[String], drawn: &Ladder) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let mut notes: Vec<(&Told, &String)> = notes.iter().zip(marks).collect();
    notes.sort_by_key(|(note, _)| seen.time(note.place));
    let mut out = String::from("<ul class=\"notes\">\n");
    for (note, letter) in notes {
        // The note is Markdown, and mdBook's to read: an empty line on either side.
        let _ = match seen.index(note.place) {
            Some(index) => writeln!(
                out,
                "<li data-segment=\"{0}\">\n\n<a class=\"mark\" href=\"#{id}-{0}\">{1}</a> {2}\n\n</li>",
                index + 1,
                mark(index + 1),
                note.text.trim()
            ),
            None => writeln!(
                out,
                "<li data-segment=\"{}\">\n\n<span class=\"mark\">{}</span> {}\n\n</li>",
                beside(drawn, letter),
                escape(letter),
                note.text.trim()
            ),
        };
    }
    out.push_str("</ul>\n");
    out
}

/// What the row of a call's annotation goes by: the number of the segment that the call caused, or the mark itself.
fn beside(drawn: &Ladder, mark: &str) -> String {
    let row = drawn
        .rows
        .iter()
        .find(|row| row.notes.iter().any(|note| note == mark));
    match row.map(|row| &row.event) {
        Some(ladder::Event::Segment(segment)) => segment.number.to_string(),
        _ => mark.to_owned(),
    }
}

/// Where tcpdump counts a side's bytes from another number than the book, in words: one for each such side of a segment that
/// it has printed.
fn otherwise(seen: &Seen, index: usize, printer: &Printer) -> Vec<String> {
    let Some((own, other)) = printer.counts_from(&seen.segments()[index]) else {
        return Vec::new();
    };
    let Some(side) = seen.side(index) else {
        return Vec::new();
    };
    let sides = [(side, own, true), (side.peer(), other, false)];
    let remarks = sides.into_iter().filter_map(|(side, theirs, of_sender)| {
        let further = theirs
            .wrapping_sub(seen.origin(index, of_sender).ok()?)
            .cast_signed();
        // Where it has not heard of a side's beginning, nobody can say what it ought to be.
        let bytes = u64::try_from(further).ok().filter(|further| *further > 0)?;
        let bytes = match bytes {
            1 => "1 byte".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        let on_its_syn = seen.segments().iter().enumerate().any(|(index, segment)| {
            segment.has(Flags::SYN) && segment.length > 0 && seen.side(index) == Some(side)
        });
        let why = match on_its_syn {
            true => "it begins with what the SYN-ACK acknowledges, and that is more than the SYN",
            false => "it begins with the first number that it sees",
        };
        Some(format!(
            "Here <code>tcpdump</code> counts the {side}'s numbers from {bytes} further on than this book: {why}. Add \
             {further} to its <code>seq</code> of the {side} and to its <code>ack</code> of the {peer}, and you have the \
             drawing's.",
            peer = side.peer()
        ))
    });
    remarks.collect()
}

/// The numbers of the segments that are drawn, before long runs are folded.
fn numbers(ladder: &Ladder) -> Vec<usize> {
    ladder
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            ladder::Event::Segment(segment) => usize::try_from(segment.number).ok(),
            _ => None,
        })
        .collect()
}

/// What a reader sees of a recording that no longer belongs to its programs. The tests do not let it pass.
fn banner(seen: &Seen) -> String {
    if seen.stale().is_empty() {
        return String::new();
    }
    let reasons: Vec<String> = seen
        .stale()
        .iter()
        .map(|reason| format!("<li>{}</li>", escape(reason)))
        .collect();
    format!(
        "<div class=\"stale\" role=\"note\"><strong>Older than the programs.</strong> Since <code>{name}</code> was recorded, \
         this has changed:<ul>{}</ul>See what happens now with <code>cargo book run {name}</code>; to keep it, \
         <code>cargo book record {name}</code>.</div>\n",
        reasons.concat(),
        name = escape(seen.name())
    )
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
