//! An echo server, a task for each connection: it awaits that a socket is ready, and then asks it without waiting.
//!
//! `cargo run --bin nonblocking-async-server [ADDRESS]`

use std::{
    env,
    io::{self, ErrorKind::WouldBlock, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
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
    match echo(stream, client).await {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
async fn echo(stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        stream.readable().await?; // ❶ here the task waits …
        let n = match stream.try_read(&mut buffer) {
            Err(error) if error.kind() == WouldBlock => continue, // ❷
            read => read?, // ❸ … and here it never does
        };
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        say_all(&stream, message).await?;
    }
}
// ANCHOR_END: echo

// ANCHOR: say
async fn say_all(stream: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
// ANCHOR_END: say
