//! **Exercise.** Reads lines as `capture-blocking-sniffer` prints them, and prints them
//! with relative numbers.
//!
//! It passes them on as they are. Make it subtract from every number the first one of the
//! side that it counts: a SYN's own number stays, as tcpdump leaves it, and from then on
//! the first byte is 1. A conversation may pass 2³² in its middle.
//!
//! `cargo run --features exercises --bin capture-exercise-relative < lines`

use std::io::{self, Write};

use anyhow::Result;

fn main() -> Result<()> {
    for line in io::stdin().lines() {
        writeln!(io::stdout(), "{}", line?).ok();
    }
    Ok(())
}
