//! The cases for a server with given claims, and all of them held against it.

use std::{
    iter,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    arena::Arena,
    case::{Case, Outcome},
    cases::{
        bytes, children, crowd, deadlines, leftovers, limits, signals,
        start::{self, STARTS},
        stop, trouble,
    },
    claims::{ClaimError, Claims},
    failure::Failure,
    report::Report,
};

/// How many cases run at the same time unless told otherwise. Most of them wait most of the time.
pub const JOBS: usize = 4;

/// Every case there is, in the order they are shown.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        start::CASES,
        bytes::CASES,
        crowd::CASES,
        trouble::CASES,
        signals::CASES,
        limits::CASES,
        children::CASES,
        leftovers::CASES,
        deadlines::CASES,
        stop::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The cases a server with certain claims is asked.
#[derive(Debug)]
pub struct Suite {
    asked: Vec<Asked>,
    left_out: Vec<(&'static Case, String)>,
}

/// A case, and whether the server claims to fail it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The case.
    pub case: &'static Case,
    /// Whether the claim `fails` names it.
    pub fails: bool,
}

/// How a case went, measured by what the server claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Kept,
    /// It passes with fewer clients than its claims speak of; how many, and what limits them.
    KeptSmaller(String),
    /// It fails.
    Broken(Failure),
    /// It fails, as the server claims.
    FailsAsClaimed(Failure),
    /// It passes, though the server claims to fail it.
    PassesAgainstClaim,
    /// It cannot be asked here; the reason.
    NotHere(String),
    /// It has nothing to ask of such a server; the reason.
    DoesNotApply(String),
}

impl Verdict {
    /// Whether the server is what it claims to be, as far as this case tells.
    pub fn is_good(&self) -> bool {
        !matches!(self, Self::Broken(_) | Self::PassesAgainstClaim)
    }
}

impl Asked {
    /// Holds the server to the case. Returns the verdict and how long the case took.
    pub fn hold(&self, arena: &Arena) -> (Verdict, Duration) {
        let (outcome, took) = self.case.run(arena);
        let verdict = match (outcome, self.fails) {
            (Outcome::Passed, false) => Verdict::Kept,
            (Outcome::PassedSmaller(how), false) => Verdict::KeptSmaller(how),
            (Outcome::DoesNotApply(reason), false) => Verdict::DoesNotApply(reason),
            (Outcome::Passed | Outcome::PassedSmaller(_) | Outcome::DoesNotApply(_), true) => {
                Verdict::PassesAgainstClaim
            }
            (Outcome::Failed(failure), false) => Verdict::Broken(failure),
            (Outcome::Failed(failure), true) => Verdict::FailsAsClaimed(failure),
            (Outcome::NotHere(reason), _) => Verdict::NotHere(reason),
        };
        (verdict, took)
    }
}

impl Suite {
    /// The cases for these claims.
    ///
    /// # Errors
    /// `fails` names a case that does not exist, or one that is not asked of such a server.
    pub fn of(claims: &Claims) -> Result<Self, ClaimError> {
        let (mut asked, mut left_out) = (Vec::new(), Vec::new());
        for case in all() {
            match case.not_asked(claims) {
                None => asked.push(Asked {
                    case,
                    fails: claims.fails.iter().any(|name| name == case.name),
                }),
                Some(reason) => left_out.push((case, reason)),
            }
        }
        for name in &claims.fails {
            if let Some((_, reason)) = left_out.iter().find(|(case, _)| case.name == name) {
                return Err(ClaimError::CaseNotAsked {
                    name: name.clone(),
                    reason: reason.clone(),
                });
            }
            if !asked.iter().any(|asked| asked.case.name == name) {
                let choices: Vec<&str> = all().map(|case| case.name).collect();
                return Err(ClaimError::UnknownCase {
                    name: name.clone(),
                    choices: choices.join("\n  "),
                });
            }
        }
        Ok(Self { asked, left_out })
    }

    /// The cases that are asked.
    pub fn cases(&self) -> &[Asked] {
        &self.asked
    }

