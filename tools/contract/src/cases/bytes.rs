//! What comes back: every byte, in order, and not one more.

use std::{panic, thread, time::Duration};

use crate::{
    arena::Bout,
    case::{Case, Need},
    client::{Client, READ, Received, Why, difference, too_many},
    failure::{Failure, Stop},
    speech::mixed,
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "every-byte-value-comes-back",
        proves: "All 256 values come back as they were sent, in order, and nothing else does.",
        needs: &[Need::Answers],
        run: every_value,
    },
    Case {
        name: "three-megabytes-both-ways-at-once",
        proves: "A client that sends while it receives gets three megabytes back unchanged.",
        needs: &[Need::Answers],
        run: both_ways,
    },
    Case {
        name: "64-kilobytes-before-anything-is-read",
        proves: "A client that sends 64 KB before it reads gets them back unchanged.",
        needs: &[Need::Answers],
        run: before_reading,
    },
    Case {
        name: "one-byte-at-a-time",
        proves: "Bytes that come one by one are answered one by one; a frame in single bytes is answered when it is whole.",
        needs: &[Need::Answers],
        run: single_bytes,
    },
    Case {
        name: "what-comes-before-the-fin-is-answered",
        proves: "All that a client sent before it finished sending is answered after that, then the stream ends.",
        needs: &[Need::Answers, Need::HalfClose],
        run: before_the_fin,
    },
    Case {
        name: "a-half-close-with-much-still-to-come-back",
        proves: "A client that finishes sending before it reads anything gets all it sent back, more than the buffers in between hold, and then the end of the stream.",
        needs: &[Need::Answers, Need::HalfClose],
        run: much_to_come_back,
    },
];

/// More than a narrow client's room and the server's send buffer together (some 50 KB), and no more than what it may
/// send at once.
const MUCH: usize = 192 * 1024;

/// The message after the last: what comes before its echo was nobody's.
const MARK: &[u8] = b"Hi, ferris?";

fn every_value(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let sent = bout.travelling(&(0..=255).collect::<Vec<u8>>());
    client
        .send(&sent)
        .map_err(|unsent| unsent.failure("whether the server reads at all"))?;
    comes_back(&mut client, &sent)?;
    nothing_more(bout, &mut client, sent.len())?;
    Ok(())
}

fn both_ways(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let mut sender = client
        .second()
        .map_err(|error| Stop::NotHere(format!("a socket cannot be held twice: {error}")))?;
    // No multiple of a buffer's likely size, so that the last read is a short one.
    let sent = bout.travelling(&mixed(3 * 1024 * 1024 + 1234));
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send(&sent));
        let received = client.receive(sent.len());
        let wrong = difference(&sent, &received);
        if wrong.is_some() {
            client.hang_up(); // or the sender would wait for a server that has stopped reading
        }
        let sending = sending.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        match (wrong, sending) {
            (Some(failure), _) => Err(failure),
            (None, Err(unsent)) => Err(unsent.failure("whether the server reads to the end")),
            (None, Ok(())) => Ok(()),
        }
    })?;
    nothing_more(bout, &mut client, sent.len())?;
    Ok(())
}

fn before_reading(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let sent = bout.travelling(&mixed(64 * 1024));
    client.send(&sent).map_err(|unsent| {
        unsent.failure("whether the server stops reading before its own answer is taken: 64 KB fit into the kernel's buffers")
    })?;
    comes_back(&mut client, &sent)?;
    nothing_more(bout, &mut client, sent.len())?;
    Ok(())
}

fn single_bytes(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let look = "whether the server waits for more than has come: one byte is enough to be answered";
    let sent = bout.travelling(b"One byte at a time is a stream, too.");
    let byte_for_byte = sent.len() == 36;
    for (place, byte) in sent.chunks(1).enumerate() {
        client.send(byte).map_err(|unsent| unsent.failure(look))?;
        if byte_for_byte {
            let received = client.receive(1);
            if received.bytes != byte {
                return Err(not_that_byte(place, byte[0], &received, look).into());
            }
        }
    }
    if !byte_for_byte {
        comes_back(&mut client, &sent)?;
    }
    nothing_more(bout, &mut client, sent.len())?;
    Ok(())
}

