//! Starting programs, hearing what they print, and noticing their end.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    thread,
};

use wire::call::Status;

use super::{play::Happening, system};
use crate::{
    output::Stream,
    scenario::Cap,
    script::{Part, TAP_LOG, WORK},
    tap_log,
};

/// The most a program may print, both outputs each, in bytes.
pub const FLOOD: usize = 4 << 20;

/// The most of one line that is kept, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// Starts programs; tells of their lines and ends.
pub struct Processes {
    ear: Sender<Happening>,
    /// Held while a program starts: a start that fails is waited for by the standard library, and must not be reaped
    /// by us.
    starting: Arc<Mutex<()>>,
    /// Whom the programs run as, where that is not who we are.
    user: Option<(u32, u32)>,
}

/// A program that was started.
pub struct Process {
    /// Its number in the private network.
    pub pid: i32,
    /// Its number where `/proc` comes from; none if it had already ended.
    outside: Option<i32>,
}

impl Processes {
    /// To be called before any other thread exists, for the signal it waits for must reach no other.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn new(user: Option<(u32, u32)>, ear: Sender<Happening>) -> io::Result<Processes> {
        system::block_child_signal()?;
        let starting = Arc::new(Mutex::new(()));
        let lock = Arc::clone(&starting);
        let tell = ear.clone();
        thread::Builder::new().name("reaper".into()).spawn(move || {
            loop {
                system::wait_for_child_signal();
                let _no_start = lock.lock().unwrap_or_else(PoisonError::into_inner);
                while let Ok(Some((pid, status))) = system::reap() {
                    let ended = Happening::Ended {
                        pid,
                        status: read_status(status),
                        time: system::now(),
                    };
                    if tell.send(ended).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(Processes { ear, starting, user })
    }

    /// Starts a program, the `index`-th, in the network of this thread.
    ///
    /// # Errors
    /// What the system says.
    #[allow(unsafe_code)]
    pub fn start(&self, index: usize, part: &Part, folder: &Path, tap: Option<&Path>) -> io::Result<Process> {
        let mut command = Command::new(&part.path);
        if !part.at_home {
            command
                .current_dir(folder.join(WORK))
                // Nothing of the surroundings may change what a program prints.
                .env_clear()
                .env(
                    "PATH",
                    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
                )
                .env("LANG", "C.UTF-8");
        }
        command
            .args(&part.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(tap) = tap.filter(|_| part.tapped) {
            command.envs(tap_log::Log::at(&folder.join(TAP_LOG)).environment(tap));
        }
        let user = self.user;
        let keep = part.caps.iter().fold(0, |set, cap| {
            set | 1
                << match cap {
                    Cap::NetAdmin => 12,
                    Cap::NetRaw => 13,
                }
        });
        // SAFETY: single system calls on plain data, which is all that is allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                system::unblock_child_signal()?;
                system::become_program(user, keep)?;
                // A change of user forgets this, so it comes last.
                system::die_with_parent()
            });
        }
        let _no_reaping = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command.spawn()?;
        let pid = child.id() as i32;
        let pipes: [(Stream, Option<Box<dyn Read + Send>>); 2] = [
            (Stream::Out, child.stdout.take().map(|pipe| Box::new(pipe) as _)),
            (Stream::Err, child.stderr.take().map(|pipe| Box::new(pipe) as _)),
        ];
        for (stream, pipe) in pipes {
            let ear = self.ear.clone();
            let Some(pipe) = pipe else { continue };
            thread::Builder::new()
                .name(format!("{} {stream:?}", part.name))
                .spawn(move || listen(index, stream, pipe, &ear))?;
        }
        Ok(Process {
            pid,
            outside: number_outside(pid),
        })
    }
}

impl Process {
    /// Whether every thread of the process and of its descendants waits for something.
    pub fn is_idle(&self) -> bool {
        self.outside.is_none_or(is_idle)
    }
}

/// Sends every line of a program to `ear`, with the time of its arrival; then that there will be no more.
fn listen(program: usize, stream: Stream, pipe: impl Read, ear: &Sender<Happening>) {
    let mut lines = BufReader::new(pipe);
    let mut total = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let Ok(length @ 1..) = lines
            .by_ref()
            .take(LONGEST_LINE as u64)
            .read_until(b'\n', &mut line)
        else {
            break;
        };
        let time = system::now();
        total += length;
        if total > FLOOD {
            ear.send(Happening::Flood { program }).ok();
            break;
        }
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        let said = Happening::Line {
            program,
            stream,
            time,
            text,
        };
        if ear.send(said).is_err() {
            return;
        }
    }
    ear.send(Happening::OutputEnds).ok();
}

fn read_status(status: i32) -> Status {
    if libc::WIFEXITED(status) {
        Status::Exited(libc::WEXITSTATUS(status))
    } else {
        Status::Signaled(system::signal_name(libc::WTERMSIG(status)))
    }
}

/// The number that `/proc` has for a process of ours. `/proc` was mounted outside and counts as the outside does; a
/// descriptor of the process tells both.
#[allow(unsafe_code)]
fn number_outside(pid: i32) -> Option<i32> {
    // SAFETY: takes integers only; a descriptor that is returned is ours alone.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return None;
    }
    // SAFETY: just opened, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("Pid:"))?
        .trim()
        .parse()
        .ok()?;
    (number > 0).then_some(number)
}

fn is_idle(pid: i32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let path = thread.path();
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        // The state stands behind the name, which may hold anything, parentheses included.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        let waits = !matches!(state, Some('R' | 'D'));
        let children = fs::read_to_string(path.join("children")).unwrap_or_default();
        waits
            && children
                .split_whitespace()
                .filter_map(|child| child.parse().ok())
                .all(is_idle)
    })
}
