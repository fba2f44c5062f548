//! Calls that were made again and again, folded into one.
//!
//! A program that asks its sockets in a loop, instead of waiting for them, is told `EAGAIN` a hundred thousand times a
//! second. All of it is one thing that happened; as one record with its number it can be stored, compared and drawn.

use std::collections::HashMap;

use wire::call::{Call, Name, Place, Record};

/// What makes two calls of a thread the same question.
#[derive(PartialEq, Eq, Hash)]
struct Question {
    call: Name,
    fd: Option<i32>,
    socket: Option<u32>,
    requested: Option<u64>,
    detail: String,
    place: Option<Place>,
}

/// The records with every call that a thread made again and again in vain as one, which has their number in
/// [`Call::times`]. A thread may ask several sockets in turn; what ends a run is a call of that thread with any other
/// answer than `EAGAIN`, or another process of the program.
pub fn folded(records: Vec<Record>) -> Vec<Record> {
    let mut kept: Vec<Record> = Vec::new();
    let mut running: HashMap<(u32, u32), HashMap<Question, usize>> = HashMap::new();
    for record in records {
        let Record::Call(call) = record else {
            // After a fork or an `exec` the same number may be another socket.
            running.retain(|(process, _), _| *process != record.pid());
            kept.push(record);
            continue;
        };
        let thread = (call.pid, call.thread);
        if call.errno.as_deref() != Some("EAGAIN") {
            running.remove(&thread);
            kept.push(Record::Call(call));
            continue;
        }
        let first = *running
            .entry(thread)
            .or_default()
            .entry(question(&call))
            .or_insert(kept.len());
        match kept.get_mut(first) {
            Some(Record::Call(first)) => {
                first.end = call.end;
                first.times = Some(first.times.unwrap_or(1) + 1);
            }
            _ => kept.push(Record::Call(call)),
        }
    }
    kept
}

fn question(call: &Call) -> Question {
    Question {
        call: call.call,
        fd: call.fd,
        socket: call.socket,
        requested: call.requested,
        detail: call.detail.clone(),
        place: call.place.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One call a word: `recv4` is told to come again, `recv4=11` is not; each takes two nanoseconds, one after another.
    fn calls(words: &str) -> Vec<Record> {
        let mut start = 10;
        let calls = words.split(' ').map(|word| {
            start += 2;
            let (asked, result) = match word.split_once('=') {
                Some((asked, result)) => (asked, result.parse().unwrap()),
                None => (word, -1),
            };
            let (call, fd) = asked.split_at(asked.len() - 1);
            let again = if result < 0 { r#","errno":"EAGAIN""# } else { "" };
            let text = format!(
                r#"{{"kind":"call","start":{start},"end":{},"program":"server","pid":7,"thread":7,"call":"{call}","fd":{fd},"result":{result}{again}}}"#,
                start + 1
            );
            wire::call::read(&text).unwrap().remove(0)
        });
        calls.collect()
    }

    fn shown(records: &[Record]) -> Vec<String> {
        let shown = records.iter().map(|record| match record {
            Record::Call(call) => {
                let (name, fd) = (call.call, call.fd.unwrap());
                let (start, end) = (call.start, call.end.unwrap());
                format!("{name}{fd} x{} {start}-{end}", call.times.unwrap_or(1))
            }
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn what_is_asked_in_turn_is_folded_by_what_is_asked() {
        let folded = folded(calls("accept3 recv4 accept3 recv4 accept3 recv4=11"));
        assert_eq!(
            shown(&folded),
            ["accept3 x3 12-21", "recv4 x2 14-19", "recv4 x1 22-23"]
        );
    }

    #[test]
    fn an_answer_ends_the_run() {
        let folded = folded(calls("recv4 recv4=11 recv4 recv4"));
        assert_eq!(
            shown(&folded),
            ["recv4 x1 12-13", "recv4 x1 14-15", "recv4 x2 16-19"]
        );
    }

    #[test]
    fn answers_are_never_folded() {
        let records = calls("recv4=1 recv4=1 send4=1");
        assert_eq!(folded(records.clone()), records);
    }
}
