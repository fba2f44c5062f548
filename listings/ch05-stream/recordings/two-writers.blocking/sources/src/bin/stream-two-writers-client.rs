//! **Does not work.** Two threads write to one stream, each its own message, and one of
//! them takes two writes for it.
//!
//! `cargo run --bin stream-two-writers-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
    sync::Barrier,
    thread,
};

use anyhow::{Context, Result};
use ch05_stream::encode;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    say(&stream).with_context(|| format!("writing to {address}"))?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    let (n, text) = (heard.len(), heard.escape_ascii());
    writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    Ok(())
}

// ANCHOR: say
/// `meet` stands for the scheduler on a bad day: the second thread's turn comes between
/// the first one's two writes.
fn say(mut stream: &TcpStream) -> io::Result<()> {
    let one = encode(b"Hi, ferris?").map_err(io::Error::other)?;
    let two = encode(b"Go ahead").map_err(io::Error::other)?;
    let meet = Barrier::new(2);
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            meet.wait();
            let said = (&mut &*stream).write_all(&two);
            meet.wait();
            said
        });
        let (length, payload) = one.split_at(4);
        let said_length = stream.write_all(length);
        meet.wait();
        meet.wait();
        let said_payload = stream.write_all(payload);
        let said =
            second.join().unwrap_or_else(|_| Err(io::Error::other("a panic")));
        said_length.and(said).and(said_payload)
    })
}
// ANCHOR_END: say
