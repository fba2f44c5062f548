//! Performing a scenario: from a variant to a fresh recording.
//!
//! The library writes a script, starts the program `stage` with it and reads its report. `BOOK_SUDO=1` starts it
//! through sudo (any other value is the command to use): it then makes the network as root and runs everything else as
//! the user who asked.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use wire::call::{self, Holders, Record, Status, Task};

use crate::{
    catalogue::{Catalogue, Entry},
    cited,
    output::{Line, Output, Stream},
    programs::{Programs, ProgramsError},
    recording::{Elsewhere, Exit, Manifest, Recording},
    refusal::{Refusal, SUDO},
    scenario::{Act, Ends, Program, Span, pins},
    script::{
        CAPTURE, Failure, LINK_CAPTURE, Limits, Part, Progress, REPORT, Ready, Report, SCRIPT,
        SERVER_CAPTURE, Script, TAP_LOG, WORK,
    },
    tap_log::{
        self, Tapped,
        place::{Ours, Places},
    },
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
    /// A program's calls were not seen.
    #[error(
        "no calls of `{program}` were seen: it is linked statically, or makes raw system calls; if that is meant, say so in the scenario with `untapped = \"why\"`"
    )]
    Untapped {
        /// Its name in the scenario.
        program: String,
    },
    /// The tap did not note everything.
    #[error(
        "the tap's log lacks {lost} lines or more: the programs made more calls than it has room for (some 600,000)"
    )]
    TapLost {
        /// How many.
        lost: u64,
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
const LOOPBACK: &str = "127.0.0.1";

/// The server's address on a link.
const ACROSS: &str = "10.0.0.2";

/// Performs one variant of a scenario.
///
/// # Errors
/// A program that is not there or does not behave, a machine that gives no private network.
pub fn perform(
    catalogue: &Catalogue,
    entry: Entry<'_>,
    programs: &Programs,
) -> Result<Performance, PerformError> {
    perform_before(catalogue, entry, programs, &mut |_| ())
}

/// As [`perform`]; `audience` is told what happens as it happens.
///
/// # Errors
/// As [`perform`].
pub fn perform_before(
    catalogue: &Catalogue,
    entry: Entry<'_>,
    programs: &Programs,
    audience: &mut dyn FnMut(&Progress),
) -> Result<Performance, PerformError> {
    let act = &entry.variant.act;
    let script = script(act, programs)?;
    let folder = folder()?;
    let report = run(&script, programs, folder.path(), audience)?;
    let output = Output {
        lines: report.lines.clone(),
    };
    if let Some(failure) = report.failure.clone() {
        let failure = Box::new(failure);
        return Err(PerformError::Failed { failure, output });
    }
    let started = Instant::now();
    let mut places = Places::new(catalogue.root(), Ours::Under("listings".into()));
    let tapped = calls(&mut places, &script, &report, folder.path())?;
    if let Some(program) = tapped.unseen {
        return Err(PerformError::Untapped { program });
    }
    let sources = cited::sources(catalogue, act, &tapped.calls)
        .map_err(stage_error("reading the programs' sources"))?;
    let name = (entry.scenario.name.clone(), entry.variant.name.clone());
    let recording = assemble(name, act, &report, tapped.calls, sources, folder.path())?;
    let mut spent: Vec<(String, Duration)> = report
        .spent
        .into_iter()
        .map(|(part, micros)| (part, Duration::from_micros(micros)))
        .collect();
    spent.push(("reading".into(), started.elapsed()));
    Ok(Performance { recording, spent })
}

/// A recording of what the stage left in its folder.
fn assemble(
    (scenario, variant): (String, String),
    act: &Act,
    report: &Report,
    calls: Vec<Record>,
    sources: BTreeMap<String, String>,
    folder: &Path,
) -> Result<Recording, PerformError> {
    let packets = |name: &str| fs::read(folder.join(name)).map_err(stage_error("reading the packets"));
    let link = match act.link {
        None => None,
        Some(_) => Some(Elsewhere {
            server: packets(SERVER_CAPTURE)?,
            link: packets(LINK_CAPTURE)?,
        }),
    };
    let exits = act.running().filter_map(|(name, _)| {
        let end = report
            .ends
            .iter()
            .find(|end| end.program.as_ref() == Some(&name))?;
        Some((name, Exit::from(end.status.clone())))
    });
    let manifest = Manifest {
        scenario,
        variant,
        kernel: kernel(),
        date: date(SystemTime::now()),
        began: report.began,
        pins: act.all_pins(),
        exits: exits.collect(),
        sources: cited::hashes(&sources),
        act: act.clone(),
    };
    Ok(Recording {
        manifest,
        capture: packets(CAPTURE)?,
        link,
        output: Output {
            lines: without_tasks(&report.lines, &calls),
        },
        calls,
        sources,
    })
}

/// What the programs printed, but for what they said of their tasks: that is among the calls, at the time at which the tap
/// saw it. Where the tap did not see it, it stays.
fn without_tasks(lines: &[Line], calls: &[Record]) -> Vec<Line> {
    let noted = |line: &Line| {
        line.stream == Stream::Err
            && Task::said(&line.text).is_some()
            && calls
                .iter()
                .any(|record| matches!(record, Record::Task(task) if task.program == line.program))
    };
    lines.iter().filter(|line| !noted(line)).cloned().collect()
}

/// A reader's own two programs.
#[derive(Clone, Debug)]
pub struct Own {
    /// The server and its arguments. `{address}` stands for the address it shall listen on, with its port, `{server}` for
    /// that without.
    pub server: Vec<String>,
    /// The client and its arguments.
    pub client: Vec<String>,
    /// The words that the server prints when it is ready; else it is when it listens.
    pub ready: Option<String>,
    /// The longest that the client may take.
    pub within: Duration,
}

/// What a reader's own programs did.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What was seen.
    pub recording: Recording,
    /// Why it ended before its time, if it did: the client was killed because it did not end, say.
    pub failure: Option<Failure>,
    /// The programs of which no call was seen: linked statically, or making raw system calls.
    pub silent: Vec<String>,
}

