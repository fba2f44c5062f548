//! What `wire` reads in a recording: the one place where this crate asks it.

use std::collections::BTreeMap;

use wire::{
    capture::{Capture, CaptureError},
    cause::Calls,
    conversation::{Conversation, Side, conversations},
    event::{Event, Evidence, Ordinal, ParseError, What, names},
    fact::Fact,
    passing::{agreeing, last_states},
    segment::{Flags, Segment, SegmentError},
    skeleton::{Step, skeleton},
    state::{State, states},
    timeline::{Timeline, unknowns},
};

use crate::recording::Recording;

/// A recording, read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its conversations, in the order of their first segments; where there are two hosts, as the client's saw them.
    pub conversations: Vec<Conversation>,
    /// Where there are two hosts, the same conversations as the server's saw them, with the sides that the client's gives
    /// them.
    pub at_server: Option<Vec<Conversation>>,
}

/// A capture that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The file is none, or broken.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A packet of it is broken.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

impl Reading {
    /// Reads a recording's packets.
    ///
    /// # Errors
    /// A capture that is none, or not a whole one, or a packet in it that cannot be read.
    pub fn of(recording: &Recording) -> Result<Reading, ReadingError> {
        let read = |file: &[u8]| Ok::<_, ReadingError>(Capture::parse(file)?.conversations()?);
        let conversations = read(&recording.capture)?;
        let at_server = match &recording.link {
            Some(elsewhere) => Some(agreeing(read(&elsewhere.server)?, &conversations)),
            None => None,
        };
        Ok(Reading {
            conversations,
            at_server,
        })
    }

    /// The skeleton of every conversation.
    pub fn skeletons(&self) -> Vec<Vec<Step>> {
        self.conversations.iter().map(skeleton).collect()
    }

    /// The skeleton of every conversation, each in one line of text.
    pub fn skeleton_lines(&self) -> Vec<String> {
        let line = |skeleton: Vec<Step>| {
            let steps: Vec<String> = skeleton.iter().map(ToString::to_string).collect();
            steps.join(", ")
        };
        self.skeletons().into_iter().map(line).collect()
    }

    /// The state in which each conversation leaves a side, as its own host saw it.
    pub fn final_states(&self, side: Side) -> Vec<State> {
        let both = last_states(&self.conversations, self.at_server.as_deref());
        both.into_iter().map(|states| states[side]).collect()
    }
}

/// Whether the director can wait for this event.
///
/// # Errors
/// It is no event, or none that packets tell: with what would be.
pub fn check_trigger(text: &str) -> Result<(), String> {
    trigger(text).map(drop)
}

/// The event that the director waits for.
///
/// # Errors
/// As [`check_trigger`].
pub fn trigger(text: &str) -> Result<Event, String> {
    let event: Event = text.parse().map_err(|error: ParseError| error.to_string())?;
    match event.what {
        What::Call(_) => {
            return Err(format!(
                "`{text}` is a call, and the director hears packets; wait for the segment that it causes"
            ));
        }
        What::Task(..) => {
            return Err(format!(
                "`{text}` is of a task, and the director hears packets; wait for a segment"
            ));
        }
        What::Signal(_) => {
            return Err(format!(
                "`{text}` is a signal, and the director hears packets; wait for a segment"
            ));
        }
        _ => {}
    }
    if event.ordinal == Some(Ordinal::Last) {
        return Err(format!(
            "`{text}`: which one is the last is known only afterwards; count from the first"
        ));
    }
    Ok(event)
}

/// Whether an event has come, in what one host has seen so far: the first of its kind where it does not say which.
pub fn has_come(event: &Event, segments: &[Segment]) -> bool {
    let seen = conversations(segments.iter().cloned());
    let evidence = Evidence::new(&seen);
    let numbers = match event.connection {
        Some(number) => number..=number,
        None => 1..=seen.len(),
    };
    numbers.into_iter().any(|number| {
        let precise = Event {
            connection: Some(number),
            ordinal: event.ordinal.or(Some(Ordinal::Nth(1))),
            ..*event
        };
        precise.find(&evidence).is_ok()
    })
}

