//! Connects twenty times, one after another, each time after a pause in which whoever was woken can fall asleep again.
//!
//! `cargo run --bin multiplex-visitors [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

const PAUSE: Duration = Duration::from_millis(30);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    for _ in 0..20 {
        thread::sleep(PAUSE);
        let mut stream = TcpStream::connect(&address)
            .with_context(|| format!("connecting to {address}"))?;
        stream.read_to_end(&mut Vec::new()).context("waiting for the end")?;
    }
    writeln!(io::stdout(), "connected 20 times").ok();
    Ok(())
}
