//! Servers right and wrong, each wrong in one way.

#![allow(clippy::unwrap_used)] // a server of these that cannot go on may as well panic

use std::{
    collections::BTreeMap,
    env,
    io::{self, Read, Write},
    mem,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, AsRawFd},
        unix::process::CommandExt,
    },
    process::{self, Child, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use nix::{
    libc,
    poll::{PollFd, PollFlags, poll},
    sys::{
        signal::{SigSet, Signal},
        socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, setsockopt, sockopt},
    },
};

/// Is this server, for ever.
pub fn be(kind: &str, address: &str) {
    let address = address.to_owned();
    match kind {
        "right" => threads(announced(&address), echo),
        "right-for-one" => one_by_one(&announced(&address)),
        "right-for-three" => places(&announced(&address), 3, true),
        "right-frames" => threads(announced(&address), echo_frames),
        "right-sink" => threads(announced(&address), sink),
        "right-graceful" => graceful(announced(&address)),
        "right-sharing-its-port" => {
            let listener = by_hand(&address, true, true);
            announce(&listener);
            threads(listener, echo);
        }
        "right-with-a-child" => {
            let signals = blocked(&[Signal::SIGTERM, Signal::SIGINT]);
            let mut child = sleeper(false);
            thread::spawn(move || {
                signals.wait().ok();
                child.kill().ok();
                child.wait().ok();
                process::exit(0);
            });
            threads(announced(&address), echo);
        }
        "says-nothing" => threads(bound(&address), echo),
        "says-something-else" => {
            let listener = bound(&address);
            println!("ready on {}", listener.local_addr().unwrap());
            threads(listener, echo);
        }
        "says-something-first" => {
            println!("hello");
            threads(announced(&address), echo);
        }
        "errors-are-success" => match TcpListener::bind(&address) {
            Ok(listener) => {
                announce(&listener);
                threads(listener, echo);
            }
            Err(error) => eprintln!("listening on {address}: {error}"),
        },
        "errors-without-the-address" => match TcpListener::bind(&address) {
            Ok(listener) => {
                announce(&listener);
                threads(listener, echo);
            }
            Err(error) => {
                eprintln!("{error}");
                process::exit(1);
            }
        },
        "another-address-for-a-bad-one" => {
            let good = address
                .parse::<SocketAddr>()
                .is_ok_and(|address| address.ip().is_loopback());
            threads(announced(if good { &address } else { "127.0.0.1:0" }), echo);
        }
        "no-reuse-of-its-address" => {
            let listener = by_hand(&address, false, false);
            announce(&listener);
            threads(listener, echo);
        }
        "whole-buffer" => threads(announced(&address), whole_buffer),
        "drops-the-last-byte" => threads(announced(&address), |stream| {
            altered(stream, |message| message.truncate(message.len() - 1))
        }),
        "text-only" => threads(announced(&address), |stream| {
            altered(stream, |message| {
                *message = String::from_utf8_lossy(message).into_owned().into_bytes()
            });
        }),
        "resets-at-the-fin" => threads(announced(&address), |stream| {
            echo_until_the_end(&stream).ok();
            setsockopt(
                &stream,
                sockopt::Linger,
                &libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                },
            )
            .ok();
        }),
        "never-closes" => threads(announced(&address), |stream| {
            echo_until_the_end(&stream).ok();
            mem::forget(stream);
        }),
        "refuses-the-second" => refuses_the_second(&announced(&address)),
        "turns-away-the-hundredth" => {
            let here = Arc::new(AtomicUsize::new(0));
            threads(announced(&address), move |stream| {
                if here.fetch_add(1, Ordering::SeqCst) < 99 {
                    echo(stream);
                }
                here.fetch_sub(1, Ordering::SeqCst);
            });
        }
        "accepts-before-there-is-a-place" => places(&announced(&address), 3, false),
        "dies-of-an-empty-connection" => threads(announced(&address), |stream| {
            if matches!(stream.peek(&mut [0]), Ok(0)) {
                process::exit(3);
            }
            echo(stream);
        }),
        "dies-of-a-reset" => threads(announced(&address), |stream| {
            if echo_until_the_end(&stream).is_err() {
                process::exit(4);
            }
        }),
        "buffers-without-bound" => threads(announced(&address), unbounded),
        "dies-of-a-closed-output" => {
            let listener = announced(&address);
            for stream in listener.incoming() {
                println!("somebody came");
                thread::spawn(|| stream.map(echo));
            }
        }
        "loses-clients-to-a-closed-output" => threads(announced(&address), |stream| {
            println!("somebody came");
            echo(stream);
        }),
        "leaks-a-descriptor" => threads(announced(&address), |stream| {
            mem::forget(stream.try_clone());
            echo_until_the_end(&stream).ok();
            stream.shutdown(Shutdown::Both).ok();
        }),
        "leaks-a-thread" => threads(announced(&address), |stream| {
            thread::spawn(|| {
                loop {
                    thread::park();
                }
            });
            echo(stream);
        }),
        "leaks-a-zombie" => threads(announced(&address), |stream| {
            Command::new("true").stdout(Stdio::null()).spawn().ok();
            echo(stream);
        }),
        "spins" => {
            thread::spawn(|| {
                loop {
                    // A fifth of a core is enough to be caught, and leaves the rest to the other cases.
                    let begun = std::time::Instant::now();
                    while begun.elapsed() < Duration::from_millis(1) {}
                    thread::sleep(Duration::from_millis(4));
                }
            });
            threads(announced(&address), echo);
        }
        "ignores-sigterm" => {
            blocked(&[Signal::SIGTERM]);
            threads(announced(&address), echo);
        }
        "ignores-ctrl-c" => {
            blocked(&[Signal::SIGINT]);
            threads(announced(&address), echo);
        }
        "leaves-a-child" => {
            // In a group of its own, as a daemon would be.
            mem::forget(sleeper(true));
            threads(announced(&address), echo);
        }
        "asleep" => thread::sleep(Duration::from_secs(120)),
        other => panic!("no server is called {other}"),
    }
}

