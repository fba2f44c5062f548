//! Connects, reads nothing for a while, then reads to the end of the stream.
//!
//! `cargo run --bin nonblocking-late-client [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let late = seconds(env::args().nth(2).as_deref().unwrap_or("1"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: late
    thread::sleep(late);
    let mut buffer = vec![0; 1_000_000];
    let mut bytes = 0;
    loop {
        match stream
            .read(&mut buffer)
            .with_context(|| format!("after {bytes} bytes"))?
        {
            0 => break,
            n => bytes += n,
        }
    }
    writeln!(io::stdout(), "heard {bytes} bytes").ok();
    // ANCHOR_END: late
    Ok(())
}

/// The time to keep from reading, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
