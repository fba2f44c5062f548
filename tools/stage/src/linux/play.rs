//! One performance, from the first program's start to the last one's end.

use std::{
    fs,
    io::{self, Write},
    net::Ipv4Addr,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use wire::{
    call::{Sent, Signal, Status},
    capture::{Capture, Link as Header, Packet},
    segment::Segment,
};

use super::{
    director::Director,
    host::Host,
    link::Operated,
    process::{FLOOD, Process, Processes},
    sniffer::{self, Sniffer},
    system,
};
use crate::{
    output::{Line, Stream},
    reading,
    scenario::{Deed, Host as Place},
    script::{
        CAPTURE, End, Failure, LINK_CAPTURE, Limits, Part, Progress, Ready, Report, SCRIPT, SERVER_CAPTURE,
        Script, Started,
    },
};

/// Something that happened, told to the one who directs.
pub enum Happening {
    /// A packet passed.
    Packet {
        /// Where.
        spot: Spot,
        /// The packet.
        packet: Packet,
    },
    /// The link did something unusual.
    Link {
        /// Nanoseconds since the epoch.
        time: u64,
        /// What, to whom.
        text: String,
    },
    /// A program printed a line.
    Line {
        /// The program's place among those started.
        program: usize,
        /// Which output.
        stream: Stream,
        /// Nanoseconds since the epoch.
        time: u64,
        /// The line without its end.
        text: String,
    },
    /// One output of a program ended.
    OutputEnds,
    /// A program printed more than it may.
    Flood {
        /// The program's place among those started.
        program: usize,
    },
    /// A process ended.
    Ended {
        /// Its number in the private network.
        pid: i32,
        /// How.
        status: Status,
        /// Nanoseconds since the epoch.
        time: u64,
    },
    /// Whoever started us is gone.
    Alone,
}

/// Where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// On the only host's loopback, or at the client's host of two.
    Client,
    /// At the server's host of two.
    Server,
    /// On the link, where it was put on it.
    Link,
}

impl Spot {
    const ALL: [Spot; 3] = [Spot::Client, Spot::Server, Spot::Link];
}

/// How long after a program's end its last line may still be under way to us.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The addresses of two hosts joined by a link: the client's and the server's.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];

/// Performs the script in `folder`, which is where the packets go. To be called in the first process of the private
/// network, with one thread.
///
/// `user` is whom the programs run as, and we in the end, where that is not who we are.
pub fn play(folder: &Path, user: Option<(u32, u32)>) -> Report {
    let (tell, ear) = mpsc::channel();
    let mut play = Play {
        ear,
        began: 0,
        captures: [const { Vec::new() }; 3],
        segments: [const { Vec::new() }; 2],
        lines: Vec::new(),
        ends: Vec::new(),
        signals: Vec::new(),
        running: Vec::new(),
        open_outputs: 0,
        last: (Instant::now(), "nothing".into()),
        marked: Instant::now(),
        spent: Vec::new(),
        trouble: None,
    };
    let failure = play.perform(folder, user, tell).err();
    let started = play.running.iter().map(|one| Started {
        name: one.name.clone(),
        pid: one.process.pid,
    });
    Report {
        failure,
        started: started.collect(),
        lines: play.lines,
        began: play.began,
        ends: play.ends,
        signals: play.signals,
        spent: play.spent,
    }
}

/// What is known while the performance goes on.
pub(super) struct Play {
    ear: Receiver<Happening>,
    /// When the first program was started, in nanoseconds since the epoch.
    began: u64,
    /// The packets, by [`Spot`].
    captures: [Vec<Packet>; 3],
    /// The segments seen at each host.
    pub(super) segments: [Vec<Segment>; 2],
    lines: Vec<Line>,
    ends: Vec<End>,
    signals: Vec<Signal>,
    pub(super) running: Vec<Running>,
    open_outputs: usize,
    /// The last thing that happened, for silence is what follows it.
    last: (Instant, String),
    marked: Instant,
    spent: Vec<(String, u64)>,
    /// What came up while something else was waited for.
    trouble: Option<Failure>,
}

