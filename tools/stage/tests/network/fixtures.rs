//! The programs: as small as can be, and wrong on purpose where the name says so.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

/// Runs a program; the first word is its name.
pub fn run(words: &[String]) -> ExitCode {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    let done = match word(0) {
        "sink" => sink(word(1)),
        "echo" => echo(word(1)),
        "send" => send(word(1), word(2)),
        "say" => say(word(1), word(2)),
        "many" => many(word(1), word(2)),
        "rude" => rude(word(1)),
        "knock" => knock(word(1)),
        "ponder" => ponder(word(1), word(2)),
        "hang" => hang(word(1)),
        "deaf" => deaf(word(1)),
        "spawn" => spawn(word(1)),
        "flood" => flood(),
        "status" => status(),
        "fail" => Err(io::Error::other("on purpose")),
        other => Err(io::Error::other(format!("no fixture is called {other}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Reads each client to its end, one after another.
fn sink(address: &str) -> io::Result<()> {
    for stream in listen(address)?.incoming() {
        let got = io::copy(&mut stream?, &mut io::sink())?;
        println!("got {got} bytes");
    }
    Ok(())
}

/// Sends back what comes, one client after another.
fn echo(address: &str) -> io::Result<()> {
    for stream in listen(address)?.incoming() {
        let mut stream = stream?;
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break println!("end of stream"),
                Ok(length) => stream.write_all(&buffer[..length])?,
                Err(error) => break println!("{error}"),
            }
        }
    }
    Ok(())
}

/// Sends so many bytes, finishes, and waits until the other has.
fn send(address: &str, bytes: &str) -> io::Result<()> {
    let count = bytes.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(&vec![7; count])?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// Says a word, hears it back, and stays for so many milliseconds.
fn say(address: &str, millis: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    greet(&mut stream)?;
    // The stream stays open meanwhile.
    pause(millis)
}

/// Connects, waits for so many milliseconds, says a word and hears it back.
fn ponder(address: &str, millis: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    pause(millis)?;
    greet(&mut stream)
}

/// So many conversations, one after another.
fn many(address: &str, count: &str) -> io::Result<()> {
    for _ in 0..count.parse().map_err(io::Error::other)? {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"hello")?;
        stream.read_exact(&mut [0; 5])?;
    }
    Ok(())
}

/// Leaves with the answer unread.
fn rude(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"hello")?;
    // The answer is there once a byte of it can be seen.
    stream.peek(&mut [0; 1]).map(drop)
}

/// Is refused.
fn knock(address: &str) -> io::Result<()> {
    match TcpStream::connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("somebody listens")),
    }
}

fn greet(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"hello")?;
    let mut answer = [0; 5];
    match stream.read_exact(&mut answer) {
        Ok(()) => println!("heard hello"),
        Err(error) => println!("{:?}", error.kind()),
    }
    Ok(())
}

fn pause(millis: &str) -> io::Result<()> {
    thread::sleep(Duration::from_millis(millis.parse().map_err(io::Error::other)?));
    Ok(())
}

/// Connects, and never ends.
fn hang(address: &str) -> io::Result<()> {
    let _stream = TcpStream::connect(address)?;
    loop {
        thread::park();
    }
}

/// A server that does not listen to SIGTERM either.
#[allow(unsafe_code)]
fn deaf(address: &str) -> io::Result<()> {
    // SAFETY: ignoring a signal calls no handler.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    sink(address)
}

/// Leaves a process behind that would live for long and holds its standard output.
fn spawn(seconds: &str) -> io::Result<()> {
    let child = Command::new("sleep").arg(seconds).stdin(Stdio::null()).spawn()?;
    println!("left {}", child.id());
    Ok(())
}

fn flood() -> io::Result<()> {
    let line = "0123456789abcdef\n".repeat(4096);
    loop {
        match io::stdout().write_all(line.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
}

/// What it is allowed, and who it is.
fn status() -> io::Result<()> {
    for line in fs::read_to_string("/proc/self/status")?.lines() {
        if [
            "CapEff:", "CapPrm:", "CapBnd:", "CapAmb:", "Uid:", "Gid:", "Groups:",
        ]
        .iter()
        .any(|key| line.starts_with(key))
        {
            println!("{line}");
        }
    }
    Ok(())
}
