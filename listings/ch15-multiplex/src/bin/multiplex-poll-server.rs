//! An echo server, one thread for all connections: it waits for all of them in one call, `poll`.
//!
//! `cargo run --bin multiplex-poll-server [ADDRESS]`

#[cfg(unix)]
fn main() -> anyhow::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!(
        "poll belongs to Unix; the crate `polling` knows what other systems have"
    )
}

#[cfg(unix)]
mod unix {
    use std::{
        env,
        io::{self, ErrorKind, Write},
        net::{SocketAddr, TcpListener},
        os::fd::AsFd,
        time::{Duration, Instant},
    };

    use anyhow::{Context, Result};
    use ch15_multiplex::{BUFFER, Connection, Interest, Turn};
    use nix::{
        errno::Errno,
        poll::{PollFd, PollFlags, PollTimeout, poll},
    };

    /// How long to leave the listener alone after a failed `accept`, so that being out of descriptors does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    pub fn main() -> Result<()> {
        // ANCHOR: listen
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Who was ready may be gone: `accept` must not wait for the next.
        listener.set_nonblocking(true)?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        // ANCHOR_END: listen

        let mut connections: Vec<Connection> = Vec::new();
        let mut buffer = [0; BUFFER]; // one for all: what is left over moves out of it
        let mut resting: Option<Instant> = None;
        loop {
            let timeout = match resting {
                None => PollTimeout::NONE,
                Some(_) => PollTimeout::try_from(BACK_OFF)?,
            };
            // ANCHOR: wait
            // The kernel keeps nothing: the list is told anew for every wait.
            let mut list = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            list.extend(connections.iter().map(|connection| {
                let events = match connection.interest() {
                    Interest::Read => PollFlags::POLLIN,
                    Interest::Write => PollFlags::POLLOUT,
                };
                PollFd::new(connection.stream().as_fd(), events)
            }));
            if resting.is_some() {
                list[0].set_events(PollFlags::empty());
            }
            match poll(&mut list, timeout) {
                Err(Errno::EINTR) => continue, // a signal came, and nothing else
                polled => polled.context("waiting for events")?,
            };
            // ANCHOR_END: wait
            // ANCHOR: look
            let is_ready = |entry: &PollFd| entry.any() != Some(false);
            let listener_is_ready = is_ready(&list[0]);
            let ready: Vec<usize> = (0..connections.len())
                .filter(|&at| is_ready(&list[at + 1]))
                .collect();
            // From the end: who moves into a free place has been looked at.
            for at in ready.into_iter().rev() {
                if let Turn::Gone(result) = connections[at].turn(&mut buffer) {
                    gone(connections.swap_remove(at).client(), result);
                }
            }
            // ANCHOR_END: look
            if listener_is_ready {
                match accept(&listener) {
                    Ok(accepted) => connections.extend(accepted),
                    Err(error) => {
                        writeln!(io::stderr(), "accept: {error}").ok();
                        resting = Some(Instant::now());
                    }
                }
            }
            if resting.is_some_and(|since| since.elapsed() >= BACK_OFF) {
                resting = None;
            }
        }
    }

    /// Takes one connection out of the queue. If there are more, the listener stays ready.
    fn accept(listener: &TcpListener) -> io::Result<Option<Connection>> {
        let (stream, client) = match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                return Ok(None);
            }
            accepted => accepted?,
        };
        let connection = Connection::new(stream, client)?;
        writeln!(io::stdout(), "{client} came").ok();
        Ok(Some(connection))
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
