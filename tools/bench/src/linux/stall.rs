//! What a pause of the server looks like to two load generators: one that waits for answers, and one that does not.
//!
//! A listing declares it:
//!
//! ```toml
//! [package.metadata.book.stall.stall]
//! server = "tokio-async-server"
//! clients = 50
//! rate = 5000                      # requests a second, of all clients together
//! ```
//!
//! In the middle of each run the server is stopped for 200 ms (SIGSTOP). The closed loop asks nothing meanwhile: each
//! client's one request is late, and 50 late ones among thousands are too few for a 99th percentile. Of the open schedule all
//! requests are late that fell due. The first is called *coordinated omission*: the generator leaves out what the server
//! could not have answered.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use figures::result::{Measured, Value};
use serde::Deserialize;
use stage::programs::Programs;

use super::{
    declared::{Named, packages},
    load::{Clients, Latencies},
    machine::{self, Processors, Weight, take_descriptors},
    server::{Program, Server},
};
use crate::{Effort, Stored, doing, error::MeasureError, median::Spread};

/// How long the server stands still.
const PAUSE: Duration = Duration::from_millis(200);
/// How long each run lasts, at least: ten times the pause.
const WINDOW: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    server: String,
    clients: usize,
    rate: f64,
}

/// Measures the pause of this name.
pub fn stall(
    root: &Path,
    name: &str,
    named: &Named,
    effort: Effort,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, MeasureError> {
    let package = &named.package;
    let declared: Declared = named.value.clone().try_into().map_err(|error: toml::de::Error| {
        MeasureError::Declared(format!(
            "listings/{package}/Cargo.toml: the stall `{name}`: {}; it has server = \"NAME-server\", clients = 50 and rate = 5000.0",
            error.message()
        ))
    })?;
    progress("building the server, optimised");
    let packages = packages(root, [&declared.server].into_iter()).map_err(MeasureError::Declared)?;
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let programs = Programs::release(root, &packages, progress)?;
    let program = Program {
        name: declared.server.clone(),
        path: programs.path(&declared.server)?,
        arguments: Vec::new(),
        everywhere: false,
    };
    take_descriptors();
    let processors = Processors::ours().map_err(doing("asking which processors we may use"))?;
    let _weight = Weight::take();
    let window = effort.window.max(WINDOW);
    let mut rounds = Vec::new();
    for round in 1..=effort.rounds {
        progress(&format!(
            "round {round} of {}: {}, stopped for 200 ms",
            effort.rounds, program.name
        ));
        rounds.push(once(
            &program,
            declared.clients.max(1),
            declared.rate,
            window,
            processors,
        )?);
    }
    let (_, stem) = name.split_once('/').unwrap_or_default();
    Ok(Stored {
        file: PathBuf::from(format!("listings/{package}/results/{stem}.toml")),
        measured: Measured {
            title: "A pause of 200 ms, told by two load generators".into(),
            command: format!("cargo book measure {name}"),
            machine: machine::name(),
            kernel: machine::kernel(),
            date: stage::perform::date(SystemTime::now()),
            rounds: Some(effort.rounds as u64),
            conditions: Some(format!(
                "{} clients for {:.0} s, closed and then open at {} requests a second",
                declared.clients,
                window.as_secs_f64(),
                declared.rate
            )),
            values: values(&mut rounds),
            chart: None,
        },
        svg: None,
    })
}

/// What one round saw.
#[derive(Debug)]
struct Seen {
    closed: Latencies,
    from_due: Latencies,
    from_asked: Latencies,
}

/// One run of each kind, both with the pause in the middle.
fn once(
    program: &Program,
    clients: usize,
    rate: f64,
    window: Duration,
    processors: Processors,
) -> Result<Seen, MeasureError> {
    let mut server = Server::start(program, processors)?;
    let mut crowd = Clients::none().map_err(doing("making an epoll instance"))?;
    if let Err(refused) = crowd.connect(server.address, clients) {
        return Err(server.wrong(format!(
            "client {} is not served: {}",
            refused.client, refused.error
        )));
    }
    let pause = server.stand_still(window / 2, PAUSE);
    let closed = crowd.closed_timed(window);
    pause.join().ok();
    let closed = closed.map_err(|error| server.wrong(error.to_string()))?;
    let pause = server.stand_still(window / 2, PAUSE);
    let open = crowd.open(rate, window);
    pause.join().ok();
    let (from_due, from_asked) = open.map_err(|error| server.wrong(error.to_string()))?;
    Ok(Seen {
        closed,
        from_due,
        from_asked,
    })
}

/// `closed.p99`, `open.p99` from the moment when a request was due, `open-asked.p99` from the moment when it was asked for,
/// and `p99-ratio`, open to closed in the same round.
fn values(rounds: &mut [Seen]) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut put = |key: String, unit: &str, measured: Vec<f64>| {
        let spread = Spread::of(measured);
        let value = Value::real(spread.median, 2, unit).between(spread.least, spread.most, 2);
        values.insert(key, value);
    };
    type Which = fn(&mut Seen) -> &mut Latencies;
    let all: [(&str, Which); 3] = [
        ("closed", |seen| &mut seen.closed),
        ("open", |seen| &mut seen.from_due),
        ("open-asked", |seen| &mut seen.from_asked),
    ];
    for (name, which) in all {
        for (quantile, part) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("most", 1.0)] {
            let measured = rounds.iter_mut().map(|seen| which(seen).quantile(part));
            put(format!("{name}.{quantile}"), "ms", measured.collect());
        }
    }
    let ratio = rounds
        .iter_mut()
        .map(|seen| seen.from_due.quantile(0.99) / seen.closed.quantile(0.99).max(0.001));
    put("p99-ratio".into(), "", ratio.collect());
    for (name, which) in all {
        let counts = Spread::of(rounds.iter_mut().map(|seen| which(seen).len() as f64).collect());
        values.insert(format!("{name}.requests"), Value::whole(counts.median as u64, ""));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::{super::peers, *};

    /// Ten times is what is found at once on an idle machine; three times anywhere, in one of three tries. Ten clients are fewer
    /// than a hundredth of the requests: who counts from the moment of asking finds nothing, either.
    #[test]
    fn a_generator_that_waits_for_answers_leaves_the_pause_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let program = peers::reference(&root, true).unwrap();
        let processors = Processors::ours().unwrap();
        let window = Duration::from_millis(700);
        let mut seen = Vec::new();
        let found = (0..3).any(|_| {
            let mut round = once(&program, 10, 2000.0, window, processors).unwrap();
            let (closed, open) = (round.closed.quantile(0.99), round.from_due.quantile(0.99));
            assert_eq!(
                round.from_due.len(),
                1400,
                "every request that was due is answered"
            );
            seen.push((closed, open));
            open > 100.0 && open > 3.0 * closed
        });
        assert!(found, "{seen:?}");
    }
}
