//! Each exercise fails as shipped, its solution passes, in sentences.
//!
//! `cargo test -p ch03-open --features exercises`

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot do without may end it by a panic"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// What a check finds wrong, in a sentence for whoever does the exercise.
type Verdict = Result<(), String>;

// healthy

#[test]
fn healthy_fails_as_shipped() {
    let complaint =
        healthy(env!("CARGO_BIN_EXE_open-exercise-healthy")).unwrap_err();
    assert!(complaint.contains("nobody accepts"), "{complaint}");
}

#[test]
fn the_solution_of_healthy_passes() {
    healthy(env!("CARGO_BIN_EXE_open-solution-healthy")).unwrap();
}

fn healthy(program: &str) -> Verdict {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    expect(program, "an address where nobody listens", closed, false)?;

    let asleep = TcpListener::bind("127.0.0.1:0").unwrap();
    expect(
        program,
        "a listener where nobody accepts",
        asleep.local_addr().unwrap(),
        false,
    )?;

    let echo =
        |stream: &mut TcpStream, bytes: &[u8]| stream.write_all(bytes).is_ok();
    expect(program, "an echo server", server(echo), true)?;
    let in_pieces = |stream: &mut TcpStream, bytes: &[u8]| {
        stream.set_nodelay(true).is_ok()
            && bytes.chunks(3).all(|piece| {
                thread::sleep(Duration::from_millis(10));
                stream.write_all(piece).is_ok()
            })
    };
    expect(
        program,
        "an echo server whose answer comes in pieces",
        server(in_pieces),
        true,
    )?;
    let wrong = |stream: &mut TcpStream, bytes: &[u8]| {
        stream.write_all(&vec![b'?'; bytes.len()]).is_ok()
    };
    expect(program, "a server that answers something else", server(wrong), false)?;
    expect(program, "a server that hangs up", server(|_, _| false), false)?;
    let drip = |stream: &mut TcpStream, bytes: &[u8]| {
        bytes.chunks(1).all(|byte| {
            thread::sleep(Duration::from_millis(400));
            stream.write_all(byte).is_ok()
        })
    };
    expect(
        program,
        "a server that answers a byte every 400 ms",
        server(drip),
        false,
    )
}

/// Runs the program against an address; holds its verdict and its time to what is so.
fn expect(
    program: &str,
    what: &str,
    address: SocketAddr,
    healthy: bool,
) -> Verdict {
    let start = Instant::now();
    let output = finish(
        Command::new(program).arg(address.to_string()),
        Duration::from_secs(4),
    )
    .ok_or(format!("{what}: no answer after 4 seconds; it may take one"))?;
    let took = start.elapsed();
    match (output.status.code(), healthy) {
        (Some(0), false) => {
            return Err(format!(
                "{what} was called healthy; `connect` asks only the kernel"
            ));
        }
        (Some(0), true) | (Some(1), false) => {}
        (code, _) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "{what}: expected exit code {}, got {code:?}: {said}",
                i32::from(!healthy)
            ));
        }
    }
    if took > Duration::from_secs(2) {
        return Err(format!(
            "{what}: the verdict took {took:?}; one second is for everything together"
        ));
    }
    Ok(())
}

/// A server on a thread of its own that hands what it reads to `answer`, and hangs up
/// when that says no.
fn server(
    answer: impl Fn(&mut TcpStream, &[u8]) -> bool + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let mut buffer = [0; 100];
        while let Ok(n) = stream.read(&mut buffer)
            && n > 0
            && answer(&mut stream, &buffer[..n])
        {}
    });
    address
}

// not-myself

#[test]
fn not_myself_fails_as_shipped() {
    let complaint =
        not_myself(env!("CARGO_BIN_EXE_open-exercise-not-myself")).unwrap_err();
    assert!(complaint.contains("itself"), "{complaint}");
}

#[test]
fn the_solution_of_not_myself_passes() {
    not_myself(env!("CARGO_BIN_EXE_open-solution-not-myself")).unwrap();
}

fn not_myself(program: &str) -> Verdict {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output =
        finish(Command::new(program).arg(&address), Duration::from_secs(4))
            .ok_or("no answer after 4 seconds from a listener")?;
    if output.status.code() != Some(0) {
        return Err(format!(
            "a listener at {address} is somebody else, and was refused: {}",
            said(&output)
        ));
    }
    drop(listener);

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let output = finish(
        Command::new(program).args([&address, &address]),
        Duration::from_secs(4),
    )
    .ok_or("no answer after 4 seconds where nobody listens")?;
    match output.status.code() {
        Some(0) => Err(format!(
            "nobody listens at {address}, and it is pleased with itself: {}",
            said(&output)
        )),
        Some(1) => TcpListener::bind(&address)
            .map(drop)
            .map_err(|error| {
                format!("it left, but no server can start at {address} ({error}): see `ss -tan`")
            }),
        code => Err(format!(
            "expected exit code 1 for a connection to itself, got {code:?}"
        )),
    }
}

// warm

#[test]
fn warm_fails_as_shipped() {
    let complaint = warm(env!("CARGO_BIN_EXE_open-exercise-warm")).unwrap_err();
    assert!(complaint.contains("warming up"), "{complaint}");
}

#[test]
fn the_solution_of_warm_passes() {
    warm(env!("CARGO_BIN_EXE_open-solution-warm")).unwrap();
}

fn warm(program: &str) -> Verdict {
    let server = Running::start(Command::new(program).args(["127.0.0.1:0", "1"]));
    let bound = server.line()?;
    let address: SocketAddr = bound
        .strip_prefix("bound to ")
        .and_then(|address| address.parse().ok())
        .ok_or(format!("expected the line `bound to ADDRESS`, got {bound:?}"))?;
    match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
        Err(error) => {
            return Err(format!(
                "while it was warming up a client was not refused: {error}"
            ));
        }
        Ok(_) => return Err(
            "while it was warming up a client was connected, and would have waited"
                .into(),
        ),
    }
    // Without SO_REUSEADDR, which does not get past a listener but past a bound socket.
    let rival =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .unwrap();
    if rival.bind(&address.into()).is_ok() {
        return Err(
            "another program could take its address while it was warming up".into(),
        );
    }
    let ready = server.line()?;
    if !ready.starts_with("ready on ") {
        return Err(format!("expected the line `ready on ADDRESS`, got {ready:?}"));
    }
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))
        .map_err(|error| {
        format!("once it was ready a client could not connect: {error}")
    })?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = [0; 11];
    stream
        .write_all(b"Hi, ferris?")
        .and_then(|()| stream.read_exact(&mut answer))
        .map_err(|error| format!("once it was ready it did not answer: {error}"))?;
    if &answer == b"Hi, ferris?" {
        Ok(())
    } else {
        Err("it answered something else".into())
    }
}

// programs

/// A program that is killed when it goes out of scope.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Running {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Ends with the program's output, at the latest when the program is killed.
        thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Running { child, lines }
    }

    fn line(&self) -> Result<String, String> {
        self.lines.recv_timeout(Duration::from_secs(5)).map_err(|_| {
            "it printed no further line within 5 seconds, or ended".into()
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs a program to its end; none if that does not come in time: then it is killed.
fn finish(command: &mut Command, patience: Duration) -> Option<Output> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while start.elapsed() < patience {
        if child.try_wait().unwrap().is_some() {
            return Some(child.wait_with_output().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().ok();
    child.wait().ok();
    None
}

/// What a program printed, in one line.
fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}
