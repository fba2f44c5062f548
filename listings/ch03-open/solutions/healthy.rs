//! **Solution.** Says whether the echo server at an address is healthy: exit code 0 if
//! it is, 1 if it is not.
//!
//! `cargo run --features exercises --bin open-solution-healthy [ADDRESS]`

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// How long a healthy server may take, for everything together.
const PATIENCE: Duration = Duration::from_secs(1);

const QUESTION: &[u8] = b"Hi, ferris?";

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    probe(address.parse()?).with_context(|| format!("{address} is not healthy"))?;
    writeln!(io::stdout(), "{address} is healthy").ok();
    Ok(())
}

/// Healthy is whoever answers within [`PATIENCE`].
fn probe(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(QUESTION)?;
    let mut answer = [0; QUESTION.len()];
    let mut got = 0;
    while got < answer.len() {
        // A timeout bounds one `read`; a server that sends a byte now and then must not
        // get a new second for each.
        let left = PATIENCE.saturating_sub(start.elapsed());
        ensure!(!left.is_zero(), "{got} of {} bytes in {PATIENCE:?}", answer.len());
        stream.set_read_timeout(Some(left))?;
        let n = stream
            .read(&mut answer[got..])
            .with_context(|| format!("{got} of {} bytes came", answer.len()))?;
        ensure!(n > 0, "it closed after {got} of {} bytes", answer.len());
        got += n;
    }
    ensure!(
        answer == QUESTION,
        "it answered something else: {}",
        answer.escape_ascii()
    );
    Ok(())
}
