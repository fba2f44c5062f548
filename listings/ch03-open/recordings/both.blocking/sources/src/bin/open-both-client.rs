//! Connects from an address of its own to a peer's, says `Hi, ferris?` and reads as
//! many bytes back.
//!
//! Run it at both ends at one time, with the addresses exchanged, and no server.
//!
//! `cargo run --bin open-both-client OWN PEER`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

const MESSAGE: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let mut addresses = env::args().skip(1);
    let (Some(own), Some(peer)) = (addresses.next(), addresses.next()) else {
        bail!("name two addresses with their ports: your own, and your peer's");
    };
    let mut stream = connect(&own, &peer)
        .with_context(|| format!("connecting from {own} to {peer}"))?;
    writeln!(io::stdout(), "{} ↔ {}", stream.local_addr()?, stream.peer_addr()?)
        .ok();
    stream.write_all(MESSAGE).with_context(|| format!("writing to {peer}"))?;
    let answer =
        read_answer(&mut stream).with_context(|| format!("reading from {peer}"))?;
    let (n, text) = (answer.len(), answer.escape_ascii());
    writeln!(io::stdout(), "heard {n} bytes: {text}").ok();
    Ok(())
}

// ANCHOR: connect
/// Both ends call this; neither calls `listen` or `accept`.
fn connect(own: &str, peer: &str) -> Result<TcpStream> {
    let (own, peer): (SocketAddr, SocketAddr) = (own.parse()?, peer.parse()?);
    let socket = Socket::new(Domain::for_address(own), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&own.into())?;
    socket.connect(&peer.into())?;
    Ok(socket.into())
}
// ANCHOR_END: connect

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
