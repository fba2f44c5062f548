//! Says `Hi, ferris?`, reads until the server has finished, and closes.
//!
//! `cargo run --bin close-end-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: end
    stream.write_all(MESSAGE).with_context(|| format!("writing to {address}"))?;
    let mut buffer = [0; 100];
    loop {
        match stream
            .read(&mut buffer)
            .with_context(|| format!("reading from {address}"))?
        {
            0 => break, // the server has finished
            n => writeln!(io::stdout(), "heard {n} bytes").ok(),
        };
    }
    writeln!(io::stdout(), "end of stream").ok();
    Ok(())
}
// ANCHOR_END: end
