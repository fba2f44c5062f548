//! Many clients: who is served, who waits, and that nobody is refused.

use std::time::Duration;

use crate::{
    arena::Bout,
    case::{Case, Need},
    client::Client,
    clock::{said, until},
    failure::{Failure, Stop},
    observe,
    server::Server,
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "two-clients-at-once",
        proves: "A second client is served while the first is connected, and then the first again.",
        needs: &[Need::Answers, Need::AtOnce(2)],
        run: two,
    },
    Case {
        name: "two-hundred-clients-at-once",
        proves: "Two hundred connected clients (fewer, where the claim or the limit on open files is lower) are all served, each with its own bytes.",
        needs: &[Need::Answers, Need::AtOnce(3)],
        run: two_hundred,
    },
    Case {
        name: "silent-clients-hold-nobody-up",
        proves: "While twenty clients are connected and say nothing (fewer, where the claim is lower), others are served.",
        needs: &[Need::Answers, Need::AtOnce(2)],
        run: silent,
    },
    Case {
        name: "the-next-client-waits-and-is-served",
        proves: "With as many clients as it claims to serve at a time, one more is not refused, waits, and is served when one leaves.",
        needs: &[Need::Answers, Need::Limit],
        run: next_waits,
    },
    Case {
        name: "no-more-connections-than-its-bound",
        proves: "With more clients than its bound, it has accepted no more of them than that.",
        needs: &[Need::Answers, Need::Bounded],
        run: bounded,
    },
];

/// How long one looks to see that something does not happen.
const WINDOW: Duration = Duration::from_millis(200);

const ONE_BY_ONE: &str = "what else the server does while a client is connected: whoever waits in `read` for one client serves no other (a server that means to serve one at a time claims concurrency=one)";

fn two(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut first = bout.visit(
        &server,
        1,
        "the first client",
        "whether the server answers a single client at all",
    )?;
    let _second = bout.visit(
        &server,
        2,
        "the second client, while the first is connected",
        ONE_BY_ONE,
    )?;
    first.is_answered(
        &bout.greeting(3),
        "the first client, after the second was served",
        "whether the second client took the first one's place",
    )?;
    Ok(())
}

fn two_hundred(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let number_of_clients = bout.at_once(200);
    let mut clients = Vec::with_capacity(number_of_clients);
    for number in 0..number_of_clients {
        let who = format!("client {number} of {number_of_clients} that stay connected");
        clients.push(bout.visit(
            &server,
            number,
            &who,
            "what limits the number of clients: descriptors (ulimit -n), threads, a pool's size",
        )?);
    }
    // All are there: now they speak at the same time.
    let look = "whose turn it is: every connected client that has sent something";
    let who = |number| format!("client {number} of {number_of_clients} that speak at once");
    for (number, client) in clients.iter_mut().enumerate() {
        client.say(&bout.greeting(5000 + number), &who(number), look)?;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.hear(&bout.greeting(5000 + number), &who(number), look)?;
    }
    Ok(())
}

fn silent(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let silent: Vec<Client> = (0..bout.at_once(21) - 1)
        .map(|_| bout.connect(&server))
        .collect::<Result<_, _>>()?;
    for number in 1..=3 {
        let who = format!(
            "client {number}, while {} others are connected and say nothing",
            silent.len()
        );
        bout.visit(&server, number, &who, ONE_BY_ONE)?;
    }
    Ok(())
}

/// As many clients as the claim allows, each of them served and still there.
fn full_house(bout: &Bout<'_>, server: &Server, places: usize) -> Result<Vec<Client>, Failure> {
    (0..places)
        .map(|number| {
            let who = format!(
                "client {} of the {places} it claims to serve at a time",
                number + 1
            );
            bout.visit(
                server,
                number,
                &who,
                "how many are really served at a time (the claims concurrency and bounded)",
            )
        })
        .collect()
}

fn next_waits(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let places = places(bout)?;
    let mut clients = full_house(bout, &server, places)?;
    let mut next = bout.connect(&server)?;
    let greeting = bout.greeting(7000);
    let look = "what is done with whoever comes while all places are taken: left in the kernel's queue (or in one of the server's own), it waits and is not refused";
    next.say(&greeting, "the client that has to wait", look)?;
    next.stays_unanswered(WINDOW)
        .map_err(|received| match received.ended {
            None => Failure::new(
                format!(
                    "the next client to wait while {places} (all it claims to serve at a time) are connected"
                ),
                "it was answered",
                "the claim: this server serves more clients at a time than it claims (concurrency, bounded)",
            ),
            Some(why) => Failure::new(
                format!(
                    "the next client to wait while {places} (all it claims to serve at a time) are connected"
                ),
                format!("it got {why}"),
                look,
            ),
        })?;
    let leaving = clients.swap_remove(0);
    leaving.finish_sending();
    drop(leaving);
    next.hear(
        &greeting,
        "the client that waited, after another has left",
        "whether the server goes back to `accept` when a client has gone",
    )?;
    Ok(())
}

fn bounded(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    let bound = bout.claims().bounded.unwrap_or(usize::MAX);
    let server = bout.start()?;
    let port = server.address()?.port();
    let _clients = full_house(bout, &server, places(bout)?)?;
    let _waiting: Vec<Client> = (0..3).map(|_| bout.connect(&server)).collect::<Result<_, _>>()?;
    let too_many = until(bout.clock().at_most(WINDOW), || {
        let accepted = server.family().connections(port);
        (accepted > bound).then_some(accepted)
    });
    match too_many {
        None => Ok(()),
        Some(accepted) => Err(Failure::new(
            format!("no more than {bound} connections accepted, as it claims"),
            format!("it had accepted {accepted} within {}", said(WINDOW)),
            "where a place is taken: before `accept`, not after it",
        )
        .into()),
    }
}

/// How many places the claim speaks of, if so many clients can be here.
fn places(bout: &Bout<'_>) -> Result<usize, Stop> {
    let places = bout.claims().served_at_once().unwrap_or(usize::MAX);
    if places == bout.at_once(places) {
        Ok(places)
    } else {
        Err(Stop::NotHere(format!(
            "needs {places} connections, more than the limit on open files allows (ulimit -n)"
        )))
    }
}
