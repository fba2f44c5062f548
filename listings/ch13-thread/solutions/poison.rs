//! It counts how often it has heard each byte.
//!
//! A byte has 256 values, so there is nothing left to panic at. And if some day there is: the tally is right enough with
//! one message half counted, so a poisoned lock is no reason to serve nobody.

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often each byte has come.
type Tally = [u64; 256];

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    let tally = Arc::new(Mutex::new([0; 256]));
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let tally = Arc::clone(&tally);
                let started = thread::Builder::new()
                    .spawn(move || serve(stream, client, &tally));
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

/// Answers one client until it is gone, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr, tally: &Mutex<Tally>) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client, tally) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

fn echo(
    mut stream: TcpStream,
    client: SocketAddr,
    tally: &Mutex<Tally>,
) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        count(message, tally);
        stream.write_all(message)?;
    }
}

fn count(message: &[u8], tally: &Mutex<Tally>) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    for &byte in message {
        tally[usize::from(byte)] += 1;
    }
}
