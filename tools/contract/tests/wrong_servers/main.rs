//! The suite held to servers: right ones pass every case, and each wrong one fails exactly the cases that should catch
//! it. The servers are this very program, started again as `--be KIND ADDRESS`.

#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

use std::{collections::BTreeSet, env, ffi::OsString, fs, process, time::Duration};

use contract::{Arena, Claims, JOBS, ServerCommand, Verdict};
use libtest_mimic::{Arguments, Failed, Trial};

#[cfg(unix)]
mod servers;

/// Shorter than a reader's, since most of what is waited for here never comes.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server of [`servers`], what it claims, and the cases it must fail: no more and no fewer.
struct Expected {
    kind: &'static str,
    claims: &'static [&'static str],
    fails: &'static [&'static str],
}

const fn right(kind: &'static str, claims: &'static [&'static str]) -> Expected {
    Expected {
        kind,
        claims,
        fails: &[],
    }
}

const fn wrong(
    kind: &'static str,
    claims: &'static [&'static str],
    fails: &'static [&'static str],
) -> Expected {
    Expected { kind, claims, fails }
}

const EXPECTED: &[Expected] = &[
    right("right", &[]),
    right("right-for-one", &["concurrency=one"]),
    right("right-for-three", &["concurrency=3", "bounded=3"]),
    right("right-frames", &["service=frames"]),
    right("right-sink", &["service=other"]),
    right("right-graceful", &["graceful=true"]),
    right("right-sharing-its-port", &["reuseport=true"]),
    right("right-with-a-child", &[]),
    right("right-with-a-child-each", &[]),
    right(
        "right-with-deadlines",
        &["first-byte-deadline=4", "idle-deadline=4"],
    ),
    right("resets-at-the-fin", &["half-close=false"]),
    wrong("says-nothing", &[], &["first-line-says-where-it-listens"]),
    wrong("says-something-else", &[], &["first-line-says-where-it-listens"]),
    wrong("says-something-first", &[], &["first-line-says-where-it-listens"]),
    wrong(
        "errors-are-success",
        &[],
        &["an-address-in-use-is-an-error", "a-bad-address-is-an-error"],
    ),
    wrong(
        "errors-without-the-address",
        &[],
        &["an-address-in-use-is-an-error", "a-bad-address-is-an-error"],
    ),
    wrong(
        "another-address-for-a-bad-one",
        &[],
        &["a-bad-address-is-an-error"],
    ),
    wrong(
        "no-reuse-of-its-address",
        &[],
        &["starts-again-at-once-on-the-same-port"],
    ),
    wrong("right", &["reuseport=true"], &["two-processes-share-the-port"]),
    wrong(
        "whole-buffer",
        &[],
        &[
            "every-byte-value-comes-back",
            "three-megabytes-both-ways-at-once",
            "64-kilobytes-before-anything-is-read",
            "one-byte-at-a-time",
            "what-comes-before-the-fin-is-answered",
            "a-half-close-with-much-still-to-come-back",
            "a-client-that-reads-again-gets-every-byte",
        ],
    ),
    wrong(
        "drops-the-last-byte",
        &[],
        &[
            "every-byte-value-comes-back",
            "three-megabytes-both-ways-at-once",
            "64-kilobytes-before-anything-is-read",
            "one-byte-at-a-time",
            "what-comes-before-the-fin-is-answered",
            "a-half-close-with-much-still-to-come-back",
            "a-client-that-reads-again-gets-every-byte",
            "readiness-without-data-is-survived",
            "a-signal-in-the-middle-of-a-wait-is-survived",
        ],
    ),
    wrong(
        "text-only",
        &[],
        &[
            "every-byte-value-comes-back",
            "three-megabytes-both-ways-at-once",
            "64-kilobytes-before-anything-is-read",
            "what-comes-before-the-fin-is-answered",
            "a-half-close-with-much-still-to-come-back",
            "a-client-that-reads-again-gets-every-byte",
            "a-signal-in-the-middle-of-a-wait-is-survived",
        ],
    ),
    wrong(
        "resets-at-the-fin",
        &[],
        &[
            "what-comes-before-the-fin-is-answered",
            "a-half-close-with-much-still-to-come-back",
        ],
    ),
    wrong(
        "never-closes",
        &[],
        &[
            "what-comes-before-the-fin-is-answered",
            "a-half-close-with-much-still-to-come-back",
            "no-descriptor-left-is-survived",
            "connections-leave-no-descriptor",
        ],
    ),
    wrong(
        "right-for-one",
        &[],
        &[
            "two-clients-at-once",
            "two-hundred-clients-at-once",
            "silent-clients-hold-nobody-up",
            "fifty-slow-clients-all-get-their-turn",
            "an-idle-crowd-holds-nobody-up",
            "a-client-that-never-reads-holds-nobody-up",
            "a-client-that-reads-again-gets-every-byte",
            "readiness-without-data-is-survived",
            "a-signal-in-the-middle-of-a-wait-is-survived",
            "no-descriptor-left-is-survived",
        ],
    ),
    wrong(
        "right",
        &["concurrency=one"],
        &["the-next-client-waits-and-is-served"],
    ),
    wrong(
        "refuses-the-second",
        &["concurrency=one"],
        &[
            "the-next-client-waits-and-is-served",
            "no-descriptor-left-is-survived",
        ],
    ),
    wrong("tires-of-the-hundredth", &[], &["two-hundred-clients-at-once"]),
    wrong(
        "accepts-before-there-is-a-place",
        &["concurrency=3", "bounded=3"],
        &["no-more-connections-than-its-bound"],
    ),
    wrong(
        "dies-of-an-empty-connection",
        &[],
        &[
            "an-empty-connection-is-survived",
            "readiness-without-data-is-survived",
        ],
    ),
    wrong(
        "dies-of-a-reset",
        &[],
        &[
            "a-reset-in-mid-stream-is-survived",
            "readiness-without-data-is-survived",
        ],
    ),
    wrong(
        "buffers-without-bound",
        &[],
        &[
            "a-client-that-never-reads-costs-bounded-memory",
            "a-client-that-reads-again-gets-every-byte",
        ],
    ),
    wrong("dies-of-a-closed-output", &[], &["a-closed-output-is-survived"]),
    wrong(
        "loses-clients-to-a-closed-output",
        &[],
        &["a-closed-output-is-survived"],
    ),
    wrong("leaks-a-descriptor", &[], &["connections-leave-no-descriptor"]),
    wrong("leaks-a-thread", &[], &["connections-leave-no-thread"]),
    wrong("leaks-a-zombie", &[], &["connections-leave-no-process"]),
    wrong("spins", &[], &["idle-connections-cost-no-cpu"]),
    wrong("ignores-sigterm", &[], &["sigterm-ends-it-within-a-second"]),
    wrong("ignores-ctrl-c", &[], &["ctrl-c-ends-it-within-a-second"]),
    wrong("leaves-a-child", &[], &["sigterm-leaves-no-child"]),
    wrong(
        "closes-before-all-is-written",
        &[],
        &["a-half-close-with-much-still-to-come-back"],
    ),
    wrong(
        "drops-what-its-queue-cannot-hold",
        &[],
        &["a-burst-of-connects-is-served"],
    ),
    wrong(
        "serves-the-oldest-first",
        &[],
        &["fifty-slow-clients-all-get-their-turn"],
    ),
    wrong(
        "two-hundred-and-five-places",
        &[],
        &["an-idle-crowd-holds-nobody-up"],
    ),
    wrong(
        "loses-a-client-to-a-signal",
        &["concurrency=one"],
        &["a-signal-in-the-middle-of-a-wait-is-survived"],
    ),
    wrong(
        "spins-without-descriptors",
        &[],
        &["no-descriptor-left-is-survived"],
    ),
    wrong(
        "dies-without-descriptors",
        &[],
        &["no-descriptor-left-is-survived"],
    ),
    wrong(
        "dies-with-its-child",
        &[],
        &["a-child-that-dies-takes-nobody-with-it"],
    ),
    wrong(
        "keeps-the-client-of-a-dead-child",
        &[],
        &["a-child-that-dies-takes-nobody-with-it"],
    ),
    wrong("leaves-its-busy-children", &[], &["sigterm-leaves-no-child"]),
    wrong(
        "throws-away-what-it-cannot-hold",
        &[],
        &[
            "a-client-that-never-reads-costs-bounded-memory",
            "a-client-that-reads-again-gets-every-byte",
        ],
    ),
    wrong(
        "asks-who-came",
        &[],
        &[
            "a-reset-in-mid-stream-is-survived",
            "readiness-without-data-is-survived",
        ],
    ),
    wrong(
        "spins-on-urgent-data",
        &[],
        &["readiness-without-data-is-survived"],
    ),
    wrong(
        "right",
        &["first-byte-deadline=0.5", "idle-deadline=0.5"],
        &[
            "a-client-without-a-first-byte-is-let-go",
            "a-client-that-falls-silent-is-let-go",
        ],
    ),
    wrong(
        "ends-everybody-in-time",
        &["idle-deadline=4"],
        &["a-client-that-falls-silent-is-let-go"],
    ),
    wrong(
        "leaves-a-listener",
        &["graceful=true"],
        &["sigterm-leaves-no-child", "sigterm-finishes-what-was-begun"],
    ),
    wrong("right", &["graceful=true"], &["sigterm-finishes-what-was-begun"]),
];

