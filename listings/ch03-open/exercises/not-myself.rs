//! **Exercise.** Connects to an address and says who is there.
//!
//! Where nobody listens, it may be connected to itself and call that a success. Make it
//! end with an error instead, and leave the port free for the server that belongs there.
//!
//! `cargo run --features exercises --bin open-exercise-not-myself [ADDRESS] [OWN]`

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    // Given, it makes happen at once what the kernel's choice of a port makes happen
    // once in thousands of times.
    let own = env::args().nth(2);
    let stream = connect(&address, own.as_deref())
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "{} → {}", stream.local_addr()?, stream.peer_addr()?)
        .ok();
    Ok(())
}

fn connect(address: &str, own: Option<&str>) -> Result<TcpStream> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(own) = own {
        let own: SocketAddr = own.parse()?;
        socket.bind(&own.into())?;
    }
    socket.connect(&address.into())?;
    Ok(socket.into())
}
