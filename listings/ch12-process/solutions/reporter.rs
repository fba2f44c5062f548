//! **Solution.** The process that numbers the reports is made before there is a connection that it could inherit.
//!
//! `cargo run --features exercises --bin process-solution-reporter [ADDRESS]`

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
        io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
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

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        // Unlike `println!` it does not panic where nobody reads our output.
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        let action = SigAction::new(
            SigHandler::Handler(reap),
            SaFlags::SA_RESTART, // a call that was interrupted goes on
            SigSet::empty(),
        );
        // SAFETY: `reap` calls nothing that a signal handler may not call.
        #[allow(unsafe_code)]
        unsafe { sigaction(Signal::SIGCHLD, &action) }?;
        let (lines, report) = io::pipe()?;
        // Before there is a connection that it could inherit.
        match fork()? {
            ForkResult::Child => {
                drop((listener, report));
                number(lines);
                return Ok(());
            }
            ForkResult::Parent { .. } => {}
        }
        loop {
            match listener.accept() {
                Ok((stream, client)) => match fork() {
                    Ok(ForkResult::Child) => {
                        drop(listener); // or the port stays taken
                        serve(stream, client, report);
                        return Ok(());
                    }
                    Ok(ForkResult::Parent { .. }) => drop(stream), // the child has its own
                    Err(error) => {
                        writeln!(io::stderr(), "no process for {client}: {error}")
                            .ok();
                    }
                },
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }

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

    /// Answers one client until it is gone, and says why it went.
    fn serve(stream: TcpStream, client: SocketAddr, mut report: PipeWriter) {
        writeln!(report, "{client} came").ok();
        match echo(stream) {
            Ok(()) => writeln!(report, "{client} gone: end of stream").ok(),
            // A client that resets its connection must not take the server with it.
            Err(error) => writeln!(report, "{client} gone: {error}").ok(),
        };
    }

    /// Numbers the lines of all children, until nobody is left who could write one.
    fn number(lines: PipeReader) {
        for (line, number) in
            BufReader::new(lines).lines().map_while(Result::ok).zip(1..)
        {
            writeln!(io::stdout(), "{number}: {line}").ok();
        }
    }

    fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 100];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(()); // the client has finished sending
            }
            let message = &buffer[..n];
            stream.write_all(message)?;
        }
    }
}
