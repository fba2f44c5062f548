//! Ends when it is asked to: it accepts nobody any more, answers what has come, says goodbye, and waits for its clients,
//! half a second at most.
//!
//! `cargo book exercise tokio/drain`

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinSet,
    time,
};

/// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Once the server is to end: how long a client may keep silent before it is taken to have asked all it had to ask.
const LAST: Duration = Duration::from_millis(100);

/// How long all clients together may take then.
const GRACE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    let (stop, mut asked) = watch::channel(false);
    ctrlc::set_handler(move || {
        stop.send_replace(true);
    })
    .context("asking for SIGTERM")?;
    // Unlike `println!` it does not panic where nobody reads our output.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
    let mut clients = JoinSet::new();
    loop {
        let arrived = select! {
            arrived = listener.accept() => arrived,
            Some(_) = clients.join_next() => continue,
            () = asked_to_end(&mut asked) => break,
        };
        match arrived {
            Ok((stream, client)) => {
                // A task of its own: nobody else waits for this client.
                clients.spawn(serve(stream, client, asked.clone()));
            }
            Err(error) => {
                writeln!(io::stderr(), "accept: {error}").ok();
                time::sleep(BACK_OFF).await;
            }
        }
    }
    drop(listener); // who is in the kernel's queue is reset, whoever comes is refused
    let all = async { while clients.join_next().await.is_some() {} };
    time::timeout(GRACE, all).await.ok();
    Ok(())
}

/// Returns when the server has been asked to end, now or before.
async fn asked_to_end(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// Answers one client until it is gone, and says why it went.
async fn serve(stream: TcpStream, client: SocketAddr, stop: watch::Receiver<bool>) {
    writeln!(io::stdout(), "{client} came").ok();
    match echo(stream, client, stop).await {
        Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
        // A client that resets its connection must not take the server with it.
        Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
    };
}

async fn echo(
    mut stream: TcpStream,
    client: SocketAddr,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = [0; 100];
    let mut ending = false;
    loop {
        let n = select! {
            read = stream.read(&mut buffer) => read?,
            () = asked_to_end(&mut stop), if !ending => {
                ending = true;
                continue;
            }
            () = time::sleep(LAST), if ending => break,
        };
        if n == 0 {
            return Ok(()); // the client has finished sending
        }
        let message = &buffer[..n];
        let text = message.escape_ascii();
        writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
        stream.write_all(message).await?;
    }
    // What comes from here on is read and thrown away: unread, it would turn the close into a reset.
    stream.shutdown().await?;
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
