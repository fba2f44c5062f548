//! Whatever a program may do to a library in its way. It prints what it sees, which must be the same without the tap.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    println!(
        "numbers {} {} {}",
        listener.as_raw_fd(),
        client.as_raw_fd(),
        server.as_raw_fd()
    );

    until_descriptors_run_out();
    failures();
    close_everything_else(server.as_raw_fd());
    client.write_all(b"still here")?; // tap: send
    server.read_exact(&mut [0; 10])?; // tap: recv
    interrupted(&mut server)?;
    client.set_nonblocking(true)?;
    let strange = client.read(&mut [0]);
    println!(
        "nobody answered: {:?}",
        strange.map_err(|error| error.raw_os_error())
    );
    let error = server
        .set_nonblocking(true)
        .and_then(|()| server.read(&mut [0]).map(drop));
    println!(
        "nothing more arrived: {:?}",
        error.map_err(|error| error.raw_os_error())
    );
    Ok(())
}

/// Calls that fail leave their errno; one that succeeds leaves the one before alone.
#[allow(unsafe_code)]
fn failures() {
    // SAFETY: numbers and null pointers that the kernel refuses, or is asked to write nothing to.
    unsafe {
        for (name, result) in [
            ("close", libc::close(-1)),
            ("listen", libc::listen(0, 1)),
            ("send", libc::send(999, std::ptr::null(), 0, 0) as i32),
            ("bind", libc::bind(1, std::ptr::null(), 0)),
            (
                "accept",
                libc::accept(-1, std::ptr::null_mut(), std::ptr::null_mut()),
            ),
            ("epoll_ctl", libc::epoll_ctl(-1, 77, -1, std::ptr::null_mut())),
            ("poll", libc::poll(std::ptr::null_mut(), 0, 0)),
            ("fcntl", libc::fcntl(-1, libc::F_GETFD)),
            ("fcntl", libc::fcntl(1, libc::F_GETFD)),
            ("writev", libc::writev(1, std::ptr::null(), -1) as i32),
            ("sendmsg", libc::sendmsg(1, std::ptr::null(), 0) as i32),
            (
                "select",
                libc::select(
                    -1,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                ),
            ),
        ] {
            println!("{name} {result} {}", Errno::last_raw());
        }
        Errno::set_raw(111);
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        println!("socket {} {}", socket, Errno::last_raw());
        println!("close {} {}", libc::close(socket), Errno::last_raw());
    }
}

/// As daemons do; the log's descriptor is among them.
#[allow(unsafe_code)]
fn close_everything_else(highest_kept: i32) {
    // SAFETY: nothing above the last socket is used by this program.
    unsafe {
        println!(
            "a loop closed {}",
            (highest_kept + 1..900).filter(|fd| libc::close(*fd) == 0).count()
        );
        println!(
            "close_range {}",
            libc::close_range(highest_kept as u32 + 1, u32::MAX, 0)
        );
    }
}

/// A signal's handler that calls too, while the thread waits in `recv`.
#[allow(unsafe_code)]
fn interrupted(server: &mut TcpStream) -> Outcome {
    extern "C" fn handler(_: i32) {
        // SAFETY: `close` may be called by a handler.
        unsafe { libc::close(-1) };
    }
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler calls nothing that a handler may not.
    unsafe { sigaction(Signal::SIGUSR1, &action)? };
    let reader = nix::sys::pthread::pthread_self();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let teller = thread::spawn(move || {
        // Again and again, since the first may come before the thread waits.
        while stopped.recv_timeout(Duration::from_millis(5)).is_err() {
            nix::sys::pthread::pthread_kill(reader, Signal::SIGUSR1).ok();
        }
    });
    let result = server.read(&mut [0]); // tap: recv
    println!("interrupted {:?}", result.map_err(|error| error.raw_os_error()));
    stop.send(())?;
    teller.join().map_err(|_| "the teller panicked")?;
    Ok(())
}

/// The tap's descriptor must not be the one that is missing.
fn until_descriptors_run_out() {
    let mut held = Vec::new();
    let error = loop {
        match TcpListener::bind("127.0.0.1:0") {
            Ok(listener) => held.push(listener),
            Err(error) => break error,
        }
    };
    println!("after {} more: {:?}", held.len(), error.raw_os_error());
}