    /// The cases that are not, each with the claim that keeps it away.
    pub fn left_out(&self) -> &[(&'static Case, String)] {
        &self.left_out
    }
}

/// One case's verdict.
#[derive(Clone, Debug)]
pub struct Held {
    /// The case.
    pub case: &'static Case,
    /// How it went.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// Why a server cannot be held to anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// A claim that cannot be meant.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The server cannot be started, or never listens.
    #[error("no case can be asked: {0}")]
    Start(Failure),
}

/// Holds a server to everything it claims, `jobs` cases at a time, and calls `progress` after each, in the order they
/// end. The report has them in the suite's order. No process of the server is left when this returns.
///
/// # Errors
/// The claim `fails` names a case that does not exist or is not asked; the server does not even start.
pub fn hold(arena: &Arena, jobs: usize, mut progress: impl FnMut(&Held)) -> Result<Report, HoldError> {
    let suite = Suite::of(arena.claims())?;
    let begun = Instant::now();
    // One message instead of one for each case.
    if let (Outcome::Failed(failure), _) = STARTS.run(arena) {
        return Err(HoldError::Start(failure));
    }
    let next = AtomicUsize::new(0);
    let mut held: Vec<Option<Held>> = iter::repeat_with(|| None).take(suite.asked.len()).collect();
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for _ in 0..jobs.clamp(1, suite.asked.len().max(1)) {
            let tell = tell.clone();
            let (next, suite) = (&next, &suite);
            scope.spawn(move || {
                while let Some((place, asked)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    suite.asked.get(place).map(|asked| (place, asked))
                } {
                    let (verdict, took) = asked.hold(arena);
                    if tell
                        .send((
                            place,
                            Held {
                                case: asked.case,
                                verdict,
                                took,
                            },
                        ))
                        .is_err()
                    {
                        return; // nobody wants to know any more
                    }
                }
            });
        }
        drop(tell);
        for (place, case) in told {
            progress(&case);
            held[place] = Some(case);
        }
    });
    Ok(Report {
        server: arena.command().to_string(),
        claims: arena.claims().clone(),
        held: held.into_iter().flatten().collect(),
        left_out: suite.left_out,
        took: begun.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn claims(all: &[&str]) -> Claims {
        let mut claims = Claims::default();
        for claim in all {
            claims.set(claim).unwrap();
        }
        claims
    }

    fn names(all: &[&str]) -> BTreeSet<&'static str> {
        Suite::of(&claims(all))
            .unwrap()
            .cases()
            .iter()
            .map(|asked| asked.case.name)
            .collect()
    }

    #[test]
    fn every_name_is_a_slug_and_no_two_are_the_same() {
        let mut seen = BTreeSet::new();
        for case in all() {
            assert!(
                case.name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                case.name
            );
            assert!(seen.insert(case.name), "{} twice", case.name);
            assert!(
                case.proves.ends_with('.'),
                "{}: what it proves is a sentence",
                case.name
            );
        }
    }

    #[test]
    fn an_echo_server_for_many_is_asked_everything_but_what_it_does_not_claim() {
        let left: Vec<&str> = Suite::of(&Claims::default())
            .unwrap()
            .left_out()
            .iter()
            .map(|(case, _)| case.name)
            .collect();
        assert_eq!(
            left,
            [
                "two-processes-share-the-port",
                "the-next-client-waits-and-is-served",
                "no-more-connections-than-its-bound",
                "a-client-without-a-first-byte-is-let-go",
                "a-client-that-falls-silent-is-let-go",
                "sigterm-finishes-what-was-begun"
            ]
        );
    }

    #[test]
    fn a_server_for_one_is_asked_to_let_the_second_wait_and_not_to_serve_two() {
        let names = names(&["concurrency=one"]);
        assert!(names.contains("the-next-client-waits-and-is-served"));
        for case in [
            "two-clients-at-once",
            "two-hundred-clients-at-once",
            "silent-clients-hold-nobody-up",
            "a-client-that-never-reads-holds-nobody-up",
        ] {
            assert!(!names.contains(case), "{case}");
        }
    }

    #[test]
    fn another_service_is_asked_to_start_survive_leave_nothing_and_end() {
        assert_eq!(
            names(&["service=other"]).into_iter().collect::<Vec<_>>(),
            [
                "a-bad-address-is-an-error",
                "a-client-that-never-reads-costs-bounded-memory",
                "a-closed-output-is-survived",
                "a-reset-in-mid-stream-is-survived",
                "a-signal-in-the-middle-of-a-wait-is-survived",
                "an-address-in-use-is-an-error",
                "an-empty-connection-is-survived",
                "connections-leave-no-descriptor",
                "connections-leave-no-process",
                "connections-leave-no-thread",
                "ctrl-c-ends-it-within-a-second",
                "first-line-says-where-it-listens",
                "idle-connections-cost-no-cpu",
                "sigterm-ends-it-within-a-second",
                "sigterm-leaves-no-child",
                "starts-again-at-once-on-the-same-port",
            ]
        );
    }

    #[test]
    fn frames_are_asked_what_an_echo_is_asked() {
        assert_eq!(names(&["service=frames"]), names(&[]));
    }

    #[test]
    fn an_unknown_case_in_fails_is_told_with_the_choices() {
        let error = Suite::of(&claims(&["fails=two-clients"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("`fails` names the case `two-clients`, which does not exist: the cases are\n"),
            "{error}"
        );
        assert!(error.contains("\n  two-clients-at-once\n"), "{error}");
    }

    #[test]
    fn a_case_in_fails_that_is_not_asked_is_told_with_the_claim_that_keeps_it_away() {
        let error = Suite::of(&claims(&["concurrency=one", "fails=two-clients-at-once"]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`fails` names the case `two-clients-at-once`, which is not asked of this server (it claims to serve 1 at a time): take it out of `fails`"
        );
    }
}
