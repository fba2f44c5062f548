//! A server under measurement: started on a processor of its own, ended with all its children.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::Pid,
};

use super::{kernel::Family, machine::Processors};
use crate::{doing, error::MeasureError};

/// How long a server may take to listen, and its family to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is started: a name to tell, and a program that takes its address as first argument.
#[derive(Clone, Debug)]
pub struct Program {
    /// The name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it is told behind the address.
    pub arguments: Vec<String>,
    /// Whether it may run on the load generator's processor as well as on its own.
    pub everywhere: bool,
}

/// A server that listens. Dropped, it is killed, with its whole family.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    errors: File,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The groups that live, for whoever must end them all.
static LIVING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Ends every server that was started: for a handler of ctrl-C, behind which the program ends.
pub fn end_all() {
    for group in LIVING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        killpg(pid(*group), Signal::SIGKILL).ok();
    }
}

impl Server {
    /// Starts a program and waits until it listens. What it prints goes to `/dev/null`: a reader would take time that is
    /// measured.
    pub fn start(program: &Program, processors: Processors) -> Result<Server, MeasureError> {
        Server::start_with(program, processors, |_| ())
    }

    /// The same, with something added to the command.
    pub fn start_with(
        program: &Program,
        processors: Processors,
        add: impl FnOnce(&mut Command),
    ) -> Result<Server, MeasureError> {
        let told = || format!("starting {}", program.name);
        let errors = tempfile::tempfile().map_err(doing(told()))?;
        let said = errors.try_clone().map_err(doing(told()))?;
        let address = free_address().map_err(doing("looking for a free port"))?;
        let mut command = Command::new(&program.path);
        command
            .arg(address.to_string())
            .args(&program.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .process_group(0);
        // Should we be killed, the server is, too.
        let with_us = || prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
        // SAFETY: the closure runs between fork and exec and makes one system call; it allocates and locks nothing.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(with_us);
        }
        add(&mut command);
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = match program.everywhere {
            true => processors.anywhere(|| command.spawn()),
            false => processors.at_the_servers(|| command.spawn()),
        };
        let child = child.and_then(|child| child).map_err(doing(format!(
            "{} ({})",
            told(),
            program.path.display()
        )))?;
        living.push(child.id());
        drop(living);
        let mut server = Server {
            name: program.name.clone(),
            child,
            errors,
            address,
        };
        server.listens()?;
        Ok(server)
    }

    /// Its processes.
    pub fn family(&self) -> Family {
        Family {
            group: self.child.id(),
        }
    }

    /// Stops it, with all its children, for so long, once `after` has passed; in a thread of its own, which is to be
    /// joined before the server is dropped.
    pub fn stand_still(&self, after: Duration, pause: Duration) -> thread::JoinHandle<()> {
        let group = pid(self.family().group);
        thread::spawn(move || {
            thread::sleep(after);
            killpg(group, Signal::SIGSTOP).ok();
            thread::sleep(pause);
            killpg(group, Signal::SIGCONT).ok();
        })
    }

    /// That something went wrong with it.
    pub fn wrong(&mut self, what: impl Into<String>) -> MeasureError {
        let mut said = String::new();
        let start = self
            .errors
            .metadata()
            .map_or(0, |it| it.len().saturating_sub(300));
        if self.errors.seek(SeekFrom::Start(start)).is_ok() {
            let mut bytes = Vec::new();
            self.errors.read_to_end(&mut bytes).ok();
            said = String::from_utf8_lossy(&bytes).trim().to_owned();
        }
        MeasureError::Server {
            server: self.name.clone(),
            what: what.into(),
            said,
        }
    }

    /// Knocks until it opens.
    fn listens(&mut self) -> Result<(), MeasureError> {
        let end = Instant::now() + PATIENCE;
        loop {
            if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.wrong(format!("it ended before it listened ({status})")));
            }
            if Instant::now() >= end {
                let address = self.address;
                return Err(self.wrong(format!(
                    "it does not listen on {address} after {} s; it takes its address as first argument",
                    PATIENCE.as_secs()
                )));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = self.family();
        // Not yet waited for, so that the group's number is still its own.
        killpg(pid(family.group), Signal::SIGKILL).ok();
        self.child.wait().ok();
        // A thousand children take a while to end, and the next one measured would pay for it.
        let end = Instant::now() + PATIENCE;
        while !family.members().is_empty() && Instant::now() < end {
            killpg(pid(family.group), Signal::SIGKILL).ok();
            thread::sleep(Duration::from_millis(2));
        }
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.retain(|group| *group != family.group);
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed())
}

/// An address that nobody has at the moment.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A program by its path alone, named as its file.
impl From<&Path> for Program {
    fn from(path: &Path) -> Program {
        Program {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            path: path.to_owned(),
            arguments: Vec::new(),
            everywhere: false,
        }
    }
}
