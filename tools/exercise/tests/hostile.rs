//! Programs that crash, hang, flood or are not there: each is told in a sentence, in bounded time, and leaves nothing behind.
#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use exercise::{
    Exercises,
    build::{How, build},
    judge::{Verdict, judge},
};

/// What the one case says of a shell script.
fn told(cases: &str, script: &str) -> Option<String> {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("listings/ch01-echo/exercises");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("x.toml"), cases).expect("written");
    let program = root.path().join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let exercises = Exercises::open(root.path()).expect("sound");
    let exercise = exercises.get("echo/x").expect("there");
    let begun = Instant::now();
    let held = judge(exercise, &program, None).next().expect("one case");
    assert!(begun.elapsed().as_secs() < 10, "{script}: {:?}", begun.elapsed());
    match held.verdict {
        Verdict::Holds => None,
        Verdict::Fails(complaint) => Some(complaint.to_string()),
        Verdict::NotHere(reason) => panic!("{reason}"),
    }
}

fn case(subject: &str, rest: &str) -> String {
    format!(
        "subject = \"{subject}\"\nas-shipped = \"x\"\n[[case]]\nproves = \"It is.\"\nlook = \"it\"\nwithin = 1\n{rest}\n"
    )
}

#[test]
fn a_program_that_does_what_it_should_holds() {
    let cases = case(
        "program",
        "input = \"Hi\"\noutput = [\"Hi\", \"and …\"]\nexit = 3",
    );
    assert_eq!(told(&cases, "cat; echo; echo and more; exit 3"), None);
}

#[test]
fn an_endless_loop_is_told_and_killed_with_what_it_started() {
    let mark = format!("7{}", std::process::id());
    let said = told(
        &case("program", "exit = 0"),
        &format!("sleep {mark} & while :; do :; done"),
    )
    .expect("a complaint");
    assert!(
        said.starts_with("expected the program to end with exit code 0 within 1 s, it was still running"),
        "{said}"
    );
    let left = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let status = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            line == format!("sleep\0{mark}\0") && !status.contains(") Z ")
        });
    assert!(!left, "a child outlived its case");
}

#[test]
fn a_crash_is_told_with_its_signal_and_a_panic_with_its_words() {
    let said = told(&case("program", "exit = 0"), "kill -SEGV $$").expect("a complaint");
    assert!(said.contains("got killed by signal 11"), "{said}");
    let script =
        "echo \"thread 'main' panicked at src/x.rs:1:1:\" >&2; echo index out of bounds >&2; exit 101";
    let said = told(&case("program", "exit = 0"), script).expect("a complaint");
    assert!(said.contains("got exit code 101, a panic"), "{said}");
    assert!(
        said.contains("panicked at src/x.rs:1:1: / index out of bounds"),
        "{said}"
    );
}

#[test]
fn a_server_that_says_nothing_says_something_else_or_ends_is_told() {
    let cases = case("server", "steps = [{ say = \"Hi\" }]");
    for (script, words) in [
        (
            "exit 1",
            "expected the line `listening on {address}`, it ended without",
        ),
        (
            "echo hello; sleep 60",
            "expected the first line `listening on {address}`, got `hello`",
        ),
        ("sleep 60", "it printed none for 5 s"),
        ("yes | tr -d '\\n'", "it printed none for 5 s"),
    ] {
        let said = told(&cases, script).expect("a complaint");
        assert!(said.contains(words), "{script}: {said}");
    }
}

#[test]
fn a_client_that_never_comes_is_told() {
    let cases = case("client", "steps = [{ hear = \"Hi\" }]");
    let said = told(&cases, "exit 1").expect("a complaint");
    assert!(
        said.starts_with("expected the program to connect, it ended without; look at it"),
        "{said}"
    );
}

#[test]
fn output_that_lacks_a_line_or_has_one_more_is_told() {
    let cases = case("program", "output = [\"one\", \"two\"]");
    for (script, words) in [
        (
            "echo one",
            "expected `two` as line 2 of its output, it printed 1 line and no more",
        ),
        (
            "echo one; echo tow",
            "expected `two` as line 2 of its output, got `tow`",
        ),
        (
            "echo one; echo two; echo three",
            "expected no output after `two`, got `three`",
        ),
    ] {
        let said = told(&cases, script).expect("a complaint");
        assert!(said.contains(words), "{script}: {said}");
    }
}

#[test]
fn a_missing_program_is_told_with_the_way_to_get_it_back() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("listings/ch01-echo/exercises");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("x.toml"), case("program", "exit = 0")).expect("written");
    let exercises = Exercises::open(root.path()).expect("sound");
    let error = build(exercises.get("echo/x").expect("there"), How::here(false)).expect_err("no program");
    assert_eq!(
        error.to_string(),
        "there is no `listings/ch01-echo/exercises/x.rs`; `git checkout -- listings/ch01-echo/exercises/x.rs` brings it back as it was shipped"
    );
}

#[test]
fn cases_that_cannot_be_read_are_told_with_file_and_line() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("listings/ch01-echo/exercises");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("x.toml"), case("program", "exti = 0")).expect("written");
    let error = Exercises::open(root.path()).expect_err("wrong").to_string();
    assert!(
        error.starts_with("listings/ch01-echo/exercises/x.toml:7: unknown field `exti`"),
        "{error}"
    );
}
