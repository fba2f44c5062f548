//! Says `Hi, ferris?` to an echo server, reads as many bytes back, waits a moment and closes.
//!
//! `cargo run --bin tokio-blocking-client [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let hold = seconds(env::args().nth(2).as_deref().unwrap_or("1"))?;
    // ANCHOR: connect
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR_END: connect
    // ANCHOR: talk
    stream.write_all(MESSAGE).with_context(|| format!("writing to {address}"))?;
    let answer = read_answer(&mut stream)
        .with_context(|| format!("reading from {address}"))?;
    let (n, text) = (answer.len(), answer.escape_ascii());
    writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    thread::sleep(hold);
    Ok(())
} // the stream goes out of scope here, and Rust closes the socket
// ANCHOR_END: talk

// ANCHOR: answer
/// Reads as many bytes as were sent: an answer may arrive in several pieces.
fn read_answer(stream: &mut TcpStream) -> Result<[u8; MESSAGE.len()]> {
    let mut answer = [0; MESSAGE.len()];
    let mut got = 0;
    while got < answer.len() {
        match stream.read(&mut answer[got..])? {
            0 => bail!("the server closed after {got} of {} bytes", answer.len()),
            n => got += n,
        }
    }
    Ok(answer)
}
// ANCHOR_END: answer

/// The time to keep the connection open, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
