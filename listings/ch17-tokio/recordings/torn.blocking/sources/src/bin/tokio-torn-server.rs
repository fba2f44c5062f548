//! An echo server for frames that also says, now and then, whom it waits for. **Does not work**: what it has read of a
//! frame is lost when it does so.
//!
//! `cargo run --bin tokio-torn-server [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use ch17_tokio::watched;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select, time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The most bytes that a frame may carry.
const MOST: usize = 65_536;

/// How many bytes say the length.
const HEAD: usize = 4;

/// How long the server waits before it says whom it waits for.
const CLOCK: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                // A task of its own: nobody else waits for this client.
                tokio::spawn(serve(stream, client));
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Answers one client until it is gone, and says why it went.
async fn serve(stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match frames(stream, client).await {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: frames
async fn frames(mut stream: TcpStream, client: SocketAddr) -> Result<()> {
    loop {
        select! {
            frame = watched("reader", read_frame(&mut stream)) => { // ❶
                let frame = frame?;
                let (n, text) = (frame.len(), beginning(&frame));
                writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
                stream.write_all(&encode(&frame)?).await?;
            }
            () = time::sleep(CLOCK) => { // ❷
                writeln!(io::stdout(), "waiting for {client}").ok();
            }
        }
    }
}
// ANCHOR_END: frames

// ANCHOR: read
/// Reads a length, then so many bytes.
async fn read_frame(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await?;
    let mut frame = vec![0; announced(head)?];
    stream.read_exact(&mut frame).await?; // ❸
    Ok(frame)
}
// ANCHOR_END: read

/// A frame as it travels, in one piece, so that one `write_all` sends it.
fn encode(payload: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(payload.len()).context("a frame is too long")?;
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// The length that a head announces, unless it is more than [`MOST`].
fn announced(head: [u8; HEAD]) -> Result<usize> {
    let length = u32::from_be_bytes(head);
    let usable = usize::try_from(length).ok().filter(|&length| length <= MOST);
    usable.with_context(|| format!("a frame of {length} bytes; {MOST} are allowed"))
}

/// What a log has room for.
fn beginning(frame: &[u8]) -> String {
    let shown = &frame[..frame.len().min(40)];
    let more = if shown.len() < frame.len() { " ..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}
