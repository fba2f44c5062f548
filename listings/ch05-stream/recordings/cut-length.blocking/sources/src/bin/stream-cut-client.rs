//! Says two frames with one write, the first of LENGTH bytes, reads both back and
//! closes.
//!
//! `cargo run --bin stream-cut-client [ADDRESS] [LENGTH]`

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, bail};
use ch05_stream::{Decoder, encode};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let length = env::args().nth(2).unwrap_or_else(|| "1454".into());
    let length = length
        .parse()
        .with_context(|| format!("{length:?} is no number of bytes"))?;
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    writeln!(io::stdout(), "connected from {}", stream.local_addr()?).ok();
    // ANCHOR: talk
    let mut frames = encode(&vec![b'x'; length])?;
    frames.extend(encode(b"Hi, ferris?")?);
    stream.write_all(&frames).with_context(|| format!("writing to {address}"))?;
    // ANCHOR_END: talk
    let mut decoder = Decoder::default();
    for _ in 0..2 {
        let frame = read_frame(&mut stream, &mut decoder)
            .with_context(|| format!("reading from {address}"))?;
        writeln!(io::stdout(), "heard {} bytes", frame.len()).ok();
    }
    Ok(())
}

/// The next frame, which may be here already, or need several reads.
fn read_frame(stream: &mut TcpStream, decoder: &mut Decoder) -> Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return Ok(frame);
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            decoder.finish()?;
            bail!("the server closed before it had answered");
        }
        decoder.push(&buffer[..n]);
    }
}
