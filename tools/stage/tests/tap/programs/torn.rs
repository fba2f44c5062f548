//! A disk that is full for a while: here, a limit on a file's size that the log runs into in the middle of a line.

use std::net::TcpListener;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};

use super::Outcome;

pub fn main() -> Outcome {
    // SAFETY: ignoring a signal runs no code of ours.
    #[allow(unsafe_code)]
    unsafe {
        signal(Signal::SIGXFSZ, SigHandler::SigIgn)?;
    }
    let log = std::env::var("BOOK_TAP_LOG")?;
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    let room = std::fs::metadata(log)?.len() + 100;
    setrlimit(Resource::RLIMIT_FSIZE, room, hard)?;
    let first = TcpListener::bind("127.0.0.1:0")?;
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard)?;
    let second = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    println!("{} {}", first.local_addr()?.ip(), second.local_addr()?.ip());
    drop(first); // tap: close
    drop(second); // tap: close
    Ok(())
}
