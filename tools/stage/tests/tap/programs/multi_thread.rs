//! What tokio calls on several threads.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Outcome;

struct Server {
    listener: TcpListener,
}

impl Server {
    async fn run(&self, clients: usize) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (stream, _) = self.listener.accept().await?; // tap: accept4 epoll_ctl
            tasks.spawn(echo(stream));
        }
        // A task that the runtime's end cuts short is dropped by the runtime, on no line of ours.
        tasks.join_all().await.into_iter().collect()
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    loop {
        let n = stream.read(&mut buffer).await?; // tap: recv
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?; // tap: send
    }
} // tap: epoll_ctl close; drops stream

async fn speak(name: usize, address: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?; // tap: socket connect epoll_ctl getsockopt
    for round in 0..3 {
        let message = format!("client {name}, round {round}");
        stream.write_all(message.as_bytes()).await?; // tap: send
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer).await?; // tap: recv
        assert_eq!(answer, message.as_bytes());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
} // tap: epoll_ctl close; drops stream

#[tokio::main(worker_threads = 2)]
pub async fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?; // tap: socket setsockopt bind listen epoll_ctl
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let server = Server { listener };
        server.run(4).await
    }); // tap: epoll_ctl close
    let clients: Vec<_> = (0..4).map(|name| tokio::spawn(speak(name, address))).collect();
    for client in clients {
        client.await??;
    }
    server.await??;
    Ok(())
}
