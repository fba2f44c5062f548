//! Says three things with three writes, PAUSE seconds apart, waits a moment and closes.
//!
//! `cargo run --bin stream-chat-client [ADDRESS] [SECONDS] [PAUSE]`

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

const MESSAGES: [&[u8]; 3] = [b"Hi, ferris?", b"Are you in?", b"Never mind."];

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let hold = seconds(env::args().nth(2).as_deref().unwrap_or("1"))?;
    let pause = seconds(env::args().nth(3).as_deref().unwrap_or("0"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    for message in MESSAGES {
        stream
            .write_all(message)
            .with_context(|| format!("writing to {address}"))?;
        writeln!(io::stdout(), "said {} bytes", message.len()).ok();
        thread::sleep(pause);
    }
    // ANCHOR_END: talk
    thread::sleep(hold);
    Ok(())
} // the stream goes out of scope here, and Rust closes the socket

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
