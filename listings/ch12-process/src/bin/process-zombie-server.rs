//! **Wrong on purpose: works until N.** Nobody asks how a child has ended, and each stays in the table of processes.
//!
//! `cargo run --bin process-zombie-server [ADDRESS]`

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
        env, fs,
        io::{self, Read, Write},
        net::{SocketAddr, TcpListener, TcpStream},
        process, thread,
        time::Duration,
    };

    use anyhow::{Context, Result};
    use nix::{
        sys::{prctl, signal::Signal},
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
        // ANCHOR: accept
        loop {
            match listener.accept() {
                Ok((stream, client)) => {
                    writeln!(io::stdout(), "{}, when {client} comes", children())
                        .ok();
                    match fork() {
                        Ok(ForkResult::Child) => {
                            drop(listener); // or the port stays taken
                            serve(stream, client);
                            return Ok(());
                        }
                        Ok(ForkResult::Parent { .. }) => drop(stream), // the child has its own
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

    // ANCHOR: children
    /// How many children this process has, and how many of them have ended (proc(5)).
    fn children() -> String {
        let children = fs::read_to_string("/proc/thread-self/children");
        let states: Vec<String> = children
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|child| {
                fs::read_to_string(format!("/proc/{child}/stat")).ok()
            })
            .collect();
        // Number, name in parentheses, state; Z is a zombie.
        let ended = states.iter().filter(|stat| stat.contains(") Z ")).count();
        format!("children: {}, zombies: {ended}", states.len())
    }
    // ANCHOR_END: children

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
