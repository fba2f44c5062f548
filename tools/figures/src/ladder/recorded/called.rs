//! Which calls are drawn, and in what words.

use std::collections::BTreeMap;

use wire::{
    call::{Call as Made, Name, Place, Record, statement, without_comment},
    cause::Calls,
    conversation::Side,
};

use super::{
    super::{Call, Source},
    fields,
};
use crate::number::count;

/// How many of the calls are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Those that tell what happens to the connection: `listen`, `connect`, `accept`, what sends and receives, `shutdown`,
    /// `close`, and whatever caused or released a segment.
    #[default]
    Story,
    /// Also those that wait for several descriptors (`epoll_wait`), and those that were told to come again (`EAGAIN`).
    Waits,
    /// All.
    All,
}

/// Whether a call is drawn on its own account; one that caused a segment is drawn with it in any case.
pub fn is_told(call: &Made, detail: Detail, calls: &Calls<'_>) -> bool {
    if call.end.is_none() {
        return false;
    }
    let again = matches!(call.errno.as_deref(), Some("EAGAIN" | "EWOULDBLOCK" | "EINTR"));
    let story = match call.call {
        Name::Connect | Name::Shutdown | Name::Close => call.socket.is_some() && !is_listener(call, calls),
        Name::Listen => true,
        name => name.accepts() || name.sends() || name.receives(),
    };
    match detail {
        Detail::Story => story && !again,
        Detail::Waits => story || call.call.waits() && concerns(call, calls),
        Detail::All => true,
    }
}

/// When a call is shown: one that takes or waits where it returned, one that gives where it began.
pub fn shown_at(call: &Made) -> u64 {
    let name = call.call;
    if name.receives() || name.accepts() || name.waits() {
        call.end.unwrap_or(call.start)
    } else {
        call.start
    }
}

/// Whether the call is about a socket that listens: its end is no part of any connection's story.
fn is_listener(call: &Made, calls: &Calls<'_>) -> bool {
    calls.records().iter().any(|record| match record {
        Record::Call(other) => other.call == Name::Listen && other.socket == call.socket,
        _ => false,
    })
}

/// Whether a call that waits was told something about a socket.
fn concerns(call: &Made, calls: &Calls<'_>) -> bool {
    let known = |socket| {
        calls.records().iter().any(|record| match record {
            Record::Call(other) => other.socket == Some(socket),
            _ => false,
        })
    };
    call.ready.iter().any(|ready| ready.socket.is_some_and(known))
}

/// A call as it is drawn.
pub fn drawn(call: &Made, at: usize, shared: bool, sources: &BTreeMap<String, String>) -> Call {
    Call {
        at,
        shared,
        text: words(call),
        source: call.place.as_ref().map(|place| source(place, sources)),
        since: None,
        until: None,
        fields: fields::of_call(call),
    }
}

/// The call with what decides its meaning, and its result: `shutdown SHUT_WR = 0`, `recv = ECONNRESET`.
fn words(call: &Made) -> String {
    let mut words = call.call.to_string();
    let telling = match call.call {
        Name::Shutdown | Name::Setsockopt | Name::Getsockopt => !call.detail.is_empty(),
        name if name.receives() => call.detail.contains("MSG_PEEK"),
        _ => false,
    };
    if telling {
        words = format!("{words} {}", call.detail);
    }
    match (&call.errno, call.result) {
        (Some(errno), _) if call.times.is_some() => {
            format!("{words} = {errno}, {}", times(call))
        }
        (Some(errno), _) => format!("{words} = {errno}"),
        (None, Some(result))
            if call.call.sends() && call.requested.is_some_and(|all| result != all as i64) =>
        {
            format!("{words} = {result} of {}", call.requested.unwrap_or_default())
        }
        (None, Some(result)) => format!("{words} = {result}"),
        (None, None) => format!("{words} …"),
    }
}

/// How often the call was made, as it is drawn: `2,140 times`.
fn times(call: &Made) -> String {
    format!("{} times", count(call.times.unwrap_or(1)))
}

fn source(place: &Place, sources: &BTreeMap<String, String>) -> Source {
    let text = match &place.dropped {
        Some(dropped) => format!("}} drops {dropped}"),
        None => sources
            .get(&place.file)
            .and_then(|file| statement(file, place))
            .unwrap_or_else(|| place.text.clone()),
    };
    let text = without_comment(&text).to_owned();
    Source {
        file: place.file.clone(),
        line: place.line,
        text,
    }
}

/// The lifeline's end of a call: its conversation, where it has one, and its side.
pub fn end_of(record: usize, calls: &Calls<'_>) -> Option<(Option<usize>, Side)> {
    let owner = calls.owner(record)?;
    Some((owner.conversation, owner.side))
}
