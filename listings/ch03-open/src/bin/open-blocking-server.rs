//! An echo server, a thread for each connection, born call by call: `socket`, `bind`,
//! `listen`, and `accept` as late as it is told.
//!
//! `cargo run --bin open-blocking-server [ADDRESS] [SECONDS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How many finished connections may wait for `accept`: what std and tokio ask for.
const BACKLOG: i32 = 128;

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let late = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let listener =
        listen(&address).with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR: accept
    thread::sleep(late);
    writeln!(io::stdout(), "accepting").ok();
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own: nobody else waits for this client.
                let started =
                    thread::Builder::new().spawn(move || serve(stream, client));
                if let Err(error) = started {
                    writeln!(io::stderr(), "no thread for {client}: {error}").ok();
                }
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                thread::sleep(BACK_OFF);
            }
        }
    }
}
// ANCHOR_END: accept

// ANCHOR: listen
/// What `TcpListener::bind` does, call by call.
fn listen(address: &str) -> Result<TcpListener> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)] // as std does; elsewhere the same option means something else
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
// ANCHOR_END: listen

/// Answers one client until it is gone, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client) {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
fn echo(mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message)?;
    }
}
// ANCHOR_END: echo

/// The time to wait before `accept`, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
