//! **Solution.** Whoever falls to the bug is replaced.
//!
//! `cargo run --features exercises --bin process-solution-crash [ADDRESS]`

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
        sys::{prctl, signal::Signal, wait::wait},
        unistd::{self, ForkResult, getpid, getppid},
    };

    /// How many children there are.
    const CHILDREN: usize = 2;

    /// How long to wait after something went wrong, so that what goes on going wrong does not become a busy loop.
    const BACK_OFF: Duration = Duration::from_millis(100);

    pub fn main() -> Result<()> {
        let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
        let listener = TcpListener::bind(&address)
            .with_context(|| format!("listening on {address}"))?;
        for _ in 0..CHILDREN {
            hire(&listener);
        }
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?).ok();
        loop {
            let ended = wait();
            if ended != Err(Errno::EINTR) {
                writeln!(io::stderr(), "a child has ended: {ended:?}").ok();
                thread::sleep(BACK_OFF); // should they all end at once, again and again
                hire(&listener);
            }
        }
    }

    /// One child: one client after another.
    fn work(listener: &TcpListener) -> ! {
        loop {
            match listener.accept() {
                Ok((stream, client)) => serve(stream, client),
                Err(error) => {
                    writeln!(io::stderr(), "accept: {error}").ok();
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }

    /// Makes one more child, however often it has to try.
    fn hire(listener: &TcpListener) {
        loop {
            match fork() {
                Ok(ForkResult::Child) => work(listener),
                Ok(ForkResult::Parent { .. }) => return,
                Err(error) => {
                    writeln!(io::stderr(), "no process: {error}").ok();
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
            if message.starts_with(b"crash") {
                process::abort(); // a bug; leave it, and be ready for the next
            }
            let text = message.escape_ascii();
            writeln!(io::stdout(), "{client} said {n} bytes: {text}").ok();
            stream.write_all(message)?;
        }
    }
}
