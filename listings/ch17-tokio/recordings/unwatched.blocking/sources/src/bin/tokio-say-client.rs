//! Connects, waits, says its messages one after another, hears each of them back, and stays until the server closes,
//! a second and a half at most.
//!
//! `cargo run --bin tokio-say-client [ADDRESS] [SECONDS] [MESSAGE]…`

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long it thinks between two messages.
const PAUSE: Duration = Duration::from_millis(300);

/// How long it waits for the server to close.
const PATIENCE: Duration = Duration::from_millis(1500);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let wait = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    thread::sleep(wait);
    // ANCHOR: talk
    for (number, message) in env::args().skip(3).enumerate() {
        if number > 0 {
            thread::sleep(PAUSE);
        }
        stream
            .write_all(message.as_bytes())
            .with_context(|| format!("writing to {address}"))?;
        writeln!(io::stdout(), "said {message}").ok();
        let mut answer = vec![0; message.len()];
        // `read_exact` reads until the answer is whole: it may arrive in several pieces.
        if let Err(error) = stream.read_exact(&mut answer) {
            writeln!(io::stdout(), "no answer: {error}").ok();
            return Ok(());
        }
        writeln!(io::stdout(), "heard {}", String::from_utf8_lossy(&answer)).ok();
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    match stream.read(&mut [0; 100]) {
        Ok(0) => writeln!(io::stdout(), "the server has closed").ok(),
        Ok(n) => writeln!(io::stdout(), "heard {n} bytes nobody asked for").ok(),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut
            ) =>
        {
            None
        }
        Err(error) => writeln!(io::stdout(), "lost: {error}").ok(),
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
