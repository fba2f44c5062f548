//! Calls a request, counted by the tap that also notes the calls of recordings.
//!
//! One client asks one thing after another, so that the count is the program's and not the clock's: with many at a time
//! an event loop is told of several by one call. The tap sees the calls on sockets and epoll instances, not the line that
//! a server prints.

use std::{
    collections::BTreeMap,
    fs::{self, File},
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
    let printed = folder.path().join("printed");
    let stdout = File::create(&printed).map_err(doing("making a file for what it prints"))?;
    let lines = || fs::read(&printed).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count());
    let mut server = Server::start_with(program, processors, |command| {
        command.envs(log.environment(tap)).stdout(stdout);
    })?;
    let mut clients = Clients::none().map_err(doing("making an epoll instance"))?;
    if let Err(refused) = clients.connect(server.address, 1) {
        return Err(server.wrong(format!(
            "under the tap its first client is not served: {}",
            refused.error
        )));
    }
    let mut ask = |requests| clients.closed(1, Until::Requests(requests));
    ask(20).map_err(|error| server.wrong(error.to_string()))?;
    server.family().usage_at_rest(REST);
    let before = log.read().map_err(doing("reading the tap's log"))?.lines.len();
    let lines_before = lines();
    ask(REQUESTS).map_err(|error| server.wrong(error.to_string()))?;
    server.family().usage_at_rest(REST);
    let written = log.read().map_err(doing("reading the tap's log"))?;
    if written.full {
        return Err(server.wrong(format!(
            "it makes more calls for {REQUESTS} requests than the tap's log has room for"
        )));
    }
    let text = String::from_utf8_lossy(written.lines.get(before..).unwrap_or_default());
    let counts = begun(&text);
    if counts.is_empty() {
        return Err(server.wrong(
            "it answers and the tap sees no call; a program that goes round libc, or is linked statically, cannot be counted",
        ));
    }
    let each = |(name, count): (&str, u64)| (name.to_owned(), count as f64 / REQUESTS as f64);
    Ok(Counted {
        calls: counts.into_iter().map(each).collect(),
        lines: (lines() - lines_before) as f64 / REQUESTS as f64,
    })
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
}
