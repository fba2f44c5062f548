//! An echo server, a thread for each connection and so many at most: what a client says comes back, byte for byte.
//!
//! `cargo run --bin thread-blocking-server [ADDRESS] [PLACES]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

// ANCHOR: listen
fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let places =
        Places::new(number(env::args().nth(2).as_deref().unwrap_or("200"))?);
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR_END: listen
    // ANCHOR: accept
    loop {
        // While all are taken, whoever comes waits in the kernel's queue.
        let place = places.take(); // ❶
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let started = thread::Builder::new().spawn(move || {
                    let _place = place; // ❷ given back when the thread ends
                    serve(stream, client);
                });
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

// ANCHOR: places
/// A counting semaphore: how many places are free, and a bell for when one more is.
struct Places {
    free: Mutex<usize>,
    bell: Condvar,
}

/// One place that is taken, until it is dropped.
struct Place(Arc<Places>);

impl Places {
    /// Waits until a place is free, and takes it.
    fn take(self: &Arc<Places>) -> Place {
        let mut free = self
            .bell
            .wait_while(self.lock(), |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(Arc::clone(self))
    }
}
// ANCHOR_END: places

// ANCHOR: place
impl Drop for Place {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.bell.notify_one();
    }
}
// ANCHOR_END: place

impl Places {
    fn new(number: usize) -> Arc<Places> {
        Arc::new(Places { free: Mutex::new(number), bell: Condvar::new() })
    }

    /// A number is right even if somebody panicked while holding it: nothing is half done here.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
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

// ANCHOR: echo
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
// ANCHOR_END: echo

/// At least one of something, from an argument such as `200`.
fn number(argument: &str) -> Result<usize> {
    let number: usize =
        argument.parse().with_context(|| format!("{argument:?} is no number"))?;
    anyhow::ensure!(
        number > 0,
        "with 0 places nobody would be served; give at least 1"
    );
    Ok(number)
}
