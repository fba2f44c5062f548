//! A pool of four workers, all of whom work.
//!
//! The lock that a worker takes for `recv` is a temporary value. In the head of a `while let` it lives as long as the
//! body; in a `let` of its own it ends at the semicolon.

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    panic,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A connection that was accepted and that nobody serves yet.
type Waiting = (TcpStream, SocketAddr);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let workers = number(env::args().nth(2).as_deref().unwrap_or("4"))?;
    let length = number(env::args().nth(3).as_deref().unwrap_or("1"))?;
    let (queue, waiting) = mpsc::sync_channel(length);
    let waiting = Arc::new(Mutex::new(waiting));
    for number in 1..=workers {
        let waiting = Arc::clone(&waiting);
        thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || work(&waiting))
            .with_context(|| format!("starting worker {number}"))?;
    }
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept() {
            // While the queue is full this waits, and whoever comes waits in the kernel's.
            Ok(client) => queue.send(client).context("no worker is left")?,
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                thread::sleep(BACK_OFF);
            }
        }
    }
}

/// Serves one client after another, for ever.
fn work(waiting: &Mutex<Receiver<Waiting>>) {
    loop {
        // The lock is given back at the semicolon, before the client is served.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((stream, client)) = next else {
            return; // nobody is left who accepts
        };
        // A panic would end this thread, and the pool would be one smaller for good.
        if panic::catch_unwind(|| serve(stream, client)).is_err() {
            writeln!(io::stderr(), "{client} lost: its service panicked").ok();
        }
    }
}

/// Answers one client until it is gone, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

fn echo(mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message)?;
    }
}

/// At least one of something, from an argument such as `4`.
fn number(argument: &str) -> Result<usize> {
    let number: usize =
        argument.parse().with_context(|| format!("{argument:?} is no number"))?;
    anyhow::ensure!(number > 0, "0 is too few; give at least 1");
    Ok(number)
}