/// Records a reader's own two programs, in the folder and with the environment of this process.
///
/// # Errors
/// A machine that gives no private network, or a program that cannot be started.
pub fn watch(own: &Own, programs: &Programs) -> Result<Watched, PerformError> {
    let act = own.act();
    let mut script = script_of(&act, programs, |program| Ok(program.into()))?;
    for part in &mut script.programs {
        part.at_home = true;
        for word in &mut part.arguments {
            *word = word.replace("{address}", &format!("{LOOPBACK}:{WATCHED_PORT}"));
        }
        if part.asked_to_end && part.ready.is_none() {
            part.ready = Some(Ready::Listens);
        }
    }
    let folder = folder()?;
    let report = run(&script, programs, folder.path(), &mut |_| ())?;
    let failure = report.failure.clone();
    if let Some(Failure::Refused(_) | Failure::Start { .. }) = failure
        && let Some(failure) = failure
    {
        return Err(PerformError::Failed {
            failure: Box::new(failure),
            output: Output { lines: report.lines },
        });
    }
    let here = env::current_dir().map_err(stage_error("finding the folder one stands in"))?;
    let mut places = Places::new(&here, Ours::NotDownloaded);
    let calls = calls(&mut places, &script, &report, folder.path())?.calls;
    let silent = act.programs.iter().map(|program| program.name.clone());
    let silent = silent
        .filter(|name| {
            !calls
                .iter()
                .any(|record| record.program() == name && matches!(record, Record::Call(_)))
        })
        .collect();
    // What can be read of the sources; the programs may come from elsewhere.
    let cited = calls.iter().filter_map(|record| match record {
        Record::Call(call) => call.place.as_ref(),
        _ => None,
    });
    let sources = cited
        .filter(|place| place.line > 0 && Path::new(&place.file).is_relative())
        .filter_map(|place| {
            Some((
                place.file.clone(),
                fs::read_to_string(here.join(&place.file)).ok()?,
            ))
        })
        .collect();
    let name = ("watch".to_string(), "own".to_string());
    let recording = assemble(name, &act, &report, calls, sources, folder.path())?;
    Ok(Watched {
        recording,
        failure,
        silent,
    })
}

/// The port that a reader's own server is told.
const WATCHED_PORT: u16 = 8000;

impl Own {
    fn act(&self) -> Act {
        let program = |name: &str, run: &[String], ends| Program {
            name: name.into(),
            run: run.to_vec(),
            ready: None,
            count: 1,
            ends: Some(ends),
            host: None,
            caps: Vec::new(),
            untapped: None,
            busy: false,
        };
        let mut server = program("server", &self.server, Ends::Asked);
        server.ready.clone_from(&self.ready);
        Act {
            // Its client may open as many connections as it likes.
            pins: BTreeMap::from([("ip_local_port_range".to_string(), "40000 49999".to_string())]),
            within: Span(self.within),
            link: None,
            programs: vec![server, program("client", &self.client, Ends::Itself)],
            then: Vec::new(),
        }
    }
}

/// Whether this machine gives a private network, found out by making one.
///
/// # Errors
/// The refusal, or that it could not be found out.
pub fn possible(programs: &Programs) -> Result<(), PerformError> {
    rehearse(programs, false)
}

