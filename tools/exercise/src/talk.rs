//! Our side of a case: a client of the program, or the listener that it connects to.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cases::{Case, Echo, Listen, Step, Subject},
    judge::{Complaint, Way},
    running::{Running, told, until},
};

/// How long anything that should happen may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a whole case may take.
const CASE: Duration = Duration::from_secs(60);

/// How long a program that said something wrong may take to be seen crashing.
const GRACE: Duration = Duration::from_millis(200);

/// One case, with the program running.
struct Talk<'a> {
    case: &'a Case,
    running: Running,
    listener: Option<TcpListener>,
    address: Option<SocketAddr>,
    open: BTreeMap<String, TcpStream>,
    now: String,
    lines: usize,
    said: String,
    heard: String,
    end: Instant,
    /// Whether something was waited for until the time was up.
    time_up: bool,
}

/// Holds the program to a case with steps or an end.
pub(crate) fn hold(case: &Case, subject: Subject, program: &Path) -> Result<(), Complaint> {
    let ours = |error: std::io::Error| {
        Complaint::new(
            "a port of this machine's loopback",
            format!("got none: {error}"),
            "whether the network is up (`ip address show lo`)",
        )
    };
    let (listener, address) = match subject {
        Subject::Client => {
            let listener = TcpListener::bind("127.0.0.1:0").map_err(ours)?;
            listener.set_nonblocking(true).map_err(ours)?;
            let address = listener.local_addr().map_err(ours)?;
            // Where nobody is, the port was somebody's until now, so that it is nobody else's.
            (
                Some(listener).filter(|_| case.listen != Listen::Nobody),
                Some(address),
            )
        }
        Subject::Server | Subject::Program => (None, None),
    };
    let place = address.map_or_else(|| "127.0.0.1:0".into(), |address| address.to_string());
    let usual = match subject {
        Subject::Program => Vec::new(),
        Subject::Server | Subject::Client => vec!["{address}".to_owned()],
    };
    let arguments = case.arguments.as_ref().unwrap_or(&usual);
    let mut command = Command::new(program);
    command.args(
        arguments
            .iter()
            .map(|argument| argument.replace("{address}", &place)),
    );
    let running = Running::start(&mut command, &case.input).map_err(|error| {
        Complaint::new(
            "the program to start",
            format!("the system said: {error}"),
            &case.look,
        )
    })?;
    let mut talk = Talk {
        case,
        running,
        listener,
        address,
        open: BTreeMap::new(),
        now: String::new(),
        lines: 0,
        said: String::new(),
        heard: String::new(),
        end: Instant::now() + CASE,
        time_up: false,
    };
    let outcome = talk.all(subject);
    outcome.map_err(|mut complaint| {
        // Who broke the connection by crashing is gone a moment later.
        if !talk.time_up {
            until(GRACE, || talk.running.ended());
        }
        complaint.way = match (talk.running.crashed(), talk.time_up) {
            (true, _) => Way::Crash,
            (false, true) => Way::TimeUp,
            (false, false) => Way::Wrong,
        };
        complaint.notes = talk.running.notes(subject == Subject::Server);
        complaint
    })
}

