//! One run of the server: its process, in a group of its own, what it writes, and its end.

use std::{
    io,
    net::SocketAddr,
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    arena::announced,
    clock::until,
    closing,
    failure::{Failure, Stop},
    observe::{Family, MARK},
    output::Output,
};

/// How long the kernel may take to end a process that was killed.
const KILLED: Duration = Duration::from_secs(5);

/// What becomes of the server's standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stdout {
    /// It is read as long as the server runs.
    #[default]
    Read,
    /// Its reader goes away after the first line.
    ClosedAfterFirstLine,
    /// Its reader goes away after the line that says where the server listens.
    ClosedAfterAnnouncement,
}

/// A signal that asks the server to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Term,
    Int,
    /// A child has ended; who has none may get it, too.
    Child,
    /// The terminal's window has another size.
    Window,
}

/// What a group of processes can be sent.
#[derive(Clone, Copy, Debug)]
enum ToGroup {
    Stop,
    GoOn,
    This(Signal),
}

impl From<Signal> for ToGroup {
    fn from(signal: Signal) -> Self {
        Self::This(signal)
    }
}

/// A server's process. Dropped, it is killed, with its whole family.
pub(crate) struct Server {
    child: Child,
    family: Family,
    address: Option<SocketAddr>,
    witness: Arc<Witness>,
    /// By us, so that its end says nothing of it.
    killed: bool,
}

/// What is known of a run after it is over, for a failure's notes.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    /// How the process ended by itself; `None` while it runs, and when we had to kill it.
    ended: Mutex<Option<ExitStatus>>,
    /// Processes that could not be ended.
    stragglers: Mutex<Vec<String>>,
}

impl Witness {
    fn of(child: &mut Child, stdout: Stdout) -> io::Result<Self> {
        let enough: fn(&Output) -> bool = match stdout {
            Stdout::Read => |_| false,
            Stdout::ClosedAfterFirstLine => |output| output.first_line().is_some(),
            Stdout::ClosedAfterAnnouncement => |output| announced(output).is_some(),
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        Ok(Self {
            stdout: out.map_or_else(|| Ok(Output::default()), |out| Output::follow(out, enough))?,
            stderr: err.map_or_else(|| Ok(Output::default()), |err| Output::follow(err, |_| false))?,
            ended: Mutex::new(None),
            stragglers: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stragglers(&self) -> Vec<String> {
        self.stragglers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Server {
    /// Starts the command; the address comes later, see [`Server::listens_on`].
    pub(crate) fn launch(mut command: Command, stdout: Stdout) -> Result<Self, Stop> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}.{}", process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        command
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        own_group(&mut command);
        let program = command.get_program().display().to_string();
        let not_started = |error: io::Error| {
            Failure::new(
                format!("`{program}` to start"),
                format!("the system said: {error}"),
                "the command: is the path right, and is the file executable?",
            )
        };
        let mut child = closing::start(&mut command).map_err(not_started)?;
        let family = Family {
            leader: child.id(),
            mark,
        };
        match Witness::of(&mut child, stdout) {
            Ok(witness) => Ok(Self {
                child,
                family,
                address: None,
                witness: Arc::new(witness),
                killed: false,
            }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(not_started(error).into())
            }
        }
    }

    pub(crate) fn listens_on(&mut self, address: SocketAddr) {
        self.address = Some(address);
    }

    /// Where clients connect.
    ///
    /// # Errors
    /// The server was launched to see it fail, and has no address.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        self.address.ok_or_else(|| {
            Failure::new(
                "a server that listens",
                "it was started without an address",
                "the case itself: this is a mistake of the suite",
            )
        })
    }

    pub(crate) fn family(&self) -> &Family {
        &self.family
    }

    pub(crate) fn witness(&self) -> &Arc<Witness> {
        &self.witness
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        if !self.killed {
            *self.witness.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        }
        Some(status)
    }

    /// Waits, so long at most, for it to end.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        until(limit, || self.ended())
    }

