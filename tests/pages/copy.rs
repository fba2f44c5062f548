//! What the button beside a listing copies.

use std::fs;

use book_tests::root;
use libtest_mimic::Failed;

use crate::world::{World, none};

/// Every excerpt's button copies the lines of its file, without anchors and marks, moved to the margin.
pub fn excerpts(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut copied = 0;
    for page in &world.pages {
        let mut tab = world.open(page)?;
        tab.allow_clipboard()?;
        let excerpts = tab.eval(
            "(async () => { const found = []; for (const it of document.querySelectorAll('figure.excerpt')) { \
               await navigator.clipboard.writeText('nothing'); it.querySelector('pre .clip-button').click(); \
               found.push([it.querySelector('figcaption code').textContent, it.dataset.lines ?? '', await navigator.clipboard.readText()]); } \
             return found; })()",
        )?;
        for excerpt in excerpts.as_array().into_iter().flatten() {
            let word = |place: usize| excerpt[place].as_str().unwrap_or_default();
            let (file, lines, text) = (word(0), word(1), word(2));
            let source = fs::read_to_string(root().join(file))?;
            if let Err(said) = same(text, &source, lines) {
                found.push(format!("{page}, {file} {lines}: {said}"));
            }
            copied += 1;
        }
    }
    if copied == 0 {
        return Err("no page has an excerpt: this test is blind".into());
    }
    none(found)
}

/// Whether `text` is the source's lines with these numbers: `3-5,9`; 0 is an empty line between parts. Without numbers,
/// every line of the text must stand in the source, in this order.
fn same(text: &str, source: &str, numbers: &str) -> Result<(), String> {
    let source: Vec<String> = source.lines().map(unmarked).collect();
    let shown: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
    if shown.iter().any(|line| line.contains("ANCHOR")) {
        return Err("an anchor is copied".into());
    }
    if numbers.is_empty() {
        let mut rest = source.iter();
        return match shown.iter().find(|line| !rest.any(|it| it.trim() == **line)) {
            Some(line) => Err(format!("`{line}` is not the file's next line")),
            None if shown.is_empty() => Err("nothing was copied".into()),
            None => Ok(()),
        };
    }
    let mut due = Vec::new();
    for range in numbers.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |it: &str| it.parse::<usize>().map_err(|error| format!("{range}: {error}"));
        for line in number(first)?..=number(last)? {
            due.push(if line == 0 {
                ""
            } else {
                source.get(line - 1).map_or("?", |it| it.trim())
            });
        }
    }
    if due == shown {
        return Ok(());
    }
    let at = due.iter().zip(&shown).position(|(due, shown)| due != shown);
    let at = at.unwrap_or(due.len().min(shown.len()));
    Err(format!(
        "line {} is {:?} and not {:?}",
        at + 1,
        shown.get(at),
        due.get(at)
    ))
}

/// A line as it is shown: without the marks ❶ … ❿ in its comment, and without a comment of nothing else.
fn unmarked(line: &str) -> String {
    let is_mark = |c: char| ('❶'..='❿').contains(&c);
    let Some(comment) = line.find(is_mark).and_then(|mark| line[..mark].rfind("//")) else {
        return line.to_owned();
    };
    let words = line[comment + 2..].replace(is_mark, "");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        line[..comment].trim_end().to_owned()
    } else {
        format!("{}// {words}", &line[..comment])
    }
}