impl Talk<'_> {
    fn all(&mut self, subject: Subject) -> Result<(), Complaint> {
        if subject == Subject::Server {
            self.ready()?;
        }
        for step in &self.case.steps {
            self.step(step)?;
        }
        let exit = self.case.exit.or((subject != Subject::Server).then_some(0));
        if let Some(code) = exit {
            self.ends(code)?;
        }
        if let Some(lines) = &self.case.output {
            self.printed(lines)?;
        }
        Ok(())
    }

    fn complaint(&self, expected: impl Into<String>, seen: impl Into<String>) -> Complaint {
        Complaint::new(expected, seen, &self.case.look)
    }

    /// The complaint of one who has waited long enough.
    fn too_late(&mut self, expected: impl Into<String>, seen: impl Into<String>) -> Complaint {
        self.time_up = true;
        self.complaint(expected, seen)
    }

    fn patience(&self) -> Duration {
        PATIENCE.min(self.end.saturating_duration_since(Instant::now()))
    }

    fn ready(&mut self) -> Result<(), Complaint> {
        let form = self.case.ready.as_deref().unwrap_or("listening on {address}");
        let line = self.next_line(form)?;
        let (before, after) = form.split_once("{address}").unwrap_or((form, ""));
        let inner = line
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        match inner.and_then(|inner| inner.trim().parse().ok()) {
            Some(address) => {
                self.address = Some(address);
                Ok(())
            }
            None => Err(self.complaint(format!("the first line `{form}`"), format!("got `{line}`"))),
        }
    }

    fn next_line(&mut self, expected: &str) -> Result<String, Complaint> {
        let (index, patience) = (self.lines, self.patience());
        let running = &mut self.running;
        let line = until(patience, || match running.line(index) {
            Some(line) => Some(Some(line)),
            None => running.ended().map(|_| running.line(index)),
        });
        match line {
            Some(Some(line)) => {
                self.lines += 1;
                Ok(line)
            }
            Some(None) => Err(self.complaint(format!("the line `{expected}`"), "it ended without")),
            None => Err(self.too_late(
                format!("the line `{expected}`"),
                format!("it printed none for {} s", PATIENCE.as_secs()),
            )),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), Complaint> {
        match step {
            Step::Say(text) => {
                self.said.clone_from(text);
                let patience = self.patience();
                let stream = self.stream()?;
                let written = stream
                    .set_write_timeout(Some(patience.max(Duration::from_millis(1))))
                    .and_then(|()| stream.write_all(text.as_bytes()));
                written.map_err(|error| {
                    self.complaint(
                        format!("it to take {}", count(text.len())),
                        format!("writing them failed: {error}"),
                    )
                })
            }
            Step::Hear(text) => self.hear(text),
            Step::HearNothing(milliseconds) => self.hear_nothing(Duration::from_millis(*milliseconds)),
            Step::Echo(how) => self.echo(*how),
            Step::End => match self.read_up_to(1, self.patience())? {
                (_, Some(Silence::End)) => Ok(()),
                (bytes, None) => Err(self.complaint(
                    "the end of the stream",
                    format!("got {} more", count(bytes.len())),
                )),
                (_, Some(silence)) => {
                    self.time_up = matches!(silence, Silence::Nothing(_));
                    Err(self.complaint("the end of the stream", format!("got {}", silence.told())))
                }
            },
            Step::Finish => {
                // Fails only where the connection is gone, and then the next step says so.
                self.stream()?.shutdown(Shutdown::Write).ok();
                Ok(())
            }
            Step::Close => {
                self.stream()?;
                self.open.remove(&self.now);
                Ok(())
            }
            Step::Reset => {
                let stream = self.stream()?;
                socket2::SockRef::from(&*stream)
                    .set_linger(Some(Duration::ZERO))
                    .ok();
                self.open.remove(&self.now);
                Ok(())
            }
            Step::Client(name) => {
                self.now.clone_from(name);
                Ok(())
            }
            Step::Pause(milliseconds) => {
                thread::sleep(Duration::from_millis(*milliseconds).min(self.patience()));
                Ok(())
            }
            Step::Line(expected) => {
                let line = self.next_line(expected)?;
                match matches(expected, &line) {
                    true => Ok(()),
                    false => Err(self.complaint(format!("the line `{expected}`"), format!("got `{line}`"))),
                }
            }
            Step::Refused => match TcpStream::connect_timeout(&self.place()?, PATIENCE) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                Err(error) => Err(self.complaint(
                    "a client to be refused",
                    format!("connecting failed otherwise: {error}"),
                )),
                Ok(_) => Err(self.complaint("a client to be refused", "it was connected")),
            },
            Step::Taken => match self.bind(false) {
                Err(_) => Ok(()),
                Ok(()) => {
                    Err(self.complaint("its address to be taken by it", "another program could bind it"))
                }
            },
            Step::Free => match self.bind(true) {
                Ok(()) => Ok(()),
                Err(error) => Err(self.complaint(
                    "its address to be free again",
                    format!("a server could not bind it: {error}"),
                )),
            },
            Step::Gone => match self.end_within(PATIENCE) {
                Some(_) => Ok(()),
                None => Err(self.too_late(
                    "the program to end",
                    format!("it had not after {} s", PATIENCE.as_secs()),
                )),
            },
        }
    }

    fn place(&self) -> Result<SocketAddr, Complaint> {
        self.address.ok_or_else(|| {
            self.complaint(
                "an address",
                "the program has none: the case is for a server or a client",
            )
        })
    }

    /// Binds the program's address for a moment: as a server does, with the option that gets past what waits in
    /// TIME-WAIT and has set it too, or without.
    fn bind(&self, as_a_server: bool) -> std::io::Result<()> {
        let Some(address) = self.address else {
            return Err(ErrorKind::AddrNotAvailable.into());
        };
        let rival = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        if as_a_server && cfg!(unix) {
            rival.set_reuse_address(true)?;
        }
        rival.bind(&address.into())
    }

    /// The connection of now: opened, or accepted, when it is first needed.
    fn stream(&mut self) -> Result<&mut TcpStream, Complaint> {
        if !self.open.contains_key(&self.now) {
            let stream = match &self.listener {
                Some(listener) => {
                    let running = &mut self.running;
                    let accepted = until(PATIENCE, || match listener.accept() {
                        Ok((stream, _)) => Some(Ok(stream)),
                        Err(error) if error.kind() != ErrorKind::WouldBlock => Some(Err(error.to_string())),
                        Err(_) => running.ended().map(|_| Err("it ended without".into())),
                    });
                    self.time_up = accepted.is_none();
                    let waited = format!("nobody came for {} s", PATIENCE.as_secs());
                    let stream = accepted.unwrap_or(Err(waited));
                    stream.and_then(|stream| {
                        stream
                            .set_nonblocking(false)
                            .map(|()| stream)
                            .map_err(|error| error.to_string())
                    })
                }
                None => TcpStream::connect_timeout(&self.place()?, PATIENCE)
                    .map_err(|error| format!("connecting failed: {error}")),
            };
            let stream = stream.map_err(|seen| {
                let expected = if self.listener.is_some() {
                    "the program to connect"
                } else {
                    "a client to be connected"
                };
                self.complaint(expected, seen)
            })?;
            stream.set_nodelay(true).ok();
            self.open.insert(self.now.clone(), stream);
        }
        let now = self.now.clone();
        let lost = self.complaint("a connection", "got none");
        self.open.get_mut(&now).ok_or(lost)
    }

    /// Reads until there are so many bytes, or no more for so long.
    fn read_up_to(
        &mut self,
        wanted: usize,
        patience: Duration,
    ) -> Result<(Vec<u8>, Option<Silence>), Complaint> {
        let end = Instant::now() + patience;
        let stream = self.stream()?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while bytes.len() < wanted {
            let left = end
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1));
            let room = buffer.len().min(wanted - bytes.len());
            let read = stream
                .set_read_timeout(Some(left))
                .and_then(|()| stream.read(&mut buffer[..room]));
            match read {
                Ok(0) => return Ok((bytes, Some(Silence::End))),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok((bytes, Some(Silence::Nothing(patience))));
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok((bytes, Some(Silence::Reset)));
                }
                Err(error) => return Ok((bytes, Some(Silence::Other(error.to_string())))),
            }
        }
        Ok((bytes, None))
    }

    fn hear(&mut self, text: &str) -> Result<(), Complaint> {
        self.heard = text.to_owned();
        let patience = self.patience();
        let (bytes, silence) = self.read_up_to(text.len(), patience)?;
        let expected = self.due();
        let differs = bytes
            .iter()
            .zip(text.as_bytes())
            .position(|(got, due)| got != due);
        if let Some(at) = differs {
            let shown = bytes[at..].escape_ascii().to_string();
            let shown: String = shown.chars().take(24).collect();
            return Err(self.complaint(expected, format!("got `{shown}` from byte {} on", at + 1)));
        }
        match silence {
            None => Ok(()),
            Some(silence) => {
                self.time_up = matches!(silence, Silence::Nothing(_));
                Err(self.complaint(expected, format!("got {}, then {}", bytes.len(), silence.told())))
            }
        }
    }

    /// Says back what comes. Whoever leaves in the middle of it has its reasons: its exit code says which.
    fn echo(&mut self, how: Echo) -> Result<(), Complaint> {
        let (end, patience) = (self.end, self.patience());
        let stream = self.stream()?;
        stream
            .set_read_timeout(Some(patience.max(Duration::from_millis(1))))
            .ok();
        stream
            .set_write_timeout(Some(patience.max(Duration::from_millis(1))))
            .ok();
        let mut buffer = [0; 4096];
        while Instant::now() < end
            && let Ok(n) = stream.read(&mut buffer)
            && n > 0
        {
            let (size, pause) = match how {
                Echo::Whole | Echo::Other => (n, 0),
                Echo::Pieces => (3, 10),
                Echo::Slowly => (1, 400),
            };
            if how == Echo::Other {
                buffer[..n].iter_mut().for_each(|byte| *byte ^= 0x20);
            }
            for piece in buffer[..n].chunks(size) {
                thread::sleep(Duration::from_millis(pause));
                if stream.write_all(piece).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What was to be heard last.
    fn due(&self) -> String {
        let bytes = count(self.heard.len());
        match self.heard == self.said {
            true => format!("the same {bytes} back"),
            false => format!("{bytes}, `{}`", self.heard.escape_default()),
        }
    }

    fn hear_nothing(&mut self, limit: Duration) -> Result<(), Complaint> {
        let (bytes, silence) = self.read_up_to(KEPT, limit.min(self.patience()))?;
        match (bytes.len(), silence) {
            (0, Some(Silence::Nothing(_) | Silence::End)) => Ok(()),
            (0, silence) => {
                let seen = silence.map_or_else(|| "more".into(), |silence| silence.told());
                Err(self.complaint("silence on an open connection", format!("got {seen}")))
            }
            (more, _) if self.heard.is_empty() => {
                Err(self.complaint("no answer yet", format!("got {}", count(more))))
            }
            (more, _) => Err(self.complaint(self.due(), format!("got {}", self.heard.len() + more))),
        }
    }

    fn end_within(&mut self, limit: Duration) -> Option<(std::process::ExitStatus, Duration)> {
        let running = &mut self.running;
        until(limit, || running.ended())
    }

    fn ends(&mut self, code: i32) -> Result<(), Complaint> {
        let within = Duration::from_secs_f64(self.case.within);
        let left = within
            .saturating_sub(self.running.age())
            .min(self.patience().max(within));
        // A little more, so that who is late is told how late; the time itself is the program's own.
        let ended = self.end_within(left + Duration::from_millis(500));
        let expected = format!(
            "the program to end with exit code {code} within {} s",
            self.case.within
        );
        match ended {
            None => Err(self.too_late(expected, "it was still running: a wait or a loop without end")),
            Some((status, _)) if status.code() != Some(code) => {
                Err(self.complaint(expected, format!("got {}", told(status))))
            }
            Some((_, took)) if took > within => {
                Err(self.complaint(expected, format!("it took {:.1} s", took.as_secs_f64())))
            }
            Some(_) => Ok(()),
        }
    }

    fn printed(&mut self, expected: &[String]) -> Result<(), Complaint> {
        let text = self.running.output();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in expected.iter().enumerate() {
            match lines.get(index) {
                Some(printed) if matches(line, printed) => {}
                Some(printed) => {
                    return Err(self.complaint(
                        format!("`{line}` as line {} of its output", index + 1),
                        format!("got `{printed}`"),
                    ));
                }
                None => {
                    return Err(self.complaint(
                        format!("`{line}` as line {} of its output", index + 1),
                        format!(
                            "it printed {} and no more",
                            crate::judge::counted(lines.len(), "line")
                        ),
                    ));
                }
            }
        }
        match lines.get(expected.len()) {
            Some(more) => Err(self.complaint(
                format!("no output after `{}`", expected.last().map_or("", String::as_str)),
                format!("got `{more}`"),
            )),
            None => Ok(()),
        }
    }
}

/// How much is read of what nobody asked for.
const KEPT: usize = 64 * 1024;

/// Why no more bytes came.
enum Silence {
    End,
    Reset,
    Nothing(Duration),
    Other(String),
}

impl Silence {
    fn told(&self) -> String {
        match self {
            Silence::End => "the end of the stream".into(),
            Silence::Reset => "a reset connection".into(),
            Silence::Nothing(waited) => format!("nothing for {:.1} s", waited.as_secs_f64()),
            Silence::Other(error) => format!("an error ({error})"),
        }
    }
}

/// `…` at the end of what is expected matches the rest.
fn matches(expected: &str, line: &str) -> bool {
    match expected.strip_suffix('…') {
        Some(begin) => line.starts_with(begin),
        None => line == expected,
    }
}

fn count(bytes: usize) -> String {
    crate::judge::counted(bytes, "byte")
}
