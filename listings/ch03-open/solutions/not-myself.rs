//! **Solution.** Connects to an address and says who is there, unless it is itself.
//!
//! `cargo run --features exercises --bin open-solution-not-myself [ADDRESS] [OWN]`

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
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
    let (local, peer) = (socket.local_addr()?, socket.peer_addr()?);
    if local.as_socket() == peer.as_socket() {
        // Closed in the ordinary way it would wait in TIME-WAIT, and keep the port from
        // the server it belongs to.
        socket.set_linger(Some(Duration::ZERO))?;
        bail!("nobody listens there; the kernel connected me to myself");
    }
    Ok(socket.into())
}