fn bound(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("listening on {address}: {error}");
        process::exit(1);
    })
}

fn announce(listener: &TcpListener) {
    writeln!(io::stdout(), "listening on {}", listener.local_addr().unwrap()).ok();
}

fn announced(address: &str) -> TcpListener {
    let listener = bound(address);
    announce(&listener);
    listener
}

/// `TcpListener::bind` with these two options, and with no other.
fn by_hand(address: &str, reuse_address: bool, reuse_port: bool) -> TcpListener {
    let failed = |error: &dyn std::fmt::Display| -> ! {
        eprintln!("listening on {address}: {error}");
        process::exit(1);
    };
    let SocketAddr::V4(wanted) = address.parse().unwrap_or_else(|error| failed(&error)) else {
        failed(&"not IPv4")
    };
    let listener = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
    setsockopt(&listener, sockopt::ReuseAddr, &reuse_address).unwrap();
    setsockopt(&listener, sockopt::ReusePort, &reuse_port).unwrap();
    socket::bind(listener.as_raw_fd(), &SockaddrIn::from(wanted)).unwrap_or_else(|error| failed(&error));
    socket::listen(&listener, Backlog::new(128).unwrap()).unwrap();
    listener.into()
}

fn threads(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let serve = Arc::clone(&serve);
        thread::spawn(move || serve(stream));
    }
}

fn echo(stream: TcpStream) {
    echo_until_the_end(&stream).ok();
}

