//! A server that is still waiting when it is killed.

use std::io::{self, Write};
use std::net::TcpListener;

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    listener.accept()?; // tap: accept4
    Ok(())
}
