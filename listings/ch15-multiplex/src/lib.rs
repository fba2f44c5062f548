//! One connection of an echo server as a state machine: what it waits for, and one bounded turn of work.
//!
//! Nothing here waits, and nothing here knows how the waiting is done: the servers of this chapter share it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// The most that one turn reads, and the most that is kept for one client.
pub const BUFFER: usize = 4096;

// ANCHOR: connection
/// One client's connection. While there is nothing to write it holds no buffer.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    client: SocketAddr,
    /// What was read and could not be written yet.
    rest: Option<Box<Rest>>,
}

#[derive(Debug)]
struct Rest {
    bytes: [u8; BUFFER],
    from: usize,
    to: usize,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Until there is something to read: bytes, the end of the stream, an error.
    Read,
    /// Until there is room to write. Nothing is read meanwhile: one buffer is kept,
    /// and never more.
    Write,
}

/// How a turn ended.
#[derive(Debug)]
pub enum Turn {
    /// The kernel has not said no: there may be more to do, when the others have
    /// had their turn.
    More,
    /// The kernel said EAGAIN: there is nothing to do until it says otherwise.
    Wait,
    /// The connection is over.
    Gone(io::Result<()>),
}
// ANCHOR_END: connection

impl Connection {
    /// A connection that never makes its thread wait.
    ///
    /// # Errors
    /// What the system says where it cannot make the socket non-blocking.
    pub fn new(stream: TcpStream, client: SocketAddr) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, client, rest: None })
    }

    /// The socket, for whoever waits.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The other end's address.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    // ANCHOR: interest
    /// What it waits for now.
    pub fn interest(&self) -> Interest {
        match self.rest {
            None => Interest::Read,
            Some(_) => Interest::Write,
        }
    }
    // ANCHOR_END: interest

    // ANCHOR: turn
    /// One turn: one read and one write at most, however much has come.
    pub fn turn(&mut self, buffer: &mut [u8; BUFFER]) -> Turn {
        let turn = match self.rest {
            None => self.answer(buffer),
            Some(_) => self.write_rest(),
        };
        turn.unwrap_or_else(|error| match error.kind() {
            ErrorKind::WouldBlock => Turn::Wait,
            ErrorKind::Interrupted => Turn::More,
            _ => Turn::Gone(Err(error)),
        })
    }
    // ANCHOR_END: turn

    // ANCHOR: answer
    fn answer(&mut self, buffer: &mut [u8; BUFFER]) -> io::Result<Turn> {
        let n = self.stream.read(buffer)?;
        if n == 0 {
            return Ok(Turn::Gone(Ok(()))); // finished, and everything was answered
        }
        let written = match self.stream.write(&buffer[..n]) {
            Err(error) if will_go_later(&error) => 0,
            written => written?,
        };
        if written < n {
            self.rest = Some(Box::new(Rest::new(&buffer[written..n])));
        }
        Ok(Turn::More)
    }

    fn write_rest(&mut self) -> io::Result<Turn> {
        if let Some(rest) = &mut self.rest {
            rest.from += self.stream.write(&rest.bytes[rest.from..rest.to])?;
            if rest.from == rest.to {
                self.rest = None;
            }
        }
        Ok(Turn::More)
    }
    // ANCHOR_END: answer
}

/// Whether a write that failed can be made again: nothing of it has gone, and nothing is lost.
fn will_go_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Rest {
    fn new(left: &[u8]) -> Self {
        let mut bytes = [0; BUFFER];
        bytes[..left.len()].copy_from_slice(left);
        Self { bytes, from: 0, to: left.len() }
    }
}
