//! Calls a request, counted by the tap that also notes the calls of recordings.
//!
//! One client asks one thing after another, so that the count is the program's and not the clock's: with many at a time
//! an event loop is told of several by one call. The tap sees the calls on sockets and epoll instances, not the line that
//! a server prints.
//!
//! A program in Go goes round libc and shows the tap nothing. strace counts its calls, where it is installed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use stage::tap_log::Log;

use super::{
    load::{Clients, Until},
    machine::Processors,
    server::{Program, Server},
};
use crate::{doing, error::MeasureError};

/// How long a server may take to come to rest. One that never does fills the log meanwhile.
const REST: Duration = Duration::from_millis(20);

/// How many requests are counted.
const REQUESTS: u64 = 200;

/// How long a traced server rests between two requests. strace holds it up for longer than a client takes to ask again:
/// without a rest, the next request would be there whenever it looks.
const BREATH: Duration = Duration::from_millis(2);

/// What a server does for one request.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Its calls, by name: `recv` 1.0, `send` 1.0.
    pub calls: BTreeMap<String, f64>,
    /// How many lines it prints.
    pub lines: f64,
}

/// Counts what a server does for a request.
pub fn count(program: &Program, tap: &Path, processors: Processors) -> Result<Counted, MeasureError> {
    let folder = tempfile::tempdir().map_err(doing("making a temporary folder"))?;
    let log = Log::create(&folder.path().join("calls")).map_err(doing("making the tap's log"))?;
    let tapped = |stdout: File| {
        Server::start_with(program, processors, |command| {
            command.envs(log.environment(tap)).stdout(stdout);
        })
    };
    let read = || {
        let written = log.read().map_err(doing("reading the tap's log"))?;
        Ok((written.lines, written.full))
    };
    asked(folder.path(), None, tapped, read, begun)?.ok_or_else(|| MeasureError::Server {
        server: program.name.clone(),
        what: "it answers and the tap sees no call; a program that goes round libc, or is linked statically, cannot be counted".into(),
        said: String::new(),
    })
}

