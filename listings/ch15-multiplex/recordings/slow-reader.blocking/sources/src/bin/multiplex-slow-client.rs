//! Sends 100,000 bytes, and begins to read the answer half a second later.
//!
//! `cargo run --bin multiplex-slow-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// How much is said, and how long nothing of the answer is read.
const BYTES: usize = 100_000;
const PAUSE: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    let message: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    let mut answer = vec![0; BYTES];
    thread::scope(|scope| {
        // A thread that writes: it will be held up until this one reads.
        scope.spawn(|| (&stream).write_all(&message));
        thread::sleep(PAUSE);
        (&stream).read_exact(&mut answer)
    })
    .context("reading the answer")?;
    ensure!(
        answer == message,
        "heard {} bytes, and not what was said",
        answer.len()
    );
    writeln!(io::stdout(), "heard all {BYTES} bytes").ok();
    Ok(())
}
// ANCHOR_END: talk
