//! Says many bytes at once and closes; says how long `close` took.
//!
//! `cargo run --bin close-bulk-client [ADDRESS] [BYTES] [LINGER]`

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::SockRef;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let bytes: usize =
        env::args().nth(2).unwrap_or_else(|| "20000".into()).parse()?;
    let linger = env::args().nth(3).map(|seconds| seconds.parse()).transpose()?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    // ANCHOR: bulk
    if let Some(seconds) = linger {
        SockRef::from(&stream).set_linger(Some(Duration::from_secs(seconds)))?;
    }
    stream
        .write_all(&vec![b'x'; bytes])
        .with_context(|| format!("writing to {address}"))?;
    let start = Instant::now();
    drop(stream);
    let took = start.elapsed();
    // ANCHOR_END: bulk
    writeln!(io::stdout(), "said {bytes} bytes; close took {took:.1?}").ok();
    Ok(())
}
