//! A task for each connection, three at most. Yet it accepts whoever comes, and keeps them all. Let it accept three.
//!
//! `cargo book exercise thread/bound`

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
    sync::Semaphore,
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let places = number(env::args().nth(2).as_deref().unwrap_or("3"))?;
    let places = Arc::new(Semaphore::new(places));
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                // A task of its own: nobody else waits for this client.
                let places = Arc::clone(&places);
                tokio::spawn(async move {
                    // While all are taken, this task waits.
                    let Ok(_place) = places.acquire().await else { return };
                    serve(stream, client).await;
                });
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Answers one client until it is gone, and says why it went.
async fn serve(stream: TcpStream, client: SocketAddr) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client).await {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

async fn echo(mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message).await?;
    }
}

/// At least one of something, from an argument such as `3`.
fn number(argument: &str) -> Result<usize> {
    let number: usize =
        argument.parse().with_context(|| format!("{argument:?} is no number"))?;
    anyhow::ensure!(
        (1..=Semaphore::MAX_PERMITS).contains(&number),
        "{number} places cannot be; give at least 1"
    );
    Ok(number)
}
