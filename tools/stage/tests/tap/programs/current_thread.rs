//! What tokio calls on one thread.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::Outcome;

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?; // tap: socket setsockopt bind listen epoll_ctl
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?; // tap: accept4 epoll_ctl
        echo(stream).await?;
        let (mut stream, _) = listener.accept().await?; // tap: accept4 epoll_ctl
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await?; // tap: recv send
        Ok::<_, io::Error>(())
    }); // tap: epoll_ctl close
    lines(address).await?;
    copied(address).await?;
    server.await??;
    Ok(())
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    let mut line = String::new();
    loop {
        let n = from.read_line(&mut line).await?; // tap: recv
        if n == 0 {
            break;
        }
        to.write_all(line.as_bytes()).await?; // tap: send
        line.clear();
    }
    to.shutdown().await?; // tap: shutdown
    Ok(())
} // tap: epoll_ctl close

async fn lines(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?; // tap: socket connect epoll_ctl getsockopt
    stream
        .write_all(b"one\ntwo\n")
        .await // tap: send
        .map_err(|error| io::Error::other(format!("nobody heard it: {error}")))?;
    let mut answer = [0; 8];
    let reading = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer));
    reading.await??; // tap: recv
    drop(stream); // tap: epoll_ctl close
    Ok(())
}

async fn copied(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?; // tap: socket connect epoll_ctl getsockopt
    let mut answer = [0; 16];
    stream.set_nodelay(true)?; // tap: setsockopt
    stream.try_write(b"three")?; // tap: send
    let n = tokio::select! { // tap: recv
        n = stream.read(&mut answer) => n?,
        () = tokio::time::sleep(Duration::from_secs(5)) => 0,
    };
    assert_eq!(n, 5);
    Ok(())
} // tap: epoll_ctl close; drops stream
