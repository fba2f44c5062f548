//! An echo server that bounds its clients, waits for none of them for ever, and ends in order when it is asked to.
//!
//! `cargo run --bin tokio-async-server [ADDRESS] [PLACES] [FIRST] [IDLE] [GRACE]`, then ctrl-C or `kill`; FIRST, IDLE and
//! GRACE are seconds

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Once the server is to end: how long a client may keep silent before it is taken to have asked all it had to ask.
const LAST: Duration = Duration::from_millis(100);

/// How long a client may take to close, once the server has finished.
const LINGER: Duration = Duration::from_secs(1);

/// How long a client may keep silent.
#[derive(Clone, Copy)]
struct Limits {
    /// Before its first byte.
    first: Duration,
    /// After that; and how long it may take to read an answer.
    idle: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let places = number(env::args().nth(2).as_deref().unwrap_or("200"))?;
    let places = Arc::new(Semaphore::new(places));
    let limits = Limits {
        first: seconds(env::args().nth(3).as_deref().unwrap_or("5"))?,
        idle: seconds(env::args().nth(4).as_deref().unwrap_or("10"))?,
    };
    let grace = seconds(env::args().nth(5).as_deref().unwrap_or("0.5"))?;
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    // ANCHOR: stop
    // A flag and a bell in one: whoever looks later still sees that it was set.
    let (stop, mut asked) = watch::channel(false);
    ctrlc::set_handler(move || {
        stop.send_replace(true); // ❶
    })
    .context("asking for SIGTERM")?;
    // ANCHOR_END: stop
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    // ANCHOR: wait
    let mut clients = JoinSet::new();
    loop {
        let (place, arrived) = select! {
            arrived = next(&listener, &places) => arrived?,
            Some(ended) = clients.join_next() => { // ❶
                tell(ended);
                continue;
            }
            () = asked_to_end(&mut asked) => break, // ❷
        };
        // ANCHOR_END: wait
        match arrived {
            Ok((stream, client)) => {
                let stop = asked.clone();
                // A task of its own: nobody else waits for this client.
                clients.spawn(async move {
                    let _place = place; // given back when the task ends
                    serve(stream, client, limits, stop).await;
                });
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
    // ANCHOR: drain
    drop(listener); // who is in the kernel's queue is reset, whoever comes is refused
    let all = async {
        while let Some(ended) = clients.join_next().await {
            tell(ended);
        }
    };
    if time::timeout(grace, all).await.is_err() {
        let left = clients.len();
        writeln!(io::stderr(), "{left} clients did not leave in time").ok();
    }
    Ok(()) // `clients` is dropped, and aborts the tasks that are left
}
// ANCHOR_END: drain

// ANCHOR: next
/// A place, then a client for it. While all are taken, whoever comes waits in the
/// kernel's queue.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Result<(OwnedSemaphorePermit, io::Result<(TcpStream, SocketAddr)>)> {
    let place = Arc::clone(places).acquire_owned().await?;
    Ok((place, listener.accept().await))
}
// ANCHOR_END: next

// ANCHOR: asked
/// Returns when the server has been asked to end, now or before.
async fn asked_to_end(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}
// ANCHOR_END: asked

// ANCHOR: tell
/// Says so if a task did not end by itself: it panicked.
fn tell(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        writeln!(io::stderr(), "a client's task: {error}").ok();
    }
}
// ANCHOR_END: tell

/// Answers one client until it is gone, and says why it went.
async fn serve(
    mut stream: TcpStream,
    client: SocketAddr,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    writeln!(io::stdout(), "{client} came").ok();
    let ended = async {
        let why = echo(&mut stream, client, limits, stop).await?;
        time::timeout(LINGER, part(&mut stream)).await??;
        io::Result::Ok(why)
    };
    match ended.await {
        Ok(why) => writeln!(io::stdout(), "{client} gone: {why}").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

// ANCHOR: echo
async fn echo(
    stream: &mut TcpStream,
    client: SocketAddr,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) -> io::Result<&'static str> {
    let mut buffer = [0; 100];
    let (mut patience, mut ending) = (limits.first, false);
    // ANCHOR: turn
    loop {
        let n = select! {
            read = time::timeout(patience, stream.read(&mut buffer)) => match read { // ❶
                Ok(n) => n?,
                Err(_) if ending => return Ok("the server ends"),
                Err(_) => return Ok("silent for too long"),
            },
            () = asked_to_end(&mut stop), if !ending => { // ❷
                (patience, ending) = (LAST, true);
                continue;
            }
        };
        if n == 0 {
            return Ok("end of stream"); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        time::timeout(limits.idle, stream.write_all(message)).await??; // ❸
        if !ending {
            patience = limits.idle; // ❹
        }
    }
    // ANCHOR_END: turn
}
// ANCHOR_END: echo

// ANCHOR: part
/// Says goodbye: a FIN, and then whatever still comes is read and thrown away. If it
/// stayed unread, it would turn the close into a reset.
async fn part(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
// ANCHOR_END: part

/// At least one of something, from an argument such as `200`.
fn number(argument: &str) -> Result<usize> {
    let number: usize =
        argument.parse().with_context(|| format!("{argument:?} is no number"))?;
    anyhow::ensure!(
        (1..=Semaphore::MAX_PERMITS).contains(&number),
        "{number} places cannot be; give at least 1"
    );
    Ok(number)
}

/// A time, from an argument such as `1` or `0.25`.
fn seconds(argument: &str) -> Result<Duration> {
    let seconds = argument
        .parse()
        .with_context(|| format!("{argument:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("{argument} seconds cannot be waited for"))
}
