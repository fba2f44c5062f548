//! Excerpts: a fence that holds nothing but mdBook's `{{#include …}}`. It becomes the lines of the file, with a caption
//! that names it, marks, and the whole program to unfold.
//!
//! ````text
//! ```rust,against=echo-blocking-server
//! {{#include ../listings/ch01-echo/src/bin/echo-async-server.rs:echo}}
//! ```
//! ````
//!
//! - The lines between `// ANCHOR: echo` and `// ANCHOR_END: echo` are shown, moved to the margin; the caption is made of
//!   file and anchor. Several includes of one file make one excerpt.
//! - **Marks.** A comment `// ❶` at the end of a line of the source, or a ❶ in front of a comment's words, becomes a mark in
//!   the margin of the excerpt; the code itself is shown and copied without it. The prose behind the excerpt speaks of
//!   it by writing ❶, which becomes a link; a mark that nobody speaks of, or that no excerpt has, is an error.
//! - **Changes.** With `against=PROGRAM` the lines that differ from the same anchor of that program (from the whole file where it
//!   has no such anchor) are marked; with a slash it is a path below `listings/`.
//! - **The whole program** can be unfolded below its first excerpt on a page.
//!
//! `data-file` and `data-lines` on the figure say which lines of which file it shows, so that a figure's row can light one:
//! `34-39,42`, in the order of the shown lines; 0 is the empty line between two parts.

use std::collections::BTreeSet;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{html::escape, page::Fence};

/// One `{{#include …}}` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The file, as written, relative to the page.
    pub path: String,
    /// What stands behind the colon: the anchor.
    pub anchor: Option<String>,
    /// The line in the page's file, counted from 1.
    pub line: usize,
}

/// A line of a source file, as an excerpt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, counted from 1; 0 for the empty line between two parts.
    pub number: usize,
    /// Its text without marks.
    pub text: String,
    /// Its marks, counted from 1: ❶ is 1.
    pub marks: Vec<usize>,
}

/// How a line differs from the listing that an excerpt is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// It stands there too.
    #[default]
    Same,
    /// It is new, or says something else.
    Changed,
    /// It stands there too, and lines in front of it were taken out.
    Without,
}

/// The marks there are, in order.
pub const MARKS: [char; 10] = ['❶', '❷', '❸', '❹', '❺', '❻', '❼', '❽', '❾', '❿'];

/// The number of a mark, counted from 1.
pub fn mark_number(c: char) -> Option<usize> {
    MARKS.iter().position(|&mark| mark == c).map(|index| index + 1)
}

/// A line without its marks, and which they were. `//` is how a comment begins in this language.
fn unmarked(line: &str, comment: &str) -> (String, Vec<usize>) {
    let begin = line.find(MARKS).and_then(|mark| line[..mark].rfind(comment));
    let Some(begin) = begin else {
        return (line.to_owned(), Vec::new());
    };
    let (code, words) = line.split_at(begin);
    let marks = words.chars().filter_map(mark_number).collect();
    let words = words.replace(MARKS, "");
    let words = words[comment.len()..]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text = if words.is_empty() {
        code.trim_end().to_owned()
    } else {
        format!("{code}{comment} {words}")
    };
    (text, marks)
}

/// How a comment begins in the files of a fence of this kind.
fn comment(kind: &str) -> &'static str {
    if matches!(kind, "toml" | "console" | "text") {
        "#"
    } else {
        "//"
    }
}

/// The name behind `ANCHOR:` or `ANCHOR_END:`, as mdBook reads it.
fn name_behind<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let rest = line[line.find(mark)? + mark.len()..].trim_start();
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The anchors of a file.
pub fn anchors(file: &str) -> Vec<&str> {
    file.lines()
        .filter_map(|line| name_behind(line, "ANCHOR:"))
        .collect()
}

