//! Says every line back, and gives each of them 400 ms. Yet somebody who says a byte now and then may take for ever.
//! Let go of whoever needs longer for a line than that.
//!
//! `cargo book exercise tokio/drip`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long a line may take.
const LIMIT: Duration = Duration::from_millis(400);

/// The longest line.
const MOST: usize = 1000;

/// How long a client may take to close, once the server has finished.
const LINGER: Duration = Duration::from_secs(1);

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

/// Answers one client until it is gone or too slow, says goodbye, and says why.
async fn serve(mut stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(&mut stream).await {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
    time::timeout(LINGER, part(&mut stream)).await.ok();
}

/// Says goodbye: a FIN, and then whatever still comes is read and thrown away.
async fn part(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut buffer = [0; 100];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Says lines back until the client has finished.
async fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        let n = time::timeout(LIMIT, stream.read_buf(&mut line)).await??;
        if n == 0 {
            return Ok(());
        }
        while let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            let whole: Vec<u8> = line.drain(..=end).collect();
            stream.write_all(&whole).await?;
        }
        if line.len() > MOST {
            return Err(io::Error::other("a line without an end"));
        }
    }
}