/// Whether this machine gives two hosts and a link between them, found out by making them.
///
/// # Errors
/// As [`possible`].
pub fn link_possible(programs: &Programs) -> Result<(), PerformError> {
    rehearse(programs, true)
}

fn rehearse(programs: &Programs, link: bool) -> Result<(), PerformError> {
    let script = Script {
        link: link.then(Default::default),
        pins: all_paths(&pins::usual(0)),
        limits: Limits {
            silence: 0,
            ..Limits::default()
        },
        ..Script::default()
    };
    let folder = folder()?;
    match run(&script, programs, folder.path(), &mut |_| ())?.failure {
        None => Ok(()),
        Some(failure) => Err(PerformError::Failed {
            failure: Box::new(failure),
            output: Output::default(),
        }),
    }
}

/// The calls of a performance.
struct TappedCalls {
    calls: Vec<Record>,
    /// A program that should have been tapped and was not.
    unseen: Option<String>,
}

/// The tap's log made readable, with the ends of processes, which it cannot know.
fn calls(
    places: &mut Places,
    script: &Script,
    report: &Report,
    folder: &Path,
) -> Result<TappedCalls, PerformError> {
    let log = match tap_log::Log::at(&folder.join(TAP_LOG)).read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => tap_log::Written::default(),
        other => other.map_err(stage_error("reading the tap's log"))?,
    };
    let tapped = |name: &String| {
        script
            .programs
            .iter()
            .any(|part| part.name == *name && part.tapped)
    };
    let mut names: BTreeMap<u32, String> = report
        .started
        .iter()
        .filter(|started| tapped(&started.name))
        .map(|started| (started.pid as u32, started.name.clone()))
        .collect();
    let Tapped {
        mut records,
        lost,
        cut,
        tapped,
        ..
    } = tap_log::records(&log, &names, places);
    let lost = lost + unexplained(cut, report.ends.iter().map(|end| &end.status));
    if lost > 0 {
        return Err(PerformError::TapLost { lost });
    }
    let unseen = names
        .iter()
        .find(|(pid, _)| script.tap.is_some() && !tapped.contains(pid))
        .map(|(_, program)| program.clone());
    for record in &records {
        if let Record::Fork(fork) = record {
            names.insert(fork.child, fork.program.clone());
        }
    }
    let ends = report.ends.iter().filter_map(|end| {
        let pid = end.pid as u32;
        Some(Record::End(call::End {
            time: end.time,
            program: names.get(&pid)?.clone(),
            pid,
            status: end.status.clone(),
            held: Vec::new(),
        }))
    });
    records.extend(ends);
    records.extend(report.signals.iter().cloned().map(Record::Signal));
    records.sort_by_key(Record::time);
    let mut holders = Holders::new();
    for index in call::by_effect(&records) {
        if let Record::End(end) = &mut records[index] {
            end.held = holders.held_by(end.pid);
        }
        holders.note(&records[index]);
    }
    Ok(TappedCalls {
        calls: records,
        unseen,
    })
}

/// How many of the lines that stop in the middle no end accounts for: a process that a signal ends leaves one at most.
fn unexplained<'a>(cut: u64, ends: impl Iterator<Item = &'a Status>) -> u64 {
    let killed = ends.filter(|end| matches!(end, Status::Signaled(_))).count();
    cut.saturating_sub(killed as u64)
}

fn script(act: &Act, programs: &Programs) -> Result<Script, PerformError> {
    script_of(act, programs, |binary| programs.path(binary))
}

/// `path` says where a program is.
fn script_of(
    act: &Act,
    programs: &Programs,
    path: impl Fn(&str) -> Result<PathBuf, ProgramsError>,
) -> Result<Script, PerformError> {
    let mut parts = Vec::new();
    let tap = programs.tap();
    let server = if act.link.is_some() { ACROSS } else { LOOPBACK };
    for (name, program) in act.running() {
        parts.push(Part {
            name,
            program: program.name.clone(),
            path: path(program.binary())?,
            arguments: program.run[1..]
                .iter()
                .map(|word| word.replace("{server}", server))
                .collect(),
            ready: program.ready.clone().map(Ready::Says),
            asked_to_end: program.is_asked_to_end(),
            host: program.host(),
            caps: program.caps.clone(),
            tapped: program.untapped.is_none(),
            at_home: false,
            busy: program.busy,
        });
    }
    let usual = Limits::default();
    let within = act.within.0.as_millis() as u64;
    let mut limits = Limits {
        ready: usual.ready.min(within),
        whole: within,
        ..usual
    };
    if let Some(link) = &act.link {
        // There and back, and what was held back on the way.
        let held_back = link.late.values().max().copied().unwrap_or_default();
        let way = 2 * (link.delay.0 + link.gap.0) + held_back.0;
        limits.silence += way.as_millis() as u64;
        // Longer than the second retransmission after the last data.
        limits.patience = 1_000 + 4 * limits.silence;
        limits.settle += 2 * limits.patience;
    }
    Ok(Script {
        programs: parts,
        link: act.link.clone(),
        pins: all_paths(&act.all_pins()),
        then: act.then.clone(),
        tap,
        limits,
    })
}