/// The lines of a file, or of one of its anchors, without the anchors' own lines and without marks. `kind` is the fence's.
///
/// # Errors
/// No such anchor, or one that holds nothing: with the choices.
pub fn lines(file: &str, anchor: Option<&str>, kind: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut inside = anchor.is_none();
    for (index, line) in file.lines().enumerate() {
        if anchor.is_some() && name_behind(line, "ANCHOR_END:") == anchor {
            inside = false;
        } else if anchor.is_some() && name_behind(line, "ANCHOR:") == anchor {
            inside = true;
        } else if inside && !line.contains("ANCHOR:") && !line.contains("ANCHOR_END:") {
            let (text, marks) = unmarked(line, comment(kind));
            lines.push(Line {
                number: index + 1,
                text,
                marks,
            });
        }
    }
    // gofmt parts an anchor's end from the function before it by an empty line.
    while lines
        .last()
        .is_some_and(|line: &Line| line.text.trim().is_empty())
    {
        lines.pop();
    }
    if lines.is_empty() {
        return Err(match anchor {
            Some(anchor) => format!(
                "nothing stands at `ANCHOR: {anchor}`; there are {}",
                crate::problem::choices(anchors(file), "none")
            ),
            None => "the file is empty".into(),
        });
    }
    Ok(lines)
}

/// Moves lines to the margin by what all of them are indented.
fn to_the_margin(lines: &mut [Line]) {
    let indents = lines.iter().filter(|line| !line.text.trim().is_empty());
    let common = indents
        .map(|line| line.text.len() - line.text.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or_default();
    for line in lines {
        line.text = line.text.get(common..).unwrap_or_default().to_owned();
    }
}

/// How each line differs from those of an earlier listing. Indentation does not count.
pub fn changes(before: &[Line], now: &[Line]) -> Vec<Change> {
    let old: Vec<&str> = before.iter().map(|line| line.text.trim()).collect();
    let new: Vec<&str> = now.iter().map(|line| line.text.trim()).collect();
    let mut changes = vec![Change::Same; now.len()];
    for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
        match op {
            DiffOp::Insert {
                new_index, new_len, ..
            }
            | DiffOp::Replace {
                new_index, new_len, ..
            } => {
                for (change, text) in changes.iter_mut().zip(&new).skip(new_index).take(new_len) {
                    if !text.is_empty() {
                        *change = Change::Changed;
                    }
                }
            }
            DiffOp::Delete {
                new_index,
                old_index,
                old_len,
            } => {
                let told = old[old_index..old_index + old_len]
                    .iter()
                    .any(|text| !text.is_empty());
                // At the end of the excerpt there is no line behind it; the one before it bears the mark.
                let at = new_index.min(changes.len().saturating_sub(1));
                if told && changes.get(at) == Some(&Change::Same) {
                    changes[at] = Change::Without;
                }
            }
            DiffOp::Equal { .. } => {}
        }
    }
    changes
}

/// An excerpt, ready to be written.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// Its id on the page: `ch01-echo-excerpt-3`.
    pub id: String,
    /// The kind of its fence: `rust`.
    pub kind: String,
    /// The file, relative to the workspace.
    pub file: String,
    /// Its anchors.
    pub anchors: Vec<String>,
    /// What it shows.
    pub lines: Vec<Line>,
    /// What it is compared with, and how each line differs.
    pub against: Option<(String, Vec<Change>)>,
    /// The whole file, where it can be unfolded here.
    pub whole: Option<Vec<Line>>,
}

impl Excerpt {
    /// The lines of several parts of one file.
    pub fn join(parts: Vec<Vec<Line>>) -> Vec<Line> {
        let mut all: Vec<Line> = Vec::new();
        for part in parts {
            if !all.is_empty() {
                all.push(Line {
                    number: 0,
                    text: String::new(),
                    marks: Vec::new(),
                });
            }
            all.extend(part);
        }
        to_the_margin(&mut all);
        all
    }

    /// The marks it shows.
    pub fn marks(&self) -> BTreeSet<usize> {
        self.lines
            .iter()
            .flat_map(|line| line.marks.iter().copied())
            .collect()
    }

    /// The id of a mark.
    pub fn mark_id(&self, mark: usize) -> String {
        format!("{}-{mark}", self.id)
    }

