//! The load generator: clients that say 64 bytes and hear them again, all on one thread.
//!
//! *Closed* is the loop in which every client says its next line when it has heard the last: as many requests are under
//! way as there are clients. Every answer is compared with what was said; a server that is fast and wrong cannot win.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// What a request carries, in bytes.
pub const SIZE: usize = 64;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// One request's bytes: a number that no other has, then words.
type Line = [u8; SIZE];

/// A client, connected.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    said: Line,
    heard: Line,
    /// How much of the answer has been heard.
    length: usize,
}

/// Clients that are connected to one server.
#[derive(Debug)]
pub struct Clients {
    clients: Vec<Client>,
    epoll: Epoll,
    next: u64,
}

/// Why not all were served that came.
#[derive(Debug)]
pub struct Refused {
    /// The number of the first that was not, counted from 1.
    pub client: usize,
    /// What happened.
    pub error: io::Error,
}

impl Clients {
    /// Nobody yet.
    pub fn none() -> io::Result<Clients> {
        Ok(Clients {
            clients: Vec::new(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            next: 0,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Connects so many more, one after another; each says a line and hears it before the next one comes.
    ///
    /// # Errors
    /// One that cannot connect or is not answered within two seconds; those before it stay.
    pub fn connect(&mut self, address: SocketAddr, count: usize) -> Result<(), Refused> {
        for _ in 0..count {
            let client = self.clients.len() + 1;
            self.one(address).map_err(|error| Refused { client, error })?;
        }
        Ok(())
    }

    fn one(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let said = self.line();
        let mut heard = [0; SIZE];
        stream.write_all(&said)?;
        stream.read_exact(&mut heard)?;
        same(&said, &heard)?;
        stream.set_nonblocking(true)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, self.clients.len() as u64);
        self.epoll.add(&stream, event)?;
        self.clients.push(Client {
            stream,
            said,
            heard,
            length: 0,
        });
        Ok(())
    }

    /// The first `active` of them say a line, and the next one when they have heard it, until `until` is reached; then
    /// each hears its last answer. Returns how many requests were answered.
    ///
    /// # Errors
    /// A connection that ends, an answer that is not what was said, or none for two seconds.
    pub fn closed(&mut self, active: usize, until: Until) -> io::Result<u64> {
        let active = active.min(self.clients.len());
        let end = match until {
            Until::Past(window) => Instant::now() + window,
            Until::Requests(_) => Instant::now() + Duration::from_secs(60),
        };
        let most = match until {
            Until::Past(_) => u64::MAX,
            Until::Requests(requests) => requests,
        };
        let (mut begun, mut done) = (0, 0);
        for index in 0..active {
            if begun < most {
                self.say(index)?;
                begun += 1;
            }
        }
        let mut events = [EpollEvent::empty(); 256];
        while done < begun {
            let timeout = EpollTimeout::try_from(PATIENCE).unwrap_or(EpollTimeout::MAX);
            let ready = match self.epoll.wait(&mut events, timeout) {
                Err(nix::errno::Errno::EINTR) => continue,
                ready => ready?,
            };
            if ready == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{} of {begun} requests are not answered after 2 s", begun - done),
                ));
            }
            let time_is_up = Instant::now() >= end;
            for event in &events[..ready] {
                let index = event.data() as usize;
                if !self.hear(index)? {
                    continue;
                }
                done += 1;
                if !time_is_up && begun < most {
                    self.say(index)?;
                    begun += 1;
                }
            }
        }
        Ok(done)
    }

    fn say(&mut self, index: usize) -> io::Result<()> {
        let line = self.line();
        let client = &mut self.clients[index];
        client.said = line;
        client.length = 0;
        // 64 bytes always fit: the client has no other under way.
        match client.stream.write(&line)? {
            SIZE => Ok(()),
            n => Err(io::Error::other(format!("{n} of {SIZE} bytes could be sent"))),
        }
    }

    /// Hears what is there; true when the answer is complete.
    fn hear(&mut self, index: usize) -> io::Result<bool> {
        let client = &mut self.clients[index];
        if client.length == SIZE {
            return Err(io::Error::other("more came back than was said, or the end"));
        }
        match client.stream.read(&mut client.heard[client.length..]) {
            Ok(0) => Err(io::Error::other(format!(
                "connection {} of them was ended by the server",
                index + 1
            ))),
            Ok(n) => {
                client.length += n;
                if client.length < SIZE {
                    return Ok(false);
                }
                same(&client.said, &client.heard)?;
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A line that nobody said before.
    fn line(&mut self) -> Line {
        let mut line = *b"0000000000000000 Hi, ferris? What one says, one hears once more.";
        let mut number = self.next;
        for digit in line[..16].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
        self.next += 1;
        line
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this time.
    Past(Duration),
    /// After so many requests.
    Requests(u64),
}

fn same(said: &Line, heard: &Line) -> io::Result<()> {
    if said == heard {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the answer to `{}` was `{}`; what is measured echoes",
        said.escape_ascii(),
        heard.escape_ascii()
    )))
}