/// A program, or `ss`, that was started.
pub(super) struct Running {
    /// What it is called while it runs.
    pub name: String,
    /// What the scenario calls it.
    pub program: String,
    /// Its process.
    pub process: Process,
    asked_to_end: bool,
    /// Whether it never waits.
    busy: bool,
    /// How it ended, once it has.
    pub ended: Option<Status>,
}

/// What the performance takes place on.
pub(super) struct Scene<'a> {
    pub folder: &'a Path,
    pub script: &'a Script,
    pub hosts: Vec<Host>,
    pub link: Option<Operated>,
    processes: Arc<Processes>,
    sniffers: Vec<Sniffer>,
}

impl Scene<'_> {
    /// The host that a program runs on.
    fn host(&self, part: &Part) -> &Host {
        match (part.host, self.hosts.len()) {
            (Place::Server, 2) => &self.hosts[1],
            _ => &self.hosts[0],
        }
    }
}

/// How many TCP sockets listen on a program's host: its network is that of the thread that looks (proc_pid_net(5)).
fn listeners(scene: &Scene<'_>, part: &Part) -> Result<usize, Failure> {
    let count = || -> usize {
        let tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
        let text: String = tables
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .collect();
        // The fourth column is the state; 0A is LISTEN.
        text.lines()
            .filter(|line| line.split_whitespace().nth(3) == Some("0A"))
            .count()
    };
    scene.host(part).run(count)
}

pub(super) fn system_failure(doing: &str) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::System {
        doing: doing.into(),
        error: error.to_string(),
    }
}

impl Play {
    fn perform(
        &mut self,
        folder: &Path,
        user: Option<(u32, u32)>,
        tell: Sender<Happening>,
    ) -> Result<(), Failure> {
        let text = fs::read_to_string(folder.join(SCRIPT)).map_err(system_failure("reading the script"))?;
        let script: Script = serde_json::from_str(&text)
            .map_err(|error| system_failure("reading the script")(error.into()))?;
        // Before any other thread: the signal it waits for must reach no other.
        let processes = Processes::new(user, tell.clone()).map_err(system_failure("waiting for children"))?;
        watch_for_loneliness(tell.clone()).map_err(system_failure("watching for the end of input"))?;
        let mut scene = self.build(folder, &script, processes, &tell)?;
        let mut director = Director::new(&script)?;
        let performed = self.run(&mut scene, &mut director);
        let cleared = self.clear_away(&script.limits);
        let caught = self.stop(scene);
        self.mark("end");
        if let Some((uid, gid)) = user {
            system::become_user(uid, gid).map_err(system_failure("becoming the user again"))?;
        }
        let written = self.write(folder, script.link.is_some());
        performed.and(cleared).and(caught)?;
        written.map_err(system_failure("writing the packets"))
    }

