//! One case: a name that reads as a sentence, what it proves, whom it is asked of, and how it went.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    arena::{Arena, Bout},
    claims::{Claims, Service},
    failure::{Failure, Stop},
};

/// One thing the suite holds a server to. All of them: [`crate::suite::all`].
pub struct Case {
    /// Its name, as `fails` names it.
    pub name: &'static str,
    /// What a server that passes has shown, in a sentence.
    pub proves: &'static str,
    /// What a server must claim to be asked; all of it.
    pub needs: &'static [Need],
    pub(crate) run: fn(&Bout<'_>) -> Result<(), Stop>,
}

/// What a case needs of a server's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A service whose answers we know: `echo` or `frames`.
    Answers,
    /// So many clients are served at the same time, at least.
    AtOnce(usize),
    /// A claim bounds how many are served at the same time: `concurrency` other than `many`, or `bounded`.
    Limit,
    /// `half-close`.
    HalfClose,
    /// `bounded`.
    Bounded,
    /// `graceful`.
    Graceful,
    /// `first-byte-deadline`.
    FirstByteDeadline,
    /// `idle-deadline`.
    IdleDeadline,
    /// `reuseport`.
    ReusePort,
    /// No `reuseport`.
    NoReusePort,
}

impl Need {
    /// Why a server with these claims is not asked; `None` where it is.
    pub fn unmet(self, claims: &Claims) -> Option<String> {
        let unless = |met: bool, reason: &str| (!met).then(|| reason.to_owned());
        match self {
            Self::Answers => unless(claims.service != Service::Other, "it claims service=other"),
            Self::AtOnce(clients) => {
                let served = claims.served_at_once().filter(|&served| served < clients)?;
                Some(format!("it claims to serve {served} at a time"))
            }
            Self::Limit => unless(
                claims.served_at_once().is_some(),
                "it claims concurrency=many: there is no client it may keep waiting",
            ),
            Self::HalfClose => unless(claims.half_close, "it claims half-close=false"),
            Self::Bounded => unless(claims.bounded.is_some(), "it claims no bound"),
            Self::Graceful => unless(claims.graceful, "it does not claim graceful"),
            Self::FirstByteDeadline => unless(
                claims.first_byte_deadline.is_some(),
                "it claims no deadline for the first byte",
            ),
            Self::IdleDeadline => unless(
                claims.idle_deadline.is_some(),
                "it claims no deadline for silent clients",
            ),
            Self::ReusePort => unless(claims.reuseport, "it does not claim reuseport"),
            Self::NoReusePort => unless(!claims.reuseport, "it claims reuseport"),
        }
    }
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server does what the case asks.
    Passed,
    /// It does, asked with fewer clients than its claims speak of; how many, and what limits them.
    PassedSmaller(String),
    /// It does not.
    Failed(Failure),
    /// The case cannot be asked here; the reason.
    NotHere(String),
    /// The case has nothing to ask of such a server; the reason.
    DoesNotApply(String),
}

/// How many lines of what the server wrote a failure quotes, of each stream.
const QUOTED: usize = 5;

impl Case {
    /// Why a server with these claims is not asked this case; `None` where it is.
    pub fn not_asked(&self, claims: &Claims) -> Option<String> {
        self.needs.iter().find_map(|need| need.unmet(claims))
    }

    /// Holds a server to this case, in processes of its own, none of which is left when this returns. Returns how it
    /// went and how long it took.
    pub fn run(&self, arena: &Arena) -> (Outcome, Duration) {
        let begun = Instant::now();
        let bout = arena.bout();
        let result = (self.run)(&bout);
        let stragglers: Vec<String> = bout.witnesses().iter().flat_map(|run| run.stragglers()).collect();
        let outcome = match result {
            Err(Stop::NotHere(reason)) => Outcome::NotHere(reason),
            Err(Stop::DoesNotApply(reason)) if stragglers.is_empty() => Outcome::DoesNotApply(reason),
            Ok(()) if stragglers.is_empty() => bout.smaller().map_or(Outcome::Passed, Outcome::PassedSmaller),
            Ok(()) | Err(Stop::DoesNotApply(_)) => Outcome::Failed(Failure::new(
                "no process to be left",
                stragglers.join(", "),
                "what the process waits for in the kernel (`ps -o pid,stat,wchan`)",
            )),
            Err(Stop::Broken(mut failure)) => {
                failure.notes = notes(&bout);
                Outcome::Failed(failure)
            }
        };
        (outcome, begun.elapsed())
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({})", self.name)
    }
}

/// How each run of the server ended, and the last it wrote.
fn notes(bout: &Bout<'_>) -> Vec<String> {
    let runs = bout.witnesses();
    let mut notes = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let name = match runs.len() {
            1 => "the server".to_owned(),
            _ => format!("start {} of the server", number + 1),
        };
        if let Some(status) = run.ended() {
            notes.push(format!("{name} had ended by itself: {status}"));
        }
        for (stream, output) in [("standard output", &run.stdout), ("standard error", &run.stderr)] {
            let lines = output.last_lines(QUOTED);
            if !lines.is_empty() {
                notes.push(format!("{name} wrote last to {stream}:"));
                notes.extend(lines.iter().map(|line| format!("  {line}")));
            }
        }
    }
    notes
}
