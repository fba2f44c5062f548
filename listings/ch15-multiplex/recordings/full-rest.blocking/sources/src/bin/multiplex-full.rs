//! **Wrong on purpose: works, and wastes.** It has no descriptor left for its client, and asks again at once.
//!
//! With `rest` it leaves the listener alone for a while. It counts for 20 ms, then gives up a descriptor that it kept
//! for this, and answers.
//!
//! `cargo run --bin multiplex-full [ADDRESS] [spin|rest]`

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!(
        "epoll is Linux's own; the crate `polling` knows what other systems have"
    )
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env,
        fs::File,
        io::{self, Read, Write},
        net::TcpListener,
        os::fd::AsRawFd,
        time::{Duration, Instant},
    };

    use anyhow::{Context, Result};
    use nix::sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        resource::{Resource, getrlimit, setrlimit},
    };

    /// How long the failures are counted.
    const WINDOW: Duration = Duration::from_millis(20);

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let rests = env::args().nth(2).is_some_and(|way| way == "rest");
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        // ANCHOR: limit
        // The lowest free descriptor, and from here on the last.
        let spare = File::open("/dev/null")?;
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, spare.as_raw_fd() as u64 + 1, hard)?;
        // ANCHOR_END: limit
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();

        // ANCHOR: count
        let mut failed = 0;
        let mut first = None;
        while first.is_none_or(|first: Instant| first.elapsed() < WINDOW) {
            epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
            if let Err(error) = listener.accept() {
                failed += 1;
                if first.is_none() {
                    writeln!(io::stderr(), "accept: {error}").ok();
                }
                first.get_or_insert_with(Instant::now);
                if rests {
                    // Nobody is waited for; a server with other clients would go on with them meanwhile.
                    epoll.modify(
                        &listener,
                        &mut EpollEvent::new(EpollFlags::empty(), 0),
                    )?;
                    epoll.wait(
                        &mut [EpollEvent::empty()],
                        EpollTimeout::from(100u8),
                    )?;
                    epoll.modify(
                        &listener,
                        &mut EpollEvent::new(EpollFlags::EPOLLIN, 0),
                    )?;
                }
            }
        }
        writeln!(io::stdout(), "failed accepts in {WINDOW:?}: {failed}").ok();
        // ANCHOR_END: count
        // ANCHOR: spare
        drop(spare); // one place, for one client
        let (mut stream, client) = listener.accept()?;
        // ANCHOR_END: spare
        writeln!(io::stdout(), "{client} came").ok();
        let mut message = [0; 11];
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
        Ok(())
    }
}
