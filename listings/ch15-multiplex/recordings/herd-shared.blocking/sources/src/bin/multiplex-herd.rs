//! Four threads wait for one listener, and count how often each was woken and how often there was a client for it.
//!
//! `cargo run --bin multiplex-herd [ADDRESS] [own|exclusive|shared|edge]`

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
        io::{self, ErrorKind, Write},
        net::TcpListener,
        sync::Arc,
        thread,
    };

    use anyhow::{Context, Result, bail};
    use nix::{
        errno::Errno,
        sys::{
            epoll::{
                Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout,
            },
            resource::{UsageWho, getrusage},
        },
    };

    /// Who has heard nothing for so long, in milliseconds, ends.
    const PATIENCE: u16 = 2000;

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let way = env::args().nth(2).unwrap_or_else(|| "own".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        listener.set_nonblocking(true)?;
        // ANCHOR: epolls
        let watch = |flags| -> Result<Arc<Epoll>> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            epoll
                .add(&listener, EpollEvent::new(EpollFlags::EPOLLIN | flags, 0))?;
            Ok(Arc::new(epoll))
        };
        let epolls = match &*way {
            "own" => {
                (0..4).map(|_| watch(EpollFlags::empty())).collect::<Result<_>>()?
            }
            "exclusive" => (0..4)
                .map(|_| watch(EpollFlags::EPOLLEXCLUSIVE))
                .collect::<Result<_>>()?,
            "shared" => vec![watch(EpollFlags::empty())?; 4],
            "edge" => vec![watch(EpollFlags::EPOLLET)?; 4],
            _ => bail!("{way} is none of own, exclusive, shared and edge"),
        };
        // ANCHOR_END: epolls
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        let listener = &listener;
        let counted = thread::scope(|scope| {
            let workers: Vec<_> = epolls
                .iter()
                .map(|epoll| scope.spawn(move || work(epoll, listener)))
                .collect();
            workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>()
        });
        for (number, counted) in (1..).zip(counted) {
            let Ok(counted) = counted else { bail!("worker {number} panicked") };
            let (woken, accepted) = counted?;
            writeln!(
                io::stdout(),
                "worker {number}: woken {woken} times, accepted {accepted}"
            )
            .ok();
        }
        Ok(())
    }

    // ANCHOR: work
    /// Accepts what comes; returns how often this thread was woken and how many connections it got.
    fn work(epoll: &Epoll, listener: &TcpListener) -> Result<(i64, u32)> {
        let slept = || {
            getrusage(UsageWho::RUSAGE_THREAD)
                .map(|usage| usage.voluntary_context_switches())
        };
        let before = slept()?;
        let mut accepted = 0;
        loop {
            match epoll
                .wait(&mut [EpollEvent::empty()], EpollTimeout::from(PATIENCE))
            {
                Ok(0) => break, // the last sleep ended by itself
                Err(Errno::EINTR) => continue,
                ready => ready?,
            };
            loop {
                match listener.accept() {
                    Ok(_) => accepted += 1, // and closed at once
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break, // that was all, or somebody was faster
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok((slept()? - before - 1, accepted))
    }
    // ANCHOR_END: work
}
