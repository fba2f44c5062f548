//! Says a few lines to a counting server, finishes, and then hears how many there were.
//!
//! `cargo run --bin close-blocking-half-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
};

use anyhow::{Context, Result};

/// Three lines, eight words.
const TEXT: &[u8] = b"Goodbye, ferris.\nIt was a pleasure.\nWrite soon.\n";

/// More than any answer takes.
const LONGEST: u64 = 100;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: finish
    stream.write_all(TEXT).with_context(|| format!("writing to {address}"))?;
    stream.shutdown(Shutdown::Write)?; // no more from here; the other direction stays open
    writeln!(io::stdout(), "said {} bytes, and finished", TEXT.len()).ok();
    let mut answer = String::new();
    let n = stream
        .take(LONGEST)
        .read_to_string(&mut answer)
        .with_context(|| format!("reading from {address}"))?;
    writeln!(io::stdout(), "heard {n} bytes: {}", answer.trim_end()).ok();
    Ok(())
}
// ANCHOR_END: finish