#[cfg(not(unix))]
fn main() {
    println!("the wrong servers are written for Unix: nothing is tried here");
}

#[cfg(unix)]
fn main() {
    let words: Vec<OsString> = env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "--be") {
        let word = |place: usize| {
            words
                .get(place)
                .and_then(|word| word.to_str())
                .unwrap_or_default()
        };
        return servers::be(word(2), word(3));
    }
    let mut arguments = Arguments::from_args();
    // Each of them runs a whole suite, several cases at a time.
    arguments.test_threads.get_or_insert(2);
    let each = EXPECTED
        .iter()
        .map(|expected| Trial::test(title(expected), || hold(expected)));
    let none = Trial::test("a command that cannot be started is told once", cannot_be_started);
    let trials = each.chain([none]).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let left = left_behind();
    assert!(left.is_empty(), "processes are left behind: {left:?}");
    conclusion.exit();
}

fn title(expected: &Expected) -> String {
    let claims = expected.claims.join(" ");
    match (expected.fails, claims.as_str()) {
        ([], "") => format!("{} passes all", expected.kind),
        ([], claims) => format!("{} ({claims}) passes all", expected.kind),
        (fails, "") => format!("{} fails {}", expected.kind, fails.join(", ")),
        (fails, claims) => format!("{} ({claims}) fails {}", expected.kind, fails.join(", ")),
    }
}

