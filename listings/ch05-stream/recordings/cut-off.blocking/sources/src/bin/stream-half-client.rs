//! Says a frame, reads it back, says nine bytes of the next, and ends.
//!
//! `cargo run --bin stream-half-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};
use ch05_stream::encode;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    let mut frame = encode(b"Hi, ferris?")?;
    stream.write_all(&frame)?;
    stream.read_exact(&mut frame)?; // it comes back, as long as it was
    stream.write_all(&frame[..9])?;
    Ok(())
}
// ANCHOR_END: talk
