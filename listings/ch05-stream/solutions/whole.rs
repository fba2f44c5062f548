//! **Solution.** Two threads say one message each, as frames, over one connection.
//!
//! `cargo run --features exercises --bin stream-solution-whole [ADDRESS]`

use std::{
    env, io,
    io::Write,
    net::TcpStream,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use ch05_stream::encode;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    let stream = &Mutex::new(stream);
    let (length_known, go) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            go.recv().ok();
            tell(say(stream, b"Go ahead"));
        });
        length_known.send(()).ok();
        // The work is done before the lock is taken, so that nobody waits for it.
        tell(say(stream, work()));
    });
    Ok(())
}

/// One message, whole: the frame in one piece, and a lock for as long as it is written,
/// since `write_all` may need several writes.
fn say(stream: &Mutex<TcpStream>, message: &[u8]) -> io::Result<()> {
    let frame = encode(message).map_err(io::Error::other)?;
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(&frame)
}

/// A message that takes a while to make.
fn work() -> &'static [u8] {
    thread::sleep(Duration::from_millis(300));
    b"Hi, ferris?"
}

fn tell(said: io::Result<()>) {
    if let Err(error) = said {
        writeln!(io::stderr(), "writing: {error}").ok();
    }
}
