//! Announces that it takes segments of 1000 bytes at most, says `Hi, ferris?` and reads
//! as many bytes back.
//!
//! `cargo run --bin open-small-client [ADDRESS] [BYTES]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result, bail};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let largest = env::args().nth(2).unwrap_or_else(|| "1000".into());
    let largest = largest
        .parse()
        .with_context(|| format!("{largest:?} is no number of bytes"))?;
    let mut stream = connect(&address, largest)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    stream.write_all(MESSAGE).with_context(|| format!("writing to {address}"))?;
    let answer = read_answer(&mut stream)
        .with_context(|| format!("reading from {address}"))?;
    let (n, text) = (answer.len(), answer.escape_ascii());
    writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    Ok(())
}

// ANCHOR: connect
#[cfg(unix)]
fn connect(address: &str, largest: u32) -> Result<TcpStream> {
    use socket2::{Domain, Socket, Type};

    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_tcp_mss(largest)?; // before `connect`: only a SYN can say it
    socket.connect(&address.into())?;
    Ok(socket.into())
}
// ANCHOR_END: connect

#[cfg(not(unix))]
fn connect(address: &str, _largest: u32) -> Result<TcpStream> {
    let _: SocketAddr = address.parse()?;
    bail!("Windows has no TCP_MAXSEG to set; run this one on Linux")
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
