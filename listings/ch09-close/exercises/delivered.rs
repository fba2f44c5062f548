//! **Exercise.** A client that says `delivered` when its `close` has returned.
//!
//! The servers it talks to read until the end of the stream and then close. Make it say
//! `delivered`, and end with 0, only if the server's program has read everything; and end
//! with 1 if that is not so within a second.
//!
//! `cargo run --features exercises --bin close-exercise-delivered [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};

const TEXT: &[u8] = b"Goodbye, ferris.\n";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    stream.write_all(TEXT).with_context(|| format!("writing to {address}"))?;
    drop(stream);
    writeln!(io::stdout(), "delivered").ok();
    Ok(())
}
