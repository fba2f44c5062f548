//! **Solution.** Reads the options of TCP headers, one header's a line, in hexadecimal,
//! and prints them as tcpdump does.
//!
//! `echo 0204ffd70101040201030307 | cargo run --features exercises --bin capture-solution-options`

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
        let (kind, rest) = match bytes {
            [] | [0, ..] => return found, // the end, or what says so
            [1, rest @ ..] => {
                found.push("nop".into());
                bytes = rest;
                continue;
            }
            [kind, rest @ ..] => (*kind, rest),
        };
        // The length counts kind and length too: one below 2 would lead nowhere, for ever.
        let body = rest.first().and_then(|length| {
            rest.get(1..usize::from(*length).checked_sub(1).filter(|end| *end > 0)?)
        });
        let Some((body, option)) =
            body.and_then(|body| Some((body, option(kind, body)?)))
        else {
            found.push("bad".into());
            return found;
        };
        found.push(option);
        bytes = &rest[1 + body.len()..];
    }
}

/// One option, from its kind and what follows its length; `None` where the length is not
/// one that this kind can have.
fn option(kind: u8, body: &[u8]) -> Option<String> {
    let two = |at| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let four =
        |at| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    match (kind, body.len()) {
        (2, 2) => Some(format!("mss {}", two(0)?)),
        (3, 1) => Some(format!("wscale {}", body[0])),
        (4, 0) => Some("sackOK".into()),
        (5, 8 | 16 | 24 | 32) => {
            let mut text = format!("sack {} ", body.len() / 8);
            for at in (0..body.len()).step_by(8) {
                text += &format!("{{{}:{}}}", four(at)?, four(at + 4)?);
            }
            Some(text)
        }
        (8, 8) => Some(format!("TS val {} ecr {}", four(0)?, four(4)?)),
        (2 | 3 | 4 | 5 | 8, _) => None,
        _ => Some(format!("unknown-{kind}")),
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
