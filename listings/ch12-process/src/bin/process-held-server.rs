//! **Wrong on purpose: does not work.** The parent keeps a handle on the connection it accepted last.
//!
//! `cargo run --bin process-held-server [ADDRESS]`

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
        io::{self, Read, Write},
        net::{SocketAddr, TcpListener, TcpStream},
        process, thread,
        time::Duration,
    };

    use anyhow::{Context, Result};
    use nix::{
        errno::Errno,
        libc::c_int,
        sys::{
            prctl,
            signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
            wait::{WaitPidFlag, WaitStatus, waitpid},
        },
        unistd::{self, ForkResult, getpid, getppid},
    };

    /// How long to wait after a failed `accept`, so that being out of descriptors does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    // ANCHOR: listen
    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        // ANCHOR_END: listen
        // ANCHOR: handle
        let action = SigAction::new(
            SigHandler::Handler(reap),
            SaFlags::SA_RESTART, // a call that was interrupted goes on
            SigSet::empty(),
        );
        // SAFETY: `reap` calls nothing that a signal handler may not call.
        #[allow(unsafe_code)]
        unsafe { sigaction(Signal::SIGCHLD, &action) }?;
        // ANCHOR_END: handle
        // ANCHOR: accept
        let mut last: Option<(TcpStream, SocketAddr)> = None;
        loop {
            match listener.accept() {
                Ok((stream, client)) => {
                    if let Some((_, last)) = &last {
                        writeln!(io::stdout(), "{client} comes after {last}").ok();
                    }
                    match fork() {
                        Ok(ForkResult::Child) => {
                            drop(listener); // or the port stays taken
                            serve(stream, client);
                            return Ok(());
                        }
                        // Kept, so that the log can say after whom the next one came.
                        Ok(ForkResult::Parent { .. }) => {
                            last = Some((stream, client)); // ❶
                        }
                        Err(error) => {
                            writeln!(
                                io::stderr(),
                                "no process for {client}: {error}"
                            )
                            .ok();
                        }
                    }
                }
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }
    // ANCHOR_END: accept

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

    // ANCHOR: reap
    /// Takes the status of every child that has ended.
    ///
    /// It runs in the middle of whatever the program was doing. So it calls only
    /// what signal-safety(7) lists, and leaves `errno` as it found it.
    extern "C" fn reap(_: c_int) {
        let errno = Errno::last_raw();
        let ended = || waitpid(None, Some(WaitPidFlag::WNOHANG));
        while !matches!(ended(), Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD)) {}
        Errno::set_raw(errno);
    }
    // ANCHOR_END: reap

    /// Answers one client until it is gone, and says why it went.
    fn serve(stream: TcpStream, client: SocketAddr) {
        writeln!(io::stdout(), "{client} came").ok();
        match echo(stream, client) {
            Ok(()) => writeln!(io::stdout(), "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(io::stdout(), "{client} gone: {error}").ok(),
        };
    }

    // ANCHOR: echo
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
    // ANCHOR_END: echo
}