/// All that has a name in what one host has seen.
pub fn all_names(segments: &[Segment]) -> String {
    let seen = conversations(segments.iter().cloned());
    let named = names(&Evidence::new(&seen));
    let words: Vec<String> = named.iter().map(|(event, _)| event.to_string()).collect();
    if words.is_empty() {
        "none".into()
    } else {
        words.join(", ")
    }
}

/// Whether a segment may be what an event names, so that it is worth looking.
pub fn may_be(event: &Event, segment: &Segment) -> bool {
    match event.what {
        What::Syn => segment.has(Flags::SYN),
        What::Fin => segment.has(Flags::FIN),
        What::Rst => segment.has(Flags::RST),
        What::Data => segment.length > 0,
        What::Ack => segment.is_pure_ack(),
        What::Call(_) | What::Task(..) | What::Signal(_) => false,
    }
}

/// Whether every conversation is over at both ends. True where there is none.
pub fn is_over(segments: &[Segment]) -> bool {
    let seen = conversations(segments.iter().cloned());
    seen.iter()
        .all(|conversation| states(conversation).are_terminal())
}

/// Whether a text is a fact that can be checked.
///
/// # Errors
/// It is none: with what would be.
pub fn check_fact(text: &str) -> Result<(), String> {
    text.parse::<Fact>().map(drop).map_err(|error| error.to_string())
}

/// What a recording shows instead of these facts: one complaint for each that it does not show, with the fact's place in
/// the list.
pub fn not_shown(recording: &Recording, reading: &Reading, facts: &[&str]) -> Vec<(usize, String)> {
    let conversations = &reading.conversations;
    let calls = Calls::new(&recording.calls, conversations);
    let evidence = match &reading.at_server {
        Some(at_server) => Evidence::at_both_hosts(conversations, at_server),
        None => Evidence::new(conversations),
    };
    let evidence = if recording.calls.is_empty() {
        evidence
    } else {
        evidence.with_calls(&calls)
    };
    let complaint = |text: &str| match text.parse::<Fact>() {
        Err(error) => Some(error.to_string()),
        Ok(fact) => match fact.check(&evidence) {
            Ok(verdict) if verdict.holds => None,
            Ok(verdict) => Some(verdict.seen),
            Err(error) => Some(error.to_string()),
        },
    };
    let complaints = facts.iter().enumerate();
    complaints
        .filter_map(|(index, text)| Some((index, complaint(text)?)))
        .collect()
}

/// `timeline.txt`: calls, segments and states on one clock, in five lanes; where there are two hosts, every
/// segment leaves at one time and arrives at another.
///
/// # Errors
/// The capture cannot be read.
pub fn timeline(recording: &Recording) -> Result<String, ReadingError> {
    let text = with_timeline(recording, |timeline| timeline.text())?;
    let untapped = untapped(recording)
        .map(|(name, why)| format!("{name}: its calls were not recorded: {why}\n"))
        .collect::<String>();
    Ok(untapped + &text)
}

/// The programs whose calls were not recorded, and why.
fn untapped(recording: &Recording) -> impl Iterator<Item = (&str, &str)> {
    let programs = recording.manifest.act.programs.iter();
    programs.filter_map(|program| Some((program.name.as_str(), program.untapped.as_deref()?)))
}

/// How many segments of a recording have no cause that can be told, by the reason. Empty where each has one; those of a
/// side whose program's calls were not recorded are not counted.
///
/// # Errors
/// The capture cannot be read.
pub fn unknown_causes(recording: &Recording) -> Result<BTreeMap<String, usize>, ReadingError> {
    let some_untapped = untapped(recording).next().is_some();
    with_timeline(recording, |timeline| unknowns(timeline, some_untapped))
}

fn with_timeline<T>(recording: &Recording, ask: impl FnOnce(&Timeline<'_>) -> T) -> Result<T, ReadingError> {
    let reading = Reading::of(recording)?;
    let calls = Calls::new(&recording.calls, &reading.conversations);
    let at_server = reading.at_server.as_deref();
    let timeline = Timeline::new(&reading.conversations, at_server, &calls);
    Ok(ask(&timeline.with_sources(&recording.sources)))
}
