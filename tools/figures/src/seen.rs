//! A recording, read: what figures and numbers are made from. This is where the preprocessor asks `wire`.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use stage::{cited, output::Output, recording::Recording, scenario::Act};
pub use wire::conversation::Side;
use wire::{
    call::Record,
    capture::Capture,
    cause::Calls,
    conversation::{Conversation, Sides, Turn, conversations},
    event::{Event, Evidence, Found, ParseError, family},
    passing::agreeing,
    segment::{Segment, TcpOption},
};

use crate::{
    ladder::{self, Detail, Ladder, Note, Recorded},
    problem::choices,
};

/// A recording and what `wire` makes of its capture.
#[derive(Debug)]
pub struct Seen {
    name: String,
    title: String,
    kernel: String,
    date: String,
    output: Output,
    segments: Vec<Segment>,
    conversations: Vec<Conversation>,
    /// The same conversations as the server's host saw them, where there are two hosts.
    far: Option<Vec<Conversation>>,
    /// The calls; the lines they cite are today's, 0 where a line is gone.
    records: Vec<Record>,
    /// Today's sources, by path.
    sources: BTreeMap<String, String>,
    programs: Sides<String>,
    untapped: Sides<Option<String>>,
    stale: Vec<String>,
}

/// What of a recording is to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// How many of the calls.
    pub detail: Detail,
    /// The conversations, by number; all where it is empty.
    pub connections: Vec<usize>,
    /// From one thing to another, both included.
    pub span: Option<(Found, Found)>,
    /// What annotations speak of.
    pub notes: Vec<Note>,
    /// Whether nothing may tell which recording it is: no name, no program, no call.
    pub unnamed: bool,
    /// Whether nothing may tell when anything happened.
    pub untimed: bool,
}

impl Seen {
    /// Reads a recording's captures. `root` is the workspace, whose sources may have changed since; `stale` says why the
    /// recording no longer belongs to them, where that is so.
    ///
    /// # Errors
    /// What is wrong with a capture, with the packet's number.
    pub fn of(
        name: &str,
        title: &str,
        mut recording: Recording,
        root: &Path,
        stale: Vec<String>,
    ) -> Result<Seen, String> {
        let capture = Capture::parse(&recording.capture).map_err(|error| error.to_string())?;
        let segments = capture.segments().map_err(|error| error.to_string())?;
        if segments.is_empty() {
            return Err("it holds no TCP segment".into());
        }
        let sources = bring_up_to_date(&mut recording, root);
        let conversations = conversations(segments.iter().cloned());
        let far = match &recording.link {
            None => None,
            Some(elsewhere) => {
                let capture = Capture::parse(&elsewhere.server).map_err(|error| error.to_string())?;
                let far = capture.conversations().map_err(|error| error.to_string())?;
                Some(agreeing(far, &conversations))
            }
        };
        let (programs, untapped) = cast(&recording.manifest.act, &recording.calls, &conversations);
        Ok(Seen {
            far,
            records: recording.calls,
            sources,
            programs,
            untapped,
            stale,
            name: name.to_owned(),
            title: title.to_owned(),
            kernel: recording.manifest.kernel,
            date: recording.manifest.date,
            output: recording.output,
            conversations,
            segments,
        })
    }

    /// Why the recording no longer belongs to its scenario and to today's sources; empty where it does.
    pub fn stale(&self) -> &[String] {
        &self.stale
    }

    /// How many conversations it holds.
    pub fn connections(&self) -> usize {
        self.conversations.len()
    }

    /// The drawing of what is chosen.
    pub fn ladder(&self, choice: Choice) -> Ladder {
        let named = !choice.unnamed;
        let whole = Recorded {
            far: self.far.as_deref(),
            connections: choice.connections,
            span: choice.span,
            notes: choice.notes,
            untimed: choice.untimed,
            ..Recorded::new("", "A recorded conversation", &self.conversations)
        };
        if !named {
            let mut ladder = ladder::ladder(&whole);
            for row in &mut ladder.rows {
                if let ladder::Event::Segment(segment) = &mut row.event {
                    // Not even that it cannot be told.
                    segment.cause = ladder::Cause::Kernel(String::new());
                }
            }
            return ladder;
        }
        ladder::ladder(&Recorded {
            name: &self.name,
            title: &self.title,
            records: &self.records,
            detail: choice.detail,
            sources: self.sources.clone(),
            programs: Sides {
                client: &self.programs.client,
                server: &self.programs.server,
            },
            untapped: Sides {
                client: self.untapped.client.as_deref(),
                server: self.untapped.server.as_deref(),
            },
            ..whole
        })
    }

