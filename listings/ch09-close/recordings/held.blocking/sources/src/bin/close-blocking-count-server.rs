//! `wc` over TCP, a thread for each connection: counts what a client says until it has finished, then answers.
//!
//! `cargo run --bin close-blocking-count-server [ADDRESS] [THOUGHT]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let thought = seconds(env::args().nth(2).as_deref().unwrap_or("0"))?;
    let listener = TcpListener::bind(&address)
        .with_context(|| format!("listening on {address}"))?;
    // `println!` would panic once nobody reads our output; a reader gone is no reason to end.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                // A thread of its own, so that this client's silence keeps nobody else waiting.
                let started = thread::Builder::new()
                    .spawn(move || serve(stream, client, thought));
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

/// Answers one client, and says why it went.
fn serve(stream: TcpStream, client: SocketAddr, thought: Duration) {
    writeln!(io::stdout(), "{client} came").ok();
    match count(stream, client, thought) {
        Ok(()) => writeln!(io::stdout(), "{client} answered").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: count
fn count(
    mut stream: TcpStream,
    client: SocketAddr,
    thought: Duration,
) -> io::Result<()> {
    let mut count = Count::default();
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            break; // the client has finished sending, and waits for the answer
        }
        count.add(&buffer[..n]);
    }
    writeln!(io::stdout(), "{client} has finished").ok();
    thread::sleep(thought);
    let Count { lines, words, bytes, .. } = count;
    let answer = format!("{lines} lines, {words} words, {bytes} bytes\n");
    stream.write_all(answer.as_bytes())
} // the stream goes out of scope here: the server's goodbye
// ANCHOR_END: count

/// Lines, words and bytes, as `wc` counts them.
#[derive(Default)]
struct Count {
    lines: u64,
    words: u64,
    bytes: u64,
    in_word: bool,
}

impl Count {
    fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        for byte in piece {
            self.lines += u64::from(*byte == b'\n');
            let in_word = !byte.is_ascii_whitespace();
            // A word may be cut by the border of two reads, so the last byte is remembered.
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
        }
    }
}

/// A time to wait, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
