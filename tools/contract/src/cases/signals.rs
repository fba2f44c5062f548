//! Signals that ask for nothing: they interrupt a wait, and whoever was waiting waits again.

use std::time::Duration;

use crate::{
    arena::Bout,
    case::Case,
    cases::{
        bytes::comes_back,
        trouble::{goes_on, has_not_ended},
    },
    failure::{Failure, Stop},
    server::{Server, Signal},
    speech::mixed,
};

pub(crate) const CASES: &[Case] = &[Case {
    name: "a-signal-in-the-middle-of-a-wait-is-survived",
    proves: "Stopped and continued (as by ctrl-Z), and sent signals that ask for nothing, in the middle of a wait, the server goes on and loses no byte.",
    needs: &[],
    run: interrupted,
}];

/// More than a narrow client's room and the server's send buffer hold: the server waits to write.
const LONG: usize = 128 * 1024;

/// How long the server may take until it waits.
const SETTLED: Duration = Duration::from_millis(100);

const LOOK: &str =
    "what is done when a waiting call is interrupted (EINTR): it has failed at nothing, and is made again";

/// Sends one.
type Interrupt = fn(&mut Server, &Bout<'_>) -> Result<(), Stop>;

/// What interrupts a wait, with its name.
const INTERRUPTIONS: [(&str, Interrupt); 3] = [
    ("SIGSTOP and SIGCONT", |server, bout| {
        server.stand_still(bout.clock().patience())?;
        server.go_on()
    }),
    ("SIGCHLD", |server, _| server.signal_group(Signal::Child)),
    ("SIGWINCH", |server, _| server.signal_group(Signal::Window)),
];

fn interrupted(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut server = bout.start()?;
    let room_for_two = bout.claims().served_at_once().is_none_or(|places| places > 1);
    let mut waiting = bout.visit(&server, 1, "a client", "whether the server answers at all")?;
    for (number, (signal, interrupt)) in (10..).zip(INTERRUPTIONS) {
        server.settles(SETTLED);
        interrupt(&mut server, bout)?;
        if bout.answers() {
            let who = format!("a client that was connected when {signal} came");
            waiting.is_answered(&bout.greeting(number), &who, LOOK)?;
        }
        if room_for_two {
            goes_on(
                bout,
                &mut server,
                &format!("that was sent {signal} while it waited"),
                LOOK,
            )?;
        }
    }
    drop(waiting);
    if bout.answers() {
        in_a_long_answer(bout, &mut server)?;
    }
    let when = "that was sent signals while it waited";
    goes_on(bout, &mut server, when, LOOK)?;
    has_not_ended(bout, &mut server, when, LOOK)
}

/// The server waits to write more, and is interrupted in that.
fn in_a_long_answer(bout: &Bout<'_>, server: &mut Server) -> Result<(), Stop> {
    let mut client = bout.connect_narrow(server)?;
    let sent = bout.travelling(&mixed(LONG));
    client
        .send(&sent)
        .map_err(|unsent| unsent.failure("whether the server still reads"))?;
    for (_, interrupt) in INTERRUPTIONS {
        server.settles(SETTLED);
        interrupt(server, bout)?;
    }
    comes_back(&mut client, &sent).map_err(|failure| {
        Failure::new(
            format!(
                "{}, though signals came while it waited to write",
                failure.expected
            ),
            failure.seen,
            LOOK,
        )
    })?;
    Ok(())
}
