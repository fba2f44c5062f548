//! Says `Hi, ferris?` to an echo server in the segment that asks for the connection,
//! and reads as many bytes back.
//!
//! `cargo run --bin open-fast-client [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result, bail};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = connect_saying(MESSAGE, &address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    let answer = read_answer(&mut stream)
        .with_context(|| format!("reading from {address}"))?;
    let (n, text) = (answer.len(), answer.escape_ascii());
    writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    Ok(())
}

// ANCHOR: connect
/// Connects and says the first words in one call, so that they need not wait.
#[cfg(target_os = "linux")]
fn connect_saying(words: &[u8], address: &str) -> Result<TcpStream> {
    use socket2::{Domain, Socket, Type};

    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    let sent =
        socket.send_to_with_flags(words, &address.into(), libc::MSG_FASTOPEN)?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(&words[sent..])?; // what the first segment had no room for
    Ok(stream)
}
// ANCHOR_END: connect

#[cfg(not(target_os = "linux"))]
fn connect_saying(_words: &[u8], address: &str) -> Result<TcpStream> {
    let _: SocketAddr = address.parse()?;
    bail!("this program needs MSG_FASTOPEN, which is Linux's; run it there")
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
