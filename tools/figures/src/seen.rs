//! A recording, read: what figures and numbers are made from. This is where the preprocessor asks `wire`.

use std::net::SocketAddr;

use stage::{output::Output, recording::Recording};
pub use wire::conversation::Side;
use wire::{
    capture::Capture,
    conversation::{Conversation, Turn, conversations},
    event::{Event, Evidence, Found, ParseError},
    segment::{Segment, TcpOption},
};

use crate::problem::choices;

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
}

impl Seen {
    /// Reads a recording's capture.
    ///
    /// # Errors
    /// What is wrong with the capture, with the packet's number.
    pub fn of(name: &str, title: &str, recording: Recording) -> Result<Seen, String> {
        let capture = Capture::parse(&recording.capture).map_err(|error| error.to_string())?;
        let segments = capture.segments().map_err(|error| error.to_string())?;
        if segments.is_empty() {
            return Err("it holds no TCP segment".into());
        }
        Ok(Seen {
            name: name.to_owned(),
            title: title.to_owned(),
            kernel: recording.manifest.kernel,
            date: recording.manifest.date,
            output: recording.output,
            conversations: conversations(segments.iter().cloned()),
            segments,
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

    /// The segment that an event names, as an index.
    ///
    /// # Errors
    /// The words name nothing, several things, or a call: with the choices.
    pub fn find(&self, event: &str) -> Result<usize, String> {
        let Found::Segment { conversation, turn } = self.found(event)? else {
            return Err(format!("`{event}` is a call; name a segment here"));
        };
        let number = self.conversations[conversation].turns[turn].segment.number;
        let index = self.segments.iter().position(|segment| segment.number == number);
        index.ok_or_else(|| format!("`{event}` is not in the capture"))
    }

    /// When the thing that an event names happened, in nanoseconds since the epoch.
    ///
    /// # Errors
    /// The words name nothing, or several things: with the choices.
    pub fn moment(&self, event: &str) -> Result<u64, String> {
        Ok(self.evidence().time(self.found(event)?))
    }

    fn found(&self, event: &str) -> Result<Found, String> {
        let event: Event = event.parse().map_err(|error: ParseError| error.to_string())?;
        event.find(&self.evidence()).map_err(|error| error.to_string())
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::new(&self.conversations)
    }

    /// Who sent a segment.
    pub fn side(&self, index: usize) -> Option<Side> {
        self.turn(index).map(|(_, turn)| turn.side)
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
