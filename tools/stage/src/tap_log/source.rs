//! What a Rust source says about one of its lines: the function around it, and what ends at its closing brace.
//!
//! This reads braces and a few words, not the whole language, and says nothing rather than something uncertain.

use std::ops::Range;

/// A source file.
pub struct Source {
    text: String,
    /// The text with the inside of comments, strings and characters made blank, byte for byte.
    code: String,
    /// Where each line starts.
    starts: Vec<usize>,
    /// Every pair of braces, inner before outer.
    blocks: Vec<Block>,
}

/// A pair of braces and what stands before it, back to the end of the statement before.
struct Block {
    header: Range<usize>,
    open: usize,
    close: usize,
}

/// The function around a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, with its type's where it is a method: `echo`, `Server::run`.
    pub name: String,
    /// Whether it is an `async fn`.
    pub is_async: bool,
}

impl Source {
    /// Reads a source.
    pub fn new(text: String) -> Source {
        let code = blank(&text);
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let blocks = blocks(&code);
        Source {
            text,
            code,
            starts,
            blocks,
        }
    }

    /// A line, counted from 1, without the blanks around it.
    pub fn line(&self, line: u32) -> &str {
        self.text[self.range(line)].trim()
    }

    /// Whether a line is nothing but a closing brace: `}`, `});`, `}, // so`.
    pub fn is_closing(&self, line: u32) -> bool {
        let code = self.code[self.range(line)].trim();
        code.starts_with('}') && code.chars().all(|c| "}]);,?".contains(c))
    }

    /// The function around a line.
    pub fn function_at(&self, line: u32) -> Option<Function> {
        let range = self.range(line);
        // A line is in the blocks that it opens, holds or closes.
        let around = |block: &&Block| block.header.start < range.end && block.close >= range.start;
        let mut around = self.blocks.iter().filter(around);
        let (name, is_async) = around.by_ref().find_map(|block| {
            let header = &self.code[block.header.clone()];
            let (before, after) = split_word(header, "fn")?;
            Some((identifier(after)?, split_word(before, "async").is_some()))
        })?;
        let owner = around.find_map(|block| owner(&self.code[block.header.clone()]));
        let name = owner.map_or_else(|| name.to_string(), |owner| format!("{owner}::{name}"));
        Some(Function { name, is_async })
    }

    /// The variable that goes out of scope where a block closes on this line, given the type of what is dropped; none
    /// where more than one could be meant, or none is seen to have that type.
    pub fn dropped_at(&self, line: u32, dropped: Option<&str>) -> Option<String> {
        let dropped = dropped?;
        let range = self.range(line);
        let closing = self.blocks.iter().filter(|block| range.contains(&block.close));
        for block in closing {
            let mut named: Vec<String> = Vec::new();
            for (pattern, evidence) in self.bindings(block) {
                named.extend(variable(pattern, evidence, dropped));
            }
            match named.as_slice() {
                [] => {}
                [one] => return Some(one.clone()),
                _ => return None,
            }
        }
        None
    }

    /// What a block binds, each with the text that may tell its type: its parameters or pattern, and its `let`s.
    fn bindings(&self, block: &Block) -> Vec<(&str, &str)> {
        let header = &self.code[block.header.clone()];
        let mut bindings = Vec::new();
        if let Some((_, after)) = split_word(header, "fn") {
            let parameters = after.find('(').map_or("", |open| inside(&after[open..]));
            bindings.extend(
                pieces(parameters, ',')
                    .into_iter()
                    .filter_map(|parameter| parameter.split_once(':')),
            );
        } else if let Some((_, after)) = split_word(header, "for") {
            bindings.extend(split_word(after, "in"));
        } else if let Some((_, after)) = split_word(header, "let") {
            bindings.extend(after.split_once('='));
        } else if let Some(arrow) = header.rfind("=>") {
            let pattern = pieces(&header[..arrow], ',').pop().unwrap_or_default();
            bindings.push((pattern, self.matched(block)));
        } else if let Some(open) = header.find('|') {
            let parameters = header[open + 1..].split('|').next().unwrap_or_default();
            bindings.extend(
                pieces(parameters, ',')
                    .into_iter()
                    .filter_map(|parameter| parameter.split_once(':')),
            );
        }
        // Statements of the block itself, not of the blocks inside it.
        let mut depth = 0_usize;
        let mut statement = block.open + 1;
        for (at, byte) in self
            .code
            .bytes()
            .enumerate()
            .take(block.close)
            .skip(block.open + 1)
        {
            match byte {
                b'{' | b'(' | b'[' => depth += 1,
                b'}' | b')' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0
                        && byte == b'}'
                        && !self.code[statement..at].trim_start().starts_with("let ")
                    {
                        statement = at + 1;
                    }
                }
                b';' if depth == 0 => {
                    let text = self.code[statement..at].trim_start();
                    if let Some(binding) = text.strip_prefix("let ") {
                        bindings.extend(binding.split_once('='));
                    }
                    statement = at + 1;
                }
                _ => {}
            }
        }
        bindings
    }

    /// What the `match` around an arm looks at.
    fn matched(&self, arm: &Block) -> &str {
        let around = self
            .blocks
            .iter()
            .find(|block| block.open < arm.header.start && block.close > arm.close);
        let header = around.map_or("", |block| &self.code[block.header.clone()]);
        split_word(header, "match").map_or("", |(_, after)| after)
    }

    fn range(&self, line: u32) -> Range<usize> {
        let index = (line as usize).saturating_sub(1);
        let end = self.text.len();
        let start = self.starts.get(index).copied().unwrap_or(end);
        start..self.starts.get(index + 1).copied().unwrap_or(end)
    }
}

