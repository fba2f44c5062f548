//! How a server ends when it is asked to.

use std::time::{Duration, Instant};

use crate::{
    arena::Bout,
    case::{Case, Need},
    client::{Client, MORE_THAN_BUFFERS, Why, difference},
    clock::{said, until},
    failure::{Failure, Stop},
    observe,
    server::{Server, Signal},
    speech::mixed,
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "sigterm-ends-it-within-a-second",
        proves: "SIGTERM ends the server within a second, clients or not.",
        needs: &[],
        run: sigterm,
    },
    Case {
        name: "ctrl-c-ends-it-within-a-second",
        proves: "SIGINT, which ctrl-C sends, ends the server within a second, clients or not.",
        needs: &[],
        run: sigint,
    },
    Case {
        name: "sigterm-leaves-no-child",
        proves: "A second after SIGTERM no child of the server is left, though one of its clients is in the middle of an answer.",
        needs: &[],
        run: children,
    },
    Case {
        name: "sigterm-finishes-what-was-begun",
        proves: "What has come before SIGTERM is answered after it, every connection ends without an RST, then the server ends, and whoever comes later is refused.",
        needs: &[Need::Answers, Need::HalfClose, Need::Graceful],
        run: graceful,
    },
];

const SECOND: Duration = Duration::from_secs(1);

/// How often what was begun must be finished: on a busy machine, a server that cuts its clients off may by chance be
/// through with what they asked before it hears of the signal.
const ENDS: usize = 5;

/// Clients for an end to happen to: one that was served, and two that have not spoken, served or waiting.
fn with_clients(bout: &Bout<'_>, server: &Server) -> Result<[Client; 3], Failure> {
    let served = bout.visit(
        server,
        1,
        "a client before the end",
        "whether the server answers at all",
    )?;
    Ok([served, bout.connect(server)?, bout.connect(server)?])
}

fn sigterm(bout: &Bout<'_>) -> Result<(), Stop> {
    ends(bout, Signal::Term, "SIGTERM")
}

fn sigint(bout: &Bout<'_>) -> Result<(), Stop> {
    ends(bout, Signal::Int, "SIGINT")
}

fn ends(bout: &Bout<'_>, signal: Signal, name: &str) -> Result<(), Stop> {
    let mut server = bout.start()?;
    let _clients = with_clients(bout, &server)?;
    let sent = Instant::now();
    server.signal(signal)?;
    // Waited for somewhat longer, to tell late from never.
    let ended = server.ends_within(bout.clock().at_most(3 * SECOND));
    let took = sent.elapsed();
    if ended.is_some() && took <= SECOND {
        return Ok(());
    }
    let seen = match ended {
        Some(_) => format!("it took {}", said(took)),
        None => format!("it still ran after {}", said(took)),
    };
    Err(Failure::new(
        format!("the server to end within a second of {name}"),
        seen,
        "whether the signal is blocked or ignored, and what a handler of it waits for: a connected client may stay for ever",
    )
    .into())
}

fn children(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    let mut server = bout.start()?;
    // The first asks for more than it reads: whoever serves it waits to write, and hears of no end.
    let mut busy = bout.connect_narrow(&server)?;
    busy.push(
        &bout.travelling(&mixed(1 << 18)),
        Duration::from_millis(20),
        MORE_THAN_BUFFERS,
        || {},
    );
    let _silent = [bout.connect(&server)?, bout.connect(&server)?];
    server.settles(Duration::from_millis(100));
    server.signal(Signal::Term)?;
    // Whether the server itself ends is another case's question.
    server.ends_within(bout.clock().at_most(SECOND));
    let mut left = Vec::new();
    let gone = until(bout.clock().at_most(SECOND), || {
        left = server.family().members();
        left.retain(|member| !member.zombie && member.pid != server.family().leader);
        left.is_empty().then_some(())
    });
    if gone.is_some() {
        return Ok(());
    }
    let names: Vec<String> = left
        .iter()
        .map(|member| format!("{} (process {})", member.name, member.pid))
        .collect();
    Err(Failure::new(
        "no child of the server a second after SIGTERM",
        format!("found {}", names.join(", ")),
        "who ends the children: a signal sent to the server alone does not reach them",
    )
    .into())
}

fn graceful(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    (0..ENDS).try_for_each(|_| finishes(bout))
}

fn finishes(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start()?;
    let clients = bout.at_once(6);
    let asking = clients / 2 + clients % 2;
    let mut idlers = Vec::new();
    for number in asking..clients {
        idlers.push(bout.visit(
            &server,
            number,
            "a client that will be idle",
            "whether the server answers at all",
        )?);
    }
    let mut askers = Vec::new();
    for number in 0..asking {
        askers.push(bout.visit(
            &server,
            number,
            "a client that will ask",
            "whether the server answers at all",
        )?);
    }
    // The server stands still while more is asked and the signal comes: when it goes on, all of this is before it at
    // once, and what it has read before decides nothing.
    server.stand_still(bout.clock().patience())?;
    let sent = bout.travelling(&mixed(32 * 1024));
    for client in &mut askers {
        client
            .send(&sent)
            .map_err(|unsent| unsent.failure("the system: so much fits into the kernel's buffers"))?;
    }
    server.signal(Signal::Term)?;
    server.go_on()?;
    let look = "the order of the end: first no more `accept`, then what has come is read and answered, then each connection is closed, with nothing unread, which would turn the close into an RST";
    for client in &mut askers {
        let mut received = client.receive_to_end(2 * sent.len());
        let why = received.ended.take();
        if difference(&sent, &received).is_none() && matches!(why, Some(Why::EndOfStream)) {
            continue;
        }
        let why = why.map_or_else(|| "more".to_owned(), |why| why.to_string());
        return Err(Failure::new(
            format!(
                "the {} bytes that had come before SIGTERM to be answered, then the end of the stream",
                sent.len()
            ),
            format!("got {} bytes, then {why}", received.bytes.len()),
            look,
        )
        .into());
    }
    for client in &mut idlers {
        let received = client.receive_to_end(1);
        if !matches!(received.ended, Some(Why::EndOfStream)) {
            let why = received
                .ended
                .map_or_else(|| "a byte nobody asked for".to_owned(), |why| why.to_string());
            return Err(Failure::new(
                "an idle client to see the end of the stream after SIGTERM",
                format!("got {why}"),
                look,
            )
            .into());
        }
    }
    drop((askers, idlers));
    if server.ends_within(bout.clock().patience()).is_none() {
        return Err(Failure::new(
            "the server to end once every request is finished",
            "it still ran",
            "what it still waits for when no client is left",
        )
        .into());
    }
    let port = server.address()?.port();
    // Where nobody listens, a connection can meet itself.
    if bout.connect(&server).is_ok_and(|late| late.port() != port) {
        return Err(Failure::new(
            "a client that comes after the end to be refused",
            "it was connected",
            "who still holds the listener: each child that inherited it accepts on",
        )
        .into());
    }
    Ok(())
}
