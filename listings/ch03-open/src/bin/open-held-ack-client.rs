//! Connects to an echo server, holds back the third segment of the handshake, and says `Hi, ferris?` after a silence.
//!
//! `cargo run --bin open-held-ack-client [ADDRESS] [SILENCE]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let silence = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let mut stream =
        connect(&address).with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    thread::sleep(silence);
    stream.write_all(MESSAGE).with_context(|| format!("writing to {address}"))?;
    let answer = read_answer(&mut stream)
        .with_context(|| format!("reading from {address}"))?;
    writeln!(
        io::stdout(),
        "heard {} bytes: {}",
        answer.len(),
        answer.escape_ascii()
    )
    .ok();
    Ok(())
}

// ANCHOR: connect
#[cfg(target_os = "linux")]
fn connect(address: &str) -> Result<TcpStream> {
    use socket2::{Domain, Socket, Type};

    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // "I am about to say something": the kernel waits up to 200 ms for words that the acknowledgment can ride on.
    socket.set_tcp_quickack(false)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}
// ANCHOR_END: connect

#[cfg(not(target_os = "linux"))]
fn connect(address: &str) -> Result<TcpStream> {
    let _: SocketAddr = address.parse()?;
    bail!(
        "only Linux lets a program hold back the handshake's last segment (TCP_QUICKACK); run this one there"
    )
}

/// Reads as many bytes as were sent: an answer may arrive in several pieces.
fn read_answer(stream: &mut TcpStream) -> Result<[u8; MESSAGE.len()]> {
    let mut answer = [0; MESSAGE.len()];
    let mut got = 0;
    while got < answer.len() {
        match stream.read(&mut answer[got..])? {
            0 => bail!("the server closed after {got} of {} bytes", answer.len()),
            n => got += n,
        }
    }
    Ok(answer)
}

/// A time to wait, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
