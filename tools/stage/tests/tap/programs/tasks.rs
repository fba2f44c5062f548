//! What a program says of its tasks: one echoes and wakes the other, which is then given up.

use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Outcome, watched::watched};

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let (mut stream, _) = listener.accept().await?;
    let bell: Mutex<Option<Waker>> = Mutex::new(None);
    let idle = watched(
        "idle",
        poll_fn(|context| {
            if let Ok(mut bell) = bell.lock() {
                *bell = Some(context.waker().clone());
            }
            Poll::<()>::Pending
        }),
    );
    let echo = watched("echo", async {
        let mut buffer = [0; 5];
        stream.read_exact(&mut buffer).await?;
        if let Some(waker) = bell.lock().ok().and_then(|mut bell| bell.take()) {
            waker.wake();
        }
        stream.write_all(&buffer).await
    });
    let server = async {
        tokio::select! {
            biased;
            () = idle => Err(io::Error::other("it was done")),
            done = echo => done,
        }
    };
    let said = async {
        client.write_all(b"hello").await?;
        client.read_exact(&mut [0; 5]).await
    };
    // The server is polled first, and finds nothing.
    let (served, heard) = tokio::join!(biased; server, said);
    heard?;
    served?;
    eprintln!("task echo is over");
    Ok(())
}
