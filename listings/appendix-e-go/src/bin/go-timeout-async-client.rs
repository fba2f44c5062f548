//! Says `Hi, ferris?` to an echo server that is far away, and reads the answer with a timeout: before it can have come, and
//! when it has come.
//!
//! `cargo run --bin go-timeout-async-client [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

const MESSAGE: &[u8] = b"Hi, ferris?";
const PATIENCE: Duration = Duration::from_millis(50);
/// By then the answer is here.
const ARRIVAL: Duration = Duration::from_millis(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    stream
        .write_all(MESSAGE)
        .await
        .with_context(|| format!("writing to {address}"))?;
    let mut answer = [0; MESSAGE.len()];
    // ANCHOR: timeout
    let first = time::timeout(PATIENCE, stream.read(&mut answer)).await; // ❶
    writeln!(io::stdout(), "first read: {first:?}").ok();
    time::sleep(ARRIVAL).await;
    let second = time::timeout(Duration::ZERO, stream.read(&mut answer)).await; // ❷
    writeln!(io::stdout(), "second read: {second:?}").ok();
    // ANCHOR_END: timeout
    Ok(())
}
