//! What needs something from outside: the `mdbook` program, a private network. What cannot run here is shown as
//! ignored with its reason and counted at the end.
#![allow(
    clippy::unwrap_used,
    reason = "these functions are tests, though no harness calls them so"
)]

mod common;

use book::render;
use common::{Scratch, bad, files, good, output, repository};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::perform::possible;
use stage::programs::{BIN_DIR, Programs};
use stage::recording::Recording;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use wire::capture::Capture;
use wire::segment::Flags;

/// The version both commands are held to.
const MDBOOK: &str = "mdbook v0.5.4";

/// Names an `mdbook` program that is not on the path.
const MDBOOK_PROGRAM: &str = "BOOK_MDBOOK";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        with_mdbook("mdbook_and_cargo_book_show_the_same_pages", the_same_book),
        on_stage("run_shows_compares_and_changes_nothing", run),
        on_stage("record_makes_what_is_missing_and_keeps_the_rest", record),
        on_stage(
            "record_stores_nothing_that_does_not_show_what_it_should",
            record_nothing_wrong,
        ),
        on_stage(
            "record_makes_anew_what_a_straggler_broke_off",
            record_without_stragglers,
        ),
        on_stage("verify_runs_again_and_counts_shapes", verify),
        on_stage("verify_keeps_the_runs_that_do_not_agree", verify_keeps),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored > 0 {
        eprintln!(
            "{} tests could not run here; the reason stands beside each",
            conclusion.num_ignored
        );
    }
    conclusion.exit_code()
}

fn with_mdbook(name: &str, test: fn(&Path) -> Result<(), Failed>) -> Trial {
    Trial::ignorable_test(name, move || match mdbook() {
        Some(program) => test(&program).map(|()| Completion::Completed),
        None => Ok(Completion::ignored_with(format!(
            "no {MDBOOK} on the path, and {MDBOOK_PROGRAM} names none"
        ))),
    })
}

/// The `mdbook` of the right version.
fn mdbook() -> Option<PathBuf> {
    let program = env::var_os(MDBOOK_PROGRAM).map_or_else(|| "mdbook".into(), PathBuf::from);
    let said = Command::new(&program).arg("--version").output().ok()?;
    (String::from_utf8_lossy(&said.stdout).trim() == MDBOOK).then_some(program)
}

/// The whole book, as somebody has it who knows `mdbook` and not `cargo book`: with the preprocessor's command.
///
/// What stands outside `<main>` differs by the name of the search index, whose keys come in another order.
fn the_same_book(program: &Path) -> Result<(), Failed> {
    let theirs = tempfile::tempdir()?;
    let mut command = Command::new(program);
    command
        .arg("build")
        .arg("--dest-dir")
        .arg(theirs.path())
        .current_dir(repository());
    // No deadline: cargo builds the preprocessor first, for as long as that takes here.
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("ERROR"), "{said}");
    let theirs = pages(theirs.path());
    assert!(
        theirs.contains_key("index.html") && theirs.len() >= 4,
        "{:?}",
        theirs.keys()
    );

    for reload in [None, Some("__livereload/1")] {
        let ours = tempfile::tempdir()?;
        render::render(repository(), ours.path(), reload)?;
        let ours = pages(ours.path());
        assert!(
            theirs.keys().eq(ours.keys()),
            "{:?} and {:?}",
            theirs.keys(),
            ours.keys()
        );
        for (name, main) in &theirs {
            assert_eq!(ours[name], *main, "{name}, {reload:?}");
        }
    }
    Ok(())
}

/// The `<main>` of every page that has one.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    files(folder)
        .into_iter()
        .filter_map(|(name, content)| Some((name, main_of(&content)?)))
        .collect()
}

fn main_of(page: &[u8]) -> Option<String> {
    let page = String::from_utf8_lossy(page);
    let (_, rest) = page.split_once("<main>")?;
    Some(rest.split_once("</main>")?.0.to_owned())
}

fn on_stage(name: &str, test: fn(&Scratch, &Path)) -> Trial {
    Trial::ignorable_test(name, move || {
        let programs = Programs::shared(repository())?;
        if let Err(error) = possible(programs) {
            let Some(refusal) = error.refusal() else {
                return Err(error.into());
            };
            if env::var("BOOK_REQUIRE_LIVE").is_ok_and(|value| value == "1") {
                return Err(refusal.to_string().into());
            }
            return Ok(Completion::ignored_with(refusal.reason()));
        }
        let stage = programs.path("stage")?;
        test(
            &Scratch::new().with_echo(),
            stage.parent().ok_or("a program lies in a folder")?,
        );
        Ok(Completion::Completed)
    })
}

fn with_programs(book: &Scratch, programs: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = book.command(arguments);
    command.env(BIN_DIR, programs);
    output(command)
}

