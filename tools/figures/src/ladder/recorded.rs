//! From a recording to the ladder that shows it.

mod called;
mod fields;

use std::collections::{BTreeMap, HashMap};

use wire::{
    call::{Name, Record},
    cause::{By, Calls, Cause as Because, Release, Timer},
    conversation::{Conversation, Mark as Repetition, Sides, Turn},
    event::Found,
    passing::{Passing, Way, What, passing},
    segment::Flags as WireFlags,
};

pub use called::Detail;

use super::{
    Call, Cause, Did, Event, Fate, Flags, Folded, Ladder, Lifeline, Mark, Row, Segment, Side, State, Task,
    describe, span, text::counted,
};

/// A silence longer than this is said, not drawn: 20 ms, half of what Linux waits at least before it pays an
/// acknowledgment it owes.
const SILENCE: u64 = 20_000_000;
/// A call that sends or closes and takes longer than this, 1 ms, has waited.
const LONG: u64 = 1_000_000;

/// What a ladder is drawn from. [`Recorded::new`] fills in what is left out most of the time.
#[derive(Clone, Debug)]
pub struct Recorded<'a> {
    /// The recording's name: `echo/one-echo.blocking`.
    pub name: &'a str,
    /// What is seen, in one line.
    pub title: &'a str,
    /// The conversations, as captured at the client's host or at the only one.
    pub conversations: &'a [Conversation],
    /// The same conversations as captured at the server's host, where there are two: then every segment leaves at one
    /// time and arrives at another.
    pub far: Option<&'a [Conversation]>,
    /// The calls; empty where none were recorded.
    pub records: &'a [Record],
    /// How many of the calls to draw.
    pub detail: Detail,
    /// The sources as they were when the recording was made, by file: so that a line that continues another (`.await`)
    /// is shown with it.
    pub sources: BTreeMap<String, String>,
    /// The programs at either end.
    pub programs: Sides<&'a str>,
    /// Why the calls of an end could not be recorded, where that is so.
    pub untapped: Sides<Option<&'a str>>,
    /// The conversations to draw, by number; all where it is empty. The others are counted.
    pub connections: Vec<usize>,
    /// From which thing to which, both included; everything where there is none. What stands before and after is
    /// counted.
    pub span: Option<(Found, Found)>,
    /// What annotations speak of.
    pub notes: Vec<Note>,
    /// Whether nothing may tell when anything happened.
    pub untimed: bool,
}

impl<'a> Recorded<'a> {
    /// One capture, all of its conversations, no calls and no annotations.
    pub fn new(name: &'a str, title: &'a str, conversations: &'a [Conversation]) -> Recorded<'a> {
        Recorded {
            name,
            title,
            conversations,
            far: None,
            records: &[],
            detail: Detail::Story,
            sources: BTreeMap::new(),
            programs: Sides::default(),
            untapped: Sides::default(),
            connections: Vec::new(),
            span: None,
            notes: Vec::new(),
            untimed: false,
        }
    }
}

/// An annotation's place and the mark it bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it speaks of, as an event's name is found: conversations and turns are those of [`Recorded::conversations`],
    /// records those of [`Recorded::records`].
    pub place: Found,
    /// The mark: a segment's own number; for a call, whatever the annotation is called.
    pub mark: String,
}