    /// The excerpt as HTML, ready to stand in the page. `repository` is where the files can be read, if anywhere:
    /// `https://…/blob/main/`.
    pub fn html(&self, repository: Option<&str>) -> String {
        let file = escape(&self.file);
        let mut classes = String::from("excerpt");
        if !self.marks().is_empty() {
            classes.push_str(" marked");
        }
        if self.against.is_some() {
            classes.push_str(" compared");
        }
        let mut out = format!(
            "<figure class=\"{classes}\" id=\"{}\" data-file=\"{file}\" data-lines=\"{}\">\n<figcaption>{}</figcaption>\n",
            self.id,
            ranges(&self.lines),
            self.caption(repository)
        );
        let changes = self.against.as_ref().map(|(_, changes)| changes.as_slice());
        out.push_str(&self.code(&self.lines, changes.unwrap_or_default(), true));
        if let Some(whole) = &self.whole {
            // `main.go` says nothing; the folder it stands in does.
            let last = file.rsplit('/').next().unwrap_or_default();
            let name = match file.rsplit_once("/cmd/") {
                Some((_, name)) => name,
                None => last,
            };
            out.push_str(&format!(
                "<details class=\"whole\" data-file=\"{file}\" data-lines=\"{}\">\n<summary>All of <code>{name}</code></summary>\n{}</details>\n",
                ranges(whole),
                self.code(whole, &[], false)
            ));
        }
        out.push_str("</figure>\n");
        out
    }

    fn caption(&self, repository: Option<&str>) -> String {
        let file = escape(&self.file);
        let name = match repository {
            Some(repository) => format!("<a href=\"{}{file}\"><code>{file}</code></a>", escape(repository)),
            None => format!("<code>{file}</code>"),
        };
        let parts: Vec<String> = self
            .anchors
            .iter()
            .map(|anchor| format!("<em>{}</em>", escape(anchor)))
            .collect();
        let mut caption = match parts.as_slice() {
            [] => name,
            [one] => format!("{name}, part {one}"),
            more => format!("{name}, parts {}", more.join(" and ")),
        };
        if let Some((other, changes)) = &self.against {
            let has = |change| changes.contains(&change);
            let what = match (has(Change::Changed), has(Change::Without)) {
                (true, true) => {
                    "<span class=\"key changed\"></span> changed, <span class=\"key without\"></span> lines taken out in front, against"
                }
                (true, false) => "<span class=\"key changed\"></span> changed against",
                (false, true) => "<span class=\"key without\"></span> lines taken out in front, against",
                (false, false) => "no line differs from",
            };
            caption.push_str(&format!("; {what} <code>{}</code>", escape(other)));
        }
        caption
    }

    /// A code block. Marks are empty elements, drawn by the style sheet, so that neither the eye of a search nor the copy
    /// button meets them; each line that is new is one element.
    fn code(&self, lines: &[Line], changes: &[Change], marks: bool) -> String {
        // An empty line in front, so that Markdown reads the code up to `</pre>`, empty lines and all.
        let mut out = format!("\n<pre><code class=\"language-{}\">", escape(&self.kind));
        for (index, line) in lines.iter().enumerate() {
            let class = match changes.get(index) {
                Some(Change::Changed) => Some("changed"),
                Some(Change::Without) => Some("without"),
                _ => None,
            };
            for mark in line.marks.iter().filter(|_| marks) {
                out.push_str(&format!(
                    "<span class=\"callout\" id=\"{}\" data-mark=\"{mark}\"></span>",
                    self.mark_id(*mark)
                ));
            }
            // Braces that mdBook would take for a directive of its own.
            let text = escape(&line.text).replace("{{#", "\\{{#");
            match class {
                Some(class) => out.push_str(&format!("<span class=\"{class}\">{text}</span>")),
                None => out.push_str(&text),
            }
            if index + 1 < lines.len() {
                out.push('\n');
            }
        }
        out.push_str("\n</code></pre>\n");
        out
    }
}

/// The numbers of lines in the form of `data-lines`: `3-5,9`.
fn ranges(lines: &[Line]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line.number && *last > 0 => *last = line.number,
            _ => ranges.push((line.number, line.number)),
        }
    }
    let told = ranges.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    told.collect::<Vec<_>>().join(",")
}

