//! Performing a scenario: from a variant to a fresh recording.
//!
//! The library writes a script, starts the program `stage` with it and reads its report. `BOOK_SUDO=1` starts it
//! through sudo (any other value is the command to use): it then makes the network as root and runs everything else as
//! the user who asked.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use wire::call::Status;

use crate::{
    catalogue::{Catalogue, Entry},
    output::Output,
    programs::{Programs, ProgramsError},
    recording::{Exit, Manifest, Recording, sha256},
    refusal::{Refusal, SUDO},
    scenario::Act,
    script::{CAPTURE, Failure, Limits, Part, REPORT, Report, SCRIPT, Script},
};

/// A performance that went well.
#[derive(Clone, Debug)]
pub struct Performance {
    /// What it showed.
    pub recording: Recording,
    /// Where its time went, in order: making the network, starting the programs, waiting for them …
    pub spent: Vec<(String, Duration)>,
}

/// A performance that is none.
#[derive(Debug, thiserror::Error)]
pub enum PerformError {
    /// The programs cannot be had.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The performance failed.
    #[error("{failure}{}", after(output))]
    Failed {
        /// Why.
        failure: Box<Failure>,
        /// What the programs printed until then.
        output: Output,
    },
    /// The stage itself cannot be run.
    #[error("{doing}: {error}")]
    Stage {
        /// What was being done.
        doing: String,
        /// What went wrong.
        error: String,
    },
}

fn after(output: &Output) -> String {
    let text = output.to_text();
    if text.is_empty() {
        text
    } else {
        format!("\nwhat the programs printed:\n{text}")
    }
}

impl PerformError {
    /// The refusal of the machine, if it is one: then nothing is wrong with scenario or programs.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            PerformError::Failed { failure, .. } => match failure.as_ref() {
                Failure::Refused(refusal) => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The server's address on loopback.
const SERVER: &str = "127.0.0.1";

/// The first of the ports that clients get, in their order.
const FIRST_PORT: u16 = 40_000;

/// Performs one variant of a scenario.
///
/// # Errors
/// A program that is not there or does not behave, a machine that gives no private network.
pub fn perform(
    catalogue: &Catalogue,
    entry: Entry<'_>,
    programs: &Programs,
) -> Result<Performance, PerformError> {
    let act = &entry.variant.act;
    let script = script(act, programs)?;
    let folder = folder()?;
    let report = run(&script, programs, folder.path())?;
    let output = Output { lines: report.lines };
    if let Some(failure) = report.failure {
        let failure = Box::new(failure);
        return Err(PerformError::Failed { failure, output });
    }
    let path = folder.path().join(CAPTURE);
    let capture = fs::read(&path).map_err(stage_error("reading the packets"))?;
    let exits = report
        .ends
        .into_iter()
        .filter_map(|end| Some((end.program?, Exit::from(end.status))))
        .collect();
    let manifest = Manifest {
        scenario: entry.scenario.name.clone(),
        variant: entry.variant.name.clone(),
        kernel: kernel(),
        date: date(SystemTime::now()),
        began: report.began,
        pins: script.pins,
        exits,
        sources: sources(catalogue, act).map_err(stage_error("reading the programs' sources"))?,
        act: act.clone(),
    };
    let recording = Recording {
        manifest,
        capture,
        output,
    };
    let spent = report
        .spent
        .into_iter()
        .map(|(part, micros)| (part, Duration::from_micros(micros)))
        .collect();
    Ok(Performance { recording, spent })
}

/// Whether this machine gives a private network, found out by making one.
///
/// # Errors
/// The refusal, in the first case that is meant by it, or that it could not be found out.
pub fn possible(programs: &Programs) -> Result<(), PerformError> {
    let script = Script {
        programs: Vec::new(),
        pins: pins(0),
        limits: Limits {
            silence: 0,
            ..Limits::default()
        },
    };
    let folder = folder()?;
    match run(&script, programs, folder.path())?.failure {
        None => Ok(()),
        Some(failure) => Err(PerformError::Failed {
            failure: Box::new(failure),
            output: Output::default(),
        }),
    }
}

/// The hash of the source file of every program of an act. By path.
pub(crate) fn sources(catalogue: &Catalogue, act: &Act) -> io::Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    for program in &act.programs {
        if let Some(path) = catalogue.source_of(program.binary()) {
            let bytes = fs::read(catalogue.root().join(&path))?;
            sources.insert(path, sha256(&bytes));
        }
    }
    Ok(sources)
}

fn script(act: &Act, programs: &Programs) -> Result<Script, PerformError> {
    let mut parts = Vec::new();
    for program in &act.programs {
        parts.push(Part {
            name: program.name.clone(),
            path: programs.path(program.binary())?,
            arguments: program.run[1..]
                .iter()
                .map(|word| word.replace("{server}", SERVER))
                .collect(),
            ready: program.ready.clone(),
            asked_to_end: program.is_asked_to_end(),
        });
    }
    let clients = parts.iter().filter(|part| !part.asked_to_end).count();
    Ok(Script {
        programs: parts,
        pins: pins(clients),
        limits: Limits::default(),
    })
}

