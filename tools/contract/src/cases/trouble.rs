//! Clients that are no pleasure, and an output nobody reads: the server survives, and others are served meanwhile.

use std::{
    mem, thread,
    time::{Duration, Instant},
};

use crate::{
    arena::Bout,
    case::{Case, Need},
    cases::bytes::nothing_more,
    client::{Client, difference},
    clock::{said, until},
    failure::{Failure, Stop},
    observe,
    server::Server,
    speech::mixed,
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "an-empty-connection-is-survived",
        proves: "A client that connects and closes without a word does no harm.",
        needs: &[],
        run: empty,
    },
    Case {
        name: "a-reset-in-mid-stream-is-survived",
        proves: "Clients that reset their connections, at once, before their answer or in the middle of much data, do no harm.",
        needs: &[],
        run: reset,
    },
    Case {
        name: "a-client-that-never-reads-costs-bounded-memory",
        proves: "A client that sends and never reads is not read for ever: the server's memory stays bounded.",
        needs: &[],
        run: memory,
    },
    Case {
        name: "a-client-that-never-reads-holds-nobody-up",
        proves: "While a client sends and never reads, others are served.",
        needs: &[Need::Answers, Need::AtOnce(2)],
        run: never_reads,
    },
    Case {
        name: "a-client-that-reads-again-gets-every-byte",
        proves: "A client that has sent until nothing more was taken, and then reads, gets every byte back unchanged; meanwhile others are served and the server's memory stays bounded.",
        needs: &[Need::Answers],
        run: reads_again,
    },
    Case {
        name: "readiness-without-data-is-survived",
        proves: "Connections that are gone before they are accepted, and a byte of urgent data, which wakes a reader and is no answer to `read`, neither end the server nor hold it up nor make it spin.",
        needs: &[Need::Answers],
        run: without_data,
    },
    Case {
        name: "a-closed-output-is-survived",
        proves: "When nobody reads its standard output any more, the server goes on serving.",
        needs: &[],
        run: closed_output,
    },
];

/// How long nobody takes anything from a client that pushes before it is said to be stuck.
const STUCK: Duration = Duration::from_millis(250);

/// What a client that never reads sends at most: much more than the kernel's buffers at both ends hold.
const FLOOD: usize = 64 << 20;

/// How much more memory a server may use meanwhile.
const GROWTH: u64 = 16 << 20;

fn empty(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start()?;
    for _ in 0..5 {
        drop(bout.connect(&server)?);
    }
    let when = "after clients that closed without a word";
    let look = "what is done when the very first `read` returns 0";
    goes_on(bout, &mut server, when, look)?;
    has_not_ended(bout, &mut server, when, look)
}

#[cfg(unix)]
fn reset(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start()?;
    let look =
        "what is done with an error of `accept`, `read` or `write`: it ends one connection, not the server";
    for round in 1..=5 {
        lost(bout.connect(&server)?)?;
        goes_on(
            bout,
            &mut server,
            &format!("after reset {round} before a word"),
            look,
        )?;
        let mut client = bout.connect(&server)?;
        client.say(&bout.greeting(round), "a client about to reset", look)?;
        lost(client)?;
        goes_on(
            bout,
            &mut server,
            &format!("after reset {round} before the answer was read"),
            look,
        )?;
        let mut client = bout.connect(&server)?;
        // Sent without waiting: how much of it is under way, and in which direction, is the point.
        client.push(
            &bout.travelling(&mixed(64 * 1024)),
            Duration::from_millis(5),
            1 << 20,
            || {},
        );
        lost(client)?;
        goes_on(
            bout,
            &mut server,
            &format!("after reset {round} in mid-stream"),
            look,
        )?;
    }
    has_not_ended(bout, &mut server, "after clients that reset", look)
}

/// Closes with an RST.
#[cfg(unix)]
fn lost(client: Client) -> Result<(), Stop> {
    client
        .reset()
        .map_err(|error| Stop::NotHere(format!("cannot close with an RST (SO_LINGER): {error}")))
}

