//! A limit that is reached, and left again.

use std::time::Duration;

use crate::{
    arena::Bout,
    case::{Case, Need},
    cases::trouble::{does_not_spin, has_not_ended},
    client::Client,
    clock::until,
    failure::Stop,
    observe,
};

pub(crate) const CASES: &[Case] = &[Case {
    name: "no-descriptor-left-is-survived",
    proves: "When the processes that hold its clients can open no more descriptors, those clients are still served, nothing spins, and whoever came meanwhile is served when others have left.",
    needs: &[Need::Answers],
    run: none_left,
}];

/// Clients when the limit comes.
const INSIDE: usize = 6;

/// How long a server may take to close a connection that has ended.
const SETTLED: Duration = Duration::from_secs(1);

/// Clients that come then.
const OUTSIDE: usize = 4;

fn none_left(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    let mut server = bout.start()?;
    let port = server.address()?.port();
    // Whoever asked whether it listens has gone: a number that became free below those of the clients would be the one the
    // limit keeps, and theirs would never be used again.
    until(bout.clock().at_most(SETTLED), || {
        (server.family().connections(port) == 0).then_some(())
    });
    let look = "what is done when `accept` fails for want of a descriptor (EMFILE): it ends neither the server nor anybody's connection";
    let mut inside: Vec<Client> = (0..bout.at_once(INSIDE))
        .map(|number| {
            bout.visit(
                &server,
                number,
                "a client before the limit",
                "whether the server answers at all",
            )
        })
        .collect::<Result<_, _>>()?;
    for process in server.family().holders(port, None) {
        observe::no_more_descriptors(process)?;
    }
    let mut outside = Vec::with_capacity(OUTSIDE);
    for number in 0..OUTSIDE {
        let mut client = bout.connect(&server)?;
        client.say(&bout.greeting(100 + number), "a client beyond the limit", look)?;
        outside.push(client);
    }
    for (number, client) in inside.iter_mut().enumerate() {
        let who = "a client from before the limit on open files was reached";
        client.is_answered(&bout.greeting(200 + number), who, look)?;
    }
    does_not_spin(
        bout,
        &server,
        "what follows an `accept` that fails (EMFILE): the client is still in the queue and the listener still ready, so without a pause the next call fails at once",
    )?;
    drop(inside);
    for (number, client) in outside.iter_mut().enumerate() {
        client.hear(
            &bout.greeting(100 + number),
            "a client that came when no descriptor was left, after others have gone",
            "who tries `accept` again after it has failed for want of a descriptor (EMFILE): no new event may come for those that wait already",
        )?;
        // Where there is one place, the next one waits for it.
        client.hang_up();
    }
    has_not_ended(bout, &mut server, "that had no descriptor left", look)
}