/// What is the same in every private network, so that the same packets appear on every machine.
fn pins(connections: usize) -> BTreeMap<String, String> {
    let last = usize::from(FIRST_PORT) + connections.max(1) - 1;
    [
        // The window scale follows from the largest buffer: 6 MiB make it 7, as on most machines.
        ("net/ipv4/tcp_rmem", "4096 131072 6291456".to_string()),
        ("net/ipv4/tcp_timestamps", "0".into()),
        ("net/ipv4/tcp_congestion_control", "reno".into()),
        ("net/ipv4/ip_local_port_range", format!("{FIRST_PORT} {last}")),
        ("net/ipv6/conf/all/disable_ipv6", "1".into()),
        ("net/ipv6/conf/default/disable_ipv6", "1".into()),
    ]
    .map(|(path, value)| (path.to_string(), value))
    .into()
}

fn folder() -> Result<tempfile::TempDir, PerformError> {
    tempfile::Builder::new()
        .prefix("stage-")
        .tempdir()
        .map_err(stage_error("making a temporary folder"))
}

/// Has the program `stage` perform a script in a folder, and reads its report.
fn run(script: &Script, programs: &Programs, folder: &Path) -> Result<Report, PerformError> {
    if !cfg!(target_os = "linux") {
        return Err(PerformError::Failed {
            failure: Box::new(Refusal::not_linux().into()),
            output: Output::default(),
        });
    }
    let text = serde_json::to_vec(script).expect("a script is plain data");
    fs::write(folder.join(SCRIPT), text).map_err(stage_error("writing the script"))?;
    let mut command = command(programs, folder)?;
    let starting = format!("starting {}", command.get_program().to_string_lossy());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(stage_error(&starting))?;
    // The stage gives up when this end of the pipe is closed, as it is when we end in any way.
    let presence = child.stdin.take();
    let (tell, ear) = mpsc::channel();
    let errors = child.stderr.take();
    thread::spawn(move || {
        let mut said = String::new();
        if let Some(mut pipe) = errors {
            pipe.read_to_string(&mut said).ok();
        }
        tell.send(said).ok();
    });
    // Its own bounds come first; this one is for a stage that is stopped or broken.
    let limits = script.limits;
    let bound =
        limits.ready * script.programs.len() as u64 + limits.whole + limits.settle + limits.end + 15_000;
    let said = ear.recv_timeout(Duration::from_millis(bound));
    drop(presence);
    if said.is_err() && ear.recv_timeout(Duration::from_secs(2)).is_err() {
        child.kill().ok();
        child.wait().ok();
        return Err(stage_error("waiting for the stage")(io::Error::other(format!(
            "it did not end within {bound} ms and was killed"
        ))));
    }
    child.wait().map_err(stage_error("waiting for the stage"))?;
    let said = said.unwrap_or_default();
    let report = fs::read(folder.join(REPORT)).map_err(|_| PerformError::Stage {
        doing: "performing".into(),
        error: format!("the stage left no report. It said: {}", said.trim()),
    })?;
    serde_json::from_slice(&report).map_err(|error| stage_error("reading the stage's report")(error.into()))
}

fn command(programs: &Programs, folder: &Path) -> Result<Command, PerformError> {
    let stage = programs.path("stage")?;
    let through = match env::var(SUDO) {
        Ok(value) if value == "1" => "sudo".to_string(),
        Ok(value) if value != "0" => value,
        _ => String::new(),
    };
    let mut words = through.split_whitespace();
    let Some(first) = words.next() else {
        let mut command = Command::new(stage);
        command.arg("perform").arg(folder);
        return Ok(command);
    };
    let mut command = Command::new(first);
    command
        .args(words)
        .arg(stage)
        .args(["perform", "--as", &ourselves()?])
        .arg(folder);
    Ok(command)
}

/// Who asks: `UID:GID`.
fn ourselves() -> Result<String, PerformError> {
    #[cfg(target_os = "linux")]
    let (uid, gid) = crate::linux::user();
    #[cfg(not(target_os = "linux"))]
    let (uid, gid) = (0, 0);
    Ok(format!("{uid}:{gid}"))
}

fn kernel() -> String {
    #[cfg(target_os = "linux")]
    return crate::linux::kernel();
    #[cfg(not(target_os = "linux"))]
    return env::consts::OS.into();
}

fn stage_error(doing: &str) -> impl Fn(io::Error) -> PerformError {
    let doing = doing.to_string();
    move |error| PerformError::Stage {
        doing: doing.clone(),
        error: error.to_string(),
    }
}

/// The day in UTC: `2026-01-31`. By the rule that days are counted from a 1st of March.
fn date(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let days = (since.as_secs() / 86_400) as i64 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// How a program may end where the scenario says nothing: a client with 0, a server with 0 or by the SIGTERM it gets.
pub(crate) fn is_expected_end(asked_to_end: bool, status: &Status) -> bool {
    match status {
        Status::Exited(code) => *code == 0,
        Status::Signaled(name) => asked_to_end && name == "SIGTERM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_year_month_day() {
        let day = |seconds| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_399), "2000-02-28");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(1_767_225_599), "2025-12-31");
        assert_eq!(day(1_767_225_600), "2026-01-01");
    }

    #[test]
    fn a_server_may_end_by_the_signal_it_is_sent_and_a_client_may_not() {
        let term = Status::Signaled("SIGTERM".into());
        assert!(is_expected_end(true, &term));
        assert!(!is_expected_end(false, &term));
        assert!(!is_expected_end(true, &Status::Exited(101)));
    }
}
