//! Servers right and wrong, each wrong in one way.

#![allow(clippy::unwrap_used)] // a server of these that cannot go on may as well panic

use std::{
    collections::{BTreeMap, BTreeSet},
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
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, setsockopt, sockopt},
    },
};

/// How long the servers with deadlines wait: so long that a busy machine keeps no client silent for it.
const DEADLINE: Duration = Duration::from_secs(4);

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
            altered(stream, |message| message.truncate((message.len() - 1).max(1)))
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
        "tires-of-the-hundredth" => {
            let here = Arc::new(AtomicUsize::new(0));
            threads(announced(&address), move |stream| {
                let mut first = [0; 4096];
                let Ok(n @ 1..) = (&stream).read(&mut first) else {
                    return;
                };
                if (&stream).write_all(&first[..n]).is_err() || !matches!(stream.peek(&mut [0]), Ok(1)) {
                    return;
                }
                // Whoever speaks a second time is here to stay.
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
            for stream in accepted(&listener) {
                println!("somebody came");
                thread::spawn(|| echo(stream));
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
                    let begun = Instant::now();
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
        "closes-before-all-is-written" => threads(announced(&address), |stream| {
            closes_early(&stream).ok();
            stream.shutdown(Shutdown::Both).ok();
        }),
        "drops-what-its-queue-cannot-hold" => drops_what_does_not_fit(&announced(&address)),
        "serves-the-oldest-first" => oldest_first(announced(&address)),
        "two-hundred-and-five-places" => places(&announced(&address), 205, true),
        "loses-a-client-to-a-signal" => {
            interruptible();
            for stream in accepted(&announced(&address)) {
                interrupted(&stream).ok();
            }
        }
        "spins-without-descriptors" => {
            let listener = announced(&address);
            loop {
                if let Ok((stream, _)) = listener.accept() {
                    thread::spawn(|| echo(stream));
                }
            }
        }
        "dies-without-descriptors" => {
            let listener = announced(&address);
            while let Ok((stream, _)) = listener.accept() {
                thread::spawn(|| echo(stream));
            }
        }
        "right-with-a-child-each" => children(&announced(&address), |_, _| ()),
        "dies-with-its-child" => children(&announced(&address), |ended_well, _| {
            if !ended_well {
                process::exit(5);
            }
        }),
        "keeps-the-client-of-a-dead-child" => children(&announced(&address), |ended_well, client| {
            if !ended_well {
                mem::forget(client);
            }
        }),
        "leaves-its-busy-children" => {
            let signals = blocked(&[Signal::SIGTERM]);
            let clients = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
            let ending = Arc::clone(&clients);
            thread::spawn(move || {
                signals.wait().ok();
                for client in ending.lock().unwrap().iter() {
                    client.shutdown(Shutdown::Read).ok();
                }
                process::exit(0);
            });
            for stream in accepted(&announced(&address)) {
                let mut child = child(&stream, "child-for-itself");
                clients.lock().unwrap().push(again(&stream));
                let clients = Arc::clone(&clients);
                let client = stream.peer_addr().ok();
                thread::spawn(move || {
                    child.wait().ok();
                    drop(stream);
                    clients
                        .lock()
                        .unwrap()
                        .retain(|other| other.peer_addr().ok() != client);
                });
            }
        }
        "child" => {
            // As long as the parent's thread that started it.
            #[cfg(target_os = "linux")]
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
            // Which may have ended before that.
            if nix::unistd::getppid().to_string() != address {
                return;
            }
            echo(io::stdin().as_fd().try_clone_to_owned().unwrap().into());
        }
        "child-for-itself" => echo(io::stdin().as_fd().try_clone_to_owned().unwrap().into()),
        "throws-away-what-it-cannot-hold" => threads(announced(&address), |stream| hoards(stream, 4 << 20)),
        "asks-who-came" => {
            let listener = announced(&address);
            for stream in accepted(&listener) {
                thread::sleep(Duration::from_millis(5));
                let _who = stream.peer_addr().unwrap();
                thread::spawn(|| echo(stream));
            }
        }
        "spins-on-urgent-data" => threads(announced(&address), |stream| {
            waits_for_urgent_data(&stream).ok();
        }),
        "right-with-deadlines" => threads(announced(&address), |stream| {
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            echo(stream);
        }),
        "ends-everybody-in-time" => {
            let (came, coming) = mpsc::channel::<(Instant, Weak<TcpStream>)>();
            thread::spawn(move || {
                for (since, client) in coming {
                    thread::sleep((since + DEADLINE).saturating_duration_since(Instant::now()));
                    client.upgrade().map(|client| client.shutdown(Shutdown::Both));
                }
            });
            threads(announced(&address), move |stream| {
                let stream = Arc::new(stream);
                came.send((Instant::now(), Arc::downgrade(&stream))).unwrap();
                echo_until_the_end(&stream).ok();
            });
        }
        "leaves-a-listener" => {
            let signals = blocked(&[Signal::SIGTERM]);
            let listener = announced(&address);
            let child = Command::new(env::current_exe().unwrap())
                .args(["--be", "asleep"])
                .stdin(Stdio::from(std::os::fd::OwnedFd::from(
                    listener.try_clone().unwrap(),
                )))
                .stdout(Stdio::null())
                .spawn();
            mem::forget(child);
            graceful_by(signals, listener);
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

/// Every connection, with a pause where there is none to be had: being out of descriptors is no reason to spin.
fn accepted(listener: &TcpListener) -> impl Iterator<Item = TcpStream> + '_ {
    listener
        .incoming()
        .filter_map(|stream| stream.map_err(|_| thread::sleep(Duration::from_millis(20))).ok())
}

/// A second descriptor of the connection, as soon as there is one to be had.
fn again(stream: &TcpStream) -> TcpStream {
    loop {
        match stream.try_clone() {
            Ok(second) => return second,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn threads(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    for stream in accepted(&listener) {
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
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => stream.write_all(&buffer[..n])?,
            // With a timeout, a stop and a continuation are enough for that (signal(7)).
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn one_by_one(listener: &TcpListener) {
    accepted(listener).for_each(echo);
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
        let Some(stream) = accepted(listener).next() else {
            return;
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
    for stream in accepted(listener) {
        let mut client = served.0.lock().unwrap();
        // Whoever has closed is waited for, so that only a second client is a second client, however late the thread
        // that serves the first wakes up.
        if client.as_ref().is_some_and(|client| !is_gone(client)) {
            continue;
        }
        client = served.1.wait_while(client, |client| client.is_some()).unwrap();
        *client = Some(again(&stream));
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

/// Waits to read and to write at the same time, with a bounded buffer between; at the end of the stream it writes what is
/// taken at once, and drops the rest, if the stream was a long one. Its send buffer is small and stays so: Linux sizes one
/// by what it has learned of the path (`tcp_sndbuf_expand`), and in a large one nothing would be left to drop.
fn closes_early(mut stream: &TcpStream) -> io::Result<()> {
    setsockopt(&stream, sockopt::SndBuf, &(8 * 1024))?;
    stream.set_nonblocking(true)?;
    let (mut held, mut read) = (Vec::new(), 0);
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, held.len() < 64 * 1024);
        events.set(PollFlags::POLLOUT, !held.is_empty());
        let mut events = [PollFd::new(stream.as_fd(), events)];
        match poll(&mut events, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = held.len() < 64 * 1024
            && match stream.read(&mut buffer) {
                Ok(0) => true,
                Ok(n) => {
                    held.extend_from_slice(&buffer[..n]);
                    read += n;
                    false
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                Err(error) => return Err(error),
            };
        if ended && read <= 64 * 1024 {
            stream.set_nonblocking(false)?;
            return stream.write_all(&held);
        }
        match stream.write(&held) {
            Ok(n) => drop(held.drain(..n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if ended {
            return Ok(());
        }
    }
}

/// A queue of bounded length between `accept` and those who serve; who finds it full is dropped.
fn drops_what_does_not_fit(listener: &TcpListener) {
    let (queue, queued) = mpsc::sync_channel::<TcpStream>(100);
    thread::spawn(move || {
        for stream in queued {
            thread::sleep(Duration::from_millis(8));
            thread::spawn(|| echo(stream));
        }
    });
    for stream in accepted(listener) {
        queue.try_send(stream).ok();
    }
}

/// Work that one can do at a time, and whoever came first is always first.
fn oldest_first(listener: TcpListener) {
    let here = AtomicUsize::new(0);
    let turn = Arc::new((Mutex::new((false, BTreeSet::new())), Condvar::new()));
    threads(listener, move |mut stream| {
        let me = here.fetch_add(1, Ordering::SeqCst);
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            let mut waiting = turn.0.lock().unwrap();
            waiting.1.insert(me);
            waiting = turn
                .1
                .wait_while(waiting, |(busy, waiting)| *busy || waiting.first() != Some(&me))
                .unwrap();
            waiting.0 = true;
            waiting.1.remove(&me);
            drop(waiting);
            thread::sleep(Duration::from_millis(2));
            turn.0.lock().unwrap().0 = false;
            turn.1.notify_all();
            if stream.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
    });
}

/// From now on SIGWINCH and SIGCHLD interrupt whatever waits.
#[allow(unsafe_code)]
fn interruptible() {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, sigaction};
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGWINCH, Signal::SIGCHLD] {
        // SAFETY: the handler does nothing.
        unsafe { sigaction(signal, &action) }.unwrap();
    }
}

/// As [`echo_until_the_end`], but takes an interruption for the end.
fn interrupted(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

/// A process for each connection; when it has ended, `then` is told whether well, and gets our copy of the connection.
fn children(listener: &TcpListener, then: fn(bool, TcpStream)) {
    for stream in accepted(listener) {
        let mut child = child(&stream, "child");
        thread::spawn(move || {
            let ended_well = child.wait().is_ok_and(|status| status.success());
            then(ended_well, stream);
        });
    }
}

/// A process whose standard input is this connection.
fn child(stream: &TcpStream, kind: &str) -> Child {
    let spawned = || {
        Command::new(env::current_exe()?)
            .args(["--be", kind, &process::id().to_string()])
            .stdin(Stdio::from(stream.as_fd().try_clone_to_owned()?))
            .stdout(Stdio::null())
            .spawn()
    };
    loop {
        match spawned() {
            Ok(child) => return child,
            // No descriptor is left, and one will be when another client leaves.
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Reads on while there is nobody to take the answers, and keeps so many bytes of them.
fn hoards(stream: TcpStream, most: usize) {
    let held = Arc::new(AtomicUsize::new(0));
    let (read, written) = mpsc::channel::<Vec<u8>>();
    let mut writer = again(&stream);
    let holds = Arc::clone(&held);
    let writing = thread::spawn(move || {
        written.iter().try_for_each(|message| {
            writer.write_all(&message)?;
            holds.fetch_sub(message.len(), Ordering::SeqCst);
            Ok::<_, io::Error>(())
        })
    });
    let mut buffer = [0; 65536];
    while let Ok(n @ 1..) = (&stream).read(&mut buffer) {
        if held.load(Ordering::SeqCst) + n > most {
            continue;
        }
        held.fetch_add(n, Ordering::SeqCst);
        if read.send(buffer[..n].to_vec()).is_err() {
            break;
        }
    }
    drop(read);
    writing.join().unwrap().ok();
}

/// Waits for urgent data, too, and then reads only the others.
fn waits_for_urgent_data(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let mut events = [PollFd::new(
            stream.as_fd(),
            PollFlags::POLLIN | PollFlags::POLLPRI,
        )];
        match poll(&mut events, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if events[0].revents() == Some(PollFlags::POLLPRI) {
            continue;
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
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
    let mut writer = again(&stream);
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

fn graceful(listener: TcpListener) {
    graceful_by(blocked(&[Signal::SIGTERM]), listener);
}

/// On SIGTERM: reads no more than has come, answers it, and ends when all have been.
fn graceful_by(signals: SigSet, listener: TcpListener) {
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
        let second = again(&stream);
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