    /// Makes hosts and link, and sniffers that are proven ready.
    fn build<'a>(
        &mut self,
        folder: &'a Path,
        script: &'a Script,
        processes: Processes,
        tell: &Sender<Happening>,
    ) -> Result<Scene<'a>, Failure> {
        let (hosts, ears, link) = match &script.link {
            None => {
                let host = Host::new("host")?;
                host.pin(script.pins.clone())?;
                let ears = host.listen_on_loopback()?;
                self.mark("network");
                ears.prove()
                    .map_err(system_failure("proving the sniffer ready"))?;
                (vec![host], vec![ears], None)
            }
            Some(link) => {
                let hosts = vec![Host::new("client's host")?, Host::new("server's host")?];
                let mut devices = Vec::new();
                for (host, own, across) in [(&hosts[0], ENDS[0], ENDS[1]), (&hosts[1], ENDS[1], ENDS[0])] {
                    host.part()?;
                    // Before there is an interface, so that it does not send IPv6's greetings.
                    host.pin(script.pins.clone())?;
                    devices.push(host.plug_in(own, across)?);
                }
                self.mark("network");
                // A packet is needed to prove stamps true, and the link has none yet. They are a switch of the whole
                // kernel's, on as long as somebody asks for them.
                let prover = hosts[0].listen_on_loopback()?;
                hosts[0]
                    .run(move || prover.prove().map(|()| prover))?
                    .map_err(system_failure("proving the sniffer ready"))
                    .and_then(|prover| {
                        let ears = vec![hosts[0].listen_on_link()?, hosts[1].listen_on_link()?];
                        drop(prover);
                        Ok(ears)
                    })
                    .and_then(|ears| {
                        let mut devices = devices.into_iter();
                        let (Some(client), Some(server)) = (devices.next(), devices.next()) else {
                            return Err(system_failure("joining two hosts")(io::Error::other(
                                "no devices",
                            )));
                        };
                        let link = Operated::start(link.clone(), client, server, tell.clone())
                            .map_err(system_failure("starting the link"))?;
                        Ok((hosts, ears, Some(link)))
                    })?
            }
        };
        let sniffers = ears
            .into_iter()
            .zip(Spot::ALL)
            .map(|(ears, spot)| ears.read(spot, tell.clone()))
            .collect::<Result<_, _>>()
            .map_err(system_failure("starting the sniffer"))?;
        self.mark("sniffer");
        Ok(Scene {
            folder,
            script,
            hosts,
            link,
            processes: Arc::new(processes),
            sniffers,
        })
    }

    /// Everything until the line is silent.
    fn run(&mut self, scene: &mut Scene<'_>, director: &mut Director) -> Result<(), Failure> {
        self.began = system::now();
        let limits = scene.script.limits;
        for part in &scene.script.programs {
            let listening = match part.ready {
                Some(Ready::Listens) => listeners(scene, part)?,
                _ => 0,
            };
            self.start(scene, part)?;
            if let Some(ready) = &part.ready {
                self.wait_until_ready(scene, director, ready, listening)?;
            }
        }
        self.mark("starts");
        self.wait_for_clients(scene, director, limits.whole)?;
        self.mark("clients");
        report(&Progress::Settling);
        self.wait_for_silence(scene, director, &limits)?;
        self.mark("silence");
        Ok(())
    }

    /// Starts a program on its host.
    pub(super) fn start(&mut self, scene: &Scene<'_>, part: &Part) -> Result<(), Failure> {
        let host = scene.host(part);
        let (processes, index, own) = (Arc::clone(&scene.processes), self.running.len(), part.clone());
        let (folder, tap) = (scene.folder.to_path_buf(), scene.script.tap.clone());
        let process = host
            .run(move || processes.start(index, &own, &folder, tap.as_deref()))?
            .map_err(|error| Failure::Start {
                program: part.name.clone(),
                path: part.path.clone(),
                error: error.to_string(),
            })?;
        self.running.push(Running {
            name: part.name.clone(),
            program: part.program.clone(),
            process,
            asked_to_end: part.asked_to_end,
            busy: part.busy,
            ended: None,
        });
        self.open_outputs += 2;
        self.happened(format!("{} started", part.name));
        report(&Progress::Started(part.name.clone()));
        Ok(())
    }

    /// `listening` is how many sockets listened on its host before it was started.
    fn wait_until_ready(
        &mut self,
        scene: &mut Scene<'_>,
        director: &mut Director,
        ready: &Ready,
        listening: usize,
    ) -> Result<(), Failure> {
        let index = self.running.len() - 1;
        let program = self.running[index].name.clone();
        let millis = scene.script.limits.ready;
        let deadline = Instant::now() + Duration::from_millis(millis);
        let mut ended = None;
        loop {
            let is_ready = match ready {
                Ready::Says(words) => {
                    let said = |line: &Line| line.program == program && line.text.contains(words.as_str());
                    self.lines.iter().any(said)
                }
                Ready::Listens => listeners(scene, &scene.script.programs[index])? > listening,
            };
            if is_ready {
                return Ok(());
            }
            let mut left = deadline.saturating_duration_since(Instant::now());
            if let Some(status) = self.running[index].ended.clone() {
                // Its end may be told before its last line is.
                let ended = *ended.get_or_insert_with(Instant::now);
                left = left.min(LAST_WORDS.saturating_sub(ended.elapsed()));
                if left.is_zero() {
                    return Err(Failure::EndedEarly {
                        program,
                        ready: ready.clone(),
                        status,
                    });
                }
            }
            if left.is_zero() {
                return Err(Failure::NotReady {
                    program,
                    ready: ready.clone(),
                    millis,
                });
            }
            // A line of output is heard of; a socket that listens must be looked for.
            let within = match ready {
                Ready::Says(_) => left,
                Ready::Listens => left.min(Duration::from_millis(2)),
            };
            self.hear(scene, director, within)?;
        }
    }

    fn wait_for_clients(
        &mut self,
        scene: &mut Scene<'_>,
        director: &mut Director,
        millis: u64,
    ) -> Result<(), Failure> {
        let lives = |one: &&Running| !one.asked_to_end && one.ended.is_none();
        self.wait(
            scene,
            director,
            Duration::from_millis(millis),
            |play, director| !play.running.iter().any(|one| lives(&one)) && !director.is_at_work(),
        )?;
        match self.running.iter().find(lives) {
            None => Ok(()),
            Some(one) => Err(Failure::Hang {
                program: one.name.clone(),
                millis,
            }),
        }
    }

    /// Waits until nothing was sent and nothing printed for a while, every program waits for something, and every
    /// connection is over or has had its time.
    fn wait_for_silence(
        &mut self,
        scene: &mut Scene<'_>,
        director: &mut Director,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let silence = Duration::from_millis(limits.silence);
        let patience = Duration::from_millis(limits.patience);
        let deadline = Instant::now() + Duration::from_millis(limits.settle);
        loop {
            let quiet = self.last.0.elapsed();
            if quiet >= silence
                && !director.is_at_work()
                && (quiet >= patience || self.is_over())
                && self
                    .running
                    .iter()
                    .all(|one| one.ended.is_some() || one.busy || one.process.is_idle())
            {
                return director.has_seen_everything(self);
            }
            if Instant::now() >= deadline {
                return Err(Failure::NotSilent {
                    millis: limits.settle,
                    what: self.last.1.clone(),
                });
            }
            let rest = silence.saturating_sub(quiet).max(Duration::from_millis(5));
            self.hear(scene, director, rest)?;
        }
    }

    /// Whether every connection is over, as both hosts see it.
    fn is_over(&self) -> bool {
        self.segments.iter().all(|segments| reading::is_over(segments))
    }

    /// Asks the servers to end, and ends whatever is still there.
    fn clear_away(&mut self, limits: &Limits) -> Result<(), Failure> {
        for one in self.running.iter().filter(|one| one.ended.is_none()) {
            // After a failure a client may still live; it gets no chance to talk on.
            let signal = if one.asked_to_end {
                libc::SIGTERM
            } else {
                libc::SIGKILL
            };
            system::kill(one.process.pid, signal).ok();
            // What the director stopped must go on to hear it.
            system::kill(one.process.pid, libc::SIGCONT).ok();
        }
        let within = Duration::from_millis(limits.end);
        let ended = self.wait_quietly(within, |play| play.running.iter().all(|one| one.ended.is_some()));
        let stubborn = self
            .running
            .iter()
            .find(|one| one.ended.is_none())
            .map(|one| Failure::NotEnding {
                program: one.name.clone(),
                millis: limits.end,
            });
        // In a namespace of processes of our own, -1 is everybody in it but us.
        if std::process::id() == 1 {
            system::kill(-1, libc::SIGKILL).ok();
        }
        // Until every pipe is closed, so that no last line is missed.
        self.wait_quietly(Duration::from_millis(500), |play| play.open_outputs == 0)
            .ok();
        match (ended, stubborn) {
            (Err(failure), _) | (Ok(_), Some(failure)) => Err(failure),
            (Ok(_), None) => Ok(()),
        }
    }

    /// Stops link and sniffers behind the last packet.
    fn stop(&mut self, scene: Scene<'_>) -> Result<(), Failure> {
        // What the servers' ends sent is on its way through the kernel, or through the link.
        let limits = scene.script.limits;
        let settled = Duration::from_millis(limits.silence / 10);
        let patience = Duration::from_millis(limits.patience);
        self.wait_quietly(patience, |play| {
            play.last.0.elapsed() >= settled && play.is_over()
        })?;
        let mut stopped = Ok(());
        for sniffer in scene.sniffers {
            stopped = stopped.and(sniffer.stop());
        }
        // After the sniffers: its interfaces go with it.
        let linked = scene.link.map_or(Ok(()), Operated::stop);
        while let Ok(happening) = self.ear.try_recv() {
            self.note(happening);
        }
        stopped.and(linked.map_err(system_failure("operating the link")))
    }

    fn write(&mut self, folder: &Path, joined: bool) -> io::Result<()> {
        let header = if joined { Header::Raw } else { Header::Ethernet };
        let names = [CAPTURE, SERVER_CAPTURE, LINK_CAPTURE];
        let count = if joined { names.len() } else { 1 };
        for (name, packets) in names.into_iter().zip(&mut self.captures).take(count) {
            let mut packets = std::mem::take(packets);
            sniffer::in_order(&mut packets);
            let capture = Capture {
                link: header,
                packets,
            };
            fs::write(folder.join(name), capture.to_pcap())?;
        }
        Ok(())
    }

    /// Takes in what happens until `done` or the time is over, and says whether it is done.
    fn wait(
        &mut self,
        scene: &mut Scene<'_>,
        director: &mut Director,
        within: Duration,
        done: impl Fn(&Play, &Director) -> bool,
    ) -> Result<bool, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if done(self, director) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.hear(scene, director, left)?;
        }
    }

    /// As [`Play::wait`], when there is no more to direct.
    fn wait_quietly(&mut self, within: Duration, done: impl Fn(&Play) -> bool) -> Result<bool, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if done(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Silence grows without anything happening, so look again now and then.
            self.listen(left.min(Duration::from_millis(5)))?;
        }
    }

    /// Takes in one happening, if there is one in time, and lets the director act on it.
    fn hear(
        &mut self,
        scene: &mut Scene<'_>,
        director: &mut Director,
        within: Duration,
    ) -> Result<(), Failure> {
        let within = director.next_act().map_or(within, |act| act.min(within));
        self.listen(within)?;
        director.act(self, scene)
    }

    fn listen(&mut self, within: Duration) -> Result<(), Failure> {
        match self.ear.recv_timeout(within) {
            Ok(happening) => self.note(happening),
            Err(RecvTimeoutError::Timeout) => {}
            // The senders are ours and live as long as we do; should they not, do not spin.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(within),
        }
        self.trouble.take().map_or(Ok(()), Err)
    }

    fn note(&mut self, happening: Happening) {
        match happening {
            Happening::Packet { spot, packet } => {
                if let (Spot::Client | Spot::Server, Some(segment)) = (spot, decode(&packet)) {
                    self.segments[spot as usize].push(segment);
                }
                self.captures[spot as usize].push(packet);
                self.happened("a packet".into());
            }
            Happening::Link { time, text } => self.say("link", time, text),
            Happening::Line {
                program,
                stream,
                time,
                text,
            } => {
                self.happened(format!("`{}` printed `{text}`", self.running[program].name));
                let line = Line {
                    program: self.running[program].name.clone(),
                    stream,
                    at: self.since(time),
                    text,
                };
                report(&Progress::Printed(line.clone()));
                self.lines.push(line);
            }
            Happening::OutputEnds => self.open_outputs = self.open_outputs.saturating_sub(1),
            Happening::Flood { program } => {
                self.trouble = Some(Failure::Flood {
                    program: self.running[program].name.clone(),
                    bytes: FLOOD,
                });
            }
            Happening::Ended { pid, status, time } => {
                let one = self.running.iter_mut().find(|one| one.process.pid == pid);
                let program = one.map(|one| {
                    one.ended = Some(status.clone());
                    one.name.clone()
                });
                self.happened(format!("process {pid} ended"));
                if let Some(name) = &program {
                    report(&Progress::Ended(name.clone(), status.clone()));
                }
                self.ends.push(End {
                    program,
                    pid,
                    time,
                    status,
                });
            }
            Happening::Alone => {
                self.trouble = Some(Failure::System {
                    doing: "performing".into(),
                    error: "whoever started the stage is gone".into(),
                });
            }
        }
    }

    /// Notes that the director did something.
    pub(super) fn did(&mut self, deed: &Deed) {
        report(&Progress::Did(deed.clone()));
        self.say("director", system::now(), deed.to_string());
    }

    /// Sends a signal to every program of this name that still runs, and notes it.
    pub(super) fn signal(&mut self, name: &str, signal: Sent) {
        let number = match signal {
            Sent::Sigterm => libc::SIGTERM,
            Sent::Sigkill => libc::SIGKILL,
            Sent::Sigstop => libc::SIGSTOP,
            Sent::Sigcont => libc::SIGCONT,
        };
        for one in &self.running {
            if (one.name == name || one.program == name) && one.ended.is_none() {
                let pid = one.process.pid;
                self.signals.push(Signal {
                    time: system::now(),
                    program: one.name.clone(),
                    pid: pid as u32,
                    signal,
                });
                system::kill(pid, number).ok();
            }
        }
    }

    /// A line of output that is no program's.
    fn say(&mut self, who: &str, time: u64, text: String) {
        self.happened(format!("{who}: {text}"));
        let at = self.since(time);
        self.lines.push(Line {
            program: who.into(),
            stream: Stream::Out,
            at,
            text,
        });
    }

    fn since(&self, time: u64) -> Duration {
        Duration::from_micros(time.saturating_sub(self.began) / 1000)
    }

    fn happened(&mut self, what: String) {
        self.last = (Instant::now(), what);
    }

    /// Notes how long the part of the performance took that ends here.
    fn mark(&mut self, part: &str) {
        let now = Instant::now();
        self.spent
            .push((part.into(), (now - self.marked).as_micros() as u64));
        self.marked = now;
    }
}

/// The segment in a packet from loopback or from a link.
fn decode(packet: &Packet) -> Option<Segment> {
    // An IP packet begins with its version; the zeros of loopback's Ethernet header do not look like one.
    let header = match packet.bytes.first() {
        Some(first) if matches!(first >> 4, 4 | 6) => Header::Raw,
        _ => Header::Ethernet,
    };
    Segment::decode(header, packet, 1).ok().flatten()
}

/// Tells whoever started us what goes on. Nobody has to listen.
fn report(progress: &Progress) {
    if let Ok(mut text) = serde_json::to_vec(progress) {
        text.push(b'\n');
        io::stdout().write_all(&text).ok();
    }
}

/// Says so when standard input ends, which whoever started us holds open while alive.
fn watch_for_loneliness(tell: Sender<Happening>) -> io::Result<()> {
    thread::Builder::new().name("loneliness".into()).spawn(move || {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        tell.send(Happening::Alone).ok();
    })?;
    Ok(())
}
