//! **Exercise.** Reads the options of TCP headers, one header's a line, in hexadecimal,
//! and prints them as tcpdump does.
//!
//! It knows the one-byte options and the maximum segment size, and gives up at the first
//! that it does not know. Make it read them all, and let nothing that a stranger may send
//! end it or hold it up.
//!
//! `echo 0204ffd70101040201030307 | cargo run --features exercises --bin capture-exercise-options`

use std::io::{self, Write};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for line in io::stdin().lines() {
        let bytes = bytes(&line?)?;
        writeln!(io::stdout(), "options [{}]", options(&bytes).join(",")).ok();
    }
    Ok(())
}

/// Each option in tcpdump's words. Kinds and lengths are those of RFC 9293, section 3.2,
/// RFC 7323 (window scale, timestamps) and RFC 2018 (SACK).
///
/// What cannot be read is `bad`, and ends the list; a kind not named there is
/// `unknown-KIND`.
fn options(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        match bytes {
            [] | [0, ..] => return found, // the end, or what says so
            [1, rest @ ..] => {
                found.push("nop".into());
                bytes = rest;
            }
            [2, 4, high, low, rest @ ..] => {
                found.push(format!("mss {}", u16::from_be_bytes([*high, *low])));
                bytes = rest;
            }
            _ => return found,
        }
    }
}

/// The bytes that a line of hexadecimal digits stands for.
fn bytes(line: &str) -> Result<Vec<u8>> {
    let digits = line.trim().as_bytes();
    digits
        .chunks(2)
        .map(|pair| {
            let text = str::from_utf8(pair)?;
            u8::from_str_radix(text, 16)
                .with_context(|| format!("{text:?} is no byte"))
        })
        .collect()
}