    /// The name it is called by: `echo/one-echo`, `echo/one-echo.async`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What happens, in the scenario's words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The day it was made: `2026-01-31`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The kernel that ran it, without what its builder added: `Linux 6.18.44`.
    pub fn kernel(&self) -> String {
        let mut words = self.kernel.split_whitespace();
        let (system, release) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let version = release.split('-').next().unwrap_or_default();
        format!("{system} {version}").trim_end().to_owned()
    }

    /// What the programs printed.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Every segment, in the order of the capture. The n-th, counted from 1, bears the mark n.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How often a program's calls of this kind (`recv` stands for `read`, too) were told `EAGAIN`.
    pub fn told_again(&self, program: &str, call: wire::call::Name) -> u64 {
        let told = self.records.iter().filter_map(|record| match record {
            Record::Call(made) if made.program == program && family(made.call) == family(call) => {
                (made.errno.as_deref() == Some("EAGAIN")).then(|| made.times.unwrap_or(1))
            }
            _ => None,
        });
        told.sum()
    }

    /// The segment that an event names, as an index.
    ///
    /// # Errors
    /// The words name nothing, several things, or no segment: with the choices.
    pub fn find(&self, event: &str) -> Result<usize, String> {
        let found = self.found(event)?;
        self.index(found)
            .ok_or_else(|| format!("`{event}` is no segment; name one here"))
    }

    /// The thing that an event names: a segment or a call.
    ///
    /// # Errors
    /// The words name nothing, or several things: with the choices.
    pub fn found(&self, event: &str) -> Result<Found, String> {
        let event: Event = event.parse().map_err(|error: ParseError| error.to_string())?;
        // Tying the calls to the conversations takes longer than all the rest; a segment is found without.
        if event.what.is_segment()
            && let Ok(found) = event.find(&self.evidence())
        {
            return Ok(found);
        }
        let calls = Calls::new(&self.records, &self.conversations);
        let evidence = match self.records.is_empty() {
            true => self.evidence(),
            false => self.evidence().with_calls(&calls),
        };
        event.find(&evidence).map_err(|error| error.to_string())
    }

    /// The index of the segment that was found; none where it is a call.
    pub fn index(&self, found: Found) -> Option<usize> {
        let Found::Segment { conversation, turn } = found else {
            return None;
        };
        let number = self.conversations[conversation].turns[turn].segment.number;
        self.segments.iter().position(|segment| segment.number == number)
    }

    /// The number of the conversation that was found something of; none where it is a call.
    pub fn connection_of(&self, found: Found) -> Option<usize> {
        match found {
            Found::Segment { conversation, .. } => Some(self.conversations[conversation].number),
            Found::Call { .. } => None,
        }
    }

    /// When the thing that an event names happened, in nanoseconds since the epoch.
    ///
    /// # Errors
    /// The words name nothing, or several things: with the choices.
    pub fn moment(&self, event: &str) -> Result<u64, String> {
        Ok(self.time(self.found(event)?))
    }

    /// When the thing that was found happened, in nanoseconds since the epoch.
    pub fn time(&self, found: Found) -> u64 {
        match found {
            Found::Call { record } => self.records.get(record).map_or(0, Record::moment),
            Found::Segment { .. } => self.evidence().time(found),
        }
    }

    /// Whether the ends are on two hosts, each with a capture of its own.
    pub fn is_of_two_hosts(&self) -> bool {
        self.far.is_some()
    }