/// The same of a program that the tap cannot see, by strace.
pub fn count_traced(program: &Program, processors: Processors) -> Result<Counted, MeasureError> {
    let folder = tempfile::tempdir().map_err(doing("making a temporary folder"))?;
    let (script, log) = (folder.path().join("traced"), folder.path().join("calls"));
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let text = format!(
        "#!/bin/sh\nexec strace -f -qq -o {} -e trace={TRACED} {} \"$@\"\n",
        quoted(&log),
        quoted(&program.path)
    );
    fs::write(&script, text).map_err(doing("writing a script"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(doing("writing a script"))?;
    let traced = Program {
        name: format!(
            "{} under strace (install strace, if it is not there)",
            program.name
        ),
        path: script,
        ..program.clone()
    };
    let start = |stdout: File| {
        Server::start_with(&traced, processors, |command| {
            command.stdout(stdout);
        })
    };
    let read = || Ok((fs::read(&log).map_err(doing("reading strace's log"))?, false));
    asked(folder.path(), Some(BREATH), start, read, traced_calls)?.ok_or_else(|| MeasureError::Server {
        server: program.name.clone(),
        what: "it answers and strace sees no call".into(),
        said: String::new(),
    })
}

/// What strace is asked for: the calls on sockets, and the waits for them.
const TRACED: &str = "read,write,readv,writev,recvfrom,sendto,recvmsg,sendmsg,accept4,epoll_wait,epoll_pwait,epoll_pwait2,epoll_ctl,\
                      poll,ppoll,select,shutdown,close,setsockopt";

/// Has a server asked, one thing after another, and its calls counted. None where no call was seen. With a `breath`, it comes
/// to rest before the next one. `read` reads the log, and says whether it is full.
fn asked(
    folder: &Path,
    breath: Option<Duration>,
    start: impl FnOnce(File) -> Result<Server, MeasureError>,
    read: impl Fn() -> Result<(Vec<u8>, bool), MeasureError>,
    counts: impl Fn(&str) -> BTreeMap<&str, u64>,
) -> Result<Option<Counted>, MeasureError> {
    let printed = folder.join("printed");
    let stdout = File::create(&printed).map_err(doing("making a file for what it prints"))?;
    let lines = || fs::read(&printed).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count());
    let mut server = start(stdout)?;
    let mut clients = Clients::none().map_err(doing("making an epoll instance"))?;
    if let Err(refused) = clients.connect(server.address, 1) {
        return Err(server.wrong(format!(
            "while its calls are counted its first client is not served: {}",
            refused.error
        )));
    }
    let mut ask = |server: &mut Server, requests: u64| {
        let (times, each) = breath.map_or((1, requests), |_| (requests, 1));
        for _ in 0..times {
            clients
                .closed(1, Until::Requests(each))
                .map_err(|error| server.wrong(error.to_string()))?;
            if let Some(breath) = breath {
                server.family().usage_at_rest(breath);
            }
        }
        Ok::<(), MeasureError>(())
    };
    ask(&mut server, 20)?;
    server.family().usage_at_rest(REST);
    let before = read()?.0.len();
    let lines_before = lines();
    ask(&mut server, REQUESTS)?;
    server.family().usage_at_rest(REST);
    let (log, full) = read()?;
    if full {
        return Err(server.wrong(format!(
            "it makes more calls for {REQUESTS} requests than the log has room for"
        )));
    }
    let text = String::from_utf8_lossy(log.get(before..).unwrap_or_default());
    let counts = counts(&text);
    let each = |(name, count): (&str, u64)| (name.to_owned(), count as f64 / REQUESTS as f64);
    Ok((!counts.is_empty()).then(|| Counted {
        calls: counts.into_iter().map(each).collect(),
        lines: (lines() - lines_before) as f64 / REQUESTS as f64,
    }))
}

/// How often each call begins in a piece of strace's log. The line that a server prints is not among them, as it is not
/// among those that the tap counts.
fn traced_calls(log: &str) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        // `4711 read(5, …`: with a call resumed or a signal in the place of the name there is nothing to count.
        let Some((name, rest)) = line
            .split_once(' ')
            .and_then(|(_, call)| call.trim_start().split_once('('))
        else {
            continue;
        };
        let named = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let printed = name == "write" && (rest.starts_with("1,") || rest.starts_with("2,"));
        if named && !name.is_empty() && !printed {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

/// How often each call begins in a piece of the tap's log.
fn begun(log: &str) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let name = line
            .strip_prefix(r#"{"begin":""#)
            .and_then(|rest| rest.split('"').next());
        if let Some(name) = name {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_counted_and_ends_are_not() {
        let log = "{\"begin\":\"recv\",\"at\":1}\n{\"end\":\"recv\"}\n{\"begin\":\"send\",\"at\":2}\n{\"begin\":\"recv\",\"at\":3}\n";
        assert_eq!(begun(log), BTreeMap::from([("recv", 2), ("send", 1)]));
    }

    #[test]
    fn of_straces_lines_those_count_that_begin_a_call_and_print_nothing() {
        let log = "71 read(5, 0xc000, 100) = -1 EAGAIN (Resource temporarily unavailable)\n72 epoll_pwait(3,  <unfinished ...>\n\
                   71 write(1, \"said\", 4) = 4\n72 <... epoll_pwait resumed>[], 128, 0, NULL, 0) = 1\n\
                   71  read(5, \"Hi\", 100) = 2\n71 write(5, \"Hi\", 2) = 2\n71 --- SIGURG {si_signo=SIGURG} ---\n";
        assert_eq!(
            traced_calls(log),
            BTreeMap::from([("epoll_pwait", 1), ("read", 2), ("write", 1)])
        );
    }
}
