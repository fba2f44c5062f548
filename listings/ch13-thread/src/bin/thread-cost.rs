//! Measures what connections cost that say one thing and then nothing: memory of their own, of the kernel's page tables
//! and of the kernel's stacks. Prints the result in the form in which the book stores it.
//!
//! `cargo run --release --bin thread-cost [CONNECTIONS]… > listings/ch13-thread/results/stacks.toml`, after
//! `cargo build --release -p ch13-thread`. With `limit` in place of the numbers it looks for the most threads that a
//! server without a bound can have, and how that ends.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("it reads /proc, which is Linux's own")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env, fs,
        io::{self, BufRead, BufReader, Read, Write},
        net::TcpStream,
        path::Path,
        process::{Child, Command, Stdio},
        thread,
        time::Duration,
    };

    use anyhow::{Context, Result, ensure};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    const MESSAGE: &[u8] = b"Hi, ferris?";

    /// So often is each measured, and the median taken: the kernel's stacks are counted for the whole machine.
    const ROUNDS: usize = 5;

    /// How long one answer may take.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A server to measure: its name in the result, its program, and the size of its stacks where it is not the usual one.
    const SERVERS: [(&str, &str, Option<usize>); 3] = [
        ("thread", "thread-blocking-server", None),
        ("small", "thread-blocking-server", Some(64 * 1024)),
        ("task", "thread-async-server", None),
    ];

    pub fn main() -> Result<()> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)
            .context("raising the limit on open files")?;
        let mut out = io::stdout();
        if env::args().nth(1).is_some_and(|argument| argument == "limit") {
            heading(&mut out, "How many threads one process can have", " limit")?;
            return limit(&mut out);
        }
        let mut sizes = Vec::new();
        for argument in env::args().skip(1) {
            sizes.push(
                argument
                    .parse()
                    .with_context(|| format!("{argument:?} is no number"))?,
            );
        }
        if sizes.is_empty() {
            sizes = vec![1_000, 10_000];
        }
        heading(&mut out, "What waiting connections cost", "")?;
        for (name, program, stack) in SERVERS {
            for &connections in &sizes {
                let rounds = (0..ROUNDS)
                    .map(|_| measure(program, stack, connections))
                    .collect::<Result<Vec<Cost>>>()?;
                for (what, pick) in PARTS {
                    let mut values: Vec<f64> = rounds.iter().map(pick).collect();
                    values.sort_by(f64::total_cmp);
                    let each = values[ROUNDS / 2] / connections as f64;
                    writeln!(
                        out,
                        "{name}-{connections}-{what} = {{ value = {each:.1}, unit = \"KiB\" }}"
                    )?;
                }
                let mut totals: Vec<f64> = rounds
                    .iter()
                    .map(|cost| cost.user + cost.tables + cost.kernel)
                    .collect();
                totals.sort_by(f64::total_cmp);
                let total = totals[ROUNDS / 2] / 1024.0;
                writeln!(
                    out,
                    "{name}-{connections}-total = {{ value = {total:.0}, unit = \"MiB\" }}"
                )?;
                let first = &rounds[0];
                writeln!(
                    out,
                    "{name}-{connections}-threads = {{ value = {:.0} }}",
                    first.threads
                )?;
                writeln!(
                    out,
                    "{name}-{connections}-mappings = {{ value = {:.0} }}",
                    first.maps
                )?;
            }
        }
        Ok(())
    }

    /// What a stored result says of itself.
    fn heading(out: &mut impl Write, title: &str, arguments: &str) -> Result<()> {
        let cores = thread::available_parallelism()?;
        let memory = kilobytes("/proc/meminfo", "MemTotal")? / 1_000_000;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let date = Command::new("date").args(["-u", "+%F"]).output()?.stdout;
        writeln!(out, "title = \"{title}\"")?;
        writeln!(
            out,
            "command = \"cargo run --release --bin thread-cost{arguments}\""
        )?;
        writeln!(out, "machine = \"{cores} cores, {memory} GB\"")?;
        writeln!(out, "kernel = \"{}\"", kernel.trim())?;
        writeln!(out, "date = \"{}\"", String::from_utf8(date)?.trim())?;
        writeln!(out, "\n[values]")?;
        Ok(())
    }

    /// Connects until the server, which has no bound to speak of, does not answer any more.
    fn limit(out: &mut impl Write) -> Result<()> {
        let mut server = start("thread-blocking-server", None, 1_000_000)?;
        let address = address(&mut server)?;
        let mut clients = Vec::new();
        let last = loop {
            match greet(&address) {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
        };
        let maps: u64 =
            fs::read_to_string("/proc/sys/vm/max_map_count")?.trim().parse()?;
        writeln!(out, "threads = {{ value = {} }}", clients.len())?;
        writeln!(out, "mappings = {{ value = {maps} }}")?;
        drop(clients);
        thread::sleep(Duration::from_millis(500));
        let ended = server.try_wait()?;
        writeln!(io::stderr(), "the last client: {last:#}; the server: {ended:?}")
            .ok();
        if ended.is_none() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// What all connections of a run cost together, in KiB; and the number of threads.
    struct Cost {
        /// The process's own memory, what it shares with others counted in part.
        user: f64,
        /// Of it, on the threads' stacks.
        stacks: f64,
        /// Page tables.
        tables: f64,
        /// The kernel's stacks.
        kernel: f64,
        /// Addresses that are set aside, touched or not.
        size: f64,
        threads: f64,
        /// Mappings, of which a process may have so many (`vm.max_map_count`).
        maps: f64,
    }

    type Pick = fn(&Cost) -> f64;

    const PARTS: [(&str, Pick); 5] = [
        ("user", |cost| cost.user),
        ("stack", |cost| cost.stacks),
        ("tables", |cost| cost.tables),
        ("kernel", |cost| cost.kernel),
        ("size", |cost| cost.size),
    ];

    fn measure(
        program: &str,
        stack: Option<usize>,
        connections: usize,
    ) -> Result<Cost> {
        let mut server = start(program, stack, connections + 1)?;
        let cost = with(&mut server, stack.unwrap_or(2 * 1024 * 1024), connections);
        server.kill()?;
        server.wait()?;
        cost
    }

    fn start(program: &str, stack: Option<usize>, places: usize) -> Result<Child> {
        let path = env::current_exe()?.with_file_name(program);
        let mut command = Command::new(&path);
        command.args(["127.0.0.1:0".to_owned(), places.to_string()]);
        command.stdout(Stdio::piped());
        if let Some(stack) = stack {
            command.env("RUST_MIN_STACK", stack.to_string());
        }
        command.spawn().with_context(|| {
            format!(
                "starting {}; cargo build --release -p ch13-thread makes it",
                path.display()
            )
        })
    }

    /// Where the server says it is. What it says of its clients nobody reads, but it must get rid of it.
    fn address(server: &mut Child) -> Result<String> {
        let mut lines =
            BufReader::new(server.stdout.take().context("its output is ours")?);
        let mut first = String::new();
        lines.read_line(&mut first)?;
        thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        Ok(first.trim().rsplit(' ').next().unwrap_or_default().to_owned())
    }

    fn with(server: &mut Child, stack: usize, connections: usize) -> Result<Cost> {
        let address = address(server)?;
        let greeted = greet(&address)?;
        let before = read(server.id(), stack)?;
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            clients.push(greet(&address)?);
        }
        let after = read(server.id(), stack)?;
        drop((greeted, clients));
        Ok(Cost {
            user: after.user - before.user,
            stacks: after.stacks - before.stacks,
            tables: after.tables - before.tables,
            kernel: after.kernel - before.kernel,
            size: after.size - before.size,
            threads: after.threads - before.threads,
            maps: after.maps - before.maps,
        })
    }

    /// A client that was answered once.
    fn greet(address: &str) -> Result<TcpStream> {
        let mut client = TcpStream::connect(address)
            .with_context(|| format!("connecting to {address}"))?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(MESSAGE)?;
        let mut answer = [0; MESSAGE.len()];
        client.read_exact(&mut answer)?;
        ensure!(answer == MESSAGE, "the server says something else");
        Ok(client)
    }

    fn read(process: u32, stack: usize) -> Result<Cost> {
        let process = format!("/proc/{process}");
        let status = format!("{process}/status");
        let of = |file: &str, key| kilobytes(file, key).map(|number| number as f64);
        Ok(Cost {
            user: of(&format!("{process}/smaps_rollup"), "Pss")?,
            stacks: stacks(Path::new(&process), stack / 1024)? as f64,
            tables: of(&status, "VmPTE")?,
            kernel: of("/proc/meminfo", "KernelStack")?,
            size: of(&status, "VmSize")?,
            threads: of(&status, "Threads")?,
            maps: fs::read_to_string(format!("{process}/maps"))?.lines().count()
                as f64,
        })
    }

    /// What is touched, in KiB, of all mappings that are as large as a thread's stack.
    fn stacks(process: &Path, kilobytes: usize) -> Result<u64> {
        let maps = fs::read_to_string(process.join("smaps"))?;
        let (mut is_stack, mut touched) = (false, 0);
        for line in maps.lines() {
            if let Some(size) = number(line, "Size") {
                is_stack = size == kilobytes as u64;
            } else if let Some(resident) = number(line, "Rss")
                && is_stack
            {
                touched += resident;
            }
        }
        Ok(touched)
    }

    /// The number behind `KEY:` in a file of /proc.
    fn kilobytes(file: &str, key: &str) -> Result<u64> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
        text.lines()
            .find_map(|line| number(line, key))
            .with_context(|| format!("{file} does not tell {key}"))
    }

    fn number(line: &str, key: &str) -> Option<u64> {
        let rest = line.strip_prefix(key)?.strip_prefix(':')?;
        rest.split_whitespace().next()?.parse().ok()
    }
}
