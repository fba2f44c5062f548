//! An echo server with a few processes on one port, each with a listener and a runtime of its own.
//!
//! `cargo run --bin process-async-server [ADDRESS] [WORKERS]`

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!(
        "its processes end with their parent by `prctl`, which is Linux's own"
    )
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env,
        io::{self, Write},
        net::{self, SocketAddr, ToSocketAddrs},
        num::NonZeroUsize,
        process, thread,
        time::Duration,
    };

    use anyhow::{Context, Result};
    use nix::{
        errno::Errno,
        sys::{prctl, signal::Signal, wait::wait},
        unistd::{self, ForkResult, Pid, getpid, getppid},
    };
    use socket2::{Domain, Protocol, Socket, Type};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        runtime, time,
    };

    /// How long to wait after something went wrong, so that what goes on going wrong does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    /// How many connections may wait for `accept` at each listener; std's number.
    const BACKLOG: i32 = 128;

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let number = match env::args().nth(2) {
            Some(number) => {
                number.parse::<NonZeroUsize>().context("the number of workers")?
            }
            None => thread::available_parallelism()?,
        }
        .get();
        // ANCHOR: main
        let mut listeners = listeners(&address, number)
            .with_context(|| format!("listening on {address}"))?;
        let mut workers: Vec<Pid> =
            (0..number).map(|index| hire(&mut listeners, index)).collect();
        writeln!(io::stdout(), "listening on {}", listeners[0].local_addr()?).ok();
        loop {
            let ended = wait();
            if ended != Err(Errno::EINTR) {
                writeln!(io::stderr(), "a worker has ended: {ended:?}").ok();
                thread::sleep(BACK_OFF); // should they all end at once, again and again
            }
            let ended = ended.ok().and_then(|status| status.pid());
            if let Some(index) =
                workers.iter().position(|&worker| Some(worker) == ended)
            {
                // Its listener is still here, and so is whoever waits in its queue.
                workers[index] = hire(&mut listeners, index);
            }
        }
    }
    // ANCHOR_END: main

    // ANCHOR: hire
    /// Makes the worker of one listener, however often it has to try.
    fn hire(listeners: &mut Vec<net::TcpListener>, index: usize) -> Pid {
        loop {
            match fork() {
                Ok(ForkResult::Child) => {
                    let own = listeners.swap_remove(index);
                    listeners.clear(); // the others are for others
                    if let Err(error) = work(own) {
                        writeln!(io::stderr(), "worker {index}: {error:#}").ok();
                    }
                    process::exit(1);
                }
                Ok(ForkResult::Parent { child }) => return child,
                Err(error) => {
                    writeln!(io::stderr(), "no process: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }
    // ANCHOR_END: hire

    // ANCHOR: listeners
    /// Several listeners at one address. For each client the kernel picks one.
    fn listeners(address: &str, number: usize) -> Result<Vec<net::TcpListener>> {
        let mut address =
            address.to_socket_addrs()?.next().context("no address")?;
        let mut listeners = Vec::with_capacity(number);
        for _ in 0..number {
            let socket = Socket::new(
                Domain::for_address(address),
                Type::STREAM,
                Some(Protocol::TCP),
            )?;
            socket.set_reuse_address(true)?; // as std does
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            let listener = net::TcpListener::from(socket);
            address = listener.local_addr()?; // port 0 has become a number
            listeners.push(listener);
        }
        Ok(listeners)
    }
    // ANCHOR_END: listeners

    // ANCHOR: work
    /// One worker: a runtime with one thread, and a task for each connection.
    fn work(listener: net::TcpListener) -> Result<()> {
        listener.set_nonblocking(true)?;
        // ❶ Not before the fork.
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                match listener.accept().await {
                    Ok((stream, client)) => {
                        // A task of its own: nobody else waits for this client.
                        tokio::spawn(serve(stream, client));
                    }
                    Err(error) => {
                        writeln!(io::stderr(), "accept: {error}").ok();
                        time::sleep(BACK_OFF).await;
                    }
                }
            }
        })
    }
    // ANCHOR_END: work

    // ANCHOR: fork
    /// Makes one process two. The child ends when its parent has ended.
    fn fork() -> nix::Result<ForkResult> {
        let parent = getpid();
        // SAFETY: this process has one thread. In one with more, the child would have
        // only the thread that called, and what another had locked may stay so for ever.
        #[allow(unsafe_code)]
        let forked = unsafe { unistd::fork() }?;
        if forked.is_child() {
            let asked = prctl::set_pdeathsig(Signal::SIGTERM);
            // The parent may have ended before the kernel was asked.
            if asked.is_err() || getppid() != parent {
                process::exit(1);
            }
        }
        Ok(forked)
    }
    // ANCHOR_END: fork

    /// Answers one client until it is gone, and says why it went.
    async fn serve(stream: TcpStream, client: SocketAddr) {
        writeln!(io::stdout(), "{client} came").ok();
        match echo(stream, client).await {
            Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }

    // ANCHOR: echo
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
    // ANCHOR_END: echo
}
