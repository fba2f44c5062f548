//! An echo server, a thread for each connection: what a client says comes back, byte for byte.
//!
//! `cargo run --bin echo-blocking-server [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

// ANCHOR: listen
fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR_END: listen
    // ANCHOR: accept
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let started =
                    thread::Builder::new().spawn(move || serve(stream, client));
                if let Err(error) = started {
                    writeln!(io::stderr(), "no thread for {client}: {error}").ok();
                }
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                thread::sleep(BACK_OFF);
            }
        }
    }
}
// ANCHOR_END: accept

/// Answers one client until it is gone, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
fn echo(mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?; // ❶
        if n == 0 {
            return Ok(()); // ❷ the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message)?; // ❸
    }
}
// ANCHOR_END: echo
