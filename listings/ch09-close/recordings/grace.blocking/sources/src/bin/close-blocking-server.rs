//! An echo server, a thread for each connection, that may think before it says goodbye.
//!
//! `cargo run --bin close-blocking-server [ADDRESS] [THOUGHT]`

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
    let thought = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // `println!` would panic once nobody reads our output; a reader gone is no reason to end.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR_END: listen
    // ANCHOR: accept
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own, so that this client's silence keeps nobody else waiting.
                let started = thread::Builder::new()
                    .spawn(move || serve(stream, client, thought));
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
fn serve(stream: TcpStream, client: SocketAddr, thought: Duration) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client, thought) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
fn echo(
    mut stream: TcpStream,
    client: SocketAddr,
    thought: Duration,
) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            break; // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message)?;
    }
    // ANCHOR: thought
    thread::sleep(thought);
    Ok(())
} // the stream goes out of scope here: the server's goodbye
// ANCHOR_END: thought
// ANCHOR_END: echo

/// The time to think before the goodbye, from an argument such as `1` or `0.06`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
