//! Calls, segments and states of all sides on one clock, as rows; and the rows as text in five lanes.
//!
//! ```text
//!         ms client line          client call   segment             server call   server line
//!      0.000 21 let mut stream =  connect
//!      0.031 connect              →SYN-SENT     1 SYN ────────────▶
//!      0.040                      →ESTABLISHED  ◀─────── SYN ACK 2  →SYN-RECEIVED answers 1
//! ```
//!
//! A call that sends or closes stands where it began, one that takes or waits (`accept`, `recv`, `poll`) where it
//! returned, and one that never returned where it began. What became of a task stands in the lane of the source, as the
//! program said it. In the row of a segment the lane of its sender's source names the
//! cause, and the lanes of the calls the states that it leads to. Between two hosts a segment has two rows, one where it
//! leaves and one where it arrives; states and causes are those of the end that it stands at.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::call::{Call, Place, Record, Task, statement};
use crate::cause::{By, Calls};
use crate::conversation::{Conversation, Mark, Side, Sides};
use crate::event::family;
use crate::passing::{self, Passing, Way, passing};
use crate::segment::Flags;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, in nanoseconds since the epoch.
    pub time: u64,
    /// What.
    pub what: What,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A call, or another record of the programs, as an index of the records.
    Record(usize),
    /// A segment that leaves or arrives, as an index of [`Timeline::passing`].
    Segment(usize),
}

/// A recording on one clock.
#[derive(Clone, Debug)]
pub struct Timeline<'a> {
    conversations: &'a [Conversation],
    calls: &'a Calls<'a>,
    /// The sources by file, where there are any.
    sources: Option<&'a BTreeMap<String, String>>,
    /// Everything that leaves or arrives, in the order of time.
    pub passing: Vec<Passing<'a>>,
    /// Everything that happened, in the order of time.
    pub rows: Vec<Row>,
}

