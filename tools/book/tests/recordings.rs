//! The verbs that need no private network: `show`, `verify --runs 0`; and what all verbs say to a wrong word.

mod common;

use common::{Scratch, bad, good, output};
use stage::recording::{Elsewhere, Recording};
use stage::scenario::Link;
use std::fs;
use std::process::Stdio;

#[test]
fn a_stored_recording_is_shown_with_title_lanes_and_output() {
    let book = Scratch::new().with_echo();
    let said = good(book.run(&["show", "echo/one-echo"]));
    let mut lines = said.lines();
    assert_eq!(
        lines.next(),
        Some("echo/one-echo.blocking: One echo; the client closes first")
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("recorded ") && line.contains("Linux")),
        "{said}"
    );
    assert!(
        said.contains("listening on 127.0.0.1:8000") && said.contains("heard 11 bytes: Hi, ferris?"),
        "{said}"
    );
    assert!(said.contains("client: exit 0"), "{said}");
    // The call that says the eleven bytes, with its line, and the segment that it causes.
    let lanes: Vec<&str> = said.lines().filter(|line| line.contains("send")).collect();
    assert!(
        lanes[0].contains("stream.write_all(") && lanes[0].contains("send 11"),
        "{said}"
    );
    assert!(
        lanes[1].contains("send ") && lanes[1].contains("4 11 B ───"),
        "{said}"
    );
    assert!(said.contains("→ESTABLISHED"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 100), "{said}");
    assert!(!said.contains("Flags [S]"), "{said}");
    assert!(good(book.run(&["show", "echo/one-echo.async"])).starts_with("echo/one-echo.async: "));
}

#[test]
fn a_stored_recording_is_shown_as_tcpdump_prints_it_on_demand() {
    let book = Scratch::new().with_echo();
    let said = good(book.run(&["show", "echo/one-echo", "--tcpdump"]));
    assert!(said.contains("> 127.0.0.1.8000: Flags [S], cksum"), "{said}");
    assert!(said.contains("→ESTABLISHED"), "{said}");
}

#[test]
fn a_program_whose_calls_were_not_recorded_has_a_lane_that_says_so() {
    let book = Scratch::new().with_echo();
    let folder = book
        .root()
        .join("listings/ch01-echo/recordings/one-echo.blocking");
    let mut recording = Recording::read(&folder).unwrap();
    recording.calls.retain(|record| record.program() != "server");
    recording.manifest.act.programs[0].untapped = Some("it is written in Go".into());
    recording.write(&folder).unwrap();
    let said = good(book.run(&["show", "echo/one-echo"]));
    assert!(
        said.contains("server: its calls were not recorded: it is written in Go\n"),
        "{said}"
    );
    let answer = said.lines().find(|line| line.contains("─ 11 B 6")).unwrap();
    assert!(answer.ends_with("no calls seen"), "{said}");
    let question = said.lines().find(|line| line.contains("4 11 B ─")).unwrap();
    assert!(question.contains(" send "), "{said}");
}

#[test]
fn a_recording_in_a_folder_is_shown_by_the_folder() {
    let book = Scratch::new().with_echo();
    let kept = "listings/ch01-echo/recordings/one-echo.async";
    let said = good(book.run(&["show", kept]));
    assert!(said.starts_with(kept) && said.contains("→ESTABLISHED"), "{said}");
    let said = bad(book.run(&["show", "./nowhere"]));
    assert!(said.contains("no scenario is called `./nowhere`"), "{said}");
}

#[test]
fn what_has_not_changed_is_kept_and_what_is_made_of_it_is_made_again() {
    let book = Scratch::new().with_echo();
    let timeline = "listings/ch01-echo/recordings/one-echo.blocking/timeline.txt";
    let before = fs::read(book.root().join(timeline)).unwrap();
    let record = || good(book.run(&["record", "echo/one-echo.blocking"]));
    let kept = "[1 of 1] echo/one-echo.blocking: kept, nothing has changed\n";
    assert_eq!(record(), kept);
    fs::remove_file(book.root().join(timeline)).unwrap();
    let said = record();
    assert!(said.ends_with("kept; its timeline is written anew\n"), "{said}");
    assert_eq!(fs::read(book.root().join(timeline)).unwrap(), before);
    assert_eq!(record(), kept);
}

#[test]
fn to_watch_takes_two_programs() {
    let book = Scratch::new();
    let said = bad(book.run(&["watch", "--", "./server", "{address}"]));
    assert!(
        said.contains("-- ./server {address} -- ./client {address}"),
        "{said}"
    );
}

#[test]
fn packets_seen_at_two_hosts_are_shown_for_each_and_for_the_link() {
    let book = Scratch::new().with_echo();
    let folder = book
        .root()
        .join("listings/ch01-echo/recordings/one-echo.blocking");
    let mut recording = Recording::read(&folder).unwrap();
    let elsewhere = recording.capture.clone();
    recording.link = Some(Elsewhere {
        server: elsewhere.clone(),
        link: elsewhere,
    });
    recording.manifest.act.link = Some(Link::default());
    fs::remove_dir_all(&folder).unwrap();
    recording.write(&folder).unwrap();
    let said = good(book.run(&["show", "echo/one-echo", "--tcpdump"]));
    for place in ["at the client's host", "on the link", "at the server's host"] {
        let packets = said.split_once(&format!("packets {place} (")).unwrap().1;
        assert!(packets.contains("Flags [S], cksum"), "{place}: {said}");
    }
}

