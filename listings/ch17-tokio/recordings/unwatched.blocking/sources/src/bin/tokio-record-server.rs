//! An echo server with two tasks for each connection, and a record of every message that takes a while. Where it is
//! made `here`, on the thread that runs the task: **works, and wastes** everybody's time.
//!
//! `cargo run --bin tokio-record-server [ADDRESS] [here | elsewhere] [WORKERS]`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use ch17_tokio::watched;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Builder,
    sync::mpsc,
    task, time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How many messages may wait to be written; then the task that reads waits.
const WAITING: usize = 8;

/// How long a record takes.
const RECORD: Duration = Duration::from_millis(500);

/// Where a record is made.
#[derive(Clone, Copy)]
enum Place {
    /// On the thread that runs the task.
    Here,
    /// On a thread that may wait.
    Elsewhere,
}

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let place = match env::args().nth(2).as_deref().unwrap_or("here") {
        "here" => Place::Here,
        "elsewhere" => Place::Elsewhere,
        other => bail!("{other:?} is no place: say `here` or `elsewhere`"),
    };
    let workers = number(env::args().nth(3).as_deref().unwrap_or("4"))?;
    // ANCHOR: runtime
    // What `#[tokio::main]` writes for us, with a number of our own.
    let runtime =
        Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(accept(&address, place))
    // ANCHOR_END: runtime
}

/// Listens, and starts two tasks for whoever comes.
async fn accept(address: &str, place: Place) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                writeln!(io::stdout(), "{client} came").ok();
                serve(stream, client, place);
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
}

// ANCHOR: halves
/// Starts two tasks for a client, and does not wait for them.
fn serve(stream: TcpStream, client: SocketAddr, place: Place) {
    let (reader, writer) = stream.into_split();
    let (messages, queue) = mpsc::channel(WAITING);
    tokio::spawn(watched("writer", write(writer, queue)));
    tokio::spawn(watched("reader", read(reader, messages, client, place)));
}
// ANCHOR_END: halves

// ANCHOR: read
/// Hands every message on to the task that writes, and makes a record of it.
async fn read(
    mut stream: OwnedReadHalf,
    messages: mpsc::Sender<Vec<u8>>,
    client: SocketAddr,
    place: Place,
) {
    let mut buffer = [0; 100];
    let end = loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break "end of stream".to_owned(),
            Err(error) => break error.to_string(),
            Ok(n) => {
                // ANCHOR: record
                if messages.send(buffer[..n].to_vec()).await.is_err() {
                    break "nobody writes any more".to_owned();
                }
                match place {
                    Place::Here => record(), // ❶
                    Place::Elsewhere => {
                        task::spawn_blocking(record).await.ok(); // ❷
                    }
                }
                // ANCHOR_END: record
            }
        }
    };
    writeln!(io::stdout(), "{client} gone: {end}").ok();
} // without a sender, the other task's queue ends, once it is empty
// ANCHOR_END: read

// ANCHOR: write
/// Writes what is in the queue, until that ends.
async fn write(mut stream: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = queue.recv().await {
        if let Err(error) = stream.write_all(&message).await {
            writeln!(io::stdout(), "no answer: {error}").ok();
            return;
        }
    }
}
// ANCHOR_END: write

/// Stands for a computation, a file, a lock of std's: something that takes its time and does not give way.
fn record() {
    thread::sleep(RECORD);
}

/// At least one of something, from an argument such as `4`.
fn number(argument: &str) -> Result<usize> {
    let number: usize =
        argument.parse().with_context(|| format!("{argument:?} is no number"))?;
    anyhow::ensure!(
        number > 0,
        "without a worker nothing would run; give at least 1"
    );
    Ok(number)
}
