//! Connects to an echo server, says as many bytes as it is told after a silence, reads
//! as many back, and closes.
//!
//! `cargo run --bin capture-async-client [ADDRESS] [BYTES] [SECONDS]`

use std::{
    env,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

const MESSAGE: &[u8] = b"Hi, ferris?";

/// It says everything before it reads anything; with much more, both ends would wait for
/// each other.
const MOST: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let bytes = bytes(env::args().nth(2).as_deref().unwrap_or("11"))?;
    let silence = seconds(env::args().nth(3).as_deref().unwrap_or("0"))?;
    let message: Vec<u8> = MESSAGE.iter().copied().cycle().take(bytes).collect();
    let mut stream = TcpStream::connect(&address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    time::sleep(silence).await;
    // ANCHOR: talk
    stream
        .write_all(&message)
        .await
        .with_context(|| format!("writing to {address}"))?;
    let answer = read_answer(&mut stream, message.len())
        .await
        .with_context(|| format!("reading from {address}"))?;
    ensure!(answer == message, "{address} said something else");
    writeln!(io::stdout(), "heard {} bytes, all as they were", answer.len()).ok();
    Ok(())
} // the stream goes out of scope here, and Rust closes the socket
// ANCHOR_END: talk

/// Reads as many bytes as were sent: an answer may arrive in several pieces.
async fn read_answer(stream: &mut TcpStream, length: usize) -> Result<Vec<u8>> {
    let mut answer = vec![0; length];
    let mut got = 0;
    while got < length {
        match stream.read(&mut answer[got..]).await? {
            0 => bail!("the server closed after {got} of {length} bytes"),
            n => got += n,
        }
    }
    Ok(answer)
}

/// How much to say, from an argument such as `5000`.
fn bytes(argument: &str) -> Result<usize> {
    let bytes = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of bytes"))?;
    ensure!(bytes <= MOST, "{bytes} bytes are too many: {MOST} at most");
    Ok(bytes)
}

/// A time to wait, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
