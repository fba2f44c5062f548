//! **Exercise.** Gives every client a page of 200,000 bytes, or so it says: they hear a part of it.
//!
//! Give every client the whole page, in one thread that waits for nobody.
//!
//! `cargo run --features exercises --bin nonblocking-exercise-whole-page [ADDRESS]`

use std::{
    env,
    io::{self, ErrorKind::WouldBlock, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::SockRef;

static PAGE: [u8; 200_000] = [b'.'; 200_000];

/// The kernel's buffer for what is written and not yet acknowledged: small, so that a recording is short.
const SEND_BUFFER: usize = 20_000;

/// How long to sleep after a round in which nobody had room.
const NAP: Duration = Duration::from_millis(1);

/// How long not to ask for new clients after a failed `accept`: being out of descriptors does not pass at once.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // Unlike the refusal to wait, an accepted socket has its listener's buffer sizes.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    listener.set_nonblocking(true)?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    let mut clients: Vec<Client> = Vec::new();
    let mut accept_from = Instant::now();
    loop {
        let mut moved = false;
        if Instant::now() >= accept_from {
            match Client::accept(&listener) {
                Ok(client) => {
                    clients.push(client);
                    moved = true;
                }
                Err(error) if error.kind() == WouldBlock => {} // nobody has come
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    accept_from = Instant::now() + BACK_OFF; // no sleep
                }
            }
        }
        clients.retain_mut(|client| match client.step() {
            Ok(true) => {
                moved = true;
                true
            }
            Err(error) if error.kind() == WouldBlock => true, // another time
            end => {
                moved = true;
                client.say_why(end);
                false
            }
        });
        if !moved {
            thread::sleep(NAP);
        }
    }
}

struct Client {
    stream: TcpStream,
    address: SocketAddr,
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Client> {
        let (stream, address) = listener.accept()?;
        stream.set_nonblocking(true)?; // it does not inherit this from its listener
        writeln!(io::stdout(), "{address} came").ok();
        Ok(Client { stream, address })
    }

    /// Gives the client the page. False: it has it.
    fn step(&mut self) -> io::Result<bool> {
        match self.stream.write_all(&PAGE) {
            Err(error) => Err(io::Error::other(format!("the page: {error}"))),
            Ok(()) => Ok(false),
        }
    }

    fn say_why(&self, end: io::Result<bool>) {
        let client = self.address;
        match end {
            Ok(_) => writeln!(io::stdout(), "{client} gone: it has the page").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }
}
