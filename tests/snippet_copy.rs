//! The copy of a chapter that skeptic reads. Shared by the build script, which makes it, and the tests.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A chapter in which every fence that holds nothing but `{{#include …}}` is no longer Rust: its listing's crate
/// compiles it, and skeptic would hand the braces to rustc. Nothing else changes, so each line keeps its number and a
/// failing snippet is told by the line it has in the chapter.
pub fn for_skeptic(markdown: &str) -> String {
    let mut copy = String::with_capacity(markdown.len());
    let mut done = 0;
    for info in excerpts(markdown) {
        copy.push_str(&markdown[done..info.start]);
        copy.push_str("text");
        done = info.end;
    }
    copy.push_str(&markdown[done..]);
    copy
}

/// Where the words behind the opening fence of each excerpt stand.
fn excerpts(markdown: &str) -> Vec<Range<usize>> {
    let mut excerpts = Vec::new();
    let mut fence: Option<(Range<usize>, String)> = None;
    for (event, range) in Parser::new(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if !info.is_empty() => {
                let opening = markdown[range.clone()].lines().next().unwrap_or_default();
                let place = opening
                    .find(&*info)
                    .map(|at| range.start + at..range.start + at + info.len());
                fence = place.map(|place| (place, String::new()));
            }
            Event::Text(text) => {
                if let Some((_, body)) = &mut fence {
                    body.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                excerpts.extend(
                    fence
                        .take()
                        .filter(|(_, body)| is_excerpt(body))
                        .map(|(place, _)| place),
                );
            }
            _ => {}
        }
    }
    excerpts
}

fn is_excerpt(body: &str) -> bool {
    let mut lines = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with("{{#include ") && line.ends_with("}}"))
}
