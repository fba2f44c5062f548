//! **Works until** two messages wait for one `read`, or one message comes in two pieces:
//! it takes what a `read` returns for a message, and logs it. It is busy for SECONDS
//! before each `read`.
//!
//! `cargo run --bin stream-each-read-server [ADDRESS] [SECONDS]`

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

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let busy = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let started = thread::Builder::new()
                    .spawn(move || serve(stream, client, busy));
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

/// Listens to one client until it is gone, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr, busy: Duration) {
    writeln!(io::stdout(), "{client} came").ok();
    match log(stream, client, busy) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: each-read
fn log(
    mut stream: TcpStream,
    client: SocketAddr,
    busy: Duration,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        thread::sleep(busy);
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let text = beginning(&buffer[..n]); // the message, it believes
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
    }
}
// ANCHOR_END: each-read

/// What a log has room for.
fn beginning(message: &[u8]) -> String {
    let shown = &message[..message.len().min(40)];
    let more = if shown.len() < message.len() { " ..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