/// The ladder of a recording: every segment of the chosen conversations in the order of time with the call that caused
/// it, the calls between them, the states where they are entered; silences are said and not drawn. Times count from the
/// first segment drawn.
///
/// A call stands in the row of the first segment it caused; any other where it returned if it takes or waits, and where it
/// began if it gives.
pub fn ladder(recorded: &Recorded<'_>) -> Ladder {
    let chosen: Vec<usize> = (0..recorded.conversations.len())
        .filter(|&index| {
            recorded.connections.is_empty()
                || recorded
                    .connections
                    .contains(&recorded.conversations[index].number)
        })
        .collect();
    let calls = Calls::new(recorded.records, recorded.conversations);
    let mut writer = Writer {
        recorded,
        calls: &calls,
        numbers: numbers(recorded.conversations),
        ladder: Ladder {
            recording: recorded.name.into(),
            title: recorded.title.into(),
            untimed: recorded.untimed,
            lifelines: lifelines(recorded, &chosen),
            ..Ladder::default()
        },
        chosen,
        first: 0,
        left: HashMap::new(),
        spans: Vec::new(),
    };
    writer.write();
    writer.waits();
    let ends = recorded
        .span
        .map(|(from, to)| (writer.row_of(from), writer.row_of(to)));
    let mut ladder = writer.ladder;
    if let Some((Some(from), Some(to))) = ends {
        ladder = span::between(ladder, from, to);
    }
    ladder.description = describe(&ladder);
    ladder
}

fn lifelines(recorded: &Recorded<'_>, chosen: &[usize]) -> Vec<Lifeline> {
    Side::BOTH
        .into_iter()
        .flat_map(|side| (0..chosen.len()).map(move |index| (side, index)))
        .map(|(side, index)| Lifeline {
            side,
            name: match chosen.len() {
                1 if side == Side::Server && recorded.conversations[chosen[index]].is_one_socket() => {
                    "itself".into()
                }
                1 => side.to_string(),
                _ => format!("{side} {}", index + 1),
            },
            program: if recorded.conversations[chosen[index]].is_one_socket() {
                [recorded.programs.client, recorded.programs.server].concat()
            } else {
                recorded.programs[side].into()
            },
            untapped: recorded.untapped[side].map(str::to_owned),
        })
        .collect()
}

/// The number each packet's segment bears in the figure and in tcpdump's text: its place among the segments, from 1.
fn numbers(conversations: &[Conversation]) -> HashMap<usize, u32> {
    let mut packets: Vec<usize> = conversations
        .iter()
        .flat_map(|conversation| conversation.turns.iter().map(|turn| turn.segment.number))
        .collect();
    packets.sort_unstable();
    packets.into_iter().zip(1..).collect()
}

/// Something to be drawn, or to be counted because its conversation is not.
enum Happening<'a> {
    Passing(Passing<'a>),
    /// A call without a segment of its own, or what became of a task, as the index of its record, with the time at which it
    /// is shown.
    Called(usize, u64),
}

impl Happening<'_> {
    fn time(&self) -> u64 {
        match self {
            Happening::Passing(passing) => passing.time,
            Happening::Called(_, time) => *time,
        }
    }
}

struct Writer<'a> {
    recorded: &'a Recorded<'a>,
    calls: &'a Calls<'a>,
    numbers: HashMap<usize, u32>,
    /// The conversations drawn, as indices.
    chosen: Vec<usize>,
    ladder: Ladder,
    /// When the first segment drawn left.
    first: u64,
    /// The rows from which segments left, by conversation and turn.
    left: HashMap<(usize, usize), usize>,
    /// The rows of calls, with their records.
    spans: Vec<(usize, usize)>,
}

impl<'a> Writer<'a> {
    fn write(&mut self) {
        let passing = passing(self.recorded.conversations, self.recorded.far, self.calls);
        let drawn = |it: &Passing<'_>| self.chosen.contains(&it.conversation);
        let Some(first) = passing.iter().find(|it| drawn(it)).map(|it| it.time) else {
            return;
        };
        self.first = first;
        let own = self.own(&passing);
        let mut happenings = self.told(&own);
        happenings.extend(passing.into_iter().map(Happening::Passing));
        happenings.sort_by_key(Happening::time);
        let mut elsewhere: Vec<(u64, usize, bool)> = Vec::new();
        let mut last = first;
        for happening in happenings {
            let time = happening.time();
            if let Happening::Passing(it) = &happening
                && !self.chosen.contains(&it.conversation)
            {
                elsewhere.push((time, it.conversation, matches!(it.what, What::Leaves(_))));
                continue;
            }
            if !elsewhere.is_empty() {
                last = last.max(self.others(&elsewhere));
                elsewhere.clear();
            }
            if time.saturating_sub(last) >= SILENCE {
                let (lasts, asked) = (time - last, self.asked(last, time));
                self.push(last, Event::Silence { lasts, asked }, Vec::new());
            }
            last = last.max(time);
            match happening {
                Happening::Passing(it) => self.passing(&it, &own),
                Happening::Called(record, _) => self.called(record, time),
            }
        }
        if !elsewhere.is_empty() {
            self.others(&elsewhere);
        }
    }