#[cfg(not(unix))]
fn lost(_client: Client) -> Result<(), Stop> {
    Err(Stop::NotHere(
        "closes with an RST, which is written for Unix only".into(),
    ))
}

#[cfg(not(unix))]
fn reset(_bout: &Bout<'_>) -> Result<(), Stop> {
    Err(Stop::NotHere(
        "closes with an RST, which is written for Unix only".into(),
    ))
}

fn memory(bout: &Bout<'_>) -> Result<(), Stop> {
    let observed = observe::possible();
    if !bout.answers() {
        observed?; // a service that swallows everything may well be right; only its memory tells
    }
    let server = bout.start()?;
    let look = "whether the server reads on while its answers are not taken: what it has read and cannot write has to stay somewhere";
    drop(bout.visit(
        &server,
        1,
        "a client before the flood",
        "whether the server answers at all",
    )?);
    let before = server.family().resident();
    let mut most = before;
    let mut next_look = Instant::now();
    let mut client = bout.connect(&server)?;
    let source = bout.travelling(&mixed(1 << 20));
    let pushed = client.push(&source, STUCK, FLOOD, || {
        if Instant::now() >= next_look {
            most = most.max(server.family().resident());
            next_look = Instant::now() + Duration::from_millis(50);
        }
    });
    most = most.max(server.family().resident());
    let growth = most - before;
    if growth > GROWTH {
        return Err(Failure::new(
            format!(
                "at most {} MB more memory for a client that never reads",
                GROWTH >> 20
            ),
            format!(
                "the server used {} MB more when {} MB were sent",
                growth >> 20,
                pushed >> 20
            ),
            look,
        )
        .into());
    }
    if bout.answers() && pushed >= FLOOD {
        return Err(Failure::new(
            "the server to stop reading from a client that never reads",
            format!("it took all {} MB", FLOOD >> 20),
            look,
        )
        .into());
    }
    Ok(())
}

fn never_reads(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut client = bout.connect(&server)?;
    let pushed = client.push(&bout.travelling(&mixed(1 << 20)), STUCK, FLOOD / 4, || {});
    for number in 1..=3 {
        let who = format!(
            "client {number}, while another has sent {} KB and reads nothing",
            pushed >> 10
        );
        bout.visit(
            &server,
            number,
            &who,
            "who waits in `write` for the client that does not read: nobody else should",
        )?;
    }
    Ok(())
}

/// How long nobody takes anything from a narrow client before it is said to be stuck: a server with work to do may be
/// slower, and then less has been sent, and what has still comes back.
const NARROW_STUCK: Duration = Duration::from_millis(100);

