//! An echo server for frames, a task for each connection: each frame comes back, byte for byte.
//!
//! `cargo run --bin stream-async-server [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use ch05_stream::{Decoder, encode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

// ANCHOR: listen
#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR_END: listen
    // ANCHOR: accept
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
// ANCHOR_END: accept

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
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(decoder.finish()?);
        }
        decoder.push(&buffer[..n]);
        while let Some(frame) = decoder.next_frame()? {
            let (n, text) = (frame.len(), beginning(&frame));
            writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
            stream.write_all(&encode(&frame)?).await?;
        }
    }
}
// ANCHOR_END: frames

/// What a log has room for.
fn beginning(frame: &[u8]) -> String {
    let shown = &frame[..frame.len().min(40)];
    let more = if shown.len() < frame.len() { " ..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}
