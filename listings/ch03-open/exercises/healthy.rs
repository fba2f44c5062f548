//! **Exercise.** Says whether the echo server at an address is healthy: exit code 0 if
//! it is, 1 if it is not.
//!
//! It asks the kernel, which answers for a server that is long asleep. Make it ask the
//! program, by saying `Hi, ferris?` to it, and give up after a second.
//!
//! `cargo run --features exercises --bin open-exercise-healthy [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};

/// How long a healthy server may take, for everything together.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    probe(address.parse()?).with_context(|| format!("{address} is not healthy"))?;
    writeln!(io::stdout(), "{address} is healthy").ok();
    Ok(())
}

/// Healthy is whoever answers within [`PATIENCE`].
fn probe(address: SocketAddr) -> Result<()> {
    TcpStream::connect_timeout(&address, PATIENCE)?;
    Ok(())
}
