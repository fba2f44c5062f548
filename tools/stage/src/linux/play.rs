//! One performance, from the first program's start to the last one's end.

use std::{
    fs, io, mem,
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use wire::{
    call::Status,
    capture::{Capture, Link, Packet},
};

use super::{
    enter,
    process::{FLOOD, Process, Processes},
    sniffer::{Ears, Sniffer},
    system,
};
use crate::{
    output::{Line, Stream},
    script::{CAPTURE, End, Failure, Report, SCRIPT, Script},
};

/// Something that happened, told to the one who directs.
pub enum Happening {
    /// A packet passed.
    Packet(Packet),
    /// A program printed a line.
    Line {
        /// The program's place in the script.
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
        /// The program's place in the script.
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

/// Performs the script in `folder`, which is where the packets go. To be called in the first process of the private
/// network.
///
/// `user` is whom to become before the first program starts.
pub fn play(folder: &Path, user: Option<(u32, u32)>) -> Report {
    let (tell, ear) = mpsc::channel();
    let mut play = Play {
        ear,
        began: Instant::now(),
        began_at: system::now(),
        packets: Vec::new(),
        seen: 0,
        lines: Vec::new(),
        ends: Vec::new(),
        programs: Vec::new(),
        open_outputs: 0,
        last: (Instant::now(), "nothing".into()),
        marked: Instant::now(),
        spent: Vec::new(),
        trouble: None,
    };
    let failure = play.perform(folder, user, tell).err();
    Report {
        failure,
        lines: play.lines,
        began: play.began_at,
        ends: play.ends,
        packets: play.seen,
        spent: play.spent,
    }
}

struct Play {
    ear: Receiver<Happening>,
    began: Instant,
    /// Nanoseconds since the epoch.
    began_at: u64,
    packets: Vec<Packet>,
    seen: usize,
    lines: Vec<Line>,
    ends: Vec<End>,
    programs: Vec<Running>,
    open_outputs: usize,
    /// The last thing that happened, for silence is what follows it.
    last: (Instant, String),
    marked: Instant,
    spent: Vec<(String, u64)>,
    /// What came up while something else was waited for.
    trouble: Option<Failure>,
}

struct Running {
    name: String,
    process: Process,
    asked_to_end: bool,
    ended: Option<Status>,
}

fn system_failure(doing: &str) -> impl Fn(io::Error) -> Failure + '_ {
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
        tell: mpsc::Sender<Happening>,
    ) -> Result<(), Failure> {
        let text = fs::read_to_string(folder.join(SCRIPT)).map_err(system_failure("reading the script"))?;
        let script: Script = serde_json::from_str(&text)
            .map_err(|error| system_failure("reading the script")(error.into()))?;
        for (path, value) in &script.pins {
            enter::pin(path, value)?;
        }
        let ears = Ears::open(c"lo", Link::Ethernet)?;
        enter::become_user(user)?;
        let processes = Processes::new(tell.clone()).map_err(system_failure("waiting for children"))?;
        watch_for_loneliness(tell.clone()).map_err(system_failure("watching for the end of input"))?;
        self.mark("network");
        ears.prove()
            .map_err(system_failure("proving the sniffer ready"))?;
        let sniffer = ears.read(tell).map_err(system_failure("starting the sniffer"))?;
        self.mark("sniffer");
        let link = sniffer.link;
        let performed = self.run(&script, &processes, &folder.join("work"));
        let ended = self.clear_away(&script);
        let caught = self.stop(sniffer);
        let capture = Capture {
            link,
            packets: mem::take(&mut self.packets),
        };
        self.seen = capture.packets.len();
        let written = fs::write(folder.join(CAPTURE), capture.to_pcap());
        self.mark("end");
        performed.and(ended).and(caught)?;
        written.map_err(system_failure("writing the packets"))
    }

    /// Everything until the line is silent.
    fn run(&mut self, script: &Script, processes: &Processes, work: &Path) -> Result<(), Failure> {
        fs::create_dir_all(work).map_err(system_failure("making a folder for the programs"))?;
        self.began = Instant::now();
        self.began_at = system::now();
        for (index, part) in script.programs.iter().enumerate() {
            let process = processes
                .start(index, part, work)
                .map_err(|error| Failure::Start {
                    program: part.name.clone(),
                    path: part.path.clone(),
                    error: error.to_string(),
                })?;
            self.programs.push(Running {
                name: part.name.clone(),
                process,
                asked_to_end: part.asked_to_end,
                ended: None,
            });
            self.open_outputs += 2;
            if let Some(ready) = &part.ready {
                self.wait_until_ready(index, ready, script.limits.ready)?;
            }
        }
        self.mark("starts");
        self.wait_for_clients(script.limits.whole)?;
        self.mark("clients");
        self.wait_for_silence(script)?;
        self.mark("silence");
        Ok(())
    }

    fn wait_until_ready(&mut self, index: usize, ready: &str, millis: u64) -> Result<(), Failure> {
        let program = self.programs[index].name.clone();
        let done = self.wait(Duration::from_millis(millis), |play| {
            let said = |line: &Line| line.program == program && line.text.contains(ready);
            play.lines.iter().any(said) || play.programs[index].ended.is_some()
        })?;
        let status = self.programs[index].ended.clone();
        match (done, status) {
            (false, _) => Err(Failure::NotReady {
                program,
                ready: ready.into(),
                millis,
            }),
            (true, Some(status)) => {
                self.wait_for_outputs();
                Err(Failure::EndedEarly {
                    program,
                    ready: ready.into(),
                    status,
                })
            }
            (true, None) => Ok(()),
        }
    }

    fn wait_for_clients(&mut self, millis: u64) -> Result<(), Failure> {
        let lives = |one: &&Running| !one.asked_to_end && one.ended.is_none();
        let within = Duration::from_millis(millis).saturating_sub(self.began.elapsed());
        self.wait(within, |play| !play.programs.iter().any(|one| lives(&one)))?;
        match self.programs.iter().find(lives) {
            None => Ok(()),
            Some(one) => Err(Failure::Hang {
                program: one.name.clone(),
                millis,
            }),
        }
    }

    /// Waits until nothing was sent and nothing printed for a while, and every program waits for something.
    fn wait_for_silence(&mut self, script: &Script) -> Result<(), Failure> {
        let silence = Duration::from_millis(script.limits.silence);
        let deadline = Instant::now() + Duration::from_millis(script.limits.settle);
        loop {
            let quiet = self.last.0.elapsed();
            let busy = self
                .programs
                .iter()
                .any(|one| one.ended.is_none() && !one.process.is_idle());
            if quiet >= silence && !busy {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::NotSilent {
                    millis: script.limits.settle,
                    what: self.last.1.clone(),
                });
            }
            let patience = silence.saturating_sub(quiet).max(Duration::from_millis(5));
            self.hear(patience)?;
        }
    }

    /// Asks the servers to end, and ends whatever is still there.
    fn clear_away(&mut self, script: &Script) -> Result<(), Failure> {
        for one in self.programs.iter().filter(|one| one.ended.is_none()) {
            // After a failure a client may still live; it gets no chance to talk on.
            let signal = if one.asked_to_end {
                libc::SIGTERM
            } else {
                libc::SIGKILL
            };
            system::kill(one.process.pid, signal).ok();
        }
        let within = Duration::from_millis(script.limits.end);
        let ended = self.wait(within, |play| play.programs.iter().all(|one| one.ended.is_some()));
        let stubborn = self
            .programs
            .iter()
            .find(|one| one.ended.is_none())
            .map(|one| Failure::NotEnding {
                program: one.name.clone(),
                millis: script.limits.end,
            });
        // In a namespace of processes of our own, -1 is everybody in it but us.
        if std::process::id() == 1 {
            system::kill(-1, libc::SIGKILL).ok();
        }
        self.wait_for_outputs();
        match (ended, stubborn) {
            (Err(failure), _) | (Ok(_), Some(failure)) => Err(failure),
            (Ok(_), None) => Ok(()),
        }
    }

    /// Waits until every pipe is closed, so that no last line is missed. Bounded: a descendant may hold one.
    fn wait_for_outputs(&mut self) {
        self.wait(Duration::from_millis(500), |play| play.open_outputs == 0)
            .ok();
    }

    /// Stops the sniffer behind the last packet.
    fn stop(&mut self, sniffer: Sniffer) -> Result<(), Failure> {
        // What the servers' ends sent is on its way through the kernel.
        let settled = Duration::from_millis(5);
        while self.last.0.elapsed() < settled {
            self.hear(settled)?;
        }
        let stopped = sniffer.stop();
        while let Ok(happening) = self.ear.try_recv() {
            self.note(happening);
        }
        stopped
    }

    /// Takes in what happens until `done` or the time is over, and says whether it is done.
    fn wait(&mut self, within: Duration, done: impl Fn(&Play) -> bool) -> Result<bool, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if done(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.hear(left)?;
        }
    }

    /// Takes in one happening, if there is one in time.
    fn hear(&mut self, within: Duration) -> Result<(), Failure> {
        match self.ear.recv_timeout(within) {
            Ok(happening) => self.note(happening),
            Err(RecvTimeoutError::Timeout) => {}
            // The senders are ours and live as long as we do; should they not, do not spin.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(within),
        }
        self.trouble.take().map_or(Ok(()), Err)
    }

    fn note(&mut self, happening: Happening) {
        let what = match happening {
            Happening::Packet(packet) => {
                self.packets.push(packet);
                "a packet".into()
            }
            Happening::Line {
                program,
                stream,
                time,
                text,
            } => {
                let what = format!("`{}` printed `{text}`", self.programs[program].name);
                self.lines.push(Line {
                    program: self.programs[program].name.clone(),
                    stream,
                    at: Duration::from_micros(time.saturating_sub(self.began_at) / 1000),
                    text,
                });
                what
            }
            Happening::OutputEnds => {
                self.open_outputs = self.open_outputs.saturating_sub(1);
                return;
            }
            Happening::Flood { program } => {
                self.trouble = Some(Failure::Flood {
                    program: self.programs[program].name.clone(),
                    bytes: FLOOD,
                });
                return;
            }
            Happening::Ended { pid, status, time } => {
                let one = self.programs.iter_mut().find(|one| one.process.pid == pid);
                let program = one.map(|one| {
                    one.ended = Some(status.clone());
                    one.name.clone()
                });
                let what = format!("process {pid} ended");
                self.ends.push(End {
                    program,
                    pid,
                    time,
                    status,
                });
                what
            }
            Happening::Alone => {
                self.trouble = Some(Failure::System {
                    doing: "performing".into(),
                    error: "whoever started the stage is gone".into(),
                });
                return;
            }
        };
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

/// Says so when standard input ends, which whoever started us holds open while alive.
fn watch_for_loneliness(tell: mpsc::Sender<Happening>) -> io::Result<()> {
    thread::Builder::new().name("loneliness".into()).spawn(move || {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        tell.send(Happening::Alone).ok();
    })?;
    Ok(())
}
