//! Running a program, with the tap and without.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use stage::programs::Programs;
use stage::tap_log::place::{Ours, Places};
use stage::tap_log::{Log, Tapped, records};
use wire::call::{Call, Name, Place, Record};

/// Where the programs' sources are, below this package's folder.
const SOURCES: &str = "tests/tap/programs";

/// A program's run with the tap before it.
pub struct Run {
    pub output: Output,
    pub tapped: Tapped,
    name: &'static str,
}

/// This package's folder.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The tap, built if need be.
pub fn tap() -> Result<PathBuf, String> {
    let root = package()
        .ancestors()
        .nth(2)
        .ok_or("this package is not in a workspace")?;
    let programs = Programs::shared(root).map_err(|error| error.to_string())?;
    programs
        .tap()
        .ok_or_else(|| "the tap was not built; put libtap.so into the folder of BOOK_BIN_DIR".into())
}

/// A program, not yet started; its calls go to `log`, if one is given.
pub fn command(name: &str, log: Option<&Log>) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows where it is"));
    // Few descriptors, and room above them, as on most machines.
    let limit = || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(setrlimit(Resource::RLIMIT_NOFILE, hard.min(256), hard)?)
    };
    // SAFETY: between fork and exec two system calls are made, and nothing else.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(limit);
    }
    command.env("TAP_PROGRAM", name).stdin(Stdio::null());
    if let Some(log) = log {
        command.envs(log.environment(&tap().expect("asked for before")));
    }
    command
}

/// Runs a program to its end, tapped, and reads what the tap wrote. Its source alone is ours.
pub fn run(name: &'static str) -> Run {
    let source = PathBuf::from(SOURCES).join(format!("{name}.rs"));
    run_where(name, Ours::Under(source))
}

/// As [`run`], with a word about which lines are ours.
pub fn run_where(name: &'static str, ours: Ours) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Log::create(&folder.path().join("tap.log")).expect("a log can be made");
    finish(name, start(name, &log), &log, ours)
}

/// Starts a program, tapped.
pub fn start(name: &str, log: &Log) -> Child {
    command(name, Some(log))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this binary starts")
}

/// Waits for a tapped program, and reads what the tap wrote.
pub fn finish(name: &'static str, child: Child, log: &Log, ours: Ours) -> Run {
    let programs = BTreeMap::from([(child.id(), name.to_string())]);
    let output = child.wait_with_output().expect("a child can be waited for");
    let written = log.read().expect("the log was made before");
    let tapped = records(&written, &programs, &mut Places::new(package(), ours));
    Run { output, tapped, name }
}

impl Run {
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.tapped.records.iter().filter_map(|record| match record {
            Record::Call(call) => Some(call),
            _ => None,
        })
    }

    /// The calls of one name.
    pub fn named(&self, name: &str) -> Vec<&Call> {
        self.calls().filter(|call| call.call.as_str() == name).collect()
    }

    /// Fails unless the program ended well.
    pub fn ended_well(&self) {
        let said = String::from_utf8_lossy(&self.output.stderr);
        assert!(
            self.output.status.success(),
            "{}: {}: {said}",
            self.name,
            self.output.status
        );
    }

    /// Every call of every line, as the tap saw it.
    pub fn seen(&self) -> BTreeSet<(u32, String)> {
        let mut seen = BTreeSet::new();
        let mut add = |place: &Option<Place>, name: &str| {
            if let Some(place) = place {
                assert!(
                    place.file.ends_with(&format!("/{}.rs", self.name)),
                    "{name}: {place:?}"
                );
                seen.insert((place.line, name.to_string()));
            }
        };
        for record in &self.tapped.records {
            match record {
                Record::Call(call) => add(&call.place, call.call.as_str()),
                Record::Fork(fork) => add(&fork.place, "fork"),
                _ => {}
            }
        }
        seen
    }

    /// Every call of every line, as the source says it.
    pub fn marked(&self) -> BTreeSet<(u32, String)> {
        let marks = |(line, text): (u32, String)| {
            let calls = text.split(';').next().unwrap_or_default();
            let recorded = |call: &&str| *call == "fork" || call.parse::<Name>().is_ok();
            calls
                .split_whitespace()
                .filter(recorded)
                .map(|call| (line, call.to_string()))
                .collect::<Vec<_>>()
        };
        self.marks().into_iter().flat_map(marks).collect()
    }

    /// What lines drop, as the source says it.
    pub fn marked_drops(&self) -> BTreeMap<u32, String> {
        self.marks()
            .into_iter()
            .filter_map(|(line, text)| Some((line, text.split_once("; drops ")?.1.trim().to_string())))
            .collect()
    }

    fn marks(&self) -> Vec<(u32, String)> {
        let source = std::fs::read_to_string(package().join(SOURCES).join(format!("{}.rs", self.name)));
        let source = source.expect("the program's source is here");
        let marks = (1..)
            .zip(source.lines())
            .filter_map(|(line, text)| Some((line, text.split_once("// tap: ")?.1.to_string())));
        marks.collect()
    }
}
