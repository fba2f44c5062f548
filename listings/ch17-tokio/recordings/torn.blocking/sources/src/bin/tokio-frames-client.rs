//! Says one frame in two pieces, with a pause between them, and hears it back.
//!
//! `cargo run --bin tokio-frames-client [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// A length, 11, in four bytes, and so many bytes.
const FRAME: &[u8; 15] = b"\0\0\0\x0bHi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let pause = seconds(env::args().nth(2).as_deref().unwrap_or("0.5"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    let (first, rest) = FRAME.split_at(10); // the length, and `Hi, fe`
    stream.write_all(first).with_context(|| format!("writing to {address}"))?;
    thread::sleep(pause);
    stream.write_all(rest).with_context(|| format!("writing to {address}"))?;
    let mut answer = [0; FRAME.len()];
    match stream.read_exact(&mut answer) {
        Ok(()) => {
            writeln!(io::stdout(), "heard {}", answer[4..].escape_ascii()).ok()
        }
        Err(error) => writeln!(io::stdout(), "no answer: {error}").ok(),
    };
    Ok(())
}
// ANCHOR_END: talk

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
