//! Opens one connection to each address, keeps them all, and prints the pair of
//! addresses that names each.
//!
//! `cargo run --bin open-pairs-client ADDRESS...`

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};

/// How long to keep the connections, so that somebody can look at them.
const HOLD: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let addresses: Vec<String> = env::args().skip(1).collect();
    ensure!(
        !addresses.is_empty(),
        "name at least one address, as in 127.0.0.1:8000"
    );
    // ANCHOR: pairs
    let mut streams = Vec::new(); // whoever is in here stays connected
    for address in &addresses {
        match TcpStream::connect(address) {
            Ok(stream) => {
                writeln!(
                    io::stdout(),
                    "{} → {}",
                    stream.local_addr()?,
                    stream.peer_addr()?
                )
                .ok();
                streams.push(stream);
            }
            Err(error) => {
                writeln!(io::stdout(), "no connection to {address}: {error}").ok();
            }
        }
    }
    thread::sleep(HOLD);
    // ANCHOR_END: pairs
    Ok(())
}
