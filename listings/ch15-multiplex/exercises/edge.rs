//! **Exercise.** An edge-triggered echo server that reads once for each edge, and forgets what is left.
//!
//! Make it answer everything, and let no client keep the others waiting, however much it sends.
//!
//! `cargo run --features exercises --bin multiplex-exercise-edge [ADDRESS]`

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

    /// What an event of the listener says; a connection's says its descriptor.
    const LISTENER: u64 = u64::MAX;

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Who was ready may be gone: `accept` must not wait for the next.
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();

        let mut server = Server { epoll, connections: Vec::new() };
        let mut events = [EpollEvent::empty(); 64];
        let mut buffer = [0; BUFFER]; // one for all: what is left over moves out of it
        let mut resting: Option<Instant> = None;
        loop {
            let timeout = match resting {
                None => EpollTimeout::NONE,
                Some(_) => EpollTimeout::try_from(BACK_OFF)?,
            };
            let ready = match server.epoll.wait(&mut events, timeout) {
                Err(Errno::EINTR) => continue, // a signal came, and nothing else
                ready => ready.context("waiting for events")?,
            };
            for event in &events[..ready] {
                if event.data() != LISTENER {
                    server.turn(event.data(), &mut buffer);
                } else if let Err(error) = server.accept(&listener) {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    server.watch(&listener, EpollFlags::empty())?;
                    resting = Some(Instant::now());
                }
            }
            if resting.is_some_and(|since| since.elapsed() >= BACK_OFF) {
                server.watch(&listener, EpollFlags::EPOLLIN)?;
                resting = None;
            }
        }
    }

    struct Server {
        epoll: Epoll,
        /// Each at the place of its descriptor: the kernel gives out the lowest that is free.
        connections: Vec<Option<Connection>>,
    }

    impl Server {
        /// Takes one connection out of the queue. If there are more, the listener stays ready.
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
            // Once and for all: what it waits for does not change.
            let both =
                EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            self.epoll
                .add(connection.stream(), EpollEvent::new(both, place as u64))?;
            if self.connections.len() <= place {
                self.connections.resize_with(place + 1, || None);
            }
            self.connections[place] = Some(connection);
            writeln!(io::stdout(), "{client} came").ok();
            Ok(())
        }

        /// A turn of the connection at this place.
        fn turn(&mut self, place: u64, buffer: &mut [u8; BUFFER]) {
            let Some(slot) = self.connections.get_mut(place as usize) else {
                return;
            };
            let Some(connection) = slot else {
                return;
            };
            match connection.turn(buffer) {
                Turn::More | Turn::Wait => {}
                Turn::Gone(result) => {
                    let client = connection.client();
                    *slot = None; // closes its only descriptor: epoll forgets it, too
                    gone(client, result);
                }
            }
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
