//! The table of prices, measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use contract::{Claims, Service};
use figures::{
    prices::{RESULT, Row, declared},
    result::{Measured, Value},
};
use stage::{catalogue::slug, programs::Programs};

use super::{
    calls::{self, Counted},
    kernel::Memory,
    load::Clients,
    machine::{self, Processors, Weight, take_descriptors},
    peers,
    server::{Program, Server},
    work::{Crowd, Dice, Work, conditions, work},
};
use crate::{Effort, Stored, doing, error::MeasureError, median::Spread};

/// Clients that are at work where a server claims many.
const ACTIVE: usize = 100;
/// Clients that are idle where a server claims many.
const IDLE: usize = 1000;
/// Connections that are there before idle ones are counted, where a server holds many more: what the first few make a
/// program allocate is not what each costs.
const BEFORE: usize = 10;
/// Descriptors that a program needs besides those of its clients.
const OTHERS: usize = 64;
/// How often it is asked what a server takes of a processor while nobody speaks, and how long each time.
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_millis(400);

/// A server to be measured.
#[derive(Clone, Debug)]
struct Priced {
    row: Row,
    claims: Claims,
    program: Program,
    /// How many clients are at work.
    active: usize,
    /// Whether it prints no line for a request.
    quiet: bool,
}

/// Measures the prices of the servers that these chapters declare, all chapters if none is named. `progress` is told what
/// is being done.
///
/// # Errors
/// Declarations that cannot be read, a build that fails, a server that does not echo: with what to do.
pub fn prices(
    root: &Path,
    slugs: &[String],
    effort: Effort,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Stored>, MeasureError> {
    let rows = rows(root, slugs)?;
    let packages: BTreeSet<&str> = rows.iter().map(|row| row.package.as_str()).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    progress("building the servers, optimised");
    let programs = Programs::release(root, &packages, progress)?;
    let descriptors = take_descriptors();
    let room = descriptors.saturating_sub(OTHERS).max(1);
    let mut servers = rows
        .into_iter()
        .map(|row| priced(root, row, &programs, room))
        .collect::<Result<Vec<_>, _>>()?;
    let processors = Processors::ours().map_err(doing("asking which processors we may use"))?;
    let _weight = Weight::take();

    let mut found: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for server in &mut servers {
        progress(&format!("{}: memory and calls", server.row.server));
        let values = found.entry(server.row.package.clone()).or_default();
        still(server, processors, room, values)?;
        counted(server, &programs, processors, values)?;
    }
    let rounds = rounds(root, &servers, effort, processors, progress)?;
    let others = working(&servers, &rounds, &mut found);

    let conditions = conditions(others, processors);
    let stored = |(package, values): (String, BTreeMap<String, Value>)| {
        let slug = slug(&package).unwrap_or_default();
        Stored {
            file: PathBuf::from(format!("listings/{package}/results/{RESULT}.toml")),
            measured: Measured {
                title: "What a connection and a request cost".into(),
                command: format!("cargo book measure prices {slug}"),
                machine: machine::name(),
                kernel: machine::kernel(),
                date: stage::perform::date(SystemTime::now()),
                rounds: Some(effort.rounds as u64),
                conditions: Some(conditions.clone()),
                values,
                chart: None,
            },
            svg: None,
        }
    };
    Ok(found.into_iter().map(stored).collect())
}

/// The rows of these chapters.
fn rows(root: &Path, slugs: &[String]) -> Result<Vec<Row>, MeasureError> {
    let rows = declared(root).map_err(MeasureError::Declared)?;
    let known: BTreeSet<&str> = rows.iter().map(Row::slug).collect();
    if known.is_empty() {
        return Err(MeasureError::Declared(
            "no listing declares a price; write [package.metadata.book.price] in its Cargo.toml, with a line \
             `NAME-server = { model = \"a process each\", breaks = \"what breaks first\" }` for each row"
                .into(),
        ));
    }
    if let Some(slug) = slugs.iter().find(|slug| !known.contains(slug.as_str())) {
        return Err(MeasureError::Declared(format!(
            "no chapter `{slug}` declares a price; there are {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let chosen = |row: &Row| slugs.is_empty() || slugs.iter().any(|slug| slug == row.slug());
    Ok(rows.into_iter().filter(chosen).collect())
}

fn priced(root: &Path, row: Row, programs: &Programs, room: usize) -> Result<Priced, MeasureError> {
    let claims = claims(root, &row)?;
    if claims.service != Service::Echo {
        return Err(MeasureError::Declared(format!(
            "listings/{}/Cargo.toml: `{}` has a price and offers the service `{}`; what is measured echoes",
            row.package, row.server, claims.service
        )));
    }
    let program = Program {
        name: row.server.clone(),
        path: programs.path(&row.server)?,
        arguments: Vec::new(),
        everywhere: false,
    };
    let active = claims.served_at_once().unwrap_or(ACTIVE).min(ACTIVE).min(room);
    Ok(Priced {
        row,
        claims,
        program,
        active,
        quiet: false,
    })
}

fn claims(root: &Path, row: &Row) -> Result<Claims, MeasureError> {
    let file = format!("listings/{}/Cargo.toml", row.package);
    let text = fs::read_to_string(root.join(&file)).map_err(doing(file.clone()))?;
    let wrong = |what: String| MeasureError::Declared(format!("{file}: {}: {what}", row.server));
    let manifest: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let table = ["package", "metadata", "book", "server", &row.server]
        .iter()
        .try_fold(&manifest, |table, key| table.get(*key)?.as_table());
    let table = table.ok_or_else(|| wrong("it makes no claim".into()))?;
    Claims::from_toml(table).map_err(|error| wrong(error.to_string()))
}

/// What connections cost that do nothing.
fn still(
    server: &Priced,
    processors: Processors,
    room: usize,
    values: &mut BTreeMap<String, Value>,
) -> Result<(), MeasureError> {
    let mut running = Server::start(&server.program, processors)?;
    // It holds so many and no more; the connection that was there to see whether it listens has gone again.
    let most = server.claims.served_at_once().unwrap_or(BEFORE + IDLE).min(room);
    let before = if most > 10 * BEFORE { BEFORE } else { 0 };
    let idle = (most - before).min(IDLE);
    let mut clients = Clients::none().map_err(doing("making an epoll instance"))?;
    if let Err(refused) = clients.connect(running.address, before) {
        return Err(running.wrong(format!(
            "client {} is not served: {}",
            refused.client, refused.error
        )));
    }
    let rest = Duration::from_millis(200);
    running.family().usage_at_rest(rest);
    let baseline = running.family().memory();
    // Where one is refused, those before it are what can be measured.
    let refused = clients.connect(running.address, idle).err();
    let idle = clients.len() - before;
    if let Some(refused) = refused.filter(|_| idle == 0) {
        return Err(running.wrong(format!(
            "client {} is not served: {}",
            refused.client, refused.error
        )));
    }
    running.family().usage_at_rest(rest);
    let each: Memory = running.family().memory().beyond(baseline).each(idle);
    let mut put = |what: &str, value| values.insert(format!("{}.{what}", server.row.server), value);
    put("memory", Value::whole(each.total(), "B"));
    put("user-memory", Value::whole(each.user, "B"));
    put("page-tables", Value::whole(each.page_tables, "B"));
    put("kernel-stacks", Value::whole(each.kernel_stacks, "B"));
    put("idle", Value::whole(idle as u64, ""));
    // Who asks instead of waiting is at work while nobody speaks.
    let shares = (0..WINDOWS).map(|_| {
        let (from, before) = (Instant::now(), running.family().usage());
        thread::sleep(WINDOW);
        let spent = running.family().usage().since(&before).nanoseconds as f64;
        // The kernel books a running thread's time at its ticks, some percent of a window late or early.
        (spent / from.elapsed().as_nanos() as f64 * 100.0).min(100.0)
    });
    let share = Spread::of(shares.collect());
    put(
        "idle-cpu",
        Value::real(share.median, 0, "%").between(share.least, share.most, 0),
    );
    Ok(())
}

/// Its calls.
fn counted(
    server: &mut Priced,
    programs: &Programs,
    processors: Processors,
    values: &mut BTreeMap<String, Value>,
) -> Result<(), MeasureError> {
    let Some(tap) = programs.tap() else {
        return Err(MeasureError::Declared(
            "the tap that counts calls was not built; build it with `cargo build --release --package tap`"
                .into(),
        ));
    };
    let Counted { calls, lines } = match programs.is_in_go(&server.row.server) {
        true => calls::count_traced(&server.program, processors)?,
        false => calls::count(&server.program, &tap, processors)?,
    };
    server.quiet = lines < 0.5;
    let mut put = |what: &str, number| {
        values.insert(
            format!("{}.{what}", server.row.server),
            Value::real(number, 2, ""),
        );
    };
    put("lines", lines);
    put("calls", calls.values().sum());
    for (name, number) in calls {
        put(&format!("calls-{name}"), number);
    }
    Ok(())
}

/// Who is measured in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    /// A server, by its place among them.
    Server(usize),
    /// The reference with so many clients, quiet or not, the first time or the second.
    Reference(usize, bool, Time),
}

/// The first time in a round, or the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Time {
    First,
    Second,
}

/// What every cell did, round by round.
fn rounds(
    root: &Path,
    servers: &[Priced],
    effort: Effort,
    processors: Processors,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<BTreeMap<Cell, Work>>, MeasureError> {
    let beside: BTreeSet<(usize, bool)> = servers
        .iter()
        .map(|server| (server.active, server.quiet))
        .collect();
    let (loud, quiet) = (peers::reference(root, false)?, peers::reference(root, true)?);
    let mut cells: Vec<Cell> = (0..servers.len()).map(Cell::Server).collect();
    for (size, quiet) in beside {
        cells.extend([Time::First, Time::Second].map(|time| Cell::Reference(size, quiet, time)));
    }
    let mut dice = Dice::new();
    let mut rounds = Vec::new();
    for round in 1..=effort.rounds {
        dice.shuffle(&mut cells);
        let mut works = BTreeMap::new();
        for cell in &cells {
            let (program, active) = match cell {
                Cell::Server(index) => (&servers[*index].program, servers[*index].active),
                Cell::Reference(active, true, _) => (&quiet, *active),
                Cell::Reference(active, false, _) => (&loud, *active),
            };
            progress(&format!(
                "round {round} of {}: {}, {active} at work",
                effort.rounds, program.name
            ));
            works.insert(
                *cell,
                work(program, Crowd { active, idle: 0 }, effort.window, processors)?,
            );
        }
        rounds.push(works);
    }
    Ok(rounds)
}

/// The values of the servers that worked. Returns what others took of the machine meanwhile.
fn working(
    servers: &[Priced],
    rounds: &[BTreeMap<Cell, Work>],
    found: &mut BTreeMap<String, BTreeMap<String, Value>>,
) -> Spread {
    for (index, server) in servers.iter().enumerate() {
        let values = found.entry(server.row.package.clone()).or_default();
        let active = server.active;
        let quiet = if server.quiet { "-quiet" } else { "" };
        let both = |round: &BTreeMap<Cell, Work>| {
            (
                round[&Cell::Reference(active, server.quiet, Time::First)].cpu,
                round[&Cell::Reference(active, server.quiet, Time::Second)].cpu,
            )
        };
        let of = |what: &dyn Fn(&BTreeMap<Cell, Work>) -> f64| Spread::of(rounds.iter().map(what).collect());
        let mut put = |what: String, spread: Spread, digits, unit| {
            let value = Value::real(spread.median, digits, unit).between(spread.least, spread.most, digits);
            values.insert(what, value);
        };
        let name = &server.row.server;
        put(
            format!("{name}.cpu"),
            of(&|round| round[&Cell::Server(index)].cpu),
            2,
            "µs",
        );
        put(
            format!("{name}.switches"),
            of(&|round| round[&Cell::Server(index)].switches),
            2,
            "",
        );
        let ratio = |round: &BTreeMap<Cell, Work>| {
            let (first, second) = both(round);
            round[&Cell::Server(index)].cpu / ((first + second) / 2.0)
        };
        put(format!("{name}.cpu-ratio"), of(&ratio), 2, "");
        let control = |round: &BTreeMap<Cell, Work>| both(round).0 / both(round).1;
        put(format!("control-{active}{quiet}"), of(&control), 2, "");
        let mean = |round: &BTreeMap<Cell, Work>| (both(round).0 + both(round).1) / 2.0;
        put(format!("reference-{active}{quiet}.cpu"), of(&mean), 2, "µs");
        values.insert(format!("{name}.active"), Value::whole(active as u64, ""));
    }
    Spread::of(
        rounds
            .iter()
            .flat_map(|round| round.values().map(|work| work.others))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(claims: &str) -> Priced {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Priced {
            row: Row {
                package: "ch15-multiplex".into(),
                server: "c".into(),
                model: "one thread".into(),
                breaks: "nothing".into(),
            },
            claims: Claims::from_toml(&claims.parse().unwrap()).unwrap(),
            program: peers::reference(&root, false).unwrap(),
            active: 10,
            quiet: false,
        }
    }

    /// Wide: what is asked is that something sensible is measured, not how much it is on a machine that does other things.
    #[test]
    fn our_server_in_c_takes_no_stack_and_hardly_any_memory_for_a_connection() {
        let mut values = BTreeMap::new();
        let processors = Processors::ours().unwrap();
        still(&reference("bounded = 200"), processors, 1000, &mut values).unwrap();
        let of = |what: &str| values[&format!("c.{what}")].value.real();
        assert_eq!((of("idle"), of("kernel-stacks")), (190.0, 0.0));
        assert!(of("memory") < 2048.0, "{values:?}");
        assert_eq!(of("memory"), of("user-memory") + of("page-tables"));
    }

    #[test]
    fn a_request_takes_time_and_is_told_apart_from_what_others_take() {
        let processors = Processors::ours().unwrap();
        let server = reference("");
        let work = work(
            &server.program,
            Crowd { active: 10, idle: 5 },
            Duration::from_millis(50),
            processors,
        )
        .unwrap();
        assert!(work.cpu > 0.5 && work.cpu < 5000.0, "{work:?}");
        assert!(
            work.switches < 50.0 && (0.0..=1.0).contains(&work.others),
            "{work:?}"
        );
    }

    #[test]
    fn a_server_leaves_no_process_behind_and_one_that_ends_at_once_is_told() {
        let processors = Processors::ours().unwrap();
        let server = Server::start(&reference("").program, processors).unwrap();
        let family = server.family();
        assert_eq!(family.members().len(), 1);
        drop(server);
        assert_eq!(family.members(), [0; 0]);
        let error = Server::start(&Path::new("/bin/false").into(), processors).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("false: it ended before it listened"),
            "{error}"
        );
    }
}
