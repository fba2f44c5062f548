//! What clients leave behind when they are gone: nothing. And what they cost while they say nothing: no time.

use std::{thread, time::Duration};

use crate::{
    arena::Bout,
    case::Case,
    clock::said,
    failure::{Failure, Stop},
    observe::{self, Family},
    server::Server,
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "connections-leave-no-descriptor",
        proves: "After 500 connections, one after another, the server has no more descriptors open than before.",
        needs: &[],
        run: descriptors,
    },
    Case {
        name: "connections-leave-no-thread",
        proves: "After 500 connections, one after another, the server has no more threads than before.",
        needs: &[],
        run: threads,
    },
    Case {
        name: "connections-leave-no-process",
        proves: "After 500 connections, one after another, the server has no more children than before, zombies counted.",
        needs: &[],
        run: processes,
    },
    Case {
        name: "idle-connections-cost-no-cpu",
        proves: "While fifty clients (fewer, where the claim is lower) are connected and say nothing, the server uses no processor time.",
        needs: &[],
        run: idle,
    },
];

/// Connections before the count, so that what is made once and kept is there.
const WARM_UP: usize = 10;

/// Connections between the counts.
const CONNECTIONS: usize = 500;

/// What a runtime may open or start by itself meanwhile; a leak grows with the connections.
const SLACK: usize = 4;

/// Clients that say nothing.
const IDLE: usize = 50;

/// How long the processor time is watched.
const WINDOW: Duration = Duration::from_millis(200);

/// How often: what is left to do from before is done in the first windows, a busy loop is in all of them.
const WINDOWS: usize = 5;

/// The part of a window that may be spent: one hundredth.
const SPENT: u32 = 100;

fn descriptors(bout: &Bout<'_>) -> Result<(), Stop> {
    leave_nothing(
        bout,
        Family::descriptors,
        "descriptors",
        "who still holds the socket after the client is gone: a clone, a list of clients, a child that inherited it",
    )
}

fn threads(bout: &Bout<'_>) -> Result<(), Stop> {
    leave_nothing(
        bout,
        Family::threads,
        "threads",
        "what the thread of a client that is gone still waits for",
    )
}

fn processes(bout: &Bout<'_>) -> Result<(), Stop> {
    leave_nothing(
        bout,
        |family| family.members().len(),
        "processes",
        "whether a child that has ended is waited for (a zombie is one that is not), and what a child still does when its client is gone",
    )
}

fn leave_nothing(
    bout: &Bout<'_>,
    count: impl Fn(&Family) -> usize,
    what: &str,
    look: &str,
) -> Result<(), Stop> {
    observe::possible()?;
    let server = bout.start()?;
    one_after_another(bout, &server, WARM_UP)?;
    let before = count(server.family());
    one_after_another(bout, &server, CONNECTIONS)?;
    let mut now = 0;
    let settled = bout.clock().until(|| {
        now = count(server.family());
        (now <= before + SLACK).then_some(())
    });
    if settled.is_some() {
        return Ok(());
    }
    Err(Failure::new(
        format!("about {before} {what} after {CONNECTIONS} connections, as before them"),
        format!("the server had {now}"),
        look,
    )
    .into())
}

fn one_after_another(bout: &Bout<'_>, server: &Server, clients: usize) -> Result<(), Failure> {
    for number in 0..clients {
        let who = format!("client {number} of {clients}, one after another");
        let visitor = bout.visit(
            server,
            number,
            &who,
            "what runs out: descriptors, threads, places in a list",
        )?;
        drop(visitor);
    }
    Ok(())
}

fn idle(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    let server = bout.start()?;
    if server.family().cpu().is_none() {
        return Err(Stop::NotHere(
            "reads /proc/PID/schedstat, which this kernel does not keep".into(),
        ));
    }
    // One has spoken, the others have not, and where there are not places for all, two wait for one: more might not
    // fit into the queue of a small backlog.
    let idle = IDLE.min(bout.claims().served_at_once().map_or(IDLE, |places| places + 2));
    let mut clients = vec![bout.visit(
        &server,
        1,
        "a client that will be idle",
        "whether the server answers at all",
    )?];
    for _ in 1..idle {
        clients.push(bout.connect(&server)?);
    }
    let mut least = Duration::MAX;
    for _ in 0..WINDOWS {
        let before = server.family().cpu().unwrap_or_default();
        thread::sleep(WINDOW);
        let spent = server.family().cpu().unwrap_or_default().saturating_sub(before);
        least = least.min(spent);
        if spent <= WINDOW / SPENT {
            return Ok(());
        }
    }
    Err(Failure::new(
        format!("no processor time while {} clients are connected and say nothing", clients.len()),
        format!("it used {:.1} ms of {} or more in each of {WINDOWS} windows", least.as_secs_f64() * 1e3, said(WINDOW)),
        "what the server asks again and again instead of waiting: a non-blocking call in a loop, a timeout of zero, an event nobody takes",
    )
    .into())
}
