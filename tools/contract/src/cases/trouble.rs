//! Clients that are no pleasure, and an output nobody reads: the server survives, and others are served meanwhile.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::{
    arena::Bout,
    case::{Case, Need},
    clock::until,
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
    let lost = |client: crate::client::Client| {
        client
            .reset()
            .map_err(|error| Stop::NotHere(format!("cannot close with an RST (SO_LINGER): {error}")))
    };
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
fn goes_on(bout: &Bout<'_>, server: &mut Server, when: &str, look: &str) -> Result<(), Stop> {
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
fn has_not_ended(bout: &Bout<'_>, server: &mut Server, when: &str, look: &str) -> Result<(), Stop> {
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
