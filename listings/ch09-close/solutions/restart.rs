//! **Solution.** A server that closes first and ends, and can be started again at once.
//!
//! `cargo run --features exercises --bin close-solution-restart [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener =
        listen(&address).with_context(|| format!("listening on {address}"))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    let (mut stream, _) = listener.accept()?;
    let mut buffer = [0; 100];
    let n = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..n])?;
    Ok(())
} // the stream is dropped, then the listener: the server says goodbye first

fn listen(address: &str) -> Result<TcpListener> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Now, not at the second start: the end that waits in TIME-WAIT must have said it as well.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