fn reads_again(bout: &Bout<'_>) -> Result<(), Stop> {
    const LIMIT: usize = 24 << 20;
    let server = bout.start()?;
    let alone = bout.claims().served_at_once() == Some(1);
    let mut client = bout.connect_narrow(&server)?;
    // Whole frames, so that it can be repeated.
    let source = bout.travelling(&mixed(1_000_000));
    let before = observe::possible().is_ok().then(|| server.family().resident());
    let pushed = client.push(&source, NARROW_STUCK, LIMIT, || {});
    if let Some(before) = before {
        let growth = server.family().resident().saturating_sub(before);
        if growth > GROWTH {
            return Err(Failure::new(
                format!(
                    "at most {} MB more memory while a client does not read",
                    GROWTH >> 20
                ),
                format!(
                    "the server used {} MB more when {} MB were sent",
                    growth >> 20,
                    pushed >> 20
                ),
                "whether the server reads on while its answers are not taken",
            )
            .into());
        }
    }
    if !alone {
        let who = format!(
            "a client, while another has sent {} KB and not yet read",
            pushed >> 10
        );
        bout.visit(
            &server,
            1,
            &who,
            "who waits in `write` for the client that does not read",
        )?;
    }
    // What was begun is finished, since half a frame is not answered; and a stream of bytes ends at no multiple of a
    // buffer's likely size, so that the last read is a short one.
    let frame = bout.travelling(&mixed(1000)).len();
    let end = match frame {
        1000 => pushed.next_multiple_of(1000) + 11,
        _ => pushed.next_multiple_of(frame),
    };
    let sent = |from: usize, to: usize| -> Vec<u8> {
        // A part is shorter than the source.
        let turn = from % source.len();
        let twice = [&source[turn..], &source[..turn]].concat();
        twice[..to - from].to_vec()
    };
    let first = pushed.saturating_sub(frame);
    let look = "what becomes of bytes that `write` has not taken (it may take less than it is given, or none): they are kept and written when there is room, in their order";
    let comes = |client: &mut Client, from, to| match difference(&sent(from, to), &client.receive(to - from))
    {
        None => Ok(()),
        Some(failure) => Err(Failure::new(
            format!("all {pushed} bytes back once the client reads again"),
            format!("at byte {from} of them it {}", failure.seen),
            look,
        )),
    };
    for part in (0..first).step_by(1 << 16) {
        comes(&mut client, part, first.min(part + (1 << 16)))?;
    }
    client
        .send(&sent(pushed, end))
        .map_err(|unsent| unsent.failure("whether the server reads on when its answers are taken again"))?;
    comes(&mut client, first, end)?;
    nothing_more(bout, &mut client, end)?;
    Ok(())
}

fn without_data(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start()?;
    // Gone before they are accepted, with an RST, with a FIN, with data that nobody reads.
    server.stand_still(bout.clock().patience())?;
    for round in 0..3 {
        drop(bout.connect(&server)?);
        lost(bout.connect(&server)?)?;
        let mut client = bout.connect(&server)?;
        client.say(&bout.greeting(round), "a client about to reset", "the system")?;
        lost(client)?;
    }
    server.go_on()?;
    let when = "whose clients were gone before they were accepted";
    let look = "what is asked of a connection that `accept` has returned: it may be over (`peer_addr` fails then), and the first `read` says so";
    goes_on(bout, &mut server, when, look)?;
    // Urgent data wake whoever waits to read, and stand beside the stream.
    let look = "whether a server that was woken expects data: a call that waits may have been woken for nothing, and a read that finds nothing is asked again when the next event comes";
    let who = "a client that has sent a byte of urgent data";
    let mut client = bout.connect(&server)?;
    client.is_answered(&bout.greeting(1), who, look)?;
    client
        .send_urgent(b'!')
        .map_err(|error| Stop::NotHere(format!("cannot send urgent data (MSG_OOB): {error}")))?;
    if bout.claims().served_at_once().is_none_or(|places| places > 1) {
        goes_on(
            bout,
            &mut server,
            "of which another client has sent a byte of urgent data",
            look,
        )?;
    }
    does_not_spin(bout, &server, look)?;
    let greeting = bout.greeting(2);
    client.say(&greeting, who, look)?;
    let answer = client.receive(greeting.len());
    // A server may ask for urgent data in line (SO_OOBINLINE), and then they are data like any other.
    let inline = [b"!", &greeting[..greeting.len() - 1]].concat();
    if answer.bytes != greeting && answer.bytes != inline {
        let failure = difference(&greeting, &answer).unwrap_or_else(|| Failure::new("", "", look));
        return Err(Failure::new(format!("{} for {who}", failure.expected), failure.seen, look).into());
    }
    drop(client);
    has_not_ended(bout, &mut server, when, look)
}

/// How long the processor time is watched, how often, and the part of it that may be spent: a twentieth, since a server may
/// try something again, with a pause in between. What is left to
/// do from before is done in the first windows.
const WINDOW: Duration = Duration::from_millis(100);
const WINDOWS: usize = 5;
const SPENT: u32 = 20;