impl<'a> Timeline<'a> {
    /// Puts a recording on one clock. `far` are the same conversations as the server's host saw them, where there are two
    /// hosts; as for [`passing()`].
    pub fn new(
        conversations: &'a [Conversation],
        far: Option<&'a [Conversation]>,
        calls: &'a Calls<'a>,
    ) -> Timeline<'a> {
        let passing = passing(conversations, far, calls);
        let segments = passing.iter().enumerate().map(|(index, passing)| Row {
            time: passing.time,
            what: What::Segment(index),
        });
        let records = calls.records().iter().enumerate().map(|(index, record)| Row {
            time: record.moment(),
            what: What::Record(index),
        });
        let mut rows: Vec<Row> = segments.chain(records).collect();
        // A call's row comes before the segment of the same nanosecond.
        rows.sort_by_key(|row| (row.time, matches!(row.what, What::Segment(_))));
        Timeline {
            conversations,
            calls,
            sources: None,
            passing,
            rows,
        }
    }

    /// The same with the sources, by file: a line that continues another (`.await`) is then shown with it.
    pub fn with_sources(self, sources: &'a BTreeMap<String, String>) -> Timeline<'a> {
        Timeline {
            sources: Some(sources),
            ..self
        }
    }

    /// The rows as text in five lanes, at most 100 columns wide.
    ///
    /// Left out is what teaches nothing in most places: calls that found nothing (`EAGAIN`), a runtime's own calls, and
    /// the making of epoll instances.
    pub fn text(&self) -> String {
        let shown: Vec<&Row> = self.rows.iter().filter(|row| self.is_shown(row)).collect();
        let Some(first) = shown.first().map(|row| row.time) else {
            return "nothing was recorded\n".into();
        };
        let files = self.files();
        let mut text = String::new();
        for side in Side::BOTH {
            if let Some(file) = files[side] {
                writeln!(text, "{side}: {file}").ok();
            }
        }
        text += &line(
            &[
                "ms",
                "client line",
                "client call",
                "segment",
                "server call",
                "server line",
            ]
            .map(|title| vec![title.into()]),
        );
        // The line that each side's last call came from: where the next comes from the same, a ditto mark will do.
        let mut before: Sides<Option<&Place>> = Sides::default();
        for row in shown {
            let time = format!("{:.3}", (row.time - first) as f64 / 1e6);
            let lanes = match row.what {
                What::Record(record) => self.record_lanes(record, &files, &mut before),
                What::Segment(index) => self.segment_lanes(&self.passing[index]),
            };
            text += &lanes.lines(&time);
        }
        text
    }

    fn is_shown(&self, row: &Row) -> bool {
        let What::Record(index) = row.what else {
            return true;
        };
        match &self.calls.records()[index] {
            Record::Call(call) => {
                use crate::call::Name::{EpollCreate1, EpollCtl};
                let owner = self.calls.owner(index);
                let of_a_socket =
                    owner.is_some() && call.socket.or(call.made.and_then(|made| made.socket)).is_some();
                let runtime = call.place.is_none() && !of_a_socket;
                let found_nothing = call.errno.as_deref() == Some("EAGAIN");
                owner.is_some() && !runtime && !found_nothing && !matches!(call.call, EpollCreate1 | EpollCtl)
            }
            Record::Start(_) => false,
            Record::Task(_) | Record::Signal(_) => self.calls.owner(index).is_some(),
            other => self.calls.side_of(other.program()).is_some() && self.matters(other),
        }
    }

    /// Whether the fork or end of a process has to do with sockets: a shell that starts a program forks a hundred times.
    fn matters(&self, record: &Record) -> bool {
        let records = self.calls.records();
        let pid = record.pid();
        let used = |pid: u32| {
            records.iter().any(|other| match other {
                Record::Call(call) => {
                    call.pid == pid
                        && call.start < record.time()
                        && call.socket.or(call.made.and_then(|made| made.socket)).is_some()
                }
                _ => false,
            })
        };
        match record {
            Record::End(end) => {
                let parent = records.iter().find_map(|other| match other {
                    Record::Fork(fork) if fork.child == pid => Some(fork.pid),
                    _ => None,
                });
                !end.held.is_empty() || used(pid) || parent.is_none_or(used)
            }
            _ => used(pid),
        }
    }

    /// The file that most of a side's calls come from, by the place of its first.
    fn files(&self) -> Sides<Option<&'a str>> {
        let mut files: Sides<Option<&'a str>> = Sides::default();
        for (index, record) in self.calls.records().iter().enumerate() {
            if let (
                Record::Call(Call {
                    place: Some(place), ..
                }),
                Some(owner),
            ) = (record, self.calls.owner(index))
                && place.line > 0
            {
                files[owner.side].get_or_insert(place.file.as_str());
            }
        }
        files
    }

    fn record_lanes<'b>(
        &'b self,
        index: usize,
        files: &Sides<Option<&str>>,
        before: &mut Sides<Option<&'b Place>>,
    ) -> Lanes {
        let record = &self.calls.records()[index];
        let owner = self.calls.owner(index);
        let side = owner
            .map(|owner| owner.side)
            .or_else(|| self.calls.side_of(record.program()));
        let (call, place) = match record {
            Record::Call(call) => (call_text(call), call.place.as_ref()),
            Record::Fork(fork) => ("fork".into(), fork.place.as_ref()),
            Record::End(end) => (end.status.to_string(), None),
            Record::Start(_) => ("start".into(), None),
            Record::Signal(signal) => (signal.signal.as_str().into(), None),
            Record::Task(task) => return task_lanes(task, side),
        };
        let several = self.conversations.len() > 1;
        let number = owner.and_then(|owner| owner.conversation).filter(|_| several);
        let number = number.map_or_else(String::new, |number| format!("{}: ", number + 1));
        let mut lanes = Lanes::default();
        if let Some(side) = side {
            lanes.calls[side] = number + &call;
            let again = place.is_some() && before[side] == place;
            lanes.sources[side] = match place {
                Some(place) if again && place.line > 0 => {
                    format!("{}{} ″", elsewhere(place, files[side]), place.line)
                }
                Some(place) => place_text(place, files[side], self.sources),
                None => String::new(),
            };
            before[side] = place;
        }
        lanes
    }

    fn segment_lanes(&self, it: &Passing<'_>) -> Lanes {
        let several = self.conversations.len() > 1;
        let number = match it.number {
            Some(turn) if several => format!("{}.{}", it.conversation + 1, turn + 1),
            Some(turn) => (turn + 1).to_string(),
            None => "–".into(),
        };
        let mut lanes = Lanes {
            segment: arrow(it, &number),
            ..Lanes::default()
        };
        let side = it.turn.side;
        lanes.sources[side] = match &it.cause {
            None => String::new(),
            Some(cause) => match cause.by {
                By::Unknown(_) if self.calls.socket(it.conversation, side).is_none() => {
                    "no calls seen".into()
                }
                _ => cause.text(self.calls),
            },
        };
        for (side, to) in &it.entered {
            let separator = if lanes.calls[*side].is_empty() {
                "→"
            } else {
                " →"
            };
            write!(lanes.calls[*side], "{separator}{to}").ok();
        }
        lanes
    }
}

