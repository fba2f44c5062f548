//! **Exercise.** A client of the counting server that writes and reads in two threads, and never
//! hears an answer.
//!
//! It waits for the server, and the server waits for it. Make the server know that it has finished.
//!
//! `cargo run --features exercises --bin close-exercise-finish [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
};

use anyhow::{Context, Result, anyhow};

const TEXT: &[u8] = b"one\ntwo\n";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    let mut writer = stream.try_clone()?;
    let reader = thread::Builder::new().spawn(move || hear(stream))?;
    writer.write_all(TEXT).with_context(|| format!("writing to {address}"))?;
    drop(writer); // nothing more to say
    let answer = reader.join().map_err(|_| anyhow!("the reader panicked"))??;
    writeln!(io::stdout(), "heard {}", answer.trim_end()).ok();
    Ok(())
}

/// Reads the answer, up to the server's own goodbye.
fn hear(stream: TcpStream) -> io::Result<String> {
    let mut answer = String::new();
    stream.take(100).read_to_string(&mut answer)?;
    Ok(answer)
}
