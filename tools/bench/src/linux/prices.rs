//! The table of prices, measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use contract::{Claims, Concurrency, Service};
use figures::{
    prices::{RESULT, Row, declared},
    result::{Measured, Value},
};
use stage::programs::Programs;

use super::{
    calls,
    kernel::{Memory, machine_busy, our_own},
    load::{Clients, Until},
    machine::{self, Processors, Weight, take_descriptors},
    peers,
    server::{Program, Server},
};
use crate::{Effort, Stored, doing, error::MeasureError, median::Spread};

/// Clients that are at work where a server claims many.
const ACTIVE: usize = 100;
/// Clients that are idle where a server claims many.
const IDLE: usize = 1000;
/// Connections that are there before idle ones are counted, where a server claims many: what the first few make a program
/// allocate is not what each costs.
const BEFORE: usize = 10;
/// Descriptors that a program needs besides those of its clients.
const OTHERS: usize = 64;
/// How long clients are at work before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// A server to be measured.
#[derive(Clone, Debug)]
struct Priced {
    row: Row,
    claims: Claims,
    program: Program,
    /// How many clients are at work.
    active: usize,
}

/// What one server did in one round.
#[derive(Clone, Copy, Debug)]
struct Work {
    /// CPU time a request, in µs.
    cpu: f64,
    /// Context switches a request.
    switches: f64,
    /// What others took of the processors meanwhile, from 0 to 1.
    others: f64,
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
    let reference = peers::reference(root)?;
    let descriptors = take_descriptors();
    let room = descriptors.saturating_sub(OTHERS).max(1);
    let servers = rows
        .into_iter()
        .map(|row| priced(root, row, &programs, room))
        .collect::<Result<Vec<_>, _>>()?;
    let processors = Processors::ours().map_err(doing("asking which processors we may use"))?;
    let _weight = Weight::take();

    let mut found: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for server in &servers {
        progress(&format!("{}: memory and calls", server.row.server));
        let values = found.entry(server.row.package.clone()).or_default();
        still(server, processors, room, values)?;
        counted(server, &programs, processors, values)?;
    }
    let rounds = rounds(&servers, &reference, effort, processors, progress)?;
    let others = working(&servers, &rounds, &mut found);