/// Sysctls by their path under `/proc/sys`, and IPv6 off: its greetings would be in every capture.
fn all_paths(by_name: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let named = by_name
        .iter()
        .filter_map(|(name, value)| Some((pins::path(name)?.to_string(), value.clone())));
    let off =
        ["all", "default"].map(|which| (format!("net/ipv6/conf/{which}/disable_ipv6"), "1".to_string()));
    named.chain(off).collect()
}

fn folder() -> Result<tempfile::TempDir, PerformError> {
    tempfile::Builder::new()
        .prefix("stage-")
        .tempdir()
        .map_err(stage_error("making a temporary folder"))
}

/// Has the program `stage` perform a script in a folder, and reads its report.
fn run(
    script: &Script,
    programs: &Programs,
    folder: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, PerformError> {
    if !cfg!(target_os = "linux") {
        return Err(PerformError::Failed {
            failure: Box::new(Refusal::not_linux().into()),
            output: Output::default(),
        });
    }
    let text = serde_json::to_vec(script).expect("a script is plain data");
    fs::write(folder.join(SCRIPT), text)
        .and_then(|()| fs::create_dir(folder.join(WORK)))
        .map_err(stage_error("writing the script"))?;
    if script.tap.is_some() {
        tap_log::Log::create(&folder.join(TAP_LOG)).map_err(stage_error("making the tap's log"))?;
    }
    let mut command = command(programs, folder)?;
    let starting = format!("starting {}", command.get_program().to_string_lossy());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(stage_error(&starting))?;
    // The stage gives up when this end of the pipe is closed, as it is when we end in any way.
    let presence = child.stdin.take();
    let errors = child.stderr.take();
    let errors = thread::spawn(move || {
        let mut said = String::new();
        if let Some(mut pipe) = errors {
            pipe.read_to_string(&mut said).ok();
        }
        said
    });
    let (tell, ear) = mpsc::channel();
    let told = child.stdout.take();
    thread::spawn(move || {
        for line in told
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok))
        {
            if let Ok(progress) = serde_json::from_str::<Progress>(&line) {
                tell.send(progress).ok();
            }
        }
    });
    // Its own bounds come first; this one is for a stage that is stopped or broken.
    let limits = script.limits;
    let bound =
        limits.ready * script.programs.len() as u64 + limits.whole + limits.settle + limits.end + 15_000;
    let deadline = Instant::now() + Duration::from_millis(bound);
    // The pipe is closed when the stage ends, which is what is waited for.
    loop {
        match ear.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(one) => progress(&one),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                drop(presence);
                child.kill().ok();
                child.wait().ok();
                return Err(stage_error("waiting for the stage")(io::Error::other(format!(
                    "it did not end within {bound} ms and was killed"
                ))));
            }
        }
    }
    child.wait().map_err(stage_error("waiting for the stage"))?;
    let said = errors.join().unwrap_or_default();
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
pub fn date(time: SystemTime) -> String {
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
    fn a_line_may_stop_in_the_middle_where_a_signal_ended_a_process_and_nowhere_else() {
        let ends = [Status::Exited(0), Status::Signaled("SIGTERM".into())];
        assert_eq!(unexplained(0, ends.iter()), 0);
        assert_eq!(unexplained(1, ends.iter()), 0);
        assert_eq!(unexplained(2, ends.iter()), 1);
        assert_eq!(unexplained(1, ends[..1].iter()), 1);
    }

    #[test]
    fn what_a_program_says_of_its_tasks_is_no_output_where_the_tap_has_noted_it() {
        let line = |program: &str, stream, text: &str| Line {
            program: program.into(),
            stream,
            at: Duration::ZERO,
            text: text.into(),
        };
        let lines = [
            line("server", Stream::Err, "task echo polled"),
            line("server", Stream::Err, "task force: three more"),
            line("server", Stream::Out, "task echo polled"),
            // It was not tapped.
            line("client", Stream::Err, "task echo polled"),
        ];
        let calls = call::read(
            r#"{"kind":"task","time":1,"program":"server","pid":2,"thread":2,"task":"echo","did":"polled"}"#,
        )
        .unwrap();
        assert_eq!(without_tasks(&lines, &calls), lines[1..]);
        assert_eq!(without_tasks(&lines, &[]), lines);
    }
}