/// What became of a task; the row changes nothing about which line the side's last call came from.
fn task_lanes(task: &Task, side: Option<Side>) -> Lanes {
    let mut lanes = Lanes::default();
    if let Some(side) = side {
        let by = task.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        lanes.sources[side] = format!("task {} {}{by}", task.task, task.did);
    }
    lanes
}

/// `send 11`, `recv 0`, `connect ECONNREFUSED`, `accept …` (which never returned).
fn call_text(call: &Call) -> String {
    let name = call.call.as_str();
    match (&call.errno, call.result) {
        (Some(errno), _) => format!("{name} {errno}"),
        (None, None) => format!("{name} …"),
        (None, Some(result)) if call.call.receives() => format!("{name} {result}"),
        (None, Some(result)) if call.call.sends() => match call.requested {
            Some(requested) if i64::try_from(requested) != Ok(result) => {
                format!("{name} {result} of {requested}")
            }
            _ => format!("{name} {result}"),
        },
        _ if matches!(
            family(call.call),
            crate::call::Name::Shutdown | crate::call::Name::Setsockopt | crate::call::Name::Ioctl
        ) =>
        {
            format!("{name} {}", call.detail)
        }
        _ => name.into(),
    }
}

fn place_text(place: &Place, file: Option<&str>, sources: Option<&BTreeMap<String, String>>) -> String {
    let Place { line, text, .. } = place;
    let source = sources.and_then(|sources| sources.get(&place.file));
    let whole = source.and_then(|source| statement(source, place));
    let text = whole.as_ref().unwrap_or(text);
    if *line == 0 {
        return format!("in {}", place.function);
    }
    let text = unmarked(text);
    let elsewhere = elsewhere(place, file);
    match place.dropped.as_deref() {
        // What is dropped says more than the comment behind the brace.
        Some(dropped) => {
            let brace = text.split("//").next().unwrap_or(text).trim_end();
            let drops = if dropped.starts_with("end of scope") {
                ""
            } else {
                "drops "
            };
            format!("{elsewhere}{line} {brace} {drops}{dropped}")
        }
        None => format!("{elsewhere}{line} {text}"),
    }
}

/// `lib:` before a line of another file than the lane's own.
fn elsewhere(place: &Place, file: Option<&str>) -> String {
    if file == Some(place.file.as_str()) {
        return String::new();
    }
    let name = place.file.rsplit('/').next().unwrap_or(&place.file);
    format!("{}:", name.strip_suffix(".rs").unwrap_or(name))
}

/// A line without the mark of an excerpt at its end: `// ❶`.
fn unmarked(text: &str) -> &str {
    match text.rsplit_once("//") {
        Some((code, mark)) if mark.trim().chars().all(|letter| ('❶'..='❿').contains(&letter)) => {
            code.trim_end()
        }
        _ => text,
    }
}

/// What a segment carries, in a few letters.
fn label(it: &Passing<'_>) -> String {
    let turn = it.turn;
    let mut words = Vec::new();
    for (flag, word) in [(Flags::RST, "RST"), (Flags::SYN, "SYN")] {
        words.extend(turn.has(flag).then(|| word.to_owned()));
    }
    if turn.segment.length > 0 {
        words.push(format!("{} B", turn.segment.length));
    }
    words.extend(turn.has(Flags::FIN).then(|| "FIN".into()));
    if it.mark == Mark::Probe {
        words.push("probe".into());
    } else if turn.segment.is_pure_ack() || turn.has(Flags::SYN | Flags::ACK) {
        words.push("ACK".into());
    }
    if turn.window == Some(0) && !turn.has(Flags::RST) {
        words.push("win 0".into());
    }
    if matches!(it.mark, Mark::Repeat { .. }) {
        words.push("again".into());
    }
    words.join(" ")
}

