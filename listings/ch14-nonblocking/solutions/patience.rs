//! **Solution.** An echo server in one thread that asks less and less often while nobody speaks.
//!
//! `cargo run --features exercises --bin nonblocking-solution-patience [ADDRESS]`

use std::{
    env,
    io::{self, ErrorKind::WouldBlock, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// The first sleep after a round in which nobody had anything; each that follows is twice as long …
const SHORTEST: Duration = Duration::from_millis(1);

/// … and none is longer than this. So late may an answer be.
const LONGEST: Duration = Duration::from_millis(64);

/// How long not to ask for new clients after a failed `accept`: being out of descriptors does not pass at once.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    listener.set_nonblocking(true)?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    let mut clients: Vec<Client> = Vec::new();
    let mut accept_from = Instant::now();
    let mut nap = SHORTEST;
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
        if moved {
            nap = SHORTEST;
        } else {
            thread::sleep(nap);
            nap = LONGEST.min(nap * 2);
        }
    }
}

/// A client, and what a thread of its own would have kept on its stack.
struct Client {
    stream: TcpStream,
    address: SocketAddr,
    buffer: [u8; 100],
    heard: usize, // so much of the buffer came from the client …
    said: usize,  // … and so much of that has gone back
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Client> {
        let (stream, address) = listener.accept()?;
        stream.set_nonblocking(true)?; // it does not inherit this from its listener
        writeln!(io::stdout(), "{address} came").ok();
        Ok(Client { stream, address, buffer: [0; 100], heard: 0, said: 0 })
    }

    /// Goes as far as it can without waiting. False: the client has finished sending.
    fn step(&mut self) -> io::Result<bool> {
        if self.said == self.heard {
            let n = self.stream.read(&mut self.buffer)?;
            if n == 0 {
                return Ok(false);
            }
            let (client, text) = (self.address, self.buffer[..n].escape_ascii());
            writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
            (self.heard, self.said) = (n, 0);
        }
        let rest = &self.buffer[self.said..self.heard];
        self.said += self.stream.write(rest)?; // all of it, or some of it
        Ok(true)
    }

    fn say_why(&self, end: io::Result<bool>) {
        let client = self.address;
        match end {
            Ok(_) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }
}
