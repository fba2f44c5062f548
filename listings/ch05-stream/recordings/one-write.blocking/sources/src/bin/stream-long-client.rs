//! Says BYTES bytes with one write, waits a moment and closes.
//!
//! `cargo run --bin stream-long-client [ADDRESS] [BYTES] [SECONDS]`

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let length = env::args().nth(2).unwrap_or_else(|| "4000".into());
    let length = length
        .parse()
        .with_context(|| format!("{length:?} is no number of bytes"))?;
    let hold = seconds(env::args().nth(3).as_deref().unwrap_or("1"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    let message: Vec<u8> =
        b"Hi, ferris? ".iter().copied().cycle().take(length).collect();
    stream.write_all(&message).with_context(|| format!("writing to {address}"))?;
    writeln!(io::stdout(), "said {length} bytes").ok();
    thread::sleep(hold);
    Ok(())
}

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