/// What a fence's excerpt is compared with: `echo-blocking-server` of `rust,against=echo-blocking-server`.
///
/// # Errors
/// Other words behind the kind: what may stand there.
pub fn against(fence: &Fence) -> Result<Option<&str>, String> {
    let flags = fence.info[fence.kind().len()..].trim_start_matches([',', ' ']);
    match flags {
        "" => Ok(None),
        flags => match flags.strip_prefix("against=") {
            Some(name) if !name.is_empty() && !name.contains([',', ' ']) => Ok(Some(name)),
            _ => Err(format!(
                "`{flags}` means nothing behind an excerpt; it can be compared: `{},against=PROGRAM`",
                fence.kind()
            )),
        },
    }
}

/// The includes of a fence that holds nothing else; `None` where it holds anything else, or nothing.
pub fn includes(fence: &Fence) -> Option<Vec<Include>> {
    let mut includes = Vec::new();
    for (index, line) in fence.body.lines().enumerate() {
        if !line.trim().is_empty() {
            includes.push(include(line, fence.line + 1 + index)?);
        }
    }
    (!includes.is_empty()).then_some(includes)
}

/// Reads one line that is an include, and nothing else.
pub fn include(line: &str, number: usize) -> Option<Include> {
    let inner = line.trim().strip_prefix("{{#include")?.strip_suffix("}}")?;
    if !inner.starts_with(char::is_whitespace) || inner.contains("}}") {
        return None;
    }
    let mut words = inner.split_whitespace();
    let (target, more) = (words.next()?, words.next());
    if more.is_some() {
        return None;
    }
    let (path, anchor) = match target.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (target, None),
    };
    Some(Include {
        path: path.to_owned(),
        anchor,
        line: number,
    })
}

