//! A program that starts another, and hands it a socket on purpose.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::Outcome;

/// Under this name the program is told the descriptor it was born with.
const HANDED: &str = "TAP_HANDED";

pub fn main() -> Outcome {
    if let Ok(handed) = std::env::var(HANDED) {
        // SAFETY: the parent left this one open for us.
        #[allow(unsafe_code)]
        let mut stream = unsafe { TcpStream::from_raw_fd(handed.parse()?) };
        stream.write_all(b"from a child")?; // tap: send
        return Ok(());
    } // tap: close
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    let stream = TcpStream::connect(listener.local_addr()?)?; // tap: socket connect
    fcntl(&stream, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let status = Command::new(std::env::current_exe()?)
        .env(HANDED, stream.as_raw_fd().to_string())
        .status()?;
    assert!(status.success());
    drop(stream); // tap: close
    drop(listener); // tap: close
    Ok(())
}
