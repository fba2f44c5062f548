//! One socket under several numbers.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd;

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    let stream = TcpStream::connect(listener.local_addr()?)?; // tap: socket connect
    let (other, _) = listener.accept()?; // tap: accept4
    let copy = unistd::dup(&stream)?; // tap: dup
    let mut target = own(50)?;
    unistd::dup2(&stream, &mut target)?; // tap: dup2
    unistd::dup3(&other, &mut target, OFlag::O_CLOEXEC)?; // tap: dup3
    let far = fcntl(&stream, FcntlArg::F_DUPFD_CLOEXEC(60))?; // tap: fcntl
    fcntl(&stream, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?; // tap: fcntl
    unistd::write(&copy, b"by a copy")?; // tap: write
    unistd::read(&target, &mut [0; 9])?; // tap: read
    let file = std::fs::File::open("/dev/null")?;
    // A file over a socket's number closes the socket.
    unistd::dup2(&file, &mut target)?; // tap: dup2
    assert_eq!(far, 60);
    println!("{}", other.as_raw_fd());
    unistd::close(far)?; // tap: close
    drop(copy); // tap: close
    drop(stream); // tap: close
    drop(other); // tap: close
    drop(target);
    drop(listener); // tap: close
    Ok(())
}

/// A descriptor of this number, on something that is no socket.
fn own(number: RawFd) -> Result<OwnedFd, Box<dyn std::error::Error>> {
    let file = std::fs::File::open("/dev/null")?;
    let copy = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(number))?;
    // SAFETY: `fcntl` has just made it, and nobody else knows it.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
