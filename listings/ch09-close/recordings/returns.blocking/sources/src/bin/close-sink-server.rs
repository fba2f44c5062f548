//! Reads what clients say, one client after another, and answers nothing.
//!
//! `cargo run --bin close-sink-server [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept() {
            // One client at a time: whoever comes second waits in the accept queue.
            Ok((mut stream, client)) => {
                match io::copy(&mut stream, &mut io::sink()) {
                    Ok(n) => writeln!(io::stdout(), "{client} said {n} bytes").ok(),
                    Err(error) => {
                        writeln!(io::stdout(), "{client} gone: {error}").ok()
                    }
                };
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                thread::sleep(BACK_OFF);
            }
        }
    }
}
