//! Says a few lines to a counting server, finishes, and then hears how many there were.
//! It finishes by `shutdown`, or by dropping the half of the stream that writes.
//!
//! `cargo run --bin close-async-half-client [ADDRESS] [shutdown | drop]`

use std::{
    env,
    io::{self, Write},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Three lines, eight words.
const TEXT: &[u8] = b"Goodbye, ferris.\nIt was a pleasure.\nWrite soon.\n";

/// More than any answer takes.
const LONGEST: u64 = 100;

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let how = env::args().nth(2).unwrap_or_else(|| "shutdown".into());
    let stream = TcpStream::connect(&address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    match how.as_str() {
        "shutdown" => by_shutdown(stream).await,
        "drop" => by_drop(stream).await,
        _ => bail!("{how:?} is no way to finish: say `shutdown` or `drop`"),
    }
}

// ANCHOR: shutdown
async fn by_shutdown(mut stream: TcpStream) -> Result<()> {
    stream.write_all(TEXT).await?;
    stream.shutdown().await?; // the writing side only
    writeln!(io::stdout(), "said {} bytes, and finished", TEXT.len()).ok();
    hear(stream).await
}
// ANCHOR_END: shutdown

// ANCHOR: drop
async fn by_drop(stream: TcpStream) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    writer.write_all(TEXT).await?;
    drop(writer); // half of a stream: does anything leave?
    writeln!(io::stdout(), "said {} bytes, and dropped", TEXT.len()).ok();
    hear(reader).await
}
// ANCHOR_END: drop

/// Reads the answer, up to the server's own goodbye.
async fn hear(stream: impl AsyncRead + Unpin) -> Result<()> {
    let mut answer = String::new();
    let n = stream.take(LONGEST).read_to_string(&mut answer).await?;
    writeln!(io::stdout(), "heard {n} bytes: {}", answer.trim_end()).ok();
    Ok(())
}
