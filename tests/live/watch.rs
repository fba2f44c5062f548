//! `cargo book watch` on programs that the book does not know: what it shows of them, and what it says where they do not
//! behave.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use book_tests::root;
use libtest_mimic::Failed;
use stage::programs::Programs;

type Claim = fn() -> Result<(), Failed>;

/// What is promised, each with its test.
pub const CLAIMS: &[(&str, Claim)] = &[
    ("each_segment_stands_beside_the_line_that_caused_it", lines),
    ("a_program_without_debug_information_shows_its_calls", no_lines),
    ("of_a_program_that_makes_no_calls_that_is_said", no_calls),
    ("what_is_kept_can_be_shown_again", kept),
    ("a_client_that_hangs_is_killed_and_what_it_did_is_shown", hangs),
    ("a_server_that_does_not_listen_is_named", deaf),
    ("a_server_is_ready_when_it_prints_the_words_asked_for", words),
    ("a_program_that_is_not_there_is_named", nobody),
];

/// Runs `cargo book watch` with these words; a word that names a program of the book becomes its path.
fn watch(words: &[&str]) -> Result<Output, Failed> {
    book(&[&["watch"], words].concat())
}

fn book(words: &[&str]) -> Result<Output, Failed> {
    let programs = Programs::shared(root())?;
    let book = programs.path("book")?;
    let folder = book.parent().ok_or("a program stands in a folder")?;
    let path = |word: &&str| programs.path(word).unwrap_or_else(|_| PathBuf::from(word));
    let output = Command::new(&book)
        .arg(words[0])
        .args(words[1..].iter().map(path))
        .current_dir(root())
        .env("BOOK_BIN_DIR", folder)
        .env_remove("CARGO_MANIFEST_DIR")
        .stdin(Stdio::null())
        .output()?;
    Ok(output)
}

/// What it printed, where all went well.
fn good(words: &[&str]) -> Result<String, Failed> {
    let output = watch(words)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// What it printed, both outputs, where something had to go wrong.
fn bad(words: &[&str]) -> Result<String, Failed> {
    let output = watch(words)?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        return Err(format!("it went well:\n{said}").into());
    }
    Ok(said)
}

fn holds(condition: bool, said: &str) -> Result<(), Failed> {
    condition.then_some(()).ok_or_else(|| said.into())
}

/// Whether one line has all of these.
fn line(said: &str, parts: &[&str]) -> bool {
    said.lines()
        .any(|line| parts.iter().all(|part| line.contains(part)))
}

const SERVER: [&str; 3] = ["echo-blocking-server", "{address}", "--"];

fn lines() -> Result<(), Failed> {
    let said = good(&[&["--"], &SERVER[..], &["echo-async-client", "{address}", "0.1"]].concat())?;
    holds(line(&said, &[" stream.write_all(", "send 11"]), &said)?;
    holds(line(&said, &["send ", "4 11 B ──"]), &said)?;
    holds(line(&said, &["drops stream", "close"]), &said)?;
    holds(line(&said, &["close ", "8 FIN ──", "→CLOSE-WAIT"]), &said)?;
    holds(said.contains("heard 11 bytes: Hi, ferris?"), &said)?;
    holds(!said.contains("no calls seen"), &said)
}

/// A shell is a C program that nobody built with debug information.
const SHELL: &str = "exec 3<>/dev/tcp/{server}/8000; printf hello >&3; head -c 5 <&3";

fn no_lines() -> Result<(), Failed> {
    let said = good(&[&["--"], &SERVER[..], &["bash", "-c", SHELL]].concat())?;
    holds(line(&said, &["connect ", "1 SYN ──"]), &said)?;
    holds(
        line(&said, &["recv 5", "stream.read("]) || line(&said, &["recv 5", "60 let n"]),
        &said,
    )?;
    holds(said.contains("hello"), &said)
}

fn no_calls() -> Result<(), Failed> {
    let said = good(&[&["--"], &SERVER[..], &["true"]].concat())?;
    holds(
        said.contains("client: no calls seen: static, or raw system calls"),
        &said,
    )?;
    holds(!said.contains("server: no calls seen"), &said)
}

fn kept() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let kept = folder.path().join("mine");
    let kept = kept.to_str().ok_or("a path of letters")?;
    let said = good(
        &[
            &["--keep", kept, "--"],
            &SERVER[..],
            &["echo-blocking-client", "{address}", "0"],
        ]
        .concat(),
    )?;
    let shown = book(&["show", kept])?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let lanes = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    holds(shown.contains("10 ACK ──"), &shown)?;
    holds(lanes(&shown) == lanes(&said), &format!("{said}\n{shown}"))
}

fn hangs() -> Result<(), Failed> {
    let said = bad(&[
        &["--seconds", "1", "--"],
        &SERVER[..],
        &["echo-blocking-client", "{address}", "600"],
    ]
    .concat())?;
    holds(
        said.contains("`client` had not ended after 1000 ms and was killed"),
        &said,
    )?;
    holds(line(&said, &["4 11 B ──"]), &said)
}

fn deaf() -> Result<(), Failed> {
    let said = bad(&["--seconds", "1", "--", "sleep", "600", "--", "true"])?;
    holds(
        said.contains("`server` had not listened on a TCP port after 1000 ms"),
        &said,
    )
}

fn words() -> Result<(), Failed> {
    let all = [
        &["--ready", "listening on", "--"],
        &SERVER[..],
        &["echo-blocking-client", "{address}", "0"],
    ]
    .concat();
    holds(line(&good(&all)?, &["4 11 B ──"]), "no segment")?;
    let all = [
        &["--seconds", "1", "--ready", "up and running", "--"],
        &SERVER[..],
        &["true"],
    ]
    .concat();
    let said = bad(&all)?;
    holds(
        said.contains("`server` had not printed a line with `up and running`"),
        &said,
    )
}

fn nobody() -> Result<(), Failed> {
    let said = bad(&["--", "./no-such-server", "--", "true"])?;
    holds(said.contains("starting `server` (./no-such-server)"), &said)
}