    fn evidence(&self) -> Evidence<'_> {
        match &self.far {
            Some(far) => Evidence::at_both_hosts(&self.conversations, far),
            None => Evidence::new(&self.conversations),
        }
    }

    /// Who sent a segment.
    pub fn side(&self, index: usize) -> Option<Side> {
        self.turn(index).map(|(_, turn)| turn.side)
    }

    /// The number of a segment's connection.
    pub fn connection_at(&self, index: usize) -> Option<usize> {
        self.turn(index).map(|(conversation, _)| conversation.number)
    }

    /// The segments of one connection, or of all, as indices.
    ///
    /// # Errors
    /// There is no such connection.
    pub fn segments_of(&self, connection: Option<usize>) -> Result<Vec<usize>, String> {
        if connection.is_none() {
            return Ok((0..self.segments.len()).collect());
        }
        let conversation = self.conversation(connection)?;
        let numbers: Vec<usize> = conversation
            .turns
            .iter()
            .map(|turn| turn.segment.number)
            .collect();
        Ok((0..self.segments.len())
            .filter(|index| numbers.contains(&self.segments[*index].number))
            .collect())
    }

    /// How many bytes of data a side sent, each counted once however often it was sent.
    ///
    /// # Errors
    /// There is no such connection.
    pub fn bytes_from(&self, connection: Option<usize>, side: Side) -> Result<u64, String> {
        let meant = match connection {
            Some(_) => std::slice::from_ref(self.conversation(connection)?),
            None => &self.conversations,
        };
        let turns = meant.iter().flat_map(|conversation| &conversation.turns);
        Ok(turns
            .filter(|turn| turn.side == side)
            .map(|turn| turn.fresh)
            .sum())
    }

    /// The address of a side.
    ///
    /// # Errors
    /// There is no such connection, or several and none was named.
    pub fn end(&self, connection: Option<usize>, side: Side) -> Result<SocketAddr, String> {
        Ok(self.conversation(connection)?.ends[side])
    }

    /// The sequence number that counts as 0 for a segment's sender, or for the other side.
    ///
    /// # Errors
    /// That side was not heard of.
    pub fn origin(&self, index: usize, of_sender: bool) -> Result<u32, String> {
        let unknown =
            || "the capture does not show where these numbers begin; ask for the `absolute` one".to_owned();
        let (conversation, turn) = self.turn(index).ok_or_else(unknown)?;
        let side = if of_sender { turn.side } else { turn.side.peer() };
        conversation.origins[side].ok_or_else(unknown)
    }

    /// The value of a segment's option, in tcpdump's words.
    ///
    /// # Errors
    /// The segment does not carry it, or it has no value.
    pub fn option(&self, index: usize, name: &str) -> Result<String, String> {
        let mut carried = Vec::new();
        for option in self.segments[index].options() {
            let (option, value) = match option {
                TcpOption::MaximumSegmentSize(size) => ("mss", size.to_string()),
                TcpOption::WindowScale(scale) => ("wscale", scale.to_string()),
                TcpOption::Timestamps { value, echo } => ("TS", format!("val {value} ecr {echo}")),
                _ => continue,
            };
            if option == name {
                return Ok(value);
            }
            carried.push(option);
        }
        Err(format!(
            "the segment carries no option `{name}` with a value; the choices are {}",
            choices(carried, "none")
        ))
    }

    fn conversation(&self, number: Option<usize>) -> Result<&Conversation, String> {
        let all = self.conversations.len();
        match number {
            Some(number) => self
                .conversations
                .get(number.wrapping_sub(1))
                .ok_or_else(|| format!("there is no connection {number}; `{}` has {all}", self.name)),
            None if all == 1 => Ok(&self.conversations[0]),
            None => Err(format!(
                "`{}` has {all} connections; say which: `connection 1: …`",
                self.name
            )),
        }
    }

    fn turn(&self, index: usize) -> Option<(&Conversation, &Turn)> {
        let number = self.segments.get(index)?.number;
        self.conversations.iter().find_map(|conversation| {
            let turn = conversation
                .turns
                .iter()
                .find(|turn| turn.segment.number == number)?;
            Some((conversation, turn))
        })
    }
}

/// Gives every cited line the number it has today, 0 where it is gone, and returns today's sources.
fn bring_up_to_date(recording: &mut Recording, root: &Path) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut moved = BTreeMap::new();
    for (file, then) in &recording.sources {
        match fs::read_to_string(root.join(file)) {
            Ok(now) if now == *then => {
                sources.insert(file.clone(), now);
            }
            Ok(now) => {
                moved.insert(file.clone(), cited::today(recording, root, file));
                sources.insert(file.clone(), now);
            }
            Err(_) => {
                moved.insert(file.clone(), None);
            }
        }
    }
    for record in &mut recording.calls {
        let place = match record {
            Record::Call(call) => call.place.as_mut(),
            _ => None,
        };
        if let Some(place) = place
            && let Some(lines) = moved.get(&place.file)
        {
            let line = lines.as_ref().and_then(|lines| lines.get(&place.line));
            place.line = line.copied().unwrap_or(0);
        }
    }
    sources
}

/// The programs at either end, and why their calls were not recorded, where that is so.
fn cast(
    act: &Act,
    records: &[Record],
    conversations: &[Conversation],
) -> (Sides<String>, Sides<Option<String>>) {
    let calls = Calls::new(records, conversations);
    let mut programs: Sides<String> = Sides::default();
    let mut untapped: Sides<Option<String>> = Sides::default();
    for program in &act.programs {
        let seen = program.instances().iter().find_map(|name| calls.side_of(name));
        let called = Side::BOTH
            .into_iter()
            .find(|side| program.name == side.to_string());
        let by_role = if program.is_asked_to_end() {
            Side::Server
        } else {
            Side::Client
        };
        // What has no socket of the conversation, a sniffer say, stands at no end; without calls its name decides.
        let Some(side) = seen.or(called).or(records.is_empty().then_some(by_role)) else {
            continue;
        };
        if !programs[side].split(", ").any(|known| known == program.binary()) {
            if !programs[side].is_empty() {
                programs[side].push_str(", ");
            }
            programs[side].push_str(program.binary());
        }
        if untapped[side].is_none() {
            untapped[side].clone_from(&program.untapped);
        }
    }
    (programs, untapped)
}
