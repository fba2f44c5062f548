//! An echo server, one thread for all connections, told of changes only: edge-triggered `epoll_wait`.
//!
//! `cargo run --bin multiplex-edge-server [ADDRESS]`

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
        collections::VecDeque,
        env,
        io::{self, ErrorKind, Write},
        net::{SocketAddr, TcpListener},
        os::fd::AsRawFd,
        time::{Duration, Instant},
    };

    use anyhow::{Context, Result};
    use ch15_multiplex::{BUFFER, Connection, Turn};
    use nix::{
        errno::Errno,
        sys::epoll::{
            Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout,
        },
    };

    /// How long to leave the listener alone after a failed `accept`, so that being out of descriptors does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    /// How much a connection does before the next is served: so many reads, with a write each.
    const TURNS: usize = 4;

    /// What an event of the listener says; a connection's says its descriptor.
    const LISTENER: u64 = u64::MAX;

    pub fn main() -> Result<()> {
        // ANCHOR: listen
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Who was ready may be gone: `accept` must not wait for the next.
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        // ANCHOR_END: listen

        let mut server =
            Server { epoll, places: Vec::new(), ready: VecDeque::new() };
        let mut events = [EpollEvent::empty(); 64];
        let mut buffer = [0; BUFFER]; // one for all: what is left over moves out of it
        let mut resting: Option<Instant> = None;
        loop {
            // ANCHOR: wait
            let timeout = match resting {
                _ if !server.ready.is_empty() => EpollTimeout::ZERO, // look, and go on
                None => EpollTimeout::NONE,
                Some(_) => EpollTimeout::try_from(BACK_OFF)?,
            };
            // ANCHOR_END: wait
            let ready = match server.epoll.wait(&mut events, timeout) {
                Err(Errno::EINTR) => continue, // a signal came, and nothing else
                ready => ready.context("waiting for events")?,
            };
            for event in &events[..ready] {
                if event.data() != LISTENER {
                    server.is_ready(event.data() as usize);
                } else if let Err(error) = server.accept(&listener) {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    server.watch(&listener, EpollFlags::empty())?;
                    resting = Some(Instant::now());
                }
            }
            // ANCHOR: round
            // Everybody who is ready now is served, then who became so meanwhile.
            for _ in 0..server.ready.len() {
                server.turn(&mut buffer);
            }
            // ANCHOR_END: round
            if resting.is_some_and(|since| since.elapsed() >= BACK_OFF) {
                server.watch(&listener, EpollFlags::EPOLLIN)?;
                resting = None;
            }
        }
    }

    // ANCHOR: server
    struct Server {
        epoll: Epoll,
        /// Each at the place of its descriptor: the kernel gives out the lowest that is free.
        places: Vec<Option<Place>>,
        /// Whom the kernel has called ready, and who has not heard EAGAIN since.
        ready: VecDeque<usize>,
    }

    struct Place {
        connection: Connection,
        /// Whether it is in `ready`: nobody stands there twice.
        queued: bool,
    }
    // ANCHOR_END: server

    impl Server {
        /// Takes one connection out of the queue. If there are more, the listener stays ready: it is level-triggered.
        fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
            let (stream, client) = match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                    return Ok(());
                }
                accepted => accepted?,
            };
            let connection = Connection::new(stream, client)?;
            let place = connection.stream().as_raw_fd() as usize;
            // ANCHOR: add
            // Once and for all: what it waits for does not change.
            let both =
                EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            self.epoll
                .add(connection.stream(), EpollEvent::new(both, place as u64))?;
            // ANCHOR_END: add
            if self.places.len() <= place {
                self.places.resize_with(place + 1, || None);
            }
            self.places[place] = Some(Place { connection, queued: false });
            writeln!(io::stdout(), "{client} came").ok();
            Ok(())
        }

        /// Puts the connection at this place into the queue.
        fn is_ready(&mut self, place: usize) {
            if let Some(Some(found)) = self.places.get_mut(place)
                && !found.queued
            {
                found.queued = true;
                self.ready.push_back(place);
            }
        }

        /// Serves whoever is first in the queue: a few turns, or until the kernel says EAGAIN.
        fn turn(&mut self, buffer: &mut [u8; BUFFER]) {
            let Some(place) = self.ready.pop_front() else {
                return;
            };
            let Some(Some(found)) = self.places.get_mut(place) else {
                return;
            };
            // ANCHOR: turns
            for _ in 0..TURNS {
                match found.connection.turn(buffer) {
                    Turn::More => {}
                    Turn::Wait => {
                        found.queued = false; // the kernel will say when there is more
                        return;
                    }
                    Turn::Gone(result) => {
                        let client = found.connection.client();
                        self.places[place] = None; // its only descriptor: epoll forgets it, too
                        gone(client, result);
                        return;
                    }
                }
            }
            self.ready.push_back(place); // nobody will say so again; others come first
            // ANCHOR_END: turns
        }

        /// Waits for these events of the listener from now on.
        fn watch(&self, listener: &TcpListener, events: EpollFlags) -> Result<()> {
            self.epoll
                .modify(listener, &mut EpollEvent::new(events, LISTENER))
                .context("changing what the listener is waited for")
        }
    }

    /// Says why a client went.
    fn gone(client: SocketAddr, result: io::Result<()>) {
        match result {
            Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }
}