    /// Whether a program asks again and again in most of this time, and is told `EAGAIN`.
    fn asked(&self, from: u64, to: u64) -> bool {
        self.calls.records().iter().any(|record| {
            let Record::Call(call) = record else { return false };
            let end = call.end.unwrap_or(call.start);
            call.times.is_some() && end.min(to).saturating_sub(call.start.max(from)) > (to - from) / 2
        })
    }

    fn push(&mut self, time: u64, event: Event, states: Vec<State>) -> &mut Row {
        let since = i128::from(time) - i128::from(self.first);
        self.ladder.rows.push(Row {
            time: i64::try_from(since).unwrap_or(i64::MAX),
            notes: Vec::new(),
            event,
            states,
        });
        let last = self.ladder.rows.len() - 1;
        &mut self.ladder.rows[last]
    }

    /// Segments of conversations that are not drawn, in one row that counts them. Returns the time of the last.
    fn others(&mut self, elsewhere: &[(u64, usize, bool)]) -> u64 {
        let mut connections: Vec<usize> = elsewhere
            .iter()
            .map(|(_, conversation, _)| *conversation)
            .collect();
        connections.sort_unstable();
        connections.dedup();
        let begin = elsewhere
            .iter()
            .map(|(time, ..)| *time)
            .min()
            .unwrap_or(self.first);
        let end = elsewhere
            .iter()
            .map(|(time, ..)| *time)
            .max()
            .unwrap_or(self.first);
        let folded = Folded {
            segments: elsewhere.iter().filter(|(.., leaves)| *leaves).count(),
            text: counted(connections.len() as u64, "other connection", "other connections"),
            client: String::new(),
            server: String::new(),
            lasts: end - begin,
            outside: false,
        };
        self.push(begin, Event::Folded(folded), Vec::new());
        end
    }

    /// The call that stands in the row of each segment: the one that let it go, else the last of those that caused it.
    /// The first segment of a call takes it; by conversation, turn (or time, where only the far host saw it) and record.
    fn own(&self, passing: &[Passing<'_>]) -> HashMap<(usize, u64), usize> {
        let mut own = HashMap::new();
        let mut taken: Vec<usize> = Vec::new();
        for it in passing {
            let (What::Leaves(way), Some(cause)) = (it.what, &it.cause) else {
                continue;
            };
            if way == Way::Copied || !self.chosen.contains(&it.conversation) {
                continue;
            }
            let record = match (&cause.by, cause.released) {
                (_, Some(Release::Call(record))) => Some(record),
                (By::Calls(records), None) => records.last().copied(),
                _ => None,
            };
            if let Some(record) = record.filter(|record| !taken.contains(record)) {
                taken.push(record);
                own.insert((it.conversation, it.time), record);
            }
        }
        own
    }

    /// The calls that stand in a row of their own.
    fn told(&self, own: &HashMap<(usize, u64), usize>) -> Vec<Happening<'a>> {
        let spoken_of = |record| {
            let call = Found::Call { record };
            let ends = self
                .recorded
                .span
                .is_some_and(|(from, to)| [from, to].contains(&call));
            ends || self.recorded.notes.iter().any(|note| note.place == call)
        };
        (0..self.recorded.records.len())
            .filter(|record| !own.values().any(|other| other == record))
            .filter_map(|record| {
                let (conversation, _) = called::end_of(record, self.calls)?;
                if let Some(task) = self.calls.task(record) {
                    return Some(Happening::Called(record, task.time));
                }
                if let Some(signal) = self.calls.signal(record) {
                    return Some(Happening::Called(record, signal.time));
                }
                let call = self.calls.call(record)?;
                let here = conversation.is_none_or(|conversation| self.chosen.contains(&conversation));
                let told = called::is_told(call, self.recorded.detail, self.calls) || spoken_of(record);
                (here && told).then(|| Happening::Called(record, called::shown_at(call)))
            })
            .collect()
    }