    let conditions = conditions(others, processors);
    let stored = |(package, values): (String, BTreeMap<String, Value>)| {
        let slug = package.split_once('-').map_or("", |(_, slug)| slug);
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
            },
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
    };
    let active = claims.served_at_once().unwrap_or(ACTIVE).min(ACTIVE).min(room);
    Ok(Priced {
        row,
        claims,
        program,
        active,
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
    let (before, idle) = match server.claims.served_at_once() {
        // It holds so many and no more; the connection that was there to see whether it listens has gone again.
        Some(most) => (0, most.min(room)),
        None if server.claims.concurrency == Concurrency::Many => {
            (BEFORE, IDLE.min(room.saturating_sub(BEFORE)))
        }
        None => (0, 1),
    };
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
    Ok(())
}

/// Its calls.
fn counted(
    server: &Priced,
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
    let calls = calls::count(&server.program, &tap, processors)?;
    let mut put = |what: &str, number| {
        values.insert(
            format!("{}.{what}", server.row.server),
            Value::real(number, 2, ""),
        );
    };
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
    /// The reference with so many clients, the first time or the second.
    Reference(usize, bool),
}

/// What every cell did, round by round.
fn rounds(
    servers: &[Priced],
    reference: &Program,
    effort: Effort,
    processors: Processors,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<BTreeMap<Cell, Work>>, MeasureError> {
    let sizes: BTreeSet<usize> = servers.iter().map(|server| server.active).collect();
    let mut cells: Vec<Cell> = (0..servers.len()).map(Cell::Server).collect();
    for size in sizes {
        cells.extend([Cell::Reference(size, false), Cell::Reference(size, true)]);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut rounds = Vec::new();
    for round in 1..=effort.rounds {
        dice.shuffle(&mut cells);
        let mut works = BTreeMap::new();
        for cell in &cells {
            let (program, active) = match cell {
                Cell::Server(index) => (&servers[*index].program, servers[*index].active),
                Cell::Reference(active, _) => (reference, *active),
            };
            progress(&format!(
                "round {round} of {}: {}, {active} at work",
                effort.rounds, program.name
            ));
            works.insert(*cell, work(program, active, effort.window, processors)?);
        }
        rounds.push(works);
    }
    Ok(rounds)
}

/// Starts a server, has clients at work for a while, and says what that took.
fn work(
    program: &Program,
    active: usize,
    window: Duration,
    processors: Processors,
) -> Result<Work, MeasureError> {
    let mut server = Server::start(program, processors)?;
    let mut clients = Clients::none().map_err(doing("making an epoll instance"))?;
    if let Err(refused) = clients.connect(server.address, active) {
        return Err(server.wrong(format!(
            "client {} of {active} is not served: {}; does it claim the right concurrency?",
            refused.client, refused.error
        )));
    }
    clients
        .closed(active, Until::Past(WARM_UP))
        .map_err(|error| server.wrong(error.to_string()))?;
    // Whoever is asked to rest and does not is measured as it is, a few milliseconds more.
    let rest = Duration::from_millis(5);
    let before = server.family().usage_at_rest(rest);
    let (begun, busy, own) = (Instant::now(), machine_busy(), our_own());
    let requests = clients
        .closed(active, Until::Past(window))
        .map_err(|error| server.wrong(error.to_string()))?;
    let passed = begun.elapsed().as_secs_f64();
    let (busy, own) = (machine_busy() - busy, our_own() - own);
    let spent = server.family().usage_at_rest(rest).since(&before);
    if spent.ended > 0 {
        return Err(server.wrong(format!(
            "{} of its threads or processes ended while clients were at work; what they used is lost",
            spent.ended
        )));
    }
    let each = |number: u64| number as f64 / requests.max(1) as f64;
    let machine = passed * machine::cores() as f64;
    Ok(Work {
        cpu: each(spent.nanoseconds) / 1e3,
        switches: each(spent.switches),
        others: ((busy - own - spent.nanoseconds as f64 / 1e9) / machine).clamp(0.0, 1.0),
    })
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
        let both = |round: &BTreeMap<Cell, Work>| {
            (
                round[&Cell::Reference(active, false)].cpu,
                round[&Cell::Reference(active, true)].cpu,
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
        put(format!("control-{active}"), of(&control), 2, "");
        let mean = |round: &BTreeMap<Cell, Work>| (both(round).0 + both(round).1) / 2.0;
        put(format!("reference-{active}.cpu"), of(&mean), 2, "µs");
        values.insert(format!("{name}.active"), Value::whole(active as u64, ""));
    }
    Spread::of(
        rounds
            .iter()
            .flat_map(|round| round.values().map(|work| work.others))
            .collect(),
    )
}

fn conditions(others: Spread, processors: Processors) -> String {
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    let place = if processors.apart() {
        "server and load generator on a processor each"
    } else {
        "server and load generator on one processor"
    };
    format!(
        "{place}; other programs took {} of the machine, {} at most",
        percent(others.median),
        percent(others.most)
    )
}

/// Throws an order. The same orders every time: a result can be made again as it was made.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
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
            program: peers::reference(&root).unwrap(),
            active: 10,
        }
    }

    /// Wide: what is asked is that something sensible is measured, not how much it is on a machine that does other things.
    #[test]
    fn our_server_in_c_takes_no_stack_and_hardly_any_memory_for_a_connection() {
        let mut values = BTreeMap::new();
        let processors = Processors::ours().unwrap();
        still(&reference("bounded = 200"), processors, 1000, &mut values).unwrap();
        let of = |what: &str| values[&format!("c.{what}")].value.real();
        assert_eq!((of("idle"), of("kernel-stacks")), (200.0, 0.0));
        assert!(of("memory") < 2048.0, "{values:?}");
        assert_eq!(of("memory"), of("user-memory") + of("page-tables"));
    }

    #[test]
    fn a_request_takes_time_and_is_told_apart_from_what_others_take() {
        let processors = Processors::ours().unwrap();
        let server = reference("");
        let work = work(&server.program, 10, Duration::from_millis(50), processors).unwrap();
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

    #[test]
    fn an_order_is_thrown_anew_each_round_and_loses_nobody() {
        let mut dice = Dice(1);
        let mut order: Vec<u32> = (0..10).collect();
        dice.shuffle(&mut order);
        let first = order.clone();
        dice.shuffle(&mut order);
        assert_ne!(order, first);
        order.sort_unstable();
        assert_eq!(order, (0..10).collect::<Vec<u32>>());
    }
}
