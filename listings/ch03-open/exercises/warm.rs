//! **Exercise.** An echo server that needs a while before it can answer, and takes
//! clients in meanwhile.
//!
//! Make it refuse them until it is ready. Its address must be its own from the start.
//!
//! `cargo run --features exercises --bin open-exercise-warm [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let warm_up = seconds(env::args().nth(2).as_deref().unwrap_or("5"))?;
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).with_context(|| format!("binding {address}"))?;
    let bound = socket.local_addr()?.as_socket().context("an IP address")?;
    socket.listen(128)?;
    writeln!(io::stdout(), "bound to {bound}").ok();
    thread::sleep(warm_up); // stands for a cache to fill, a model to load
    let listener = TcpListener::from(socket);
    writeln!(io::stdout(), "ready on {bound}").ok();
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                if let Err(error) = echo(stream) {
                    writeln!(io::stderr(), "{client} lost: {error}").ok();
                }
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                thread::sleep(BACK_OFF);
            }
        }
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
    }
}

/// A time to wait, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