fn not_that_byte(place: usize, sent: u8, received: &Received, look: &str) -> Failure {
    let expected = format!(
        "byte {} (0x{sent:02x}) of single bytes to come back before the next is sent",
        place + 1
    );
    match (received.bytes.first(), &received.ended) {
        (Some(got), _) => Failure::new(expected, format!("got 0x{got:02x}"), READ),
        (None, Some(why)) => Failure::new(expected, format!("got {why}"), look),
        (None, None) => Failure::new(expected, "got nothing", look),
    }
}

fn before_the_fin(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let sent = bout.travelling(&mixed(64 * 1024));
    client
        .send(&sent)
        .map_err(|unsent| unsent.failure("whether the server reads while its answer is not yet taken"))?;
    client.finish_sending();
    let received = client.receive_to_end(2 * sent.len());
    all_and_the_end(
        &sent,
        received,
        "what is done when `read` returns 0: the client has finished sending, not receiving, and what came before is still to be answered",
    )
}

fn much_to_come_back(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect_narrow(&server)?;
    let sent = bout.travelling(&mixed(MUCH));
    client.send(&sent).map_err(|unsent| {
        if unsent.is_stuck() {
            Stop::NotHere(format!(
                "needs to send {} KB before it reads, more than this system's buffers hold",
                sent.len() >> 10
            ))
        } else {
            unsent.failure("whether the server reads at all").into()
        }
    })?;
    client.finish_sending();
    let received = client.receive_slowly(2 * sent.len());
    all_and_the_end(
        &sent,
        received,
        "what becomes of answers that are not yet written when the client's FIN is seen (`read` returns 0; poll says POLLRDHUP even earlier): they are written first, then the connection is closed",
    )
}

/// Everything has come back, then the end of the stream.
fn all_and_the_end(sent: &[u8], mut received: Received, look: &str) -> Result<(), Stop> {
    let why = received.ended.take();
    if let Some(mut failure) = difference(sent, &received) {
        failure.expected += " after the client's FIN";
        if sent.starts_with(&received.bytes) {
            if let Some(why) = &why {
                failure.seen += &format!(", then {why}");
            }
            failure.look = look.into();
        }
        return Err(failure.into());
    }
    match why {
        Some(Why::EndOfStream) => Ok(()),
        why => Err(Failure::new(
            "the end of the stream after the last answer",
            format!("got {}", why.map_or_else(|| "more bytes".to_owned(), |why| why.to_string())),
            "whether the connection is closed once `read` has returned 0 and everything is answered, and whether another descriptor of it is still open",
        )
        .into()),
    }
}

/// Receives the answer and compares it.
pub(crate) fn comes_back(client: &mut Client, sent: &[u8]) -> Result<(), Failure> {
    difference(sent, &client.receive(sent.len())).map_or(Ok(()), Err)
}

/// Asks once more, and sees that the answer to this comes next: bytes nobody sent would stand before it. Needs no
/// half-close, and waits for nothing but the answer.
pub(crate) fn nothing_more(bout: &Bout<'_>, client: &mut Client, so_far: usize) -> Result<(), Failure> {
    let mark = bout.travelling(MARK);
    let look = "whether the server still reads after its first answers";
    client.send(&mark).map_err(|unsent| unsent.failure(look))?;
    let Received { bytes, ended } = client.receive(mark.len());
    if bytes == mark {
        return Ok(());
    }
    if let Some(why) = ended {
        return Err(Failure::new(
            format!("the {} bytes of one more message back", mark.len()),
            format!("got {}, then {why}", bytes.len()),
            look,
        ));
    }
    let mut more = bytes;
    more.extend(
        client
            .receive_until_quiet(Duration::from_millis(100), 1 << 20)
            .bytes,
    );
    let surplus = more.windows(mark.len()).position(|window| window == mark);
    Err(match surplus {
        Some(surplus) => too_many(so_far, &(so_far + surplus).to_string()),
        None => too_many(so_far, &format!("these and {} that nobody sent", more.len())),
    })
}