fn run(book: &Scratch, programs: &Path) {
    let before = files(book.root());
    let kept = book.temporary.path().join("kept");
    let keep = kept.to_string_lossy();
    let said = good(with_programs(
        book,
        programs,
        &["run", "echo/one-echo", "--keep", &keep],
    ));
    assert!(
        said.contains("→SYN-SENT     1 SYN ─") && said.contains("the client printed the same 2 lines"),
        "{said}"
    );
    assert!(
        said.ends_with("echo/one-echo.blocking shows what its scenario says\n"),
        "{said}"
    );
    assert!(kept.join("capture.pcap").is_file());
    assert!(
        files(book.root()) == before,
        "something in the repository has changed"
    );
}

fn record(book: &Scratch, programs: &Path) {
    let recording = book
        .root()
        .join("listings/ch01-echo/recordings/whole-buffer.blocking");
    fs::remove_dir_all(&recording).unwrap();
    let said = good(with_programs(book, programs, &["record"]));
    assert!(
        said.contains("echo/whole-buffer.blocking: recorded (its picture held "),
        "{said}"
    );
    assert!(
        said.contains("echo/one-echo.async: kept, nothing has changed\n"),
        "{said}"
    );
    let first = files(&recording);
    let said = good(with_programs(book, programs, &["record", "echo"]));
    assert_eq!(said.matches("kept").count(), said.lines().count(), "{said}");
    let said = good(with_programs(
        book,
        programs,
        &["record", "--again", "echo/whole-buffer"],
    ));
    assert!(
        said.contains("recorded anew") && said.contains("\n  because on demand"),
        "{said}"
    );
    assert!(files(&recording) != first, "the times at least are others");
}

fn record_nothing_wrong(book: &Scratch, programs: &Path) {
    let scenario = "listings/ch01-echo/scenarios/one-echo.toml";
    let text = fs::read_to_string(book.root().join(scenario)).unwrap();
    let wrong = text.replace("client 11 bytes", "client 12 bytes");
    assert_ne!(text, wrong, "the scenario speaks of other bytes now");
    book.write(scenario, &wrong);
    let before = files(book.root());
    let said = bad(with_programs(
        book,
        programs,
        &["record", "echo/one-echo.blocking"],
    ));
    assert!(
        said.contains("was not stored") && said.contains("client 12 bytes"),
        "{said}"
    );
    assert!(files(book.root()) == before, "something was stored");
}

/// A RST behind both FINs is no fault of a run, and nothing to store: its page would have to explain it.
fn record_without_stragglers(book: &Scratch, programs: &Path) {
    const FLAGS: usize = 14 + 20 + 13; // behind Ethernet's header and IP's, in TCP's
    let folder = book
        .root()
        .join("listings/ch01-echo/recordings/one-echo.blocking");
    let mut stored = Recording::read(&folder).unwrap();
    let mut capture = Capture::parse(&stored.capture).unwrap();
    let mut straggler = capture.packets.last().unwrap().clone();
    straggler.time += 1000;
    straggler.bytes[FLAGS] = Flags::RST as u8;
    capture.packets.push(straggler);
    stored.capture = capture.to_pcap();
    stored.write(&folder).unwrap();
    let said = good(with_programs(
        book,
        programs,
        &["record", "echo/one-echo.blocking"],
    ));
    assert!(
        said.contains("recorded anew") && said.contains("a RST broke TIME-WAIT off"),
        "{said}"
    );
    good(book.run(&["verify", "--runs", "0", "echo/one-echo.blocking"]));
}

fn verify(book: &Scratch, programs: &Path) {
    let said = good(with_programs(
        book,
        programs,
        &["verify", "--runs", "2", "echo/one-echo.blocking"],
    ));
    let runs: usize = said
        .lines()
        .filter_map(|line| line.trim().split_once(" x ")?.0.parse::<usize>().ok())
        .sum();
    assert_eq!(runs, 2, "{said}");
    assert!(
        said.contains("segments: client SYN, server SYN, client ACK"),
        "{said}"
    );
}

fn verify_keeps(book: &Scratch, programs: &Path) {
    let scenario = "listings/ch01-echo/scenarios/one-echo.toml";
    let text = fs::read_to_string(book.root().join(scenario)).unwrap();
    book.write(scenario, &text.replace("client 11 bytes", "client 12 bytes"));
    let kept = book.temporary.path().join("kept");
    let keep = kept.to_string_lossy();
    let verify = ["verify", "echo/one-echo.blocking", "--runs", "2", "--keep", &keep];
    let said = bad(with_programs(book, programs, &verify));
    assert!(
        said.contains("in 2 of 2: ") && said.contains("client 12 bytes"),
        "{said}"
    );
    for run in 1..=2 {
        let folder = kept.join(format!("echo-one-echo.blocking-{run}"));
        let said = good(book.run(&["show", &folder.to_string_lossy()]));
        assert!(said.contains("→ESTABLISHED"), "{said}");
    }
    book.write(scenario, &text);
    fs::remove_dir_all(&kept).unwrap();
    good(with_programs(book, programs, &verify));
    assert!(!kept.exists(), "a run that agrees was kept");
}