/// The file of an include, relative to the workspace: `listings/ch01-echo/src/bin/x.rs` of `../listings/…` on a page in
/// `src`. `None` where it leaves the workspace.
pub fn in_workspace(page_folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in page_folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    fn of(text: &str) -> Option<Vec<Include>> {
        includes(&Page::parse(text).fences[0])
    }

    #[test]
    fn a_fence_of_includes_is_an_excerpt_and_keeps_their_lines() {
        let found = of("text\n\n```rust\n{{#include ../a.rs:one}}\n\n{{#include ../b.rs}}\n```\n").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|i| (i.line, i.path.as_str(), i.anchor.as_deref()))
            .collect();
        assert_eq!(found, [(4, "../a.rs", Some("one")), (6, "../b.rs", None)]);
    }

    #[test]
    fn a_fence_with_anything_else_is_none() {
        for body in [
            "fn main() {}",
            "{{#include a.rs}}\nfn main() {}",
            "",
            "{{#include a.rs}} {{#include b.rs}}",
            "{{#includes a.rs}}",
            r"\{{#include a.rs}}",
        ] {
            assert_eq!(of(&format!("```rust\n{body}\n```\n")), None, "{body}");
        }
    }

    const FILE: &str = "fn main() {\n    // ANCHOR: a\n    let n = read(); // ❶\n    // ANCHOR: b\n    if n == 0 { // ❷ the end\n    }\n    // ANCHOR_END: b\n\n    drop(n);\n\n    // ANCHOR_END: a\n    // ANCHOR: open\n}\n";

    fn excerpt(lines: Vec<Line>) -> Excerpt {
        Excerpt {
            id: "x".into(),
            kind: "rust".into(),
            file: "listings/a.rs".into(),
            anchors: vec!["a".into()],
            lines,
            against: None,
            whole: None,
        }
    }

    #[test]
    fn an_anchors_lines_come_without_anchors_without_marks_and_at_the_margin() {
        let shown = Excerpt::join(vec![lines(FILE, Some("a"), "rust").unwrap()]);
        let told: Vec<(usize, &str, &[usize])> = shown
            .iter()
            .map(|line| (line.number, line.text.as_str(), line.marks.as_slice()))
            .collect();
        assert_eq!(
            told,
            [
                (3, "let n = read();", &[1][..]),
                (5, "if n == 0 { // the end", &[2]),
                (6, "}", &[]),
                (8, "", &[]),
                (9, "drop(n);", &[])
            ]
        );
        assert_eq!(ranges(&shown), "3,5-6,8-9");
        let error = lines(FILE, Some("c"), "rust").unwrap_err();
        assert_eq!(error, "nothing stands at `ANCHOR: c`; there are `a`, `b`, `open`");
    }

    #[test]
    fn code_that_is_indented_by_tabs_comes_to_the_margin_and_a_program_in_go_is_called_by_its_folder() {
        let shown = Excerpt::join(vec![lines("\tfor {\n\t\tread()\n\t}\n", None, "go").unwrap()]);
        let texts: Vec<&str> = shown.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["for {", "\tread()", "}"]);
        let mut of_go = excerpt(shown.clone());
        of_go.file = "listings/appendix-e-go/cmd/go-server/main.go".into();
        of_go.whole = Some(shown);
        let html = of_go.html(None);
        assert!(html.contains("All of <code>go-server/main.go</code>"), "{html}");
    }

    #[test]
    fn the_code_holds_no_mark_and_what_means_something_to_html_or_mdbook_is_escaped() {
        let mut all = lines(FILE, Some("a"), "rust").unwrap();
        all[2].text = "<{{#x".into();
        let html = excerpt(all).html(None);
        assert!(
            html.contains(
                "<pre><code class=\"language-rust\"><span class=\"callout\" id=\"x-1\" data-mark=\"1\"></span>    let n = read();\n"
            ),
            "{html}"
        );
        assert!(html.contains("&lt;\\{{#x"), "{html}");
        assert!(
            html.starts_with(
                "<figure class=\"excerpt marked\" id=\"x\" data-file=\"listings/a.rs\" data-lines=\"3,5-6,8-9\">\n\
                 <figcaption><code>listings/a.rs</code>, part <em>a</em></figcaption>\n"
            ),
            "{html}"
        );
        assert!(
            excerpt(Vec::new())
                .html(Some("https://example.org/"))
                .contains("href=\"https://example.org/listings/a.rs\"")
        );
    }

    #[test]
    fn lines_that_differ_are_marked_and_indentation_is_no_difference() {
        let of = |text: &str| lines(text, None, "rust").unwrap();
        let differ = |now: &str| changes(&of("a\nb\nc\n"), &of(now));
        use Change::{Changed, Same, Without};
        assert_eq!(differ("a\n  b\nc // ❶\n"), [Same, Same, Same]);
        assert_eq!(differ("a\nB\nc\nd\n"), [Same, Changed, Same, Changed]);
        assert_eq!(differ("a\nc\n"), [Same, Without]);
        assert_eq!(differ("a\nb\n"), [Same, Without]);
    }

    #[test]
    fn a_comparison_is_told_in_the_caption_and_at_its_lines() {
        let mut compared = excerpt(lines("a\nb\n", None, "rust").unwrap());
        compared.against = Some(("other".into(), vec![Change::Same, Change::Changed]));
        let html = compared.html(None);
        assert!(html.contains(">a\n<span class=\"changed\">b</span>\n<"), "{html}");
        assert!(
            html.contains("<span class=\"key changed\"></span> changed against <code>other</code>"),
            "{html}"
        );
    }

    #[test]
    fn only_against_may_stand_behind_an_excerpt() {
        let flags = |info: &str| {
            let page = Page::parse(&format!("```{info}\n{{{{#include a.rs}}}}\n```\n"))
                .fences
                .remove(0);
            against(&page).map(|name| name.map(str::to_owned))
        };
        assert_eq!(flags("rust"), Ok(None));
        assert_eq!(flags("rust,against=echo"), Ok(Some("echo".into())));
        assert!(
            flags("rust,ignore")
                .unwrap_err()
                .contains("`ignore` means nothing")
        );
        assert!(flags("rust,against=").is_err());
    }

    #[test]
    fn a_path_that_leaves_the_workspace_is_told_from_one_that_does_not() {
        assert_eq!(
            in_workspace("src", "../listings/a.rs").as_deref(),
            Some("listings/a.rs")
        );
        assert_eq!(in_workspace("src/part", "./../../x").as_deref(), Some("x"));
        assert_eq!(in_workspace("src", "../../x"), None);
    }
}
