//! Clients that keep silent longer than the server claims to wait for them.

use std::time::{Duration, Instant};

use crate::{
    arena::Bout,
    case::{Case, Need},
    client::{Client, Why},
    clock::said,
    failure::{Failure, Stop},
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a-client-without-a-first-byte-is-let-go",
        proves: "A client that connects and says nothing is let go by the deadline the server claims, and one that speaks is not.",
        needs: &[Need::FirstByteDeadline],
        run: first_byte,
    },
    Case {
        name: "a-client-that-falls-silent-is-let-go",
        proves: "A client that has spoken and falls silent is let go by the deadline the server claims, and one that goes on speaking is not.",
        needs: &[Need::Answers, Need::IdleDeadline],
        run: idle,
    },
];

/// How late a busy machine may be.
const LATE: Duration = Duration::from_secs(2);

fn first_byte(bout: &Bout<'_>) -> Result<(), Stop> {
    let deadline = bout.claims().first_byte_deadline.unwrap_or_default();
    let server = bout.start()?;
    let mut silent = bout.connect(&server)?;
    let since = Instant::now();
    // Where there is one place, the silent client has it.
    let mut busy = match bout.claims().served_at_once() {
        Some(1) => None,
        _ => Some(bout.visit(
            &server,
            1,
            "a client that speaks",
            "whether the server answers at all",
        )?),
    };
    // A deadline for the first byte is none for the second; another claim may say how long that may take.
    let pause = deadline.min(bout.claims().idle_deadline.unwrap_or(deadline)) / 4;
    let ended = is_let_go(bout, &mut silent, busy.as_mut(), since, deadline, pause)?;
    said_in_time(ended, deadline, "without a word")
}

fn idle(bout: &Bout<'_>) -> Result<(), Stop> {
    let deadline = bout.claims().idle_deadline.unwrap_or_default();
    let server = bout.start()?;
    let mut silent = bout.visit(
        &server,
        1,
        "a client that will fall silent",
        "whether the server answers at all",
    )?;
    let since = Instant::now();
    let mut busy = match bout.claims().served_at_once() {
        Some(1) => None,
        _ => Some(bout.visit(
            &server,
            2,
            "a client that speaks",
            "whether the server answers at all",
        )?),
    };
    let ended = is_let_go(bout, &mut silent, busy.as_mut(), since, deadline, deadline / 4)?;
    said_in_time(ended, deadline, "that fell silent")
}

/// Waits until the silent client's connection has ended, while the busy one goes on; it goes on for at least the
/// deadline and a half. How long that took, or `None` if it did not end.
fn is_let_go(
    bout: &Bout<'_>,
    silent: &mut Client,
    mut busy: Option<&mut Client>,
    since: Instant,
    deadline: Duration,
    pause: Duration,
) -> Result<Option<Duration>, Stop> {
    let mut ended = None;
    for round in 0.. {
        let rest = bout.clock().at_most(pause);
        if ended.is_some() {
            std::thread::sleep(rest);
        } else {
            let received = silent.receive_until_quiet(rest, usize::MAX);
            if matches!(received.ended, Some(Why::EndOfStream | Why::Reset)) {
                ended = Some(since.elapsed());
            }
        }
        if let Some(busy) = busy.as_deref_mut().filter(|_| bout.answers()) {
            busy.is_answered(
                &bout.greeting(round),
                &format!("a client that speaks every {}", said(pause)),
                "when a deadline begins: anew with each byte that comes",
            )?;
        }
        let enough = since.elapsed() > deadline + deadline / 2;
        if (ended.is_some() && enough) || since.elapsed() > deadline + LATE {
            break;
        }
    }
    Ok(ended)
}

fn said_in_time(ended: Option<Duration>, deadline: Duration, who: &str) -> Result<(), Stop> {
    let seen = match ended {
        Some(took) if took <= deadline + LATE => return Ok(()),
        Some(took) => format!("it was let go after {}", said(took)),
        None => format!("it was still connected {} later", said(LATE)),
    };
    Err(Failure::new(
        format!(
            "a client {who} to be let go after {}, as the server claims",
            said(deadline)
        ),
        seen,
        "what bounds the wait for a client's next byte: a timeout on `read`, a timer beside it",
    )
    .into())
}
