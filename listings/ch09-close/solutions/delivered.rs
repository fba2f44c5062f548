//! **Solution.** A client that says `delivered` when the server has read to the end, and closed.
//!
//! `cargo run --features exercises --bin close-solution-delivered [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

const TEXT: &[u8] = b"Goodbye, ferris.\n";

/// How long the server may take to read it all and close.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    stream.write_all(TEXT).with_context(|| format!("writing to {address}"))?;
    stream.shutdown(Shutdown::Write)?;
    // The server closes when it has read our end. Had it closed with anything unread, this
    // `read` would report a reset.
    stream.set_read_timeout(Some(PATIENCE))?;
    let n = stream.read(&mut [0]).context("waiting for the server's goodbye")?;
    ensure!(n == 0, "the server says something, where a goodbye was to come");
    writeln!(io::stdout(), "delivered").ok();
    Ok(())
}
