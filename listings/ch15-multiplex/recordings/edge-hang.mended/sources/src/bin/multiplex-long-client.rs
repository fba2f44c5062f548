//! Takes a breath, says 6,000 bytes at once and reads as many back. If nothing comes for half a second, it says one byte
//! more.
//!
//! `cargo run --bin multiplex-long-client [ADDRESS]`

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// How long a server has to take us in: what is said then comes while it waits for events.
const BREATH: Duration = Duration::from_millis(50);

/// How long to wait before a word more is said.
const PATIENCE: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    stream.set_read_timeout(Some(PATIENCE))?;
    thread::sleep(BREATH);
    // ANCHOR: talk
    stream.write_all(&[b'm'; 6000])?;
    let mut heard = read_answer(&mut stream, 6000)?;
    writeln!(io::stdout(), "heard {heard} of 6000 bytes").ok();
    if heard < 6000 {
        stream.write_all(b"?")?;
        heard += read_answer(&mut stream, 6001 - heard)?;
        writeln!(io::stdout(), "said 1 more: heard {heard} of 6001 bytes").ok();
    }
    Ok(())
}
// ANCHOR_END: talk

/// Reads so many bytes, or until nothing comes any more; returns how many came.
fn read_answer(stream: &mut TcpStream, expected: usize) -> Result<usize> {
    let mut answer = [0; 8192];
    let mut got = 0;
    while got < expected {
        match stream.read(&mut answer) {
            Ok(0) => bail!("the server closed after {got} of {expected} bytes"),
            Ok(n) => got += n,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut
                ) =>
            {
                break;
            }
            Err(error) => return Err(error).context("reading the answer"),
        }
    }
    Ok(got)
}
