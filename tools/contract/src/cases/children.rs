//! A process that serves a client can die alone: killed, out of memory, a bug. A thread cannot.

use std::time::Duration;

use crate::{
    arena::Bout,
    case::{Case, Need},
    cases::trouble::{goes_on, has_not_ended},
    client::{Client, MORE_THAN_BUFFERS, Why},
    failure::{Failure, Stop},
    observe,
    server::Server,
    speech::mixed,
};

pub(crate) const CASES: &[Case] = &[Case {
    name: "a-child-that-dies-takes-nobody-with-it",
    proves: "When a child of the server is killed in the middle of an answer, its client sees an end, and the others and new ones are served.",
    needs: &[Need::Answers],
    run: dies,
}];

/// Who are tried to find a client that another process serves.
const TRIES: usize = 8;

fn dies(bout: &Bout<'_>) -> Result<(), Stop> {
    observe::possible()?;
    let mut server = bout.start()?;
    let mut client = bout.connect_narrow(&server)?;
    client.is_answered(&bout.greeting(1), "a client", "whether the server answers at all")?;
    let Some(child) = child_of(&server, &client)? else {
        return Err(Stop::DoesNotApply(
            "its clients are served in the process that was started: no child of it can die alone".into(),
        ));
    };
    let mut others = Vec::new();
    let mut bystander = None;
    for number in 2..=bout.at_once(TRIES) {
        let other = bout.visit(
            &server,
            number,
            "another client",
            "whether a second client is served",
        )?;
        if child_of(&server, &other)? != Some(child) {
            bystander = Some(other);
            break;
        }
        others.push(other);
    }
    // It has asked more than it reads: the child is in the middle of an answer.
    client.push(
        &bout.travelling(&mixed(1 << 18)),
        Duration::from_millis(20),
        MORE_THAN_BUFFERS,
        || {},
    );
    server.kill_member(child);
    sees_the_end(&mut client)?;
    drop((client, others));
    let look = "what the server does when a child of it has ended by a signal: it is waited for, and is nobody else's matter";
    if let Some(mut bystander) = bystander {
        bystander.is_answered(
            &bout.greeting(20),
            "a client of another process, after a child was killed",
            look,
        )?;
    }
    let when = "of which a child was killed";
    for _ in 0..TRIES {
        goes_on(bout, &mut server, when, look)?;
    }
    has_not_ended(bout, &mut server, when, look)
}

/// The process that serves this client, where it is not the server's first one.
fn child_of(server: &Server, client: &Client) -> Result<Option<u32>, Failure> {
    let mut holders = server
        .family()
        .holders(server.address()?.port(), Some(client.port()));
    holders.retain(|&process| process != server.family().leader);
    Ok(holders.pop())
}

fn sees_the_end(client: &mut Client) -> Result<(), Failure> {
    let received = client.receive_to_end(4 << 20);
    let seen = match received.ended {
        Some(Why::EndOfStream | Why::Reset) => return Ok(()),
        Some(why) => format!("got {} bytes, then {why}", received.bytes.len()),
        None => "bytes without end".to_owned(),
    };
    Err(Failure::new(
        "the client of a child that was killed to see the end of its connection",
        seen,
        "who else holds the dead child's socket: a connection ends when its last descriptor is closed, the parent's and the other children's copies too",
    ))
}
