//! A client whose every wait is bounded, and which says what happened instead of an answer.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    clock::{Clock, said},
    closing::Closing,
    failure::{Failure, Stop},
};

/// How long a client that has the beginning of an answer waits for its rest before it goes on: what an answer holds is
/// for the cases about bytes, and all others ask only whether one comes.
const REST: Duration = Duration::from_millis(200);

/// What a narrow client has room for, in bytes; the kernel doubles it for its own bookkeeping.
const NARROW: usize = 8 * 1024;

/// What a narrow client may send before anybody has taken anything, in bytes.
#[cfg(unix)]
const AT_ONCE: usize = 256 * 1024;

/// More than any server's buffers hold of a narrow client's connection, in bytes: Linux lets a send buffer grow to 4 MB
/// (`tcp_wmem`, tcp(7)).
pub(crate) const MORE_THAN_BUFFERS: usize = 8 << 20;

/// One connection to the server.
pub(crate) struct Client {
    stream: Closing<TcpStream>,
    clock: Clock,
    short: Short,
}

/// Set once a server's answer has stopped short: then nobody waits for the rest of one any more.
pub(crate) type Short = Arc<AtomicBool>;

/// Why no more bytes came, or no more were taken.
#[derive(Debug)]
pub(crate) enum Why {
    EndOfStream,
    Reset,
    Silence(Duration),
    Other(io::Error),
}

impl Why {
    fn of(error: io::Error, waited: Duration) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Silence(waited),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Other(error),
        }
    }
}

/// Reads on after a count: "got 10 bytes, then …".
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfStream => f.write_str("the end of the stream"),
            Self::Reset => f.write_str("a reset connection"),
            Self::Silence(waited) => write!(f, "nothing for {}", said(*waited)),
            Self::Other(error) => write!(f, "an error ({error})"),
        }
    }
}

/// What came, and why no more did; `ended` is `None` when as much came as was waited for.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: Option<Why>,
}

/// As much as was taken of what was sent, and why no more was.
#[derive(Debug)]
pub(crate) struct Unsent {
    taken: usize,
    of: usize,
    why: Why,
}

impl Unsent {
    /// Whether the connection was still there, and nobody took more.
    pub(crate) fn is_stuck(&self) -> bool {
        matches!(self.why, Why::Silence(_))
    }

    pub(crate) fn failure(self, look: &str) -> Failure {
        Failure::new(
            format!("the server to take {} bytes", self.of),
            format!("it took {}, then {}", self.taken, self.why),
            look,
        )
    }
}