/// The server waits, as far as this system tells, rather than ask again and again; no more than it does anyway, which is
/// another case's question.
pub(crate) fn does_not_spin(bout: &Bout<'_>, server: &Server, look: &str) -> Result<(), Stop> {
    let Some(least) = least_spent(server, WINDOW / SPENT) else {
        return Ok(()); // no such count is kept here, and the rest can still be asked
    };
    if least <= WINDOW / SPENT {
        return Ok(());
    }
    let untroubled = bout.start()?;
    let _client = bout.visit(&untroubled, 1, "a client", "whether the server answers at all")?;
    let anyway = least_spent(&untroubled, Duration::ZERO).unwrap_or_default();
    // One that never rests spends all it gets.
    if least <= 2 * anyway + WINDOW / SPENT {
        return Ok(());
    }
    Err(Failure::new(
        "a server that waits, and spends no processor time on it",
        format!(
            "it used {:.1} ms of {} or more in each of {WINDOWS} windows",
            least.as_secs_f64() * 1e3,
            said(WINDOW)
        ),
        look,
    )
    .into())
}

/// The least processor time that was spent in one of several windows; no further window is watched once `enough` or less
/// was. On a busy machine, who spins may get no processor at all for a while: so a window counts only if the server
/// rests at its end.
fn least_spent(server: &Server, enough: Duration) -> Option<Duration> {
    let mut least = WINDOW;
    for _ in 0..WINDOWS {
        let before = server.family().cpu()?;
        thread::sleep(WINDOW);
        let spent = server.family().cpu()?.saturating_sub(before);
        if server.family().rests(Duration::ZERO) {
            least = least.min(spent);
        }
        if least <= enough {
            break;
        }
    }
    Some(least)
}

const UNREAD: &str = "whose standard output nobody reads";

fn closed_output(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start_unread()?;
    let stdout = &server.witness().stdout.clone();
    let look = "what writes to standard output: `println!` panics when nobody reads any more (and where SIGPIPE has its default action, a write ends the process)";
    // What has been said closes the pipe as soon as it is read; a server that has said nothing yet may speak to its
    // first clients.
    let mut a_word = Duration::from_millis(500);
    for _ in 0..5 {
        let patience = match stdout.first_line() {
            Some(_) => bout.clock().patience(),
            None => bout.clock().at_most(mem::take(&mut a_word)),
        };
        until(patience, || stdout.is_closed().then_some(()));
        goes_on(bout, &mut server, UNREAD, look)?;
    }
    has_not_ended(bout, &mut server, UNREAD, look)
}

/// A new client is served, and if not: has the server ended?
pub(crate) fn goes_on(bout: &Bout<'_>, server: &mut Server, when: &str, look: &str) -> Result<(), Stop> {
    let visited = bout.visit(server, 1, &format!("a client of a server {when}"), look);
    if visited.is_err() {
        // The end of a process is noticed a moment after that of its connections.
        still_runs(
            server,
            bout.clock().at_most(Duration::from_millis(500)),
            when,
            look,
        )?;
    }
    visited?;
    Ok(())
}

/// The server has not ended, and it has had time to: it has let go of every client, or as long as it may take for that.
/// A client can be served while the thread of one before it has still to wake up and take the server with it.
pub(crate) fn has_not_ended(
    bout: &Bout<'_>,
    server: &mut Server,
    when: &str,
    look: &str,
) -> Result<(), Stop> {
    const LET_GO: Duration = Duration::from_secs(1);
    let port = server.address()?.port();
    if observe::possible().is_ok() {
        until(bout.clock().at_most(LET_GO), || {
            (server.ended().is_some() || server.family().connections(port) == 0).then_some(())
        });
    }
    still_runs(
        server,
        bout.clock().at_most(Duration::from_millis(10)),
        when,
        look,
    )
}

fn still_runs(server: &mut Server, moment: Duration, when: &str, look: &str) -> Result<(), Stop> {
    match server.ends_within(moment) {
        None => Ok(()),
        Some(status) => Err(Failure::new(
            format!("the server to go on {when}"),
            format!("it ended ({status})"),
            look,
        )
        .into()),
    }
}