    /// The lifeline of one end of a conversation; of the first, where it is none in particular.
    fn lifeline(&self, conversation: Option<usize>, side: Side) -> usize {
        let place = conversation
            .and_then(|index| self.chosen.iter().position(|other| *other == index))
            .unwrap_or(0);
        match side {
            Side::Client => place,
            Side::Server => self.chosen.len() + place,
        }
    }

    fn call(&self, record: usize) -> Option<Call> {
        let call = self.calls.call(record)?;
        let (conversation, side) = called::end_of(record, self.calls)?;
        let at = self.lifeline(conversation, side);
        Some(called::drawn(
            call,
            at,
            conversation.is_none(),
            &self.recorded.sources,
        ))
    }

    /// The row in which something stands that an event found.
    fn row_of(&self, place: Found) -> Option<usize> {
        match place {
            Found::Segment { conversation, turn } => self.left.get(&(conversation, turn)).copied(),
            Found::Call { record } => {
                let found = self.spans.iter().find(|(_, other)| *other == record);
                found.map(|(row, _)| *row)
            }
        }
    }

    fn note(&mut self, row: usize, place: Found) {
        let marks = self.recorded.notes.iter().filter(|note| note.place == place);
        let marks: Vec<String> = marks.map(|note| note.mark.clone()).collect();
        if let Some(row) = self.ladder.rows.get_mut(row) {
            row.notes.extend(marks);
        }
    }

    fn called(&mut self, record: usize, time: u64) {
        if let Some(task) = self.calls.task(record) {
            return self.task(record, task);
        }
        if let Some(signal) = self.calls.signal(record) {
            return self.signal(record, signal);
        }
        let (Some(call), Some(made)) = (self.call(record), self.calls.call(record)) else {
            return;
        };
        let row = self.ladder.rows.len();
        let listens = made.call == Name::Listen && made.succeeded();
        let states = listens.then(|| State {
            at: call.at,
            name: "LISTEN".into(),
        });
        self.spans.push((row, record));
        self.push(time, Event::Call(call), states.into_iter().collect());
        self.note(row, Found::Call { record });
    }

    /// What became of a task. The answer to a poll joins its row where nothing else stands between.
    fn task(&mut self, record: usize, task: &wire::call::Task) {
        let Some((_, side)) = called::end_of(record, self.calls) else {
            return;
        };
        let at = self.lifeline(None, side);
        let answers = matches!(task.did, Did::Pending | Did::Ready);
        match self.ladder.rows.last_mut().map(|row| &mut row.event) {
            Some(Event::Task(last))
                if answers && last.at == at && last.name == task.task && last.did == [Did::Polled] =>
            {
                last.did.push(task.did);
            }
            _ => {
                let event = Event::Task(Task {
                    at,
                    name: task.task.clone(),
                    did: vec![task.did],
                    by: task.by.clone(),
                });
                self.push(task.time, event, Vec::new());
            }
        }
        let row = self.ladder.rows.len() - 1;
        self.spans.push((row, record));
        self.note(row, Found::Call { record });
    }

