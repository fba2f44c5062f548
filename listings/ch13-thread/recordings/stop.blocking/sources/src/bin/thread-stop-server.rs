//! An echo server, a thread for each connection, that ends in order when it is asked to: it accepts nobody any more,
//! answers what it was asked, closes and ends.
//!
//! `cargo run --bin thread-stop-server [ADDRESS]`, then ctrl-C or `kill`

#[cfg(unix)]
fn main() -> anyhow::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("it waits for signals, which this system does not have")
}

#[cfg(unix)]
mod unix {
    use std::{
        collections::HashMap,
        env,
        io::{self, Read, Write},
        net::{Shutdown, SocketAddr, TcpListener, TcpStream},
        os::fd::{AsRawFd, RawFd},
        sync::{
            Arc, Condvar, Mutex, MutexGuard, PoisonError,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use anyhow::{Context, Result};
    use nix::sys::signal::{SigSet, Signal};
    #[cfg(target_os = "linux")]
    use nix::sys::socket;

    /// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    /// How long the clients' threads have to finish once the server is asked to end.
    const PATIENCE: Duration = Duration::from_millis(500);

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        // ANCHOR: signal
        // Before any thread is started: they inherit what this one blocks, and a blocked signal waits for `sigwait`.
        let asked = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
        asked.thread_block().context("blocking SIGTERM")?;
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        let (door, stop) =
            (listener.try_clone()?, Arc::new(AtomicBool::new(false)));
        let asked_to_stop = Arc::clone(&stop);
        thread::Builder::new()
            .spawn(move || {
                asked.wait().ok(); // ❶
                asked_to_stop.store(true, Ordering::SeqCst);
                wake(&door); // ❷ `accept` itself looks at no flag
            })
            .context("starting the thread that waits for signals")?;
        // ANCHOR_END: signal
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        let clients = Arc::new(Clients::default());
        // ANCHOR: accept
        while !stop.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((stream, client)) => {
                    let stream = Arc::new(stream);
                    let entry = clients.enter(&stream);
                    // A thread of its own: nobody else waits for this client.
                    let started = thread::Builder::new().spawn(move || {
                        let _entry = entry; // struck out when the stream is closed
                        serve(stream, client);
                    });
                    if let Err(error) = started {
                        writeln!(io::stderr(), "no thread for {client}: {error}")
                            .ok();
                    }
                }
                Err(_) if stop.load(Ordering::SeqCst) => break, // ❸
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
        // ANCHOR_END: accept
        // ANCHOR: end
        drop(listener); // whoever comes is refused (on Linux, since `wake`)
        clients.finish(); // ❹
        if !clients.have_left(PATIENCE) {
            writeln!(io::stderr(), "some clients did not leave in time").ok();
        }
        Ok(()) // the process ends, with every thread that is left
    }
    // ANCHOR_END: end

    // ANCHOR: wake
    /// Ends every `accept` that waits on this listener, and every one to come, with EINVAL.
    #[cfg(target_os = "linux")]
    fn wake(listener: &TcpListener) {
        socket::shutdown(listener.as_raw_fd(), socket::Shutdown::Both).ok();
    }
    // ANCHOR_END: wake

    /// Elsewhere a listener cannot be shut down: `accept` ends when somebody comes.
    #[cfg(all(unix, not(target_os = "linux")))]
    fn wake(listener: &TcpListener) {
        if let Ok(address) = listener.local_addr() {
            TcpStream::connect_timeout(&address, PATIENCE).ok();
        }
    }

    // ANCHOR: clients
    /// Everybody who is connected, each under its descriptor, and a bell for when somebody leaves.
    #[derive(Default)]
    struct Clients {
        streams: Mutex<HashMap<RawFd, Arc<TcpStream>>>,
        left: Condvar,
    }

    impl Clients {
        /// Ends the direction towards us: a thread that waits in `read` for nothing to come reads 0.
        fn finish(&self) {
            for stream in self.lock().values() {
                stream.shutdown(Shutdown::Read).ok();
            }
        }
    }
    // ANCHOR_END: clients

    impl Clients {
        /// Waits until nobody is connected, or for so long; whether nobody is.
        fn have_left(&self, patience: Duration) -> bool {
            self.left
                .wait_timeout_while(self.lock(), patience, |streams| {
                    !streams.is_empty()
                })
                .unwrap_or_else(PoisonError::into_inner)
                .0
                .is_empty()
        }

        fn enter(self: &Arc<Clients>, stream: &Arc<TcpStream>) -> Entry {
            let descriptor = stream.as_raw_fd();
            self.lock().insert(descriptor, Arc::clone(stream));
            Entry { clients: Arc::clone(self), descriptor }
        }

        /// A map is whole between two of its calls, even if somebody panicked then.
        fn lock(&self) -> MutexGuard<'_, HashMap<RawFd, Arc<TcpStream>>> {
            self.streams.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// One client's entry in the list, until it is dropped.
    struct Entry {
        clients: Arc<Clients>,
        descriptor: RawFd,
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            // The last hold on the stream: its FIN leaves before anybody can see that the list is shorter.
            self.clients.lock().remove(&self.descriptor);
            self.clients.left.notify_all();
        }
    }

    /// Answers one client until it is gone, and says why it went.
    fn serve(stream: Arc<TcpStream>, client: SocketAddr) {
        writeln!(io::stdout(), "{client} came").ok();
        match echo(&stream, client) {
            Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }

    // ANCHOR: echo
    fn echo(mut stream: &TcpStream, client: SocketAddr) -> io::Result<()> {
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
}