/// `1 SYN ────────────▶`; and where there are two hosts: `1 SYN ────────────╌` leaves, `╌╌╌╌╌╌╌╌╌╌╌ 1 SYN ▶` arrives,
/// `3 ACK ─────────── ✕` is lost, and `╌╌╌╌╌╌ – 11 B copy ▶` was made by the link (nobody numbers what the client's host did
/// not see).
fn arrow(it: &Passing<'_>, number: &str) -> String {
    let width = WIDTHS[3];
    let (right, label) = (it.turn.side == Side::Client, label(it));
    let (shaft, tip, label) = match it.what {
        passing::What::Leaves(Way::AtOnce) => ('─', if right { "▶" } else { "◀" }, label),
        passing::What::Leaves(Way::Slow) => ('─', "╌", label),
        passing::What::Leaves(Way::Lost) => ('─', if right { " ✕" } else { "✕ " }, label),
        passing::What::Leaves(Way::Copied) => ('╌', if right { "▶" } else { "◀" }, label + " copy"),
        passing::What::Arrives => ('╌', if right { "▶" } else { "◀" }, label),
    };
    // The words stand where the segment is: at the end it leaves, or at the one it reaches.
    let text = if right {
        format!("{number} {label}")
    } else {
        format!("{label} {number}")
    };
    let rest = width.saturating_sub(text.chars().count() + 1 + tip.chars().count());
    let dashes = |count: usize| shaft.to_string().repeat(count);
    match (right, shaft) {
        (true, '─') => format!("{text} {}{tip}", dashes(rest)),
        (false, '─') => format!("{tip}{} {text}", dashes(rest)),
        (true, _) => format!("{} {text} {tip}", dashes(rest.saturating_sub(1))),
        (false, _) => format!("{tip} {text} {}", dashes(rest.saturating_sub(1))),
    }
}

/// How wide the clock and the five lanes are; with a blank between each it makes 100 columns.
const WIDTHS: [usize; 6] = [10, 20, 13, 19, 13, 20];

/// At most so many lines are given to one cell.
const HEIGHT: usize = 3;

/// One row's cells.
#[derive(Default)]
struct Lanes {
    sources: Sides<String>,
    calls: Sides<String>,
    segment: String,
}

impl Lanes {
    fn lines(&self, time: &str) -> String {
        let cells = [
            vec![time.to_owned()],
            wrap(&self.sources.client, WIDTHS[1]),
            wrap(&self.calls.client, WIDTHS[2]),
            vec![self.segment.clone()],
            wrap(&self.calls.server, WIDTHS[4]),
            wrap(&self.sources.server, WIDTHS[5]),
        ];
        line(&cells)
    }
}

/// Cells beside each other, each on as many lines as it has.
fn line(cells: &[Vec<String>; 6]) -> String {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let mut text = String::new();
    for row in 0..height {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
            let part = cell.get(row).map_or("", String::as_str);
            match column {
                0 => write!(line, "{part:>width$}").ok(),
                _ => write!(line, " {part:<width$}").ok(),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Where a word may be broken so that its first part takes no more than `width`: behind a dot, a bracket or the like.
fn joint(word: &[char], width: usize) -> Option<usize> {
    let first = word.get(..width)?;
    let joint = first.iter().rposition(|letter| ".(:,&[".contains(*letter))?;
    (joint > WIDTHS[1] / 3).then_some(joint + 1)
}

/// Breaks a text at blanks, and words that are too long after a dot, a bracket or the like, or where they must be; what
/// does not fit is cut off with `…`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if let Some(last) = lines.last_mut()
            && last.chars().count() + 1 + word.len() <= width
        {
            last.push(' ');
            last.extend(word);
            continue;
        }
        while word.len() > width {
            let used = lines.last().map_or(width, |last| last.chars().count() + 1);
            // A long word begins where the line still has room for a good part of it.
            let fits = width.saturating_sub(used);
            if let (Some(last), Some(joint)) = (lines.last_mut(), joint(&word, fits)) {
                last.push(' ');
                last.extend(word.drain(..joint));
            } else {
                let rest = word.split_off(joint(&word, width).unwrap_or(width));
                lines.push(word.into_iter().collect());
                word = rest;
            }
        }
        lines.push(word.into_iter().collect());
    }
    if lines.len() > HEIGHT {
        lines.truncate(HEIGHT);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(width - 1).collect();
            last.push('…');
        }
    }
    lines
}