    /// A signal stands in the lane of the calls, and is nobody's.
    fn signal(&mut self, record: usize, signal: &wire::call::Signal) {
        let Some((_, side)) = called::end_of(record, self.calls) else {
            return;
        };
        let row = self.ladder.rows.len();
        self.spans.push((row, record));
        let call = Call {
            at: self.lifeline(None, side),
            shared: true,
            text: signal.signal.as_str().into(),
            source: None,
            since: None,
            until: None,
            fields: Vec::new(),
        };
        self.push(signal.time, Event::Call(call), Vec::new());
        self.note(row, Found::Call { record });
    }

    fn passing(&mut self, it: &Passing<'_>, own: &HashMap<(usize, u64), usize>) {
        let row = self.ladder.rows.len();
        let states = it
            .entered
            .iter()
            .map(|(side, state)| State {
                at: self.lifeline(Some(it.conversation), *side),
                name: state.as_str().into(),
            })
            .collect();
        let number = match it.number {
            Some(_) => self.numbers.get(&it.turn.segment.number).copied().unwrap_or(0),
            None => 0,
        };
        let key = it.number.map(|turn| (it.conversation, turn));
        match it.what {
            What::Leaves(way) => {
                if let Some(key) = key {
                    self.left.insert(key, row);
                }
                let record = own.get(&(it.conversation, it.time)).copied();
                let segment = self.segment(it, way, number, record);
                self.push(it.time, Event::Segment(segment), states);
                if let Some((conversation, turn)) = key {
                    self.note(row, Found::Segment { conversation, turn });
                }
                if let Some(record) = record {
                    self.note(row, Found::Call { record });
                    self.spans.push((row, record));
                }
            }
            What::Arrives => {
                let left = key.and_then(|key| self.left.get(&key)).copied();
                if let Some(Event::Segment(segment)) = left
                    .and_then(|left| self.ladder.rows.get_mut(left))
                    .map(|row| &mut row.event)
                {
                    segment.fate = Fate::ArrivesIn(row);
                }
                let at = self.lifeline(Some(it.conversation), it.turn.side.peer());
                self.push(it.time, Event::Arrival { at, number }, states);
            }
        }
    }

    fn segment(&self, it: &Passing<'_>, way: Way, number: u32, record: Option<usize>) -> Segment {
        let turn = it.turn;
        let conversation = &self.recorded.conversations[it.conversation];
        let relative = |number: i64| u64::try_from(number).unwrap_or(0);
        let call = record.and_then(|record| self.call(record));
        Segment {
            number,
            from: self.lifeline(Some(it.conversation), turn.side),
            to: self.lifeline(Some(it.conversation), turn.side.peer()),
            flags: Flags {
                syn: turn.has(WireFlags::SYN),
                ack: turn.has(WireFlags::ACK),
                fin: turn.has(WireFlags::FIN),
                rst: turn.has(WireFlags::RST),
            },
            bytes: u64::from(turn.segment.length),
            seq: relative(turn.sequence),
            ack: turn.acknowledgment.map(relative),
            cause: match (call, &it.cause) {
                (Some(call), _) => Cause::Call(call),
                (None, Some(cause)) => self.reason(cause, conversation, it),
                (None, None) => Cause::Unknown(String::new()),
            },
            mark: match (way, it.mark) {
                (Way::Copied, _) => Some(Mark::Copy),
                (_, Repetition::Repeat { .. } | Repetition::Overlap { .. } | Repetition::Late) => {
                    Some(Mark::Again)
                }
                (_, Repetition::Next | Repetition::Ahead | Repetition::Probe) => None,
            },
            fate: match way {
                Way::Lost => Fate::Lost,
                // Until its arrival is met.
                _ => Fate::Arrives,
            },
            remark: remark(turn),
            fields: fields::of_segment(conversation, turn),
        }
    }

