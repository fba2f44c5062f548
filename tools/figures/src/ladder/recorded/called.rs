//! Which calls are drawn, and in what words.

use std::collections::BTreeMap;

use wire::{
    call::{Call as Made, Name, Place, Record},
    cause::Calls,
    conversation::Side,
};

use super::{
    super::{Call, Source},
    fields,
};

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
        Name::Shutdown | Name::Setsockopt => !call.detail.is_empty(),
        name if name.receives() => call.detail.contains("MSG_PEEK"),
        _ => false,
    };
    if telling {
        words = format!("{words} {}", call.detail);
    }
    match (&call.errno, call.result) {
        (Some(errno), _) => format!("{words} = {errno}"),
        (None, Some(result)) => format!("{words} = {result}"),
        (None, None) => format!("{words} …"),
    }
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

/// A line of source without the comment at its end, which belongs to the listing.
fn without_comment(text: &str) -> &str {
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '/' if !quoted && text[at..].starts_with("// ") => return text[..at].trim_end(),
            _ => {}
        }
    }
    text
}

/// A line that continues the one before (`.await`, `.write_all(…)`), with what it continues, on one line. None where the
/// file no longer has the line, or the line begins with itself.
fn statement(file: &str, place: &Place) -> Option<String> {
    let lines: Vec<&str> = file.lines().map(|line| without_comment(line.trim())).collect();
    let last = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let mut first = last;
    if *lines.get(last)? != without_comment(place.text.trim()) {
        return None;
    }
    while lines.get(first)?.starts_with('.') {
        first = first.checked_sub(1)?;
    }
    // The end of a closure or of a list: its beginning is further up than a reader can be shown.
    if first == last || lines[first].starts_with([')', '}', ']']) {
        return None;
    }
    Some(lines[first..=last].concat())
}

/// The lifeline's end of a call: its conversation, where it has one, and its side.
pub fn end_of(record: usize, calls: &Calls<'_>) -> Option<(Option<usize>, Side)> {
    let owner = calls.owner(record)?;
    Some((owner.conversation, owner.side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, line: u32, text: &str) -> Option<String> {
        let place = Place {
            file: "a.rs".into(),
            line,
            function: "main".into(),
            text: text.into(),
            dropped: None,
        };
        statement(file, &place)
    }

    #[test]
    fn a_line_that_continues_another_is_shown_with_it() {
        let file = "let x = 1;\nlet mut stream = TcpStream::connect(&address)\n    .await\n    .context(1)?;\nstream\n    .write_all(b)\n";
        assert_eq!(
            at(file, 3, ".await").as_deref(),
            Some("let mut stream = TcpStream::connect(&address).await")
        );
        assert_eq!(
            at(file, 6, ".write_all(b)").as_deref(),
            Some("stream.write_all(b)")
        );
        assert_eq!(at(file, 1, "let x = 1;"), None);
        assert_eq!(at(file, 9, ".await"), None);
        assert_eq!(at("run(|| {\n    1\n})\n.await", 4, ".await"), None);
    }

    #[test]
    fn the_comment_at_the_end_of_a_line_is_left_out_and_an_address_is_none() {
        assert_eq!(
            without_comment("stream.write_all(b)?; // (1) all of it"),
            "stream.write_all(b)?;"
        );
        assert_eq!(without_comment("get(\"http:// x\")?;"), "get(\"http:// x\")?;");
        assert_eq!(without_comment("a / b"), "a / b");
    }

    #[test]
    fn a_file_that_has_changed_since_is_not_asked() {
        assert_eq!(at("stream\n    .read(b)\n", 2, ".write_all(b)"), None);
    }
}