/// The variable of a pattern that is seen to be of the dropped type.
fn variable(pattern: &str, evidence: &str, dropped: &str) -> Option<String> {
    // `let stream: TcpStream = ...`: the annotation stands with the pattern.
    let (pattern, annotation) = pattern.split_once(':').unwrap_or((pattern, ""));
    let names: Vec<&str> = words(pattern)
        .filter(|word| word.starts_with(|c: char| c.is_lowercase()))
        .filter(|word| !["mut", "ref"].contains(word))
        .collect();
    // `accept` and `incoming` give streams without naming the type; of the pair that `accept` gives, the stream is first.
    let accepted =
        dropped == "TcpStream" && words(evidence).any(|word| ["accept", "incoming"].contains(&word));
    // `try_clone` gives another of a type that is not named at all.
    let named = words(annotation)
        .chain(words(evidence))
        .any(|word| word == dropped || word == "try_clone");
    match names.as_slice() {
        [name] if named || accepted => Some(name.to_string()),
        [name, _] if accepted => Some(name.to_string()),
        _ => None,
    }
}

/// The type whose method a block's functions are: `Server` of `impl Server`, `impl<T> Drop for Server<T>`.
fn owner(header: &str) -> Option<&str> {
    let (_, after) = split_word(header, "impl").or_else(|| split_word(header, "trait"))?;
    let after = after.trim_start();
    let after = if after.starts_with('<') {
        &after[closing(after, '<', '>')..]
    } else {
        after
    };
    let after = split_word(after, "for").map_or(after, |(_, of)| of);
    let path = after.split(['<', ' ', '{', '\n']).find(|part| !part.is_empty())?;
    path.rsplit("::").next()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

fn identifier(text: &str) -> Option<&str> {
    words(text).next()
}

/// The text before and after a word.
fn split_word<'text>(text: &'text str, word: &str) -> Option<(&'text str, &'text str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .find(|(at, _)| !text[..*at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
        .map(|(at, _)| (&text[..at], &text[at + word.len()..]))
}

/// The text between the first bracket and its partner.
fn inside(text: &str) -> &str {
    text.get(1..closing(text, '(', ')').saturating_sub(1))
        .unwrap_or_default()
}

/// Behind the bracket that closes the first one.
fn closing(text: &str, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
    }
    text.len()
}

/// The pieces between separators that are in no bracket.
fn pieces(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn blocks(code: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    // Where each open bracket is, and where the statement began that it stands in.
    let mut open: Vec<(u8, usize, usize)> = Vec::new();
    let mut statement = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => {
                open.push((byte, at, statement));
                if byte == b'{' {
                    statement = at + 1;
                }
            }
            b'}' | b')' | b']' => {
                if let Some((b'{', start, header)) = open.pop() {
                    blocks.push(Block {
                        header: header..start,
                        open: start,
                        close: at,
                    });
                    statement = at + 1;
                }
            }
            // Inside `[u8; 3]` a semicolon ends nothing.
            b';' if open.last().is_none_or(|(bracket, ..)| *bracket == b'{') => statement = at + 1,
            _ => {}
        }
    }
    blocks
}

/// The text with comments, strings and characters made blank, so that a brace in the code is a brace of the language.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => at + find(&bytes[at..], b"\n"),
            [b'/', b'*', ..] => at + comment(&bytes[at..]),
            [b'"', ..] => at + string(&bytes[at..]),
            [b'r', b'"' | b'#', ..] if !ends_word(&bytes[..at]) => at + raw_string(&bytes[at..]),
            [b'\'', b'\\', _, rest @ ..] => at + 3 + find(rest, b"'") + 1,
            [b'\'', rest @ ..] => at + character(rest),
            _ => at + 1,
        };
        let end = end.min(bytes.len());
        if end > at + 1 {
            code[at..end]
                .iter_mut()
                .filter(|byte| **byte != b'\n')
                .for_each(|byte| *byte = b' ');
        }
        at = end.max(at + 1);
    }
    // Whole characters were made blank or none of their bytes: what is left is as valid as the text.
    String::from_utf8(code).unwrap_or_default()
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .unwrap_or(bytes.len())
}

