//! **Solution.** Reads frames until the server has finished, and says how many there were.
//!
//! `cargo run --features exercises --bin stream-solution-border [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};
use ch05_stream::Decoder;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    let mut frames = 0;
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        decoder.push(&buffer[..n]);
        while decoder.next_frame()?.is_some() {
            frames += 1;
        }
    }
    decoder.finish()?;
    writeln!(io::stdout(), "{frames} frames").ok();
    Ok(())
}
