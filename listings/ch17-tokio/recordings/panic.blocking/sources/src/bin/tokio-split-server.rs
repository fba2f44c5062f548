//! An echo server with two tasks for each connection, one that reads and one that writes. **Works until** a message has
//! a character across its eighth byte.
//!
//! `cargo run --bin tokio-split-server [ADDRESS]`

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
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How many messages may wait to be written; then the task that reads waits.
const WAITING: usize = 8;

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
                writeln!(io::stdout(), "{client} came").ok();
                serve(stream, client);
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
}

// ANCHOR: halves
/// Starts two tasks for a client, and does not wait for them.
fn serve(stream: TcpStream, client: SocketAddr) {
    let (reader, writer) = stream.into_split(); // ❶
    let (messages, queue) = mpsc::channel(WAITING);
    tokio::spawn(watched("writer", write(writer, queue)));
    tokio::spawn(watched("reader", read(reader, messages, client)));
}
// ANCHOR_END: halves

// ANCHOR: read
/// Hands every message on to the task that writes.
async fn read(
    mut stream: OwnedReadHalf,
    messages: mpsc::Sender<Vec<u8>>,
    client: SocketAddr,
) {
    let mut buffer = [0; 100];
    let end = loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break "end of stream".to_owned(),
            Err(error) => break error.to_string(),
            Ok(n) => {
                if messages.send(buffer[..n].to_vec()).await.is_err() {
                    break "nobody writes any more".to_owned();
                }
            }
        }
    };
    writeln!(io::stdout(), "{client} gone: {end}").ok();
} // without a sender, the other task's queue ends, once it is empty
// ANCHOR_END: read

// ANCHOR: write
/// Writes what is in the queue, until that ends.
async fn write(mut stream: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = queue.recv().await {
        let text = String::from_utf8_lossy(&message);
        let beginning = &text[..text.len().min(8)]; // ❷ bytes, not characters
        writeln!(io::stdout(), "answering {beginning:?}").ok();
        if let Err(error) = stream.write_all(&message).await {
            writeln!(io::stdout(), "no answer: {error}").ok();
            return;
        }
    }
}
// ANCHOR_END: write
