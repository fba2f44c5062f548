//! The book's servers beside Go's `net`: CPU time a request, with more and more clients at work.
//!
//! A listing declares it:
//!
//! ```toml
//! [package.metadata.book.beside.net]
//! title = "tokio beside Go's net"
//! clients = [10, 100, 1000]
//! servers = { multiplex-async-server = "tokio, one thread" }
//! ```
//!
//! The servers print no line for a request. Each round measures them, a server in C on epoll, and our server on Go's `net`
//! three times: twice alone on a processor, where its runtime takes GOMAXPROCS=1 by itself, and once as it is started
//! by default, on the load generator's processor as well. What the two differ is what the machine's noise is worth: a ratio
//! nearer to 1 than that says nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use figures::result::{Chart, Line, Measured, Value};
use serde::Deserialize;
use stage::{go, programs::Programs};

use super::{
    declared::{Named, packages},
    machine::{self, Processors, Weight, take_descriptors},
    peers,
    server::Program,
    work::{Crowd, Dice, Work, conditions, work},
};
use crate::{Effort, Stored, chart, doing, error::MeasureError, median::Spread};

/// Descriptors that a program needs besides those of its clients.
const OTHERS: usize = 64;

/// As a listing declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    title: String,
    clients: Vec<usize>,
    servers: toml::Table,
}

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Server(usize),
    /// Go's, alone on a processor, the first time and the second.
    GoFirst,
    GoSecond,
    /// Go's, as it is started by default.
    GoEverywhere,
    /// Plain C.
    C,
}

type Round = BTreeMap<(Who, usize), Work>;

