//! An echo server whose signal handler sets a flag. **Does not work**: the flag is looked at when `accept` returns, and
//! that is when the next client comes.
//!
//! `cargo run --bin thread-flag [ADDRESS]`

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
        env,
        io::{self, Read, Write},
        net::{SocketAddr, TcpListener, TcpStream},
        sync::atomic::{AtomicBool, Ordering},
        thread,
        time::Duration,
    };

    use anyhow::{Context, Result};
    use nix::sys::signal::{
        SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction,
    };

    /// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    // ANCHOR: flag
    static STOP: AtomicBool = AtomicBool::new(false);

    extern "C" fn stop(_signal: i32) {
        STOP.store(true, Ordering::SeqCst);
    }

    /// Has `stop` called for this signal, without SA_RESTART: a call that waits is to end with EINTR.
    #[allow(unsafe_code)]
    fn stop_on(signal: Signal) -> Result<()> {
        let action = SigAction::new(
            SigHandler::Handler(stop),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: the handler stores into an atomic and does nothing else, which may be done at any moment.
        unsafe { sigaction(signal, &action) }
            .with_context(|| format!("handling {signal}"))?;
        Ok(())
    }
    // ANCHOR_END: flag

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        stop_on(Signal::SIGTERM)?;
        stop_on(Signal::SIGINT)?;
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        // ANCHOR: accept
        while !STOP.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((stream, client)) => {
                    // A thread of its own: nobody else waits for this client.
                    let started =
                        thread::Builder::new().spawn(move || serve(stream, client));
                    if let Err(error) = started {
                        writeln!(io::stderr(), "no thread for {client}: {error}")
                            .ok();
                    }
                }
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
        writeln!(io::stdout(), "asked to end").ok();
        Ok(())
    }
    // ANCHOR_END: accept

    /// Answers one client until it is gone, and says why it went.
    fn serve(stream: TcpStream, client: SocketAddr) {
        writeln!(io::stdout(), "{client} came").ok();
        match echo(stream, client) {
            Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }

    fn echo(mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
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
}