/// How often each cause that is not to be told occurs, with its reason: empty where every segment has a cause. With
/// `but_untapped`, the segments of an end that made no recorded call are passed over.
pub fn unknowns(timeline: &Timeline<'_>, but_untapped: bool) -> BTreeMap<String, usize> {
    let mut unknowns = BTreeMap::new();
    for it in &timeline.passing {
        let untapped = timeline.calls.socket(it.conversation, it.turn.side).is_none();
        if let Some(By::Unknown(why)) = it.cause.as_ref().map(|cause| &cause.by)
            && !(but_untapped && untapped)
        {
            *unknowns.entry(why.clone()).or_default() += 1;
        }
    }
    unknowns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::conversations;
    use crate::testing::{ECHO, TASKS, conversation, segments};

    #[test]
    fn a_capture_without_calls_is_a_timeline_of_segments_and_states() {
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&[], &conversations);
        let text = Timeline::new(&conversations, None, &calls).text();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains(['▶', '◀'])).collect();
        assert_eq!(rows.len(), 10);
        assert!(rows[0].contains("→SYN-SENT     1 SYN ────────────▶"), "{text}");
        assert!(
            rows[1].contains("→ESTABLISHED  ◀──────── SYN ACK 2 →SYN-RECEIVED answers 1"),
            "{text}"
        );
        assert!(rows[3].contains(" 4 11 B ───────────▶"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn forks_and_ends_of_processes_without_sockets_are_left_out() {
        let records = crate::call::read(
            r#"
{"kind":"start","time":1700000000000000000,"program":"client","pid":1}
{"kind":"fork","time":1700000000000000001,"program":"client","pid":1,"child":2}
{"kind":"end","time":1700000000000000002,"program":"client","pid":2,"status":{"exited":7}}
{"kind":"call","start":1700000000000000003,"end":1700000000002500000,"program":"client","pid":1,"thread":1,"call":"connect","fd":3,"socket":1,"local":"127.0.0.1:40000","peer":"127.0.0.1:8000","result":0}
{"kind":"fork","time":1700000000003000000,"program":"client","pid":1,"child":3}
{"kind":"end","time":1700000000099000000,"program":"client","pid":3,"status":{"exited":8},"held":[1]}
{"kind":"end","time":1700000000099000001,"program":"client","pid":1,"status":{"exited":9}}
"#,
        )
        .unwrap();
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&records, &conversations);
        let text = Timeline::new(&conversations, None, &calls).text();
        let shown = |word: &str| text.matches(word).count();
        assert_eq!(
            (shown(" fork"), shown("exit 7"), shown("exit 8"), shown("exit 9")),
            (1, 0, 1, 1),
            "{text}"
        );
    }

    #[test]
    fn what_a_program_says_of_its_tasks_stands_among_its_lines() {
        let records = crate::call::read(TASKS).unwrap();
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&records, &conversations);
        let text = Timeline::new(&conversations, None, &calls).text();
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words}: {text}"));
        assert!(at("task reader made") < at("task reader polled"));
        assert!(at("task reader polled") < at("recv 11"));
        assert!(at("recv 11") < at("task reader pending"));
        let lines: Vec<&str> = text.lines().collect();
        let woken = lines
            .iter()
            .position(|line| line.ends_with("task reader woken by"))
            .unwrap();
        assert_eq!(lines[woken + 1].trim(), "writer");
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("aaaa bbbb cccc dddd", 4), ["aaaa", "bbbb", "ccc…"]);
        assert_eq!(
            wrap("TcpStream::connect(&address)?", 20),
            ["TcpStream::connect(&", "address)?"]
        );
        assert!(wrap("", 4).is_empty());
    }

    #[test]
    fn a_line_that_continues_another_is_shown_with_it_where_the_source_is_there() {
        let place = Place {
            file: "a.rs".into(),
            line: 2,
            function: "main".into(),
            text: ".await?;".into(),
            dropped: None,
        };
        let source = "TcpStream::connect(&address)\n    .await?;\n";
        let sources = BTreeMap::from([("a.rs".to_owned(), source.to_owned())]);
        let told = |sources| place_text(&place, Some("a.rs"), sources);
        assert_eq!(told(Some(&sources)), "2 TcpStream::connect(&address).await?;");
        assert_eq!(told(None), "2 .await?;");
    }

    #[test]
    fn an_excerpt_s_mark_is_no_part_of_the_line() {
        assert_eq!(unmarked("stream.read()?; // ❶"), "stream.read()?;");
        assert_eq!(unmarked("} // the end"), "} // the end");
        assert_eq!(unmarked("connect(\"//\") // ❶❷"), "connect(\"//\")");
        assert_eq!(unmarked("read()"), "read()");
    }

    #[test]
    fn with_several_conversations_segments_say_which() {
        let found = conversations(segments(&[">S", ">S p40001 s0", "<S.", "<R. p40001"]));
        let calls = Calls::new(&[], &found);
        let text = Timeline::new(&found, None, &calls).text();
        assert!(text.contains("2.2"), "{text}");
    }

    #[test]
    fn what_has_no_cause_is_counted_with_its_reason() {
        let conversations = [conversation(ECHO)];
        let calls = Calls::new(&[], &conversations);
        let timeline = Timeline::new(&conversations, None, &calls);
        assert!(unknowns(&timeline, true).is_empty());
        let unknowns = unknowns(&timeline, false);
        assert_eq!(
            unknowns["no call of the client on this connection is recorded"],
            3
        );
    }
}