/// A fault that needs a moment may miss it on a busy machine, and then the server is right for once: it is asked again, so
/// often at most. What should pass must pass each time.
const TRIES: usize = 3;

fn hold(expected: &Expected) -> Result<(), Failed> {
    let mut claims = Claims::default();
    for claim in expected.claims {
        claims.set(claim)?;
    }
    let ourselves = env::current_exe()?;
    let command = ServerCommand::from_words([
        ourselves.as_os_str(),
        "--be".as_ref(),
        expected.kind.as_ref(),
        "{address}".as_ref(),
    ])?;
    let arena = Arena::new(command, claims).with_patience(PATIENCE);
    for _ in 1..TRIES {
        if hold_once(expected, &arena, true)? {
            return Ok(());
        }
    }
    hold_once(expected, &arena, false).map(|_| ())
}

/// Asks every case. False where fewer fail than should, if that `may_miss`.
fn hold_once(expected: &Expected, arena: &Arena, may_miss: bool) -> Result<bool, Failed> {
    let report = contract::hold(arena, JOBS, |_| ())?;
    let failed: BTreeSet<&str> = report.failed().into_iter().collect();
    // What cannot be seen on this system catches nobody.
    let skipped = |name: &str| {
        report
            .held
            .iter()
            .any(|held| held.case.name == name && matches!(held.verdict, Verdict::NotHere(_)))
    };
    let should: BTreeSet<&str> = expected
        .fails
        .iter()
        .copied()
        .filter(|name| !skipped(name))
        .collect();
    if env::var_os("SHOW").is_some() {
        eprintln!("{report}");
    }
    if failed == should {
        return Ok(true);
    }
    if may_miss && failed.is_subset(&should) {
        return Ok(false);
    }
    Err(format!(
        "passed, and should fail: {:?}\nfailed, and should pass: {:?}\n{report}",
        should.difference(&failed).collect::<Vec<_>>(),
        failed.difference(&should).collect::<Vec<_>>(),
    )
    .into())
}

fn cannot_be_started() -> Result<(), Failed> {
    let told = |words: &[&str]| {
        let arena = Arena::new(ServerCommand::from_words(words)?, Claims::default());
        match contract::hold(&arena, JOBS, |held| panic!("{held} was asked")) {
            Ok(report) => Err(Failed::from(report.to_string())),
            Err(error) => Ok(error.to_string()),
        }
    };
    let message = told(&["/no/such/server", "{address}"])?;
    let beginning = "no case can be asked: expected `/no/such/server` to start, the system said: ";
    assert!(message.starts_with(beginning), "{message}");
    let message = told(&["sh", "-c", "echo no luck with {address} >&2; exit 7"])?;
    assert!(
        message.contains("it ended (exit status: 7)") && message.contains("no luck with 127.0.0.1:"),
        "{message}"
    );
    Ok(())
}

/// Processes that carry a mark of ours in their environment, wherever they have gone.
fn left_behind() -> Vec<String> {
    let mark = format!("CONTRACT_SERVER={}.", process::id());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment
                .split(|&byte| byte == 0)
                .any(|entry| entry.starts_with(mark.as_bytes()))
        })
        .map(|entry| entry.path().display().to_string())
        .collect()
}