/// Measures what is declared under this name, `go/net`. `progress` is told what is being done.
///
/// # Errors
/// A declaration that cannot be read, a build that fails, no Go, a server that does not echo: with what to do.
pub fn beside(
    root: &Path,
    name: &str,
    named: &Named,
    effort: Effort,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, MeasureError> {
    let package = named.package.clone();
    let wrong = |what: String| {
        MeasureError::Declared(format!(
            "listings/{package}/Cargo.toml: `{name}`: {what}; it has title, clients = [10, 100, 1000] and servers = \
             {{ NAME-server = \"its label\" }}"
        ))
    };
    let declared: Declared = named
        .value
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    let packages = packages(root, declared.servers.keys()).map_err(wrong)?;
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    progress("building the servers, optimised");
    let programs = Programs::release(root, &packages, progress)?;
    let alone = |name: &str, path: PathBuf, arguments: &[&str]| Program {
        name: name.to_owned(),
        path,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        everywhere: false,
    };
    let mut lines = Vec::new();
    let mut servers = Vec::new();
    for (server, label) in &declared.servers {
        servers.push(alone(server, programs.path(server)?, &[]));
        lines.push(Line {
            name: server.clone(),
            label: label.as_str().unwrap_or(server).to_owned(),
        });
    }
    let in_go = peers::go(root, true)?;
    let everywhere = Program {
        everywhere: true,
        ..in_go.clone()
    };
    let in_c = peers::reference(root, true)?;
    let line = |name: &str, label: &str| Line {
        name: name.into(),
        label: label.into(),
    };
    lines.push(line("net", "Go, one processor"));
    lines.push(line("net-everywhere", "Go, as it starts by default"));
    lines.push(line("c", "C, epoll"));
    let room = take_descriptors().saturating_sub(OTHERS);
    let places: BTreeSet<usize> = declared
        .clients
        .iter()
        .map(|&clients| clients.clamp(1, room))
        .collect();
    let processors = Processors::ours().map_err(doing("asking which processors we may use"))?;
    let _weight = Weight::take();

    let mut cells: Vec<(Who, usize)> = Vec::new();
    for &place in &places {
        cells.extend((0..servers.len()).map(|index| (Who::Server(index), place)));
        cells.extend([Who::GoFirst, Who::GoSecond, Who::GoEverywhere, Who::C].map(|who| (who, place)));
    }
    let mut dice = Dice::new();
    let mut rounds: Vec<Round> = Vec::new();
    for round in 1..=effort.rounds {
        dice.shuffle(&mut cells);
        let mut works = Round::new();
        for &(who, active) in &cells {
            let program = match who {
                Who::Server(index) => &servers[index],
                Who::GoFirst | Who::GoSecond => &in_go,
                Who::GoEverywhere => &everywhere,
                Who::C => &in_c,
            };
            progress(&format!(
                "round {round} of {}: {}, {active} at work",
                effort.rounds, program.name
            ));
            let crowd = Crowd { active, idle: 0 };
            works.insert((who, active), work(program, crowd, effort.window, processors)?);
        }
        rounds.push(works);
    }

    let others = rounds
        .iter()
        .flat_map(|round| round.values().map(|work| work.others));
    let version = go::version(root).unwrap_or_else(|| "go".into());
    let conditions = format!(
        "{version}; {}",
        conditions(Spread::of(others.collect()), processors)
    );
    let measured = Measured {
        title: declared.title.clone(),
        command: format!("cargo book measure {name}"),
        machine: machine::name(),
        kernel: machine::kernel(),
        date: stage::perform::date(SystemTime::now()),
        rounds: Some(effort.rounds as u64),
        conditions: Some(conditions),
        values: values(declared.servers.keys(), &places, &rounds),
        chart: Some(Chart {
            x: "clients at work".into(),
            y: "CPU time a request, µs".into(),
            at: places.iter().map(|&place| place as u64).collect(),
            lines,
        }),
    };
    let (_, stem) = name.split_once('/').unwrap_or_default();
    Ok(Stored {
        file: PathBuf::from(format!("listings/{package}/results/{stem}.toml")),
        svg: measured
            .chart
            .as_ref()
            .map(|drawn| chart::svg(name, &measured, drawn)),
        measured,
    })
}

/// The values, each as the middle of the rounds: `NAME.CLIENTS`, CPU time a request; `NAME.ratio-CLIENTS`, in multiples of
/// what Go's server takes on one processor in the same round; `NAME.switches-CLIENTS`. NAME is a server, `net`,
/// `net-everywhere` or `c`. `control-CLIENTS` is Go's server in multiples of itself.
fn values<'a>(
    servers: impl Iterator<Item = &'a String>,
    places: &BTreeSet<usize>,
    rounds: &[Round],
) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut put = |key: String, unit: &str, of: &dyn Fn(&Round) -> f64| {
        let spread = Spread::of(rounds.iter().map(of).collect());
        let value = Value::real(spread.median, 2, unit).between(spread.least, spread.most, 2);
        values.insert(key, value);
    };
    let both = |round: &Round, place, of: &dyn Fn(&Work) -> f64| {
        (of(&round[&(Who::GoFirst, place)]) + of(&round[&(Who::GoSecond, place)])) / 2.0
    };
    let cpu = |work: &Work| work.cpu;
    let switches = |work: &Work| work.switches;
    let named = servers
        .enumerate()
        .map(|(index, name)| (name.as_str(), Who::Server(index)))
        .chain([("net-everywhere", Who::GoEverywhere), ("c", Who::C)]);
    for (name, who) in named {
        for &place in places {
            let of = |round: &Round| round[&(who, place)];
            put(format!("{name}.{place}"), "µs", &|round| of(round).cpu);
            put(format!("{name}.ratio-{place}"), "", &|round| {
                of(round).cpu / both(round, place, &cpu)
            });
            put(format!("{name}.switches-{place}"), "", &|round| {
                of(round).switches
            });
        }
    }
    for &place in places {
        put(format!("net.{place}"), "µs", &|round| both(round, place, &cpu));
        put(format!("net.switches-{place}"), "", &|round| {
            both(round, place, &switches)
        });
        put(format!("control-{place}"), "", &|round| {
            round[&(Who::GoFirst, place)].cpu / round[&(Who::GoSecond, place)].cpu
        });
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(cpu: f64) -> Work {
        Work {
            cpu,
            switches: 0.5,
            others: 0.0,
        }
    }

    #[test]
    fn a_ratio_is_taken_within_a_round_to_the_mean_of_two_runs_of_gos_server() {
        let round = |server, first, second| {
            let works = [
                (Who::Server(0), server),
                (Who::GoFirst, first),
                (Who::GoSecond, second),
                (Who::GoEverywhere, 12.0),
                (Who::C, 5.0),
            ];
            works
                .map(|(who, cpu)| ((who, 100), work(cpu)))
                .into_iter()
                .collect::<Round>()
        };
        // The machine was busy in the second round: twice the time for everybody, and the same ratio.
        let rounds = [
            round(8.0, 9.0, 11.0),
            round(16.0, 18.0, 22.0),
            round(8.0, 9.0, 11.0),
        ];
        let name = "a-server".to_owned();
        let values = values([&name].into_iter(), &BTreeSet::from([100]), &rounds);
        let of = |key: &str| values[key].value.real();
        assert_eq!(of("a-server.100"), 8.0);
        assert_eq!(of("a-server.ratio-100"), 0.8);
        assert_eq!(
            values["a-server.ratio-100"].most,
            values["a-server.ratio-100"].least
        );
        assert_eq!((of("net.100"), of("control-100")), (10.0, 0.82));
        assert_eq!(values["net.100"].most.map(|most| most.real()), Some(20.0));
        assert_eq!((of("c.switches-100"), of("net.switches-100")), (0.5, 0.5));
    }
}
