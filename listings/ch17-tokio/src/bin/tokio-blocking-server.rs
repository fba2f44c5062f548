//! An echo server, a thread for each connection, so many at most, and none of them waits for its client for ever.
//!
//! `cargo run --bin tokio-blocking-server [ADDRESS] [PLACES] [FIRST] [IDLE]`; FIRST and IDLE are seconds

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long a client may keep silent.
#[derive(Clone, Copy)]
struct Limits {
    /// Before its first byte.
    first: Duration,
    /// After that; and how long it may take to read an answer.
    idle: Duration,
}

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

// ANCHOR: listen
fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let places =
        Places::new(number(env::args().nth(2).as_deref().unwrap_or("200"))?);
    let limits = Limits {
        first: seconds(env::args().nth(3).as_deref().unwrap_or("5"))?,
        idle: seconds(env::args().nth(4).as_deref().unwrap_or("10"))?,
    };
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR_END: listen
    // ANCHOR: accept
    loop {
        // While all are taken, whoever comes waits in the kernel's queue.
        let place = places.take();
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let started = thread::Builder::new().spawn(move || {
                    let _place = place; // given back when the thread ends
                    serve(stream, client, limits);
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
fn serve(stream: TcpStream, client: SocketAddr, limits: Limits) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client, limits) {
        Ok(why) => writeln!(io::stdout(), "{client} gone: {why}").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
fn echo(
    mut stream: TcpStream,
    client: SocketAddr,
    limits: Limits,
) -> io::Result<&'static str> {
    let mut buffer = [0; 100];
    let mut spoken = false;
    // ANCHOR: wait
    stream.set_read_timeout(Some(limits.first))?; // ❶
    stream.set_write_timeout(Some(limits.idle))?;
    loop {
        let n = match stream.read(&mut buffer) {
            Ok(n) => n,
            // With a timeout set, Linux ends the call when the process was
            // stopped and goes on.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue, // ❷
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut // ❸
                ) =>
            {
                return Ok("silent for too long");
            }
            Err(error) => return Err(error),
        };
        // ANCHOR_END: wait
        if n == 0 {
            return Ok("end of stream"); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message)?;
        if !spoken {
            stream.set_read_timeout(Some(limits.idle))?;
            spoken = true;
        }
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

/// A time, from an argument such as `1` or `0.25`; std knows no timeout of 0.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    let seconds = Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))?;
    anyhow::ensure!(!seconds.is_zero(), "0 seconds are no deadline; give more");
    Ok(seconds)
}
