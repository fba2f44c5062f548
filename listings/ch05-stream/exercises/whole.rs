//! **Exercise.** Two threads say one message each, as frames, over one connection.
//!
//! The first takes two writes for its message, and the second comes in between. Make each
//! message arrive whole, without making either thread wait for the other's work.
//!
//! `cargo run --features exercises --bin stream-exercise-whole [ADDRESS]`

use std::{env, io, io::Write, net::TcpStream, sync::mpsc, thread, time::Duration};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    let stream = &stream;
    let (length_known, go) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            go.recv().ok();
            tell(second(stream));
        });
        tell(first(stream, || {
            length_known.send(()).ok();
        }));
    });
    Ok(())
}

/// Says what it knows at once, the length, and then what takes a while.
fn first(mut stream: &TcpStream, length_known: impl FnOnce()) -> io::Result<()> {
    stream.write_all(&11_u32.to_be_bytes())?;
    length_known();
    stream.write_all(work())
}

fn second(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(&8_u32.to_be_bytes())?;
    stream.write_all(b"Go ahead")
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
