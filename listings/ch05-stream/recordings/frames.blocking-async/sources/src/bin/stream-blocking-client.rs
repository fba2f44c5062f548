//! Says three frames to an echo server for frames, reads as many back, waits a moment
//! and closes.
//!
//! `cargo run --bin stream-blocking-client [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use ch05_stream::{Decoder, encode};

const MESSAGES: [&[u8]; 3] = [b"Hi, ferris?", b"Are you in?", b"Never mind."];

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let hold = seconds(env::args().nth(2).as_deref().unwrap_or("1"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    for message in MESSAGES {
        let frame = encode(message)?;
        stream
            .write_all(&frame)
            .with_context(|| format!("writing to {address}"))?;
    }
    let mut decoder = Decoder::default();
    for _ in MESSAGES {
        let frame = read_frame(&mut stream, &mut decoder)
            .with_context(|| format!("reading from {address}"))?;
        let (n, text) = (frame.len(), frame.escape_ascii());
        writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    }
    // ANCHOR_END: talk
    thread::sleep(hold);
    Ok(())
} // the stream goes out of scope here, and Rust closes the socket

// ANCHOR: read-frame
/// The next frame, which may be here already, or need several reads.
fn read_frame(stream: &mut TcpStream, decoder: &mut Decoder) -> Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return Ok(frame);
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            decoder.finish()?;
            bail!("the server closed before it had answered");
        }
        decoder.push(&buffer[..n]);
    }
}
// ANCHOR_END: read-frame

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
