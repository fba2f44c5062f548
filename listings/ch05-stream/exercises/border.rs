//! **Exercise.** Reads frames until the server has finished, and says how many there were.
//!
//! It is content with any end of the stream. Make it end with an error where the stream
//! ends inside a frame, or inside a length, and where a frame may not be as long as it says.
//!
//! `cargo run --features exercises --bin stream-exercise-border [ADDRESS]`

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".into());
    let mut stream = TcpStream::connect(&address)
        .with_context(|| format!("connecting to {address}"))?;
    let mut frames = 0;
    loop {
        match read_frame(&mut stream) {
            Ok(_) => frames += 1,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
    }
    writeln!(io::stdout(), "{frames} frames").ok();
    Ok(())
}

/// Reads a frame: its length, then as many bytes.
fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut frame = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