fn comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// A raw string's length; 1 where it is none (`r#type`).
fn raw_string(bytes: &[u8]) -> usize {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return 1;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let start = hashes + 2;
    start + find(&bytes[start..], &end) + end.len()
}

/// A character's length, told from a lifetime, which has no quote behind its first letter.
fn character(after: &[u8]) -> usize {
    let width = match after.first() {
        Some(0..=0x7f) => 1,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        _ => 4,
    };
    if after.get(width) == Some(&b'\'') {
        width + 2
    } else {
        1
    }
}

fn ends_word(bytes: &[u8]) -> bool {
    bytes
        .last()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the line that holds `marker`, and the source without the markers.
    fn at(source: &str, marker: &str) -> (Source, u32) {
        let line = source.lines().position(|line| line.contains(marker)).unwrap() as u32 + 1;
        (Source::new(source.into()), line)
    }

    fn dropped(source: &str, of: &str) -> Option<String> {
        let (source, line) = at(source, "// here");
        source.dropped_at(line, Some(of))
    }

    const SERVER: &str = r##"
use std::net::TcpStream;

struct Server<'a> { name: &'a str }

impl<'a> Server<'a> {
    /// Braces in comments { and in strings do not count.
    fn run(&self, sizes: [u8; 3]) -> char {
        println!("{{ {} }}", self.name); // { run
        let quote = '"';
        let raw = r#"} " {"#;
        '{'
    } // end of run
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        say("bye"); // drop
    }
}

async fn echo(mut stream: TcpStream) {
    spawn(async move {
        stream.read().await; // closure
    });
}
"##;

    #[test]
    fn a_line_knows_its_function_and_the_type_it_belongs_to() {
        let function = |marker| {
            let (source, line) = at(SERVER, marker);
            source.function_at(line)
        };
        let named = |name: &str, is_async| {
            Some(Function {
                name: name.into(),
                is_async,
            })
        };
        assert_eq!(function("// { run"), named("Server::run", false));
        assert_eq!(function("// end of run"), named("Server::run", false));
        assert_eq!(function("// drop"), named("Server::drop", false));
        assert_eq!(function("// closure"), named("echo", true));
        assert_eq!(function("use std"), None);
    }

    #[test]
    fn a_line_of_nothing_but_closing_brackets_is_closing() {
        for text in [
            "}",
            "});",
            "  },",
            "})?;",
            "} // the stream goes out of scope here",
        ] {
            assert!(Source::new(text.into()).is_closing(1), "{text}");
        }
        for text in ["} else {", "", "drop(stream);", ");", "// }"] {
            assert!(!Source::new(text.into()).is_closing(1), "{text}");
        }
    }

    #[test]
    fn a_parameter_is_dropped_at_the_end_of_its_function() {
        assert_eq!(
            dropped(
                "fn echo(mut stream: TcpStream, peer: SocketAddr) -> io::Result<()> {\n Ok(())\n} // here",
                "TcpStream"
            ),
            Some("stream".into())
        );
    }

    #[test]
    fn a_let_is_dropped_at_the_end_of_its_block() {
        let main = "fn main() -> Result<()> {
            let address = args.next();
            let mut stream = TcpStream::connect(&address).with_context(|| format!(\"to {address}\"))?;
            for round in 0..3 { let other = TcpStream::connect(\"x\"); }
            Ok(())
        } // here";
        assert_eq!(dropped(main, "TcpStream"), Some("stream".into()));
        assert_eq!(dropped(main, "TcpListener"), None);
    }

    #[test]
    fn the_stream_of_an_accepted_pair_is_the_first() {
        let accepted = "fn main() { let listener = TcpListener::bind(a)?; loop {
            let (stream, peer) = listener.accept()?;
        } // here
        }";
        assert_eq!(dropped(accepted, "TcpStream"), Some("stream".into()));
        let incoming = "fn main() { for stream in listener.incoming() {
            serve(&stream?);
        } // here
        }";
        assert_eq!(dropped(incoming, "TcpStream"), Some("stream".into()));
        let matched = "fn main() { loop { match listener.accept() {
            Ok((mut stream, peer)) => {
                serve(&mut stream);
            } // here
            Err(error) => {}
        } } }";
        assert_eq!(dropped(matched, "TcpStream"), Some("stream".into()));
    }

    #[test]
    fn of_two_that_could_be_meant_neither_is_named() {
        let two = "fn main() { let a = TcpStream::connect(x)?; let b = TcpStream::connect(x)?;
        } // here";
        assert_eq!(dropped(two, "TcpStream"), None);
        let cloned = "fn main() { let a = TcpStream::connect(x)?; let b = a.try_clone()?;
        } // here";
        assert_eq!(dropped(cloned, "TcpStream"), None);
    }

    #[test]
    fn a_source_that_is_cut_short_is_read_without_complaint() {
        for end in 0..SERVER.len() {
            let source = Source::new(SERVER[..end].into());
            for line in 0..40 {
                source.function_at(line);
                source.dropped_at(line, Some("TcpStream"));
            }
        }
    }
}