#[test]
fn without_a_name_every_recording_is_listed_and_the_missing_are_marked() {
    let book = Scratch::new().with_echo();
    fs::remove_dir_all(book.root().join("listings/ch01-echo/recordings/one-echo.async")).unwrap();
    let said = good(book.run(&["show"]));
    for line in said.lines() {
        let missing = line.starts_with("echo/one-echo.async ");
        assert_eq!(line.ends_with("(not recorded)"), missing, "{line}");
    }
    assert!(said.lines().count() >= 5, "{said}");
    let said = bad(book.run(&["show", "echo/one-echo.async"]));
    assert!(said.contains("cargo book record"), "{said}");
}

#[test]
fn a_figure_is_drawn_to_standard_output_or_into_a_file() {
    let book = Scratch::new().with_echo();
    let svg = good(book.run(&["figure", "echo/one-echo"]));
    assert!(
        svg.starts_with("<svg xmlns=") && svg.contains("TcpStream::connect(&amp;address)"),
        "{svg}"
    );
    let file = book.root().join("echo.svg");
    good(book.run(&["figure", "echo/one-echo", "--out", file.to_str().unwrap()]));
    assert_eq!(fs::read_to_string(file).unwrap(), svg);
}

#[test]
fn the_stored_figures_are_those_of_the_recordings_that_pages_show() {
    let book = Scratch::new().with_echo();
    let figures = book.root().join("listings/ch01-echo/figures");
    fs::remove_dir_all(&figures).ok();
    book.write(
        "src/ch01-echo.md",
        "# T\n\n```recording\nshow = \"echo/one-echo\"\ncompare = \"echo/one-echo.async\"\n```\n",
    );
    book.write("listings/ch01-echo/figures/left-over.svg", "");
    let said = good(book.run(&["figure", "--update"]));
    assert!(said.contains("drawn    ") && said.contains("removed  "), "{said}");
    let names = || {
        let entries = figures
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    assert!(
        names().iter().eq(["one-echo.async.svg", "one-echo.blocking.svg"]),
        "{:?}",
        names()
    );
    assert_eq!(
        fs::read_to_string(figures.join("one-echo.blocking.svg")).unwrap(),
        good(book.run(&["figure", "echo/one-echo"]))
    );
    assert_eq!(good(book.run(&["figure", "--update"])), "", "drawn once");
}

#[test]
fn an_unknown_name_lists_the_nearest() {
    let book = Scratch::new().with_echo();
    for verb in ["show", "figure", "run", "record", "verify"] {
        let said = bad(book.run(&[verb, "echo/hole-buffer"]));
        let nearest = said.lines().nth(1).map(str::trim);
        assert_eq!(nearest, Some("echo/whole-buffer.blocking"), "{verb}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let book = Scratch::new().with_echo();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = book.command(&["show", "echo/one-echo"]);
    let status = command.stdout(writer).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn stored_recordings_are_verified_without_a_run() {
    let book = Scratch::new().with_echo();
    let said = good(book.run(&["verify", "--runs", "0"]));
    assert!(said.contains("ok  echo/one-echo.blocking"), "{said}");

    let source = "listings/ch01-echo/src/bin/echo-async-client.rs";
    book.write(source, "fn main() {}\n");
    let said = bad(book.run(&["verify", "--runs", "0"]));
    assert!(
        said.contains("BAD echo/one-echo.async\n") && said.contains("echo-async-client.rs"),
        "{said}"
    );
    assert!(said.contains("ok  echo/one-echo.blocking\n"), "{said}");
    good(book.run(&["verify", "--runs", "0", "echo/one-echo.blocking"]));

    fs::create_dir(book.root().join("listings/ch01-echo/recordings/nobody.blocking")).unwrap();
    let said = bad(book.run(&["verify", "--runs", "0"]));
    assert!(said.contains("nobody.blocking: belongs to no scenario"), "{said}");
}

#[test]
fn a_server_that_is_none_is_told_from_one_that_fails() {
    let book = Scratch::new();
    let said = bad(book.run(&["contract", "--", "./no-server", "{address}"]));
    assert!(said.contains("./no-server"), "{said}");
    let said = bad(book.run(&["contract", "--", "./no-server"]));
    assert!(said.contains("{address}"), "{said}");
    let said = bad(book.run(&[
        "contract",
        "--claim",
        "speed=high",
        "--",
        "./no-server",
        "{address}",
    ]));
    assert!(
        said.contains("no claim is called `speed`") && said.contains("concurrency"),
        "{said}"
    );
}

#[test]
fn every_verb_says_for_whom_it_is_what_it_needs_and_shows_an_example() {
    let book = Scratch::new();
    for verb in [
        "serve", "build", "show", "figure", "run", "watch", "contract", "record", "verify",
    ] {
        let said = good(output(book.command(&["help", verb])));
        let whom = ["For everybody", "For readers", "For authors"]
            .iter()
            .any(|whom| said.contains(whom));
        assert!(whom, "{verb}: {said}");
        assert!(
            said.contains(&format!("\nExamples:\n  cargo book {verb}")),
            "{verb}: {said}"
        );
        assert!(said.contains("\nNeeds: "), "{verb}: {said}");
    }
}