    /// Sends the signal to the server's process alone, as `kill PID` does.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Stop> {
        if self.ended().is_some() {
            return Ok(()); // its process id may be another's by now
        }
        send(self.child.id(), signal)
    }

    /// Sends the signal to every process of the server's group, as a terminal does.
    pub(crate) fn signal_group(&mut self, signal: Signal) -> Result<(), Stop> {
        if self.ended().is_some() {
            return Ok(());
        }
        send_group(self.child.id(), signal.into())
    }

    /// Waits, for a moment at most, until no thread of the server has anything to do. Where that cannot be seen, it does
    /// not wait.
    pub(crate) fn settles(&self, limit: Duration) {
        self.family.rests(limit);
    }

    /// Kills one process of the family, and nothing else.
    pub(crate) fn kill_member(&self, pid: u32) {
        kill_one(pid);
    }

    /// Stops the whole family, as ctrl-Z stops a group, and waits until it stands.
    ///
    /// Who has just called vfork(2), as `Command::spawn` and posix_spawn(3) do, cannot be stopped before its child has
    /// started its program, and that child may be standing already: then all go on for a moment, and are stopped again.
    pub(crate) fn stand_still(&mut self, limit: Duration) -> Result<(), Stop> {
        const A_TRY: Duration = Duration::from_millis(200);
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            if self.ended().is_none() {
                send_group(self.child.id(), ToGroup::Stop)?;
            }
            if self.stands_within(left.min(A_TRY)) {
                return Ok(());
            }
            if left <= A_TRY {
                return Err(Failure::new(
                    "the server to stand still when it is stopped (SIGSTOP)",
                    "it did not",
                    "what its processes wait for in the kernel (`ps -o pid,stat,wchan`)",
                )
                .into());
            }
            if self.ended().is_none() {
                self.go_on()?;
            }
        }
    }

    fn stands_within(&self, limit: Duration) -> bool {
        let stands = || {
            let moving: Vec<_> = self
                .family
                .members()
                .into_iter()
                .filter(|member| !member.still)
                .collect();
            // Whoever left the group carries the mark.
            moving
                .iter()
                .for_each(|member| pause_one(member.pid, ToGroup::Stop));
            moving.is_empty().then_some(())
        };
        until(limit, stands).is_some()
    }

    /// Lets a server that stands still go on.
    pub(crate) fn go_on(&mut self) -> Result<(), Stop> {
        send_group(self.child.id(), ToGroup::GoOn)?;
        let members = self.family.members();
        members
            .iter()
            .for_each(|member| pause_one(member.pid, ToGroup::GoOn));
        Ok(())
    }

    /// Ends the whole family at once, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            self.killed = true;
            kill_group(&mut self.child);
        }
        let mut left = Vec::new();
        if until(KILLED, || self.child.try_wait().ok().flatten()).is_none() {
            left.push(format!("process {} does not end when killed", self.child.id()));
        }
        // Whoever left the group carries the mark.
        let gone = until(KILLED, || {
            let living: Vec<_> = self
                .family
                .members()
                .into_iter()
                .filter(|member| !member.zombie)
                .collect();
            living.iter().for_each(|member| kill_one(member.pid));
            living.is_empty().then_some(())
        });
        if gone.is_none() {
            left.push(format!(
                "a child of process {} does not end when killed",
                self.child.id()
            ));
        }
        self.witness
            .stragglers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(left);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    use nix::sys::signal;

    command.process_group(0);
    let as_a_shell_would = || {
        for signal in [signal::Signal::SIGINT, signal::Signal::SIGTERM] {
            // Whoever runs in the background of a shell ignores SIGINT, and so would everything it starts.
            // SAFETY: the default action is no handler; setting it is one system call.
            #[allow(unsafe_code)]
            unsafe { signal::signal(signal, signal::SigHandler::SigDfl) }?;
        }
        // A suite that is itself killed (ctrl-C reaches our group, not the server's) leaves no server behind: the kernel
        // kills it when the thread that started it ends, and that thread outlives it otherwise.
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_pdeathsig(signal::Signal::SIGKILL)?;
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and makes system calls only; it allocates and locks nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(as_a_shell_would);
    }
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(unix)]
fn pid(id: u32) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(id.cast_signed())
}

#[cfg(unix)]
impl From<Signal> for nix::sys::signal::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self::SIGTERM,
            Signal::Int => Self::SIGINT,
            Signal::Child => Self::SIGCHLD,
            Signal::Window => Self::SIGWINCH,
        }
    }
}

#[cfg(unix)]
fn send(id: u32, signal: Signal) -> Result<(), Stop> {
    use nix::sys::signal;
    let signal = signal::Signal::from(signal);
    signal::kill(pid(id), signal).map_err(|error| not_sent(signal.as_str(), error))
}

#[cfg(unix)]
fn send_group(id: u32, what: ToGroup) -> Result<(), Stop> {
    use nix::sys::signal;
    let signal = signal::Signal::from(what);
    signal::killpg(pid(id), signal).map_err(|error| not_sent(signal.as_str(), error))
}

#[cfg(unix)]
fn pause_one(id: u32, what: ToGroup) {
    // An error means that it has just ended.
    nix::sys::signal::kill(pid(id), nix::sys::signal::Signal::from(what)).ok();
}

#[cfg(not(unix))]
fn pause_one(_id: u32, _what: ToGroup) {}

#[cfg(unix)]
impl From<ToGroup> for nix::sys::signal::Signal {
    fn from(what: ToGroup) -> Self {
        match what {
            ToGroup::Stop => Self::SIGSTOP,
            ToGroup::GoOn => Self::SIGCONT,
            ToGroup::This(signal) => signal.into(),
        }
    }
}

#[cfg(unix)]
fn not_sent(signal: &str, error: nix::errno::Errno) -> Stop {
    Failure::new(
        format!("to send {signal} to the server"),
        format!("the system said: {error}"),
        "whether the server runs, and as the same user",
    )
    .into()
}

#[cfg(not(unix))]
fn send(_id: u32, _signal: Signal) -> Result<(), Stop> {
    Err(Stop::NotHere("sends a signal, which only Unix has".into()))
}

#[cfg(not(unix))]
fn send_group(_id: u32, _what: ToGroup) -> Result<(), Stop> {
    Err(Stop::NotHere("sends a signal, which only Unix has".into()))
}

#[cfg(unix)]
fn kill_group(child: &mut Child) {
    // Not yet waited for, so the id is still its own; an error means that it has just ended.
    nix::sys::signal::killpg(pid(child.id()), nix::sys::signal::Signal::SIGKILL).ok();
}

#[cfg(not(unix))]
fn kill_group(child: &mut Child) {
    child.kill().ok();
}

#[cfg(unix)]
fn kill_one(id: u32) {
    nix::sys::signal::kill(pid(id), nix::sys::signal::Signal::SIGKILL).ok();
}

#[cfg(not(unix))]
fn kill_one(_id: u32) {}
