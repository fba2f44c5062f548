//! Waiting for several sockets at once, by hand.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::select::{FdSet, pselect, select};
use nix::sys::time::TimeVal;

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    let mut client = TcpStream::connect(listener.local_addr()?)?; // tap: socket connect
    let mut both = [
        PollFd::new(listener.as_fd(), PollFlags::POLLIN),
        PollFd::new(client.as_fd(), PollFlags::POLLIN),
    ];
    poll(&mut both, PollTimeout::from(5_000_u16))?; // tap: poll
    let (mut server, _) = listener.accept()?; // tap: accept4
    client.write_all(b"a")?; // tap: send
    let mut one = [PollFd::new(
        server.as_fd(),
        PollFlags::POLLIN | PollFlags::POLLOUT,
    )];
    ppoll(&mut one, None, None)?; // tap: ppoll

    let mut readable = FdSet::new();
    readable.insert(server.as_fd());
    select(None, &mut readable, None, None, &mut TimeVal::new(5, 0))?; // tap: select
    let mut writable = FdSet::new();
    writable.insert(client.as_fd());
    pselect(None, None, &mut writable, None, None, None)?; // tap: pselect
    // Files and pipes are nobody's network.
    let null = std::fs::File::open("/dev/null")?;
    poll(
        &mut [PollFd::new(null.as_fd(), PollFlags::POLLIN)],
        PollTimeout::ZERO,
    )?;

    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?; // tap: epoll_create1
    let token = server.as_raw_fd() as u64 + 1_000;
    let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, token);
    epoll.add(&server, event)?; // tap: epoll_ctl
    let mut events = [EpollEvent::empty(); 4];
    let n = epoll.wait(&mut events, EpollTimeout::from(5_000_u16))?; // tap: epoll_wait
    assert_eq!((n, events[0].data()), (1, token));
    server.read_exact(&mut [0])?; // tap: recv
    epoll.delete(&server)?; // tap: epoll_ctl
    drop(epoll); // tap: close
    drop(server); // tap: close
    drop(client); // tap: close
    drop(listener); // tap: close
    Ok(())
}
