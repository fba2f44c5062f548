//! An echo server for frames that also says, now and then, whom it waits for, and loses nothing by it.
//!
//! `cargo run --bin tokio-whole-server [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
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
    let mut bytes = Vec::new(); // ❶ what has come, and was not yet a whole frame
    loop {
        select! {
            read = watched("reader", stream.read_buf(&mut bytes)) => { // ❷
                if read? == 0 {
                    ensure!(bytes.is_empty(), "the stream ended inside a frame");
                    return Ok(());
                }
                while let Some(frame) = take_frame(&mut bytes)? {
                    let (n, text) = (frame.len(), beginning(&frame));
                    writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
                    stream.write_all(&encode(&frame)?).await?;
                }
            }
            () = time::sleep(CLOCK) => {
                writeln!(io::stdout(), "waiting for {client}").ok();
            }
        }
    }
}
// ANCHOR_END: frames

// ANCHOR: read
/// Takes the first frame out of what has come, if all of it is here.
fn take_frame(bytes: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(None); // the length itself is not whole
    };
    let Some(frame) = rest.get(..announced(*head)?) else {
        return Ok(None); // as many bytes have not come yet
    };
    let frame = frame.to_vec();
    bytes.drain(..HEAD + frame.len());
    Ok(Some(frame))
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