fn echo_until_the_end(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

fn one_by_one(listener: &TcpListener) {
    listener.incoming().flatten().for_each(echo);
}

/// So many at a time; a place is taken before `accept`, or after it.
fn places(listener: &TcpListener, places: usize, before: bool) {
    let free = Arc::new((Mutex::new(places), Condvar::new()));
    let take = |free: &(Mutex<usize>, Condvar)| {
        *free
            .1
            .wait_while(free.0.lock().unwrap(), |free| *free == 0)
            .unwrap() -= 1;
    };
    loop {
        if before {
            take(&free);
        }
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let free = Arc::clone(&free);
        thread::spawn(move || {
            if !before {
                take(&free);
            }
            echo(stream);
            *free.0.lock().unwrap() += 1;
            free.1.notify_one();
        });
    }
}

fn refuses_the_second(listener: &TcpListener) {
    let served = Arc::new((Mutex::new(None::<TcpStream>), Condvar::new()));
    for stream in listener.incoming().flatten() {
        let mut client = served.0.lock().unwrap();
        // Whoever has closed is waited for, so that only a second client is a second client, however late the thread
        // that serves the first wakes up.
        if client.as_ref().is_some_and(|client| !is_gone(client)) {
            continue;
        }
        client = served.1.wait_while(client, |client| client.is_some()).unwrap();
        *client = Some(stream.try_clone().unwrap());
        drop(client);
        let served = Arc::clone(&served);
        thread::spawn(move || {
            echo(stream);
            *served.0.lock().unwrap() = None;
            served.1.notify_one();
        });
    }
}

/// Whether the client's FIN or RST has come, or comes within a moment: it may still be under way.
fn is_gone(client: &TcpStream) -> bool {
    #[cfg(target_os = "linux")]
    let ended = PollFlags::from_bits_retain(libc::POLLRDHUP);
    #[cfg(not(target_os = "linux"))]
    let ended = PollFlags::POLLHUP;
    let mut client = [PollFd::new(client.as_fd(), ended)];
    !matches!(poll(&mut client, 100_u8), Ok(0))
}

fn echo_frames(mut stream: TcpStream) {
    let mut frame = || -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut payload = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
            stream.read_exact(&mut payload)?;
            stream.write_all(&[&length[..], &payload].concat())?;
        }
    };
    frame().ok();
}

fn sink(mut stream: TcpStream) {
    io::copy(&mut stream, &mut io::sink()).ok();
}

fn whole_buffer(mut stream: TcpStream) {
    let mut buffer = [0; 100];
    while let Ok(1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer).is_err() {
            return;
        }
    }
}

fn altered(mut stream: TcpStream, alter: impl Fn(&mut Vec<u8>)) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        let mut message = buffer[..n].to_vec();
        alter(&mut message);
        if stream.write_all(&message).is_err() {
            return;
        }
    }
}

/// Reads as fast as it can, whatever becomes of the answers.
fn unbounded(stream: TcpStream) {
    let (read, written) = mpsc::channel::<Vec<u8>>();
    let mut writer = stream.try_clone().unwrap();
    let writing = thread::spawn(move || written.iter().try_for_each(|message| writer.write_all(&message)));
    let mut buffer = [0; 65536];
    while let Ok(n @ 1..) = (&stream).read(&mut buffer) {
        if read.send(buffer[..n].to_vec()).is_err() {
            break;
        }
    }
    drop(read);
    writing.join().unwrap().ok();
}

/// Blocks these signals in every thread to come.
fn blocked(signals: &[Signal]) -> SigSet {
    let mut set = SigSet::empty();
    signals.iter().for_each(|&signal| set.add(signal));
    set.thread_block().unwrap();
    set
}

fn sleeper(own_group: bool) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--be", "asleep"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if own_group {
        command.process_group(0);
    }
    command.spawn().unwrap()
}

/// On SIGTERM: reads no more than has come, answers it, and ends when all have been.
fn graceful(listener: TcpListener) {
    let signals = blocked(&[Signal::SIGTERM]);
    let clients = Arc::new(Mutex::new((false, BTreeMap::<SocketAddr, TcpStream>::new())));
    let ending = Arc::clone(&clients);
    thread::spawn(move || {
        signals.wait().ok();
        let mut clients = ending.lock().unwrap();
        clients.0 = true;
        for client in clients.1.values() {
            // What has come can still be read, then comes the end of the stream, as if the client had finished.
            client.shutdown(Shutdown::Read).ok();
        }
        drop(clients);
        while !ending.lock().unwrap().1.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        process::exit(0);
    });
    threads(listener, move |stream| {
        let Ok(client) = stream.peer_addr() else { return };
        let Ok(second) = stream.try_clone() else { return };
        let mut all = clients.lock().unwrap();
        if all.0 {
            stream.shutdown(Shutdown::Read).ok(); // came while we were ending
        }
        all.1.insert(client, second);
        drop(all);
        echo_until_the_end(&stream).ok();
        stream.shutdown(Shutdown::Both).ok();
        clients.lock().unwrap().1.remove(&client);
    });
}