    /// Why a segment left that has no call in its row.
    fn reason(&self, cause: &Because, conversation: &Conversation, it: &Passing<'_>) -> Cause {
        let number = |turn: usize| {
            let turn = conversation.turns.get(turn);
            let number = turn.and_then(|turn| self.numbers.get(&turn.segment.number));
            number.map_or_else(|| "?".into(), u32::to_string)
        };
        match cause.released {
            Some(Release::Acknowledgment(by)) => {
                return Cause::Held(format!("released by ACK {}", number(by)));
            }
            Some(Release::Window(by)) => return Cause::Held(format!("released by window {}", number(by))),
            Some(Release::Timer(Timer::Other)) => return Cause::Timer("a timer".into()),
            Some(Release::Timer(timer)) => return Cause::Timer(format!("{timer} timer")),
            Some(Release::Call(_)) | None => {}
        }
        match &cause.by {
            By::Answer(by) if it.turn.segment.length > 0 && it.mark != Repetition::Next => {
                // Duplicate acknowledgments ask for it; the answer to a SYN that took the SYN and left its bytes does so
                // without any (RFC 7413, 4.2).
                let asked = conversation.turns.get(*by);
                match asked.is_some_and(|asked| asked.has(WireFlags::SYN)) {
                    true => Cause::Kernel(format!("answers {}, which took the SYN alone", number(*by))),
                    false => Cause::Timer("fast retransmit".into()),
                }
            }
            By::Answer(by) => Cause::Kernel(format!("answers {}", number(*by))),
            By::Calls(records) => {
                let names: Vec<&str> = records
                    .iter()
                    .filter_map(|record| Some(self.calls.call(*record)?.call.as_str()))
                    .collect();
                Cause::Kernel(format!("more of the same {}", names.join(" and ")))
            }
            By::End(record) => Cause::End(match self.recorded.records.get(*record) {
                Some(Record::End(end)) => format!("process ends: {}", end.status),
                _ => "process lets go".into(),
            }),
            By::Timer(Timer::Other) => Cause::Timer("a timer".into()),
            By::Timer(timer) => Cause::Timer(format!("{timer} timer")),
            By::Unknown(why) => Cause::Unknown(why.clone()),
        }
    }

    /// From which row to which each call went on, where anything happened meanwhile. A call that gives its bytes away
    /// and is done says nothing by how long it took, unless that was long.
    fn waits(&mut self) {
        let first = i128::from(self.first);
        // A silence is no event, and no call ends in it.
        let times: Vec<Option<i128>> = self
            .ladder
            .rows
            .iter()
            .map(|row| match row.event {
                Event::Silence { .. } => None,
                _ => Some(i128::from(row.time) + first),
            })
            .collect();
        let before = |rows: &[Option<i128>], time: u64| {
            rows.iter()
                .rposition(|row| row.is_some_and(|row| row <= i128::from(time)))
        };
        for &(row, record) in &self.spans {
            let Some(made) = self.calls.call(record) else {
                continue;
            };
            let end = made.end.unwrap_or(made.start);
            let begun = before(&times[..row], made.start).unwrap_or(0);
            let ended = before(&times, end).unwrap_or(row);
            // Anything but a silence between the two; or the call went on through the silence.
            let shown = self.ladder.rows[row].time;
            let through = i128::from(shown) + first - i128::from(made.start) >= i128::from(SILENCE / 2);
            let meanwhile = begun < row && (through || times[begun + 1..row].iter().any(Option::is_some));
            let waits = made.succeeded() && (made.call == Name::Connect || end - made.start >= LONG);
            if let Some(call) = self.ladder.rows.get_mut(row).and_then(|row| row.event.call_mut()) {
                call.since = meanwhile.then_some(begun);
                call.until = (waits && ended > row).then_some(ended);
            }
        }
    }
}

/// What is worth a word beside a segment's time.
fn remark(turn: &Turn) -> Option<String> {
    let closed = turn.window == Some(0) && !turn.has(WireFlags::RST) && !turn.has(WireFlags::SYN);
    match (turn.mark == Repetition::Probe, closed) {
        (true, true) => Some("probe, window 0".into()),
        (true, false) => Some("probe".into()),
        (false, true) => Some("window 0".into()),
        (false, false) => None,
    }
}
