//! Connects by hand with a socket that refuses to wait, and then says `Hi, ferris?`. Unix alone has the `poll` it needs.
//!
//! `cargo run --bin nonblocking-connect-client [ADDRESS] [SECONDS]`

#[cfg(not(unix))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("`poll` is Unix's; run nonblocking-blocking-client here")
}

#[cfg(unix)]
fn main() -> anyhow::Result<()> {
    by_hand::main()
}

#[cfg(unix)]
mod by_hand {
    use std::{
        env,
        io::{self, Read, Write},
        net::{SocketAddr, TcpStream},
        os::fd::AsFd,
        thread,
        time::{Duration, Instant},
    };

    use anyhow::{Context, Result, bail};
    use nix::{
        errno::Errno,
        poll::{PollFd, PollFlags, PollTimeout, poll},
    };
    use socket2::{Domain, SockAddr, Socket, Type};

    const MESSAGE: &[u8] = b"Hi, ferris?";

    const IN_PROGRESS: Option<i32> = Some(Errno::EINPROGRESS as i32);

    /// The longest that an attempt to connect may take.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let hold = seconds(env::args().nth(2).as_deref().unwrap_or("1"))?;
        let server: SocketAddr = address.parse().with_context(|| {
            format!("{address} is no address like 127.0.0.1:8000")
        })?;
        let mut stream =
            connect(server).with_context(|| format!("connecting to {address}"))?;
        writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
        stream.set_nonblocking(false)?; // from here on, it waits as every other client
        stream
            .write_all(MESSAGE)
            .with_context(|| format!("writing to {address}"))?;
        let answer = read_answer(&mut stream)
            .with_context(|| format!("reading from {address}"))?;
        let (n, text) = (answer.len(), answer.escape_ascii());
        writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
        thread::sleep(hold);
        Ok(())
    } // the stream goes out of scope here, and Rust closes the socket

    // ANCHOR: connect
    fn connect(server: SocketAddr) -> Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&SockAddr::from(server)) {
            Ok(()) => return Ok(socket.into()), // no wait was needed
            Err(error) if error.raw_os_error() == IN_PROGRESS => {
                writeln!(io::stdout(), "connect: {error}").ok(); // ❶
            }
            Err(error) => return Err(error.into()),
        }
        // ANCHOR_END: connect
        // ANCHOR: ask
        if let Err(error) = socket.peer_addr() {
            writeln!(io::stdout(), "the peer: {error}").ok(); // ❶ too early
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let events = wait_for_writable(&socket, until)?; // ❷
            writeln!(io::stdout(), "{events}").ok();
            if let Some(error) = socket.take_error()? {
                return Err(error.into()); // ❸ SO_ERROR: the attempt is over, and failed
            }
            match socket.peer_addr() {
                Ok(_) => return Ok(socket.into()), // ❹ it is over, and there is a peer
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {} // reset just now
                Err(error) => return Err(error.into()),
            }
        }
    }
    // ANCHOR_END: ask

    /// Waits until something can be said of the socket, at the latest `until`.
    fn wait_for_writable(socket: &Socket, until: Instant) -> Result<String> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
            match poll(&mut watched, PollTimeout::try_from(left)?) {
                Ok(0) => bail!("no answer in {PATIENCE:?}"),
                Ok(_) => {
                    let events = watched[0].revents().unwrap_or(PollFlags::empty());
                    let names: Vec<&str> =
                        events.iter_names().map(|(name, _)| name).collect();
                    return Ok(names.join(" and "));
                }
                Err(Errno::EINTR) => {} // a signal came first
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads as many bytes as were sent: an answer may arrive in several pieces.
    fn read_answer(stream: &mut TcpStream) -> Result<[u8; MESSAGE.len()]> {
        let mut answer = [0; MESSAGE.len()];
        let mut got = 0;
        while got < answer.len() {
            match stream.read(&mut answer[got..])? {
                0 => {
                    bail!("the server closed after {got} of {} bytes", answer.len())
                }
                n => got += n,
            }
        }
        Ok(answer)
    }

    /// The time to keep the connection open, from an argument such as `1` or `0.25`.
    fn seconds(argument: &str) -> Result<Duration> {
        let seconds = argument
            .parse()
            .with_context(|| format!("{argument:?} is no number of seconds"))?;
        Duration::try_from_secs_f64(seconds)
            .with_context(|| format!("{argument} seconds cannot be waited for"))
    }
}
