//! **Solution.** Reads lines as `capture-blocking-sniffer` prints them, and prints them
//! with relative numbers.
//!
//! `cargo run --features exercises --bin capture-solution-relative < lines`

use std::{
    collections::HashMap,
    io::{self, Write},
};

use anyhow::Result;

/// The number each direction's SYN had, by `FROM > TO`.
type Firsts = HashMap<String, u32>;

fn main() -> Result<()> {
    let mut firsts = Firsts::new();
    for line in io::stdin().lines() {
        let line = line?;
        let shown = relative(&line, &mut firsts).unwrap_or(line);
        writeln!(io::stdout(), "{shown}").ok();
    }
    Ok(())
}

/// The line with relative numbers; `None` where it is no segment of a conversation whose
/// SYNs were seen.
fn relative(line: &str, firsts: &mut Firsts) -> Option<String> {
    let (head, fields) = line.split_once(": Flags ")?;
    let (_, ends) = head.split_once("IP ")?;
    let (from, to) = ends.split_once(" > ")?;
    let (there, back) = (format!("{from} > {to}"), format!("{to} > {from}"));
    let mut shown = format!("{head}: Flags ");
    let syn = fields.starts_with("[S");
    for (nth, field) in fields.split(", ").enumerate() {
        if nth > 0 {
            shown += ", ";
        }
        match field.split_once(' ') {
            Some(("seq", number)) if syn => {
                firsts.insert(there.clone(), number.parse().ok()?);
                shown += field;
            }
            Some(("seq", range)) => {
                let first = *firsts.get(&there)?;
                let numbers: Option<Vec<String>> =
                    range.split(':').map(|number| since(first, number)).collect();
                shown += &format!("seq {}", numbers?.join(":"));
            }
            Some(("ack", number)) => {
                shown += &format!("ack {}", since(*firsts.get(&back)?, number)?);
            }
            _ => shown += field,
        }
    }
    Some(shown)
}

/// How far a number is from the first, around 2³² if need be.
fn since(first: u32, number: &str) -> Option<String> {
    let number: u32 = number.parse().ok()?;
    Some(number.wrapping_sub(first).to_string())
}