impl Client {
    /// Connects, without a word.
    pub(crate) fn connect(address: SocketAddr, clock: Clock, short: Short) -> Result<Self, Failure> {
        let patience = clock.patience().max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => Ok(Self {
                stream: Closing::new(stream),
                clock,
                short,
            }),
            Err(error) => Err(not_connected(address, &error)),
        }
    }

    /// Connects with little room to receive and much to send, in segments as an Ethernet carries them: what this client
    /// does not read fills the server's buffers soon, and what it sends leaves its hands at once. (Over loopback alone a
    /// socket takes megabytes.)
    #[cfg(unix)]
    pub(crate) fn connect_narrow(address: SocketAddr, clock: Clock, short: Short) -> Result<Self, Stop> {
        use std::os::fd::AsRawFd;

        use nix::sys::{
            socket::{
                self, AddressFamily, SockFlag, SockType, SockaddrStorage, setsockopt,
                sockopt::{RcvBuf, SendTimeout, SndBuf, TcpMaxSeg},
            },
            time::TimeVal,
        };

        /// What is left of an Ethernet frame behind its headers, and a little less.
        const SEGMENT: u32 = 1400;
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let patience = clock.patience().max(Duration::from_millis(1));
        let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
        // Linux bounds a connect by the timeout of sending (socket(7)).
        let timeout = TimeVal::new(seconds, patience.subsec_micros().cast_signed().into());
        let prepared = || {
            let socket = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            setsockopt(&socket, TcpMaxSeg, &SEGMENT)?;
            setsockopt(&socket, RcvBuf, &NARROW)?;
            setsockopt(&socket, SndBuf, &AT_ONCE)?;
            setsockopt(&socket, SendTimeout, &timeout)?;
            Ok::<_, nix::errno::Errno>(socket)
        };
        let socket = prepared().map_err(|error| {
            Stop::NotHere(format!("needs a socket with buffers of a chosen size: {error}"))
        })?;
        match socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) => Ok(Self {
                stream: Closing::new(socket.into()),
                clock,
                short,
            }),
            Err(error) => Err(not_connected(address, &error).into()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn connect_narrow(_: SocketAddr, _: Clock, _: Short) -> Result<Self, Stop> {
        Err(Stop::NotHere(
            "needs a socket with buffers of a chosen size, which is written for Unix only".into(),
        ))
    }

    /// Our port, by which the server's end of this connection can be found.
    pub(crate) fn port(&self) -> u16 {
        self.stream.local_addr().map_or(0, |address| address.port())
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Unsent> {
        let mut taken = 0;
        while taken < bytes.len() {
            let waits = self.clock.patience().max(Duration::from_millis(1));
            let written = self
                .stream
                .set_write_timeout(Some(waits))
                .and_then(|()| self.stream.write(&bytes[taken..]));
            match written {
                Ok(n) => taken += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Unsent {
                        taken,
                        of: bytes.len(),
                        why: Why::of(error, waits),
                    });
                }
            }
        }
        Ok(())
    }

    /// Receives exactly so many bytes, or what came before they stopped coming.
    pub(crate) fn receive(&mut self, wanted: usize) -> Received {
        let mut bytes = vec![0; wanted];
        let mut got = 0;
        while got < wanted {
            let waits = self.clock.patience();
            match self.read(&mut bytes[got..], waits) {
                Ok(n) => got += n,
                Err(why) => {
                    bytes.truncate(got);
                    return Received {
                        bytes,
                        ended: Some(why),
                    };
                }
            }
        }
        Received { bytes, ended: None }
    }

    /// Receives until the stream ends, nothing comes for `quiet`, or `limit` bytes are there.
    pub(crate) fn receive_until_quiet(&mut self, quiet: Duration, limit: usize) -> Received {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while bytes.len() < limit {
            match self.read(&mut buffer, self.clock.at_most(quiet)) {
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(why) => {
                    return Received {
                        bytes,
                        ended: Some(why),
                    };
                }
            }
        }
        Received { bytes, ended: None }
    }

    /// Receives until the stream ends; as [`Client::receive_until_quiet`] with the clock's patience.
    pub(crate) fn receive_to_end(&mut self, limit: usize) -> Received {
        self.receive_until_quiet(self.clock.patience(), limit)
    }

    /// As [`Client::receive_to_end`], a little at a time and with a pause after each: the server's buffers stay full to
    /// the end.
    pub(crate) fn receive_slowly(&mut self, limit: usize) -> Received {
        let mut bytes = Vec::new();
        let mut buffer = [0; NARROW];
        while bytes.len() < limit {
            match self.read(&mut buffer, self.clock.patience()) {
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(why) => {
                    return Received {
                        bytes,
                        ended: Some(why),
                    };
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        Received { bytes, ended: None }
    }

    /// What has come so far, without waiting; as much as a small buffer holds.
    pub(crate) fn receive_now(&mut self) -> Result<usize, Why> {
        let read = self.stream.set_nonblocking(true).and_then(|()| {
            let read = self.stream.read(&mut [0; 4096]);
            self.stream.set_nonblocking(false)?;
            read
        });
        match read {
            Ok(0) => Err(Why::EndOfStream),
            Ok(n) => Ok(n),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(Why::of(error, Duration::ZERO)),
        }
    }

    fn read(&mut self, buffer: &mut [u8], waits: Duration) -> Result<usize, Why> {
        let waits = waits.max(Duration::from_millis(1));
        let begun = Instant::now();
        loop {
            // One more millisecond than none: a timeout of zero would mean to wait for ever.
            let left = waits
                .saturating_sub(begun.elapsed())
                .max(Duration::from_millis(1));
            return match self
                .stream
                .set_read_timeout(Some(left))
                .and_then(|()| self.stream.read(buffer))
            {
                Ok(0) => Err(Why::EndOfStream),
                Ok(n) => Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(Why::of(error, waits)),
            };
        }
    }

    /// Says something and hears the beginning of the answer, which must be the beginning of what was said. More is not
    /// asked here: whether an answer is exact is for the cases about bytes.
    pub(crate) fn is_answered(&mut self, says: &[u8], who: &str, look: &str) -> Result<(), Failure> {
        self.say(says, who, look)?;
        self.hear(says, who, look)
    }

    /// The first half of [`Client::is_answered`].
    pub(crate) fn say(&mut self, says: &[u8], who: &str, look: &str) -> Result<(), Failure> {
        self.send(says).map_err(|unsent| {
            let Failure { expected, seen, .. } = unsent.failure(look);
            Failure::new(format!("{expected} from {who}"), seen, look)
        })
    }

    /// The second half of [`Client::is_answered`].
    pub(crate) fn hear(&mut self, said: &[u8], who: &str, look: &str) -> Result<(), Failure> {
        let mut heard = self.receive(1);
        if let Some(why) = heard.ended {
            return Err(Failure::new(
                format!("an answer to the {} bytes of {who}", said.len()),
                format!("got {why}"),
                look,
            ));
        }
        heard.bytes.extend(self.receive_up_to(said.len() - 1));
        // What a wrong server sends beyond the answer is taken as well: left unread, it would make our close an RST.
        let beginning = heard.bytes.len().min(said.len());
        if heard.bytes[..beginning] == said[..beginning] {
            return Ok(());
        }
        Err(Failure::new(
            format!("{who} to get back what it said ({})", said.escape_ascii()),
            format!("got {}", heard.bytes.escape_ascii()),
            "whose buffer is written to whom: each connection has bytes of its own",
        ))
    }

    fn receive_up_to(&mut self, wanted: usize) -> Vec<u8> {
        let rest = if self.short.load(Ordering::Relaxed) {
            Duration::ZERO
        } else {
            REST
        };
        let end = Instant::now() + self.clock.at_most(rest);
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while bytes.len() < wanted {
            let left = end.saturating_duration_since(Instant::now());
            match self.read(&mut buffer, left) {
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(_) => {
                    self.short.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
        bytes
    }

    /// Whether, for so long, neither a byte nor an end has come; if not, what came.
    pub(crate) fn stays_unanswered(&mut self, window: Duration) -> Result<(), Received> {
        let mut buffer = [0; 4096];
        match self.read(&mut buffer, window) {
            Err(Why::Silence(_)) => Ok(()),
            Ok(n) => Err(Received {
                bytes: buffer[..n].to_vec(),
                ended: None,
            }),
            Err(why) => Err(Received {
                bytes: Vec::new(),
                ended: Some(why),
            }),
        }
    }

    /// Pushes bytes of `source`, from its beginning again and again, without reading, until nobody takes more for
    /// `quiet` or `limit` bytes are taken; `watch` is asked about every 64 KB. How many were taken.
    pub(crate) fn push(
        &mut self,
        source: &[u8],
        quiet: Duration,
        limit: usize,
        mut watch: impl FnMut(),
    ) -> usize {
        let mut pushed = 0;
        while pushed < limit {
            let part = &source[pushed % source.len()..];
            let part = &part[..part.len().min(64 * 1024)];
            let waits = self.clock.at_most(quiet).max(Duration::from_millis(1));
            match self
                .stream
                .set_write_timeout(Some(waits))
                .and_then(|()| self.stream.write(part))
            {
                Ok(n) => pushed += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Taken no more, or thrown out: either is a way to stay bounded.
                Err(_) => break,
            }
            watch();
        }
        pushed
    }

    /// Sends the FIN and goes on reading.
    pub(crate) fn finish_sending(&self) {
        // Fails only on a connection that is gone, and then the next read says so.
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Ends both directions; a thread that is writing stops.
    pub(crate) fn hang_up(&self) {
        self.stream.shutdown(Shutdown::Both).ok();
    }

    /// A second handle on the same connection, for a thread that sends while this one receives.
    pub(crate) fn second(&self) -> io::Result<Self> {
        Ok(Self {
            stream: Closing::new(self.stream.try_clone()?),
            clock: self.clock,
            short: Arc::clone(&self.short),
        })
    }

    /// Sends one byte of urgent data (tcp(7)).
    #[cfg(unix)]
    pub(crate) fn send_urgent(&mut self, byte: u8) -> io::Result<()> {
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, send};
        send(self.stream.as_raw_fd(), &[byte], MsgFlags::MSG_OOB)?;
        Ok(())
    }

    #[cfg(not(unix))]
    pub(crate) fn send_urgent(&mut self, _byte: u8) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Closes with an RST instead of a FIN (SO_LINGER with zero seconds, socket(7)).
    #[cfg(unix)]
    pub(crate) fn reset(self) -> io::Result<()> {
        use nix::sys::socket::{setsockopt, sockopt::Linger};
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&*self.stream, Linger, &at_once)?;
        Ok(())
    }
}

fn not_connected(address: SocketAddr, error: &dyn fmt::Display) -> Failure {
    Failure::new(
        format!("a connection to {address}"),
        format!("connect said: {error}"),
        "whether the server still runs and still listens: a client it cannot serve yet waits in the kernel's queue and is not refused",
    )
}

/// What to say of an answer that should be `sent` and is not; `None` when it is.
pub(crate) fn difference(sent: &[u8], received: &Received) -> Option<Failure> {
    let got = &received.bytes;
    let expected = match sent.len() {
        1 => "the same byte back".to_owned(),
        n => format!("the same {n} bytes back"),
    };
    if let Some(place) = sent.iter().zip(got).position(|(sent, got)| sent != got) {
        return Some(Failure::new(
            expected,
            format!(
                "got another byte {place} (0x{:02x} instead of 0x{:02x})",
                got[place], sent[place]
            ),
            "which bytes of the buffer are written: those `read` has filled, in the order they came, unchanged",
        ));
    }
    if got.len() < sent.len() {
        let then = received
            .ended
            .as_ref()
            .map_or_else(String::new, |why| format!(", then {why}"));
        return Some(Failure::new(
            expected,
            format!("got {}{then}", got.len()),
            "whether everything `read` returned is written (a single `write` may take less than it is given), and whether the server waits for more than has come",
        ));
    }
    (got.len() > sent.len()).then(|| too_many(sent.len(), &got.len().to_string()))
}

/// The failure of an answer longer than the question.
pub(crate) fn too_many(sent: usize, got: &str) -> Failure {
    Failure::new(format!("the same {sent} bytes back"), format!("got {got}"), READ)
}

/// Where to look when bytes come back that were not sent.
pub(crate) const READ: &str = "what `read` returned: only so many bytes of the buffer are the client's";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Client, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clock = Clock::start(Duration::from_secs(10), Duration::from_millis(100));
        let client = Client::connect(listener.local_addr().unwrap(), clock, Short::default()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn received(bytes: &[u8]) -> Received {
        Received {
            bytes: bytes.to_vec(),
            ended: None,
        }
    }

    #[test]
    fn the_message_for_a_whole_buffer_names_both_counts_and_read() {
        assert_eq!(
            difference(
                b"Hi, ferris?",
                &received(&[&b"Hi, ferris?"[..], &[0; 89]].concat())
            )
            .unwrap()
            .to_string(),
            "expected the same 11 bytes back, got 100: look at what `read` returned: only so many bytes of the buffer are the client's"
        );
    }

    #[test]
    fn a_changed_byte_is_named_by_its_place_and_both_values() {
        let failure = difference(b"Hi", &received(b"Ho")).unwrap().to_string();
        assert!(
            failure.starts_with(
                "expected the same 2 bytes back, got another byte 1 (0x6f instead of 0x69): look at"
            ),
            "{failure}"
        );
    }

    #[test]
    fn the_same_bytes_are_no_difference() {
        assert_eq!(difference(b"Hi", &received(b"Hi")), None);
    }

    #[test]
    fn silence_is_told_apart_from_the_end_of_the_stream() {
        let (mut client, mut server) = pair();
        server.write_all(b"Hi").unwrap();
        let heard = client.receive(3);
        assert_eq!(heard.bytes, b"Hi");
        assert_eq!(
            difference(b"Hi!", &heard).unwrap().seen,
            "got 2, then nothing for 100 ms"
        );
        drop(server);
        assert_eq!(
            difference(b"H", &client.receive(1)).unwrap().seen,
            "got 0, then the end of the stream"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_reset_client_leaves_the_server_a_reset_connection() {
        let (client, mut server) = pair();
        client.reset().unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(
            server.read(&mut [0; 1]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    }

    #[test]
    fn a_push_nobody_takes_ends_by_itself() {
        let (mut client, _server) = pair();
        let limit = 256 << 20;
        let pushed = client.push(&[7; 1 << 16], Duration::from_millis(50), limit, || {});
        assert!(0 < pushed && pushed < limit, "{pushed}");
    }
}
