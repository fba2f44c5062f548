//! Sends 200,000 bytes without reading, finishes, and begins to read half a second later.
//!
//! `cargo run --bin multiplex-slow-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// How much is said, and how long nothing of the answer is read.
const BYTES: usize = 200_000;
const PAUSE: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    let message: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    let mut answer = Vec::new();
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            (&stream)
                .write_all(&message)
                .and_then(|()| stream.shutdown(Shutdown::Write))
        });
        thread::sleep(PAUSE);
        (&stream).read_to_end(&mut answer).context("reading the answer")?;
        Ok(())
    })?;
    ensure!(
        answer == message,
        "heard {} bytes, and not what was said",
        answer.len()
    );
    writeln!(io::stdout(), "heard all {BYTES} bytes").ok();
    Ok(())
}
// ANCHOR_END: talk
