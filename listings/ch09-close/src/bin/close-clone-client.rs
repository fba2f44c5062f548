//! Holds one connection by three handles, closes one, and finishes through another.
//!
//! `cargo run --bin close-clone-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

const MESSAGE: &[u8] = b"Hi, ferris?";

/// Between the acts, so that a capture shows which did what.
const PAUSE: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    // ANCHOR: clone
    let second = stream.try_clone()?;
    let third = stream.try_clone()?;
    stream.write_all(MESSAGE)?;
    stream.read_exact(&mut [0; MESSAGE.len()])?;
    thread::sleep(PAUSE);
    drop(second);
    writeln!(io::stdout(), "closed one of three").ok();
    thread::sleep(PAUSE);
    third.shutdown(Shutdown::Write)?;
    writeln!(io::stdout(), "finished through another").ok();
    thread::sleep(PAUSE);
    let again = stream.write(MESSAGE);
    writeln!(io::stdout(), "the first writes: {again:?}").ok();
    Ok(())
}
// ANCHOR_END: clone
