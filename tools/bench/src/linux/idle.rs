//! What idle connections cost those that work.
//!
//! A listing declares the chart:
//!
//! ```toml
//! [package.metadata.book.chart.idle]
//! title = "What idle connections cost ten that work"
//! busy = 10
//! idle = [0, 100, 1000, 5000]
//! servers = { multiplex-poll-server = "`poll`", multiplex-blocking-server = "epoll" }
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use figures::result::{Chart, Line, Measured, Value};
use serde::Deserialize;
use stage::programs::Programs;

use super::{
    declared::Named,
    machine::{self, Processors, Weight, take_descriptors},
    peers,
    server::Program,
    work::{Crowd, Dice, Work, conditions, work},
};
use crate::{Effort, Stored, chart, doing, error::MeasureError, median::Spread};

/// Descriptors that a program needs besides those of its clients.
const OTHERS: usize = 64;

/// A chart, as a listing declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    title: String,
    busy: usize,
    idle: Vec<usize>,
    servers: toml::Table,
}

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Server(usize),
    First,
    Second,
}

type Round = BTreeMap<(Who, usize), Work>;

/// Measures what idle connections cost those that work, for the chart of this name, `multiplex/idle`. `progress` is told
/// what is being done.
///
/// # Errors
/// A chart that no listing declares, a build that fails, a server that does not echo: with what to do.
pub fn idle(
    root: &Path,
    name: &str,
    named: &Named,
    effort: Effort,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, MeasureError> {
    let package = named.package.clone();
    let declared: Declared = named.value.clone().try_into().map_err(|error: toml::de::Error| {
        MeasureError::Declared(format!(
            "listings/{package}/Cargo.toml: the chart `{name}`: {}; it has title, busy = 10, idle = [0, 100, 1000, 5000] \
             and servers = {{ NAME-server = \"its label\" }}",
            error.message()
        ))
    })?;
    progress("building the servers, optimised");
    let programs = Programs::release(root, &[&package], progress)?;
    let mut lines = Vec::new();
    let mut servers = Vec::new();
    for (server, label) in &declared.servers {
        servers.push(Program {
            name: server.clone(),
            path: programs.path(server)?,
            arguments: Vec::new(),
            everywhere: false,
        });
        lines.push(Line {
            name: server.clone(),
            label: label.as_str().unwrap_or(server).to_owned(),
        });
    }
    // These servers print no line for a request; were they to, it would be the same for all and draw them together.
    let reference = peers::reference(root, true)?;
    let room = take_descriptors().saturating_sub(OTHERS + declared.busy);
    let places: BTreeSet<usize> = declared.idle.iter().map(|&idle| idle.min(room)).collect();
    let most = declared.idle.iter().copied().max().unwrap_or_default();
    let processors = Processors::ours().map_err(doing("asking which processors we may use"))?;
    let _weight = Weight::take();

    let mut cells: Vec<(Who, usize)> = Vec::new();
    for &place in &places {
        cells.extend((0..servers.len()).map(|index| (Who::Server(index), place)));
        cells.extend([(Who::First, place), (Who::Second, place)]);
    }
    let mut dice = Dice::new();
    let mut rounds: Vec<Round> = Vec::new();
    for round in 1..=effort.rounds {
        dice.shuffle(&mut cells);
        let mut works = Round::new();
        for &(who, idle) in &cells {
            let program = match who {
                Who::Server(index) => &servers[index],
                _ => &reference,
            };
            progress(&format!(
                "round {round} of {}: {}, {idle} idle",
                effort.rounds, program.name
            ));
            let crowd = Crowd {
                active: declared.busy,
                idle,
            };
            works.insert((who, idle), work(program, crowd, effort.window, processors)?);
        }
        rounds.push(works);
    }

    let others = rounds
        .iter()
        .flat_map(|round| round.values().map(|work| work.others));
    let mut conditions = conditions(Spread::of(others.collect()), processors);
    if most > room {
        conditions.push_str(&format!("; getrlimit allows {room} idle connections, not {most}"));
    }
    let measured = Measured {
        title: declared.title.clone(),
        command: format!("cargo book measure {name}"),
        machine: machine::name(),
        kernel: machine::kernel(),
        date: stage::perform::date(SystemTime::now()),
        rounds: Some(effort.rounds as u64),
        conditions: Some(conditions),
        values: values(&lines, &places, &rounds),
        chart: Some(Chart {
            x: format!("idle connections beside {} at work", declared.busy),
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

/// The values: `SERVER.PLACE`, `SERVER.growth` from the first place to the last, `SERVER.ratio-PLACE` to the reference, and
/// the reference's own, each as the middle of the rounds.
fn values(lines: &[Line], places: &BTreeSet<usize>, rounds: &[Round]) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut put = |key: String, unit: &str, of: &dyn Fn(&Round) -> f64| {
        let spread = Spread::of(rounds.iter().map(of).collect());
        let value = Value::real(spread.median, 2, unit).between(spread.least, spread.most, 2);
        values.insert(key, value);
    };
    let cpu = |round: &Round, who, place| round[&(who, place)].cpu;
    let reference =
        |round: &Round, place| (cpu(round, Who::First, place) + cpu(round, Who::Second, place)) / 2.0;
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return BTreeMap::new();
    };
    for (index, line) in lines.iter().enumerate() {
        let (name, who) = (&line.name, Who::Server(index));
        for &place in places {
            put(format!("{name}.{place}"), "µs", &|round| cpu(round, who, place));
            put(format!("{name}.ratio-{place}"), "", &|round| {
                cpu(round, who, place) / reference(round, place)
            });
        }
        put(format!("{name}.growth"), "", &|round| {
            cpu(round, who, last) / cpu(round, who, first)
        });
    }
    for &place in places {
        put(format!("reference.{place}"), "µs", &|round| {
            reference(round, place)
        });
        put(format!("control.{place}"), "", &|round| {
            cpu(round, Who::First, place) / cpu(round, Who::Second, place)
        });
    }
    put("reference.growth".into(), "", &|round| {
        reference(round, last) / reference(round, first)
    });
    values
}
