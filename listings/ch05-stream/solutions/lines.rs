//! **Solution.** Says of each line that a client sends how many bytes it has, without its
//! end.
//!
//! `cargo run --features exercises --bin stream-solution-lines [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
};

use anyhow::{Context, Result, bail};

/// The most bytes that a line may have.
const MOST: usize = 100;

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
    let mut line = 0; // how many bytes of it have come
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(()); // a line without an end was none
        }
        let mut answer = String::new();
        for byte in &buffer[..n] {
            if *byte == b'\n' {
                answer += &format!("{line}\n");
                line = 0;
                continue;
            }
            line += 1;
            if line > MOST {
                stream.write_all(answer.as_bytes())?;
                bail!("a line of more than {MOST} bytes");
            }
        }
        stream.write_all(answer.as_bytes())?;
    }
}
