//! A program that runs: what it prints, and its end. It is killed with all it started when it goes out of scope.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How much is kept of what a program prints; the rest is read and forgotten, so that it never waits for us.
const KEPT: usize = 64 * 1024;

/// The processes that run, for whoever is interrupted.
static ALL: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that is still running: for a command that is interrupted.
pub fn end_all() {
    for id in locked(&ALL).iter() {
        kill_group(*id);
    }
}

/// From now on, whoever outlives the program that started it becomes a child of this process: [`end_orphans`] finds it.
/// Linux alone can do that.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).ok();
}

/// Kills every child of this process that no program of ours is, until none is left: what a program started in a group of
/// its own, so that its end did not reach it. For a process that called [`adopt_orphans`] and has no other children.
pub fn end_orphans() {
    #[cfg(target_os = "linux")]
    until(Duration::from_secs(5), || {
        let orphans = orphans();
        for orphan in &orphans {
            nix::sys::signal::kill(*orphan, nix::sys::signal::Signal::SIGKILL).ok();
            nix::sys::wait::waitpid(*orphan, Some(nix::sys::wait::WaitPidFlag::WNOHANG)).ok();
        }
        orphans.is_empty().then_some(())
    });
}

/// The children of this process that are not programs of ours.
#[cfg(target_os = "linux")]
fn orphans() -> Vec<nix::unistd::Pid> {
    let own = std::process::id();
    let known = locked(&ALL).clone();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = entries.filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        // `id (name) state parent …`: a name may hold spaces and brackets.
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (parent == own && !known.contains(&id)).then_some(id)
    });
    children
        .map(|id| nix::unistd::Pid::from_raw(id.cast_signed()))
        .collect()
}

pub(crate) struct Running {
    child: Child,
    started: Instant,
    out: Output,
    err: Output,
    ended: Option<(ExitStatus, Duration)>,
}

impl Running {
    pub(crate) fn start(command: &mut Command, input: &str) -> io::Result<Running> {
        Running::start_keeping(command, input, KEPT)
    }

    /// Starts a program, and keeps so many bytes of what it prints.
    pub(crate) fn start_keeping(command: &mut Command, input: &str, keep: usize) -> io::Result<Running> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let started = Instant::now();
        let mut child = command.spawn()?;
        locked(&ALL).insert(child.id());
        let (out, err) = (Output::default(), Output::default());
        if let Some(pipe) = child.stdout.take() {
            out.follow(pipe, keep);
        }
        if let Some(pipe) = child.stderr.take() {
            err.follow(pipe, keep);
        }
        if let Some(mut pipe) = child.stdin.take() {
            let input = input.as_bytes().to_vec();
            // Ends when the program has taken it, or is gone.
            thread::spawn(move || pipe.write_all(&input).ok());
        }
        Ok(Running {
            child,
            started,
            out,
            err,
            ended: None,
        })
    }

    /// How it ended and how long it took, if it has.
    pub(crate) fn ended(&mut self) -> Option<(ExitStatus, Duration)> {
        if self.ended.is_none() {
            let status = self.child.try_wait().ok().flatten()?;
            self.ended = Some((status, self.started.elapsed()));
        }
        self.ended
    }

    /// How long it has run.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// A line of its standard output, counted from 0, once it is whole.
    pub(crate) fn line(&self, index: usize) -> Option<String> {
        let text = self.out.text();
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.nth(index).map(|line| line.trim_end().to_owned())
    }

    /// All of its standard output, once it has ended and nobody holds the pipe.
    pub(crate) fn output(&self) -> String {
        until(Duration::from_millis(500), || {
            locked(&self.out.0).closed.then_some(())
        });
        self.out.text()
    }

    /// All of its standard error, once it has ended and nobody holds the pipe.
    pub(crate) fn complaints(&self) -> String {
        until(Duration::from_millis(500), || {
            locked(&self.err.0).closed.then_some(())
        });
        self.err.text()
    }

    /// Whether it came to an end that no program means: killed by a signal that was not ours, or a panic.
    pub(crate) fn crashed(&mut self) -> bool {
        #[cfg(unix)]
        let by_signal = |status| std::os::unix::process::ExitStatusExt::signal(&status).is_some();
        #[cfg(not(unix))]
        let by_signal = |_: ExitStatus| false;
        self.ended()
            .is_some_and(|(status, _)| status.code() == Some(101) || by_signal(status))
    }

    /// What there is to say about how it is: its end, and what it complained of. One that listens is meant to go on.
    pub(crate) fn notes(&mut self, listens: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((status, _)) = self.ended() {
            until(Duration::from_millis(500), || {
                locked(&self.err.0).closed.then_some(())
            });
            notes.push(format!("the program had ended: {}", told(status)));
        }
        if self.ended.is_none() && !listens {
            notes.push(format!(
                "the program was still running after {:.1} s",
                self.age().as_secs_f64()
            ));
        }
        let said = self.err.text();
        let panic = said.lines().find(|line| line.contains("panicked at"));
        let lines: Vec<&str> = match panic {
            Some(panic) => said.lines().skip_while(|line| *line != panic).take(2).collect(),
            None => said.lines().take(4).collect(),
        };
        if !lines.is_empty() {
            notes.push(format!("it wrote on standard error: {}", lines.join(" / ")));
        }
        notes
    }
}

/// `exit code 1` or `signal 11`, in a person's words.
pub(crate) fn told(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("killed by signal {signal}");
    }
    match status.code() {
        Some(101) => "exit code 101, a panic".into(),
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.child.id();
        // A group keeps its id while any of it lives; an error means that nobody does.
        kill_group(id);
        self.child.kill().ok();
        self.child.wait().ok();
        locked(&ALL).remove(&id);
    }
}

#[cfg(unix)]
fn kill_group(id: u32) {
    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };
    killpg(Pid::from_raw(id.cast_signed()), Signal::SIGKILL).ok();
}

#[cfg(not(unix))]
fn kill_group(_id: u32) {}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    closed: bool,
}

impl Output {
    fn follow(&self, mut pipe: impl Read + Send + 'static, keep: usize) {
        let output = self.clone();
        // Ends with the pipe, at the latest when the program is killed.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = pipe.read(&mut buffer)
                && n > 0
            {
                let mut kept = locked(&output.0);
                let room = keep.saturating_sub(kept.bytes.len());
                kept.bytes.extend_from_slice(&buffer[..n.min(room)]);
            }
            locked(&output.0).closed = true;
        });
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&locked(&self.0).bytes).into_owned()
    }
}

/// Asks until there is an answer, or the time is up.
pub(crate) fn until<T>(limit: Duration, mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = answer() {
            return Some(answer);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(left.min(Duration::from_millis(2)));
    }
}
