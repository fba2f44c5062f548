//! Three ways to say `Hi, ferris?` and goodbye; the book asks which of them a capture shows.
//!
//! `cargo run --bin close-unknown-client ADDRESS ada | grace | mary`

use std::{
    env,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

const MESSAGE: &[u8] = b"Hi, ferris?";
const PAUSE: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let who = env::args().nth(2).unwrap_or_default();
    let stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    match who.as_str() {
        "ada" => ada(stream),
        "grace" => grace(stream),
        "mary" => mary(stream),
        _ => bail!("{who:?} is nobody here: say `ada`, `grace` or `mary`"),
    }
}

// ANCHOR: ada
fn ada(mut stream: TcpStream) -> Result<()> {
    stream.write_all(MESSAGE)?;
    stream.read_exact(&mut [0; MESSAGE.len()])?;
    stream.shutdown(Shutdown::Write)?;
    thread::sleep(PAUSE);
    Ok(())
}
// ANCHOR_END: ada

// ANCHOR: grace
fn grace(mut stream: TcpStream) -> Result<()> {
    let other = stream.try_clone()?;
    stream.write_all(MESSAGE)?;
    stream.read_exact(&mut [0; MESSAGE.len()])?;
    drop(stream);
    thread::sleep(PAUSE);
    drop(other);
    Ok(())
}
// ANCHOR_END: grace

// ANCHOR: mary
fn mary(mut stream: TcpStream) -> Result<()> {
    stream.write_all(MESSAGE)?;
    stream.shutdown(Shutdown::Write)?;
    thread::sleep(PAUSE);
    stream.read_exact(&mut [0; MESSAGE.len()])?;
    Ok(())
}
// ANCHOR_END: mary
