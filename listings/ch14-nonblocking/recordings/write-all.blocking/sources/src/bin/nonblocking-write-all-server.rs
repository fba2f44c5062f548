//! **Wrong on purpose: does not work.** It writes its page with `write_all`, to sockets that refuse to wait.
//!
//! `cargo run --bin nonblocking-write-all-server [ADDRESS]`

use std::{
    env,
    io::{self, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use socket2::SockRef;

static PAGE: [u8; 200_000] = [b'.'; 200_000];

/// The kernel's buffer for what is written and not yet acknowledged: small, so that a recording is short.
const SEND_BUFFER: usize = 20_000;

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike the refusal to wait, an accepted socket has its listener's buffer sizes.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                writeln!(io::stdout(), "{client} came").ok();
                match give(stream) {
                    Ok(()) => {
                        writeln!(io::stdout(), "{client} gone: it has the page")
                            .ok()
                    }
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

// ANCHOR: give
fn give(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?; // no client shall hold us up
    stream.write_all(&PAGE) // ❶ wrong
}
// ANCHOR_END: give
