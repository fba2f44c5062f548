//! The load generator: clients that say 64 bytes and hear them again, all on one thread.
//!
//! *Closed* is the loop in which every client says its next line when it has heard the last: as many requests are under
//! way as there are clients. A server that stands still is asked nothing meanwhile, so that its pause counts once for each
//! client. *Open* is the schedule that waits for nobody: a request falls due every so often, and what it takes is counted
//! from that moment, whether its client could say it or still waited for an answer. Every answer is compared with what was said; a server that is fast and wrong cannot win.

use std::{
    collections::VecDeque,
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
            let ready = self.ready(&mut events, timeout)?;
            if ready == 0 {
                return Err(unanswered(begun - done));
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

    /// As [`Clients::closed`], and how long each answer took from the moment it was asked for.
    ///
    /// # Errors
    /// As there.
    pub fn closed_timed(&mut self, window: Duration) -> io::Result<Latencies> {
        let mut asked: Vec<Instant> = Vec::new();
        for index in 0..self.clients.len() {
            asked.push(Instant::now());
            self.say(index)?;
        }
        let end = Instant::now() + window;
        let mut latencies = Latencies::default();
        let mut under_way = asked.len();
        let mut events = [EpollEvent::empty(); 256];
        while under_way > 0 {
            let timeout = EpollTimeout::try_from(PATIENCE).unwrap_or(EpollTimeout::MAX);
            let ready = self.ready(&mut events, timeout)?;
            if ready == 0 {
                return Err(unanswered(under_way as u64));
            }
            for event in &events[..ready] {
                let index = event.data() as usize;
                if !self.hear(index)? {
                    continue;
                }
                let now = Instant::now();
                latencies.add(now - asked[index]);
                if now < end {
                    asked[index] = now;
                    self.say(index)?;
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(latencies)
    }

    /// A request falls due every `1 / rate` seconds as long as the window lasts, and goes to the clients in turn; a client
    /// that still waits says it when it has heard its last answer. How long answers took from the moment when they were
    /// due, and from the moment when they were asked for.
    ///
    /// # Errors
    /// As [`Clients::closed`].
    pub fn open(&mut self, rate: f64, window: Duration) -> io::Result<(Latencies, Latencies)> {
        let begun = Instant::now();
        let all = (rate * window.as_secs_f64()).round() as u64;
        let due = |number: u64| begun + Duration::from_secs_f64(number as f64 / rate);
        // What each client has to say, by the moments when it was due; the first is under way where `asked` holds one.
        let mut waiting: Vec<VecDeque<Instant>> = vec![VecDeque::new(); self.clients.len()];
        let mut asked: Vec<Option<Instant>> = vec![None; self.clients.len()];
        let (mut from_due, mut from_asked) = (Latencies::default(), Latencies::default());
        let (mut next, mut done) = (0, 0);
        let mut heard_last = begun;
        let mut events = [EpollEvent::empty(); 256];
        while done < all {
            let now = Instant::now();
            while next < all && due(next) <= now {
                let index = (next % self.clients.len() as u64) as usize;
                waiting[index].push_back(due(next));
                if asked[index].is_none() {
                    asked[index] = Some(now);
                    self.say(index)?;
                }
                next += 1;
            }
            // It does not sleep: waking up would take longer than what is measured.
            let ready = self.ready(&mut events, EpollTimeout::ZERO)?;
            if ready > 0 || next < all {
                heard_last = now;
            } else if now - heard_last > PATIENCE {
                return Err(unanswered(all - done));
            }
            for event in &events[..ready] {
                let index = event.data() as usize;
                if !self.hear(index)? {
                    continue;
                }
                let now = Instant::now();
                if let (Some(due), Some(at)) = (waiting[index].pop_front(), asked[index].take()) {
                    from_due.add(now - due);
                    from_asked.add(now - at);
                }
                done += 1;
                if !waiting[index].is_empty() {
                    asked[index] = Some(now);
                    self.say(index)?;
                }
            }
        }
        Ok((from_due, from_asked))
    }

    fn ready(&self, events: &mut [EpollEvent], timeout: EpollTimeout) -> io::Result<usize> {
        loop {
            match self.epoll.wait(events, timeout) {
                Err(nix::errno::Errno::EINTR) => {}
                ready => return Ok(ready?),
            }
        }
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

fn unanswered(requests: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{requests} requests are not answered after 2 s"),
    )
}

/// How long answers took.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What so many of them, from 0 to 1, took at most, in ms.
    pub fn quantile(&mut self, part: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = ((self.0.len() as f64 * part).ceil() as usize)
            .saturating_sub(1)
            .min(last);
        self.0.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_what_so_many_took_at_most() {
        let mut latencies = Latencies((1..=1000).rev().map(Duration::from_millis).collect());
        let of = [0.0, 0.5, 0.99, 0.999, 1.0].map(|part| latencies.quantile(part).round());
        assert_eq!(of, [1.0, 500.0, 990.0, 999.0, 1000.0]);
        assert_eq!(Latencies::default().quantile(0.5), 0.0);
    }
}
