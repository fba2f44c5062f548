//! **Exercise.** Says of each line that a client sends how many bytes it has, without its
//! end.
//!
//! It takes what a `read` returns for a line. Make it find the lines: one may come in
//! pieces, several may come at once. A last line without an end gets no answer. A line
//! that has more than 100 bytes and no end yet is too long: close the connection.
//!
//! `cargo run --features exercises --bin stream-exercise-lines [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        let (stream, client) = listener.accept()?;
        if let Err(error) = count(stream) {
            writeln!(io::stdout(), "{client} gone: {error}").ok();
        }
    }
}

fn count(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let line = buffer[..n].trim_ascii_end();
        stream.write_all(format!("{}\n", line.len()).as_bytes())?;
    }
}
