//! Echoes one message to one client, waits a moment, closes first, and ends.
//!
//! `cargo run --bin close-once [ADDRESS] [SECONDS] [reuse | plain]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let hold = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let reuse = env::args().nth(3).is_none_or(|how| how == "reuse");
    let listener = listen(&address, reuse)
        .with_context(|| format!("listening on {address}"))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR: once
    let (mut stream, client) = listener.accept()?;
    drop(listener); // one client is enough
    let mut buffer = [0; 100];
    let n = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..n])?;
    thread::sleep(hold);
    drop(stream); // the server says goodbye first
    writeln!(io::stdout(), "{client}: said {n} bytes, and goodbye").ok();
    Ok(())
}
// ANCHOR_END: once

// ANCHOR: listen
/// What `TcpListener::bind` does, with `SO_REUSEADDR` or without.
fn listen(address: &str, reuse: bool) -> Result<TcpListener> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
// ANCHOR_END: listen

/// A time to wait, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
