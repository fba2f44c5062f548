//! Many clients: who is served, who waits, and that nobody is refused.

use std::{
    panic,
    sync::{Barrier, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

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
        name: "a-burst-of-connects-is-served",
        proves: "Three hundred clients that connect at the same moment (a hundred, where the claim is lower; fewer, where the limit on open files is) are all served.",
        needs: &[Need::Answers],
        run: burst,
    },
    Case {
        name: "fifty-slow-clients-all-get-their-turn",
        proves: "Of fifty clients (fewer, where the claim is lower) that each send a byte every 10 ms, every one is answered while all go on.",
        needs: &[Need::Answers, Need::AtOnce(2)],
        run: slow,
    },
    Case {
        name: "an-idle-crowd-holds-nobody-up",
        proves: "Beside as many idle connections as it claims to bear (200 where it claims none; fewer, where limits are lower) ten busy clients are served, and after them the idle ones.",
        needs: &[Need::Answers, Need::AtOnce(3)],
        run: crowd,
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

fn burst(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    // Where there are not places for all, those who wait fit into the kernel's queue (128, where nobody asks for less).
    let wanted = bout.claims().served_at_once().map_or(300, |_| 100);
    let number_of_clients = wanted.min(bout.descriptor_room());
    let together = Barrier::new(number_of_clients);
    let connecting = bout.detached(&server)?;
    let connects = |number: usize| {
        let client = connecting.clone();
        let together = &together;
        let greeting = bout.greeting(number);
        move || {
            together.wait();
            let look = "how connections are taken from the kernel's queue: one event may stand for many of them, and none may be dropped; and how long that queue may be (the backlog of `listen`)";
            let who = format!("client {number} of {number_of_clients} that connect at the same moment");
            client.connect()?.is_answered(&greeting, &who, look)
        }
    };
    let mut failures: Vec<Failure> = thread::scope(|scope| {
        let clients: Vec<_> = (0..number_of_clients)
            .map(|number| scope.spawn(connects(number)))
            .collect();
        let ended = clients.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .filter_map(|ended| ended.unwrap_or_else(|panic| panic::resume_unwind(panic)).err())
            .collect()
    });
    let unserved = failures.len();
    failures.truncate(1);
    match failures.pop() {
        None => Ok(()),
        Some(mut failure) => {
            failure.seen += &format!(" ({unserved} of {number_of_clients} were not served)");
            Err(failure.into())
        }
    }
}

/// How often a slow client sends a byte.
const TICK: Duration = Duration::from_millis(10);

fn slow(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let mut clients: Vec<Client> = (0..bout.at_once(50))
        .map(|_| bout.connect(&server))
        .collect::<Result<_, _>>()?;
    let number_of_clients = clients.len();
    let look = "in which order clients have their turn: who is served again before others were served once keeps them waiting for ever";
    let words: Vec<Vec<u8>> = (0..number_of_clients)
        .map(|number| bout.greeting(number))
        .collect();
    let enough = words[0].len();
    let mut heard = vec![0; number_of_clients];
    let patience = bout.clock().patience();
    let begun = Instant::now();
    for round in 0_u32.. {
        let place = round as usize % enough;
        for (number, client) in clients.iter_mut().enumerate() {
            let who = || format!("client {} of {number_of_clients} slow ones", number + 1);
            client.say(&words[number][place..=place], &who(), look)?;
            heard[number] += client.receive_now().map_err(|why| {
                Failure::new(
                    format!("an answer to each byte of {}", who()),
                    format!("got {} bytes, then {why}", heard[number]),
                    look,
                )
            })?;
        }
        if heard.iter().all(|&heard| heard >= enough) {
            return Ok(());
        }
        if begun.elapsed() > patience {
            break;
        }
        thread::sleep((begun + TICK * (round + 1)).saturating_duration_since(Instant::now()));
    }
    let starving = heard.iter().filter(|&&heard| heard < enough).count();
    let (least, most) = (heard.iter().min(), heard.iter().max());
    Err(Failure::new(
        format!(
            "{number_of_clients} clients that send a byte every {} to hear {enough} bytes each",
            said(TICK)
        ),
        format!(
            "{starving} of them had not after {} (the fewest: {}, the most: {})",
            said(patience),
            least.unwrap_or(&0),
            most.unwrap_or(&0)
        ),
        look,
    )
    .into())
}

/// The idle clients of a server that claims no number of them.
const CROWD: usize = 200;

/// The busy ones beside them.
const BUSY: usize = 10;

/// How often each of these asks.
const ROUNDS: usize = 20;

fn crowd(bout: &Bout<'_>) -> Result<(), Stop> {
    // Two crowds at a time could take more descriptors than there are.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = bout.start()?;
    let places = bout.claims().served_at_once().unwrap_or(usize::MAX);
    let busy = BUSY.min(places / 2);
    let wanted = bout.claims().idle.unwrap_or(CROWD).min(places - busy);
    let idle = wanted.min(bout.room_for_a_crowd(&server).saturating_sub(busy));
    if idle < wanted {
        bout.is_smaller(format!(
            "{idle} idle connections of {wanted}: the limit on open files allows no more (ulimit -n)"
        ));
    }
    let look = "what a connection that says nothing costs those that speak: a thread or a process each, a place in a list that is searched, a descriptor (ulimit -n)";
    let mut idlers = Vec::with_capacity(idle);
    for number in 0..idle {
        // One that is answered now and then tells that those before it have been accepted: the queue stays short.
        idlers.push(if number % 64 == 63 {
            let who = format!("client {number} of {idle} that will be idle");
            bout.visit(&server, number, &who, look)?
        } else {
            bout.connect(&server)?
        });
    }
    let mut asking: Vec<Client> = (0..busy)
        .map(|_| bout.connect(&server))
        .collect::<Result<_, _>>()?;
    for round in 0..ROUNDS {
        let who =
            |number| format!("busy client {number} of {busy} beside {idle} idle ones, in round {round}");
        for (number, client) in asking.iter_mut().enumerate() {
            client.say(&bout.greeting(round * BUSY + number), &who(number), look)?;
        }
        for (number, client) in asking.iter_mut().enumerate() {
            client.hear(&bout.greeting(round * BUSY + number), &who(number), look)?;
        }
    }
    for (number, client) in idlers.iter_mut().enumerate().step_by(1 + idle / BUSY) {
        client.is_answered(
            &bout.greeting(number),
            &format!("client {number} of {idle} that were idle"),
            "whether an idle connection is forgotten, or ended",
        )?;
    }
    // So many would stand in TIME-WAIT for a minute.
    #[cfg(unix)]
    idlers
        .into_iter()
        .for_each(|client| client.reset().unwrap_or_default());
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
