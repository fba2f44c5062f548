//! Every `{{#include …}}` finds its file and its anchor, and the anchor holds something.
//!
//! mdBook prints the braces where the file is missing, and an empty block where the anchor is: nobody is told.

use figures::{
    excerpt::{in_workspace, include},
    problem::Problem,
};

use crate::source::Source;

/// Checks the includes of a page. `read` gives a file's text by its path in the workspace.
pub fn check(page: &Source, read: impl Fn(&str) -> Option<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, text) in page.text.lines().enumerate() {
        let line = index + 1;
        let mut problem = |message: String| problems.push(page.problem(line, message));
        if text.contains("{{#rustdoc_include") || text.contains("{{#playground") {
            problem("use `{{#include FILE:ANCHOR}}`; the crate of the listing compiles the rest".into());
        }
        if !text.replace("\\{{#", "").contains("{{#include") {
            continue;
        }
        let Some(include) = include(text, line) else {
            problem("give the include a line of its own: `{{#include FILE:ANCHOR}}`".into());
            continue;
        };
        let Some(path) = in_workspace(page.folder(), &include.path) else {
            problem(format!("`{}` lies outside of the workspace", include.path));
            continue;
        };
        let Some(file) = read(&path) else {
            problem(format!("there is no file `{path}`"));
            continue;
        };
        match include.anchor.as_deref() {
            None if file.trim().is_empty() => problem(format!("`{path}` is empty")),
            None => {}
            Some(anchor) if anchor.starts_with(|c: char| c.is_ascii_digit() || c == ':') => {
                problem(format!(
                    "lines move; mark the part with `// ANCHOR: NAME` and `// ANCHOR_END: NAME` in `{path}`"
                ));
            }
            Some(anchor) => {
                if let Err(message) = part(&file, anchor) {
                    problem(format!("`{path}`: {message}"));
                }
            }
        }
    }
    problems
}

/// Whether the anchor is there, once, with its end, and something between.
fn part(file: &str, anchor: &str) -> Result<(), String> {
    let lines: Vec<&str> = file.lines().collect();
    let marks = |mark: &str| -> Vec<usize> {
        (0..lines.len())
            .filter(|index| name_behind(lines[*index], mark) == Some(anchor))
            .collect()
    };
    let (begins, ends) = (marks("ANCHOR:"), marks("ANCHOR_END:"));
    match (begins.as_slice(), ends.as_slice()) {
        ([], _) => {
            let known: Vec<&str> = lines
                .iter()
                .filter_map(|line| name_behind(line, "ANCHOR:"))
                .collect();
            Err(format!(
                "there is no `ANCHOR: {anchor}`; there are {}",
                figures::problem::choices(known, "none")
            ))
        }
        ([begin], [end]) if end > begin => {
            let empty = lines[begin + 1..*end]
                .iter()
                .all(|line| line.trim().is_empty() || line.contains("ANCHOR"));
            if empty {
                Err(format!("nothing stands between `ANCHOR: {anchor}` and its end"))
            } else {
                Ok(())
            }
        }
        ([_], [_]) => Err(format!("`ANCHOR_END: {anchor}` stands before its beginning")),
        ([_], []) => Err(format!("`ANCHOR: {anchor}` has no `ANCHOR_END: {anchor}`")),
        _ => Err(format!(
            "`ANCHOR: {anchor}` begins or ends more than once; a part is in one piece"
        )),
    }
}

/// The name behind a mark, as mdBook reads it.
fn name_behind<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let rest = line[line.find(mark)? + mark.len()..].trim_start();
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .unwrap_or(rest.len());
    Some(&rest[..end])
}

#[test]
fn a_missing_file_a_missing_anchor_and_an_empty_one_are_told() {
    let file = "// ANCHOR: good\nlet x = 1;\n// ANCHOR_END: good\n// ANCHOR: empty\n\n// ANCHOR_END: empty\n// ANCHOR: open\nx\n\
                // ANCHOR: twice\nx\n// ANCHOR_END: twice\n// ANCHOR: twice\nx\n// ANCHOR_END: twice\n";
    let read = |path: &str| match path {
        "listings/a.rs" => Some(file.to_owned()),
        "listings/empty.rs" => Some("\n".to_owned()),
        _ => None,
    };
    for (target, words) in [
        ("../listings/a.rs:good", None),
        ("../listings/a.rs", None),
        ("../listings/b.rs:good", Some("there is no file `listings/b.rs`")),
        ("../../a.rs:good", Some("outside of the workspace")),
        ("../listings/a.rs:godo", Some("there are `good`, `empty`, `open`")),
        ("../listings/a.rs:empty", Some("nothing stands between")),
        ("../listings/a.rs:open", Some("has no `ANCHOR_END: open`")),
        ("../listings/a.rs:twice", Some("more than once")),
        ("../listings/a.rs:10:20", Some("lines move")),
        ("../listings/a.rs::20", Some("lines move")),
        ("../listings/empty.rs", Some("is empty")),
    ] {
        let page = Source::sample(&format!("# T\n\n```rust\n{{{{#include {target}}}}}\n```\n"));
        crate::assert_told(&check(&page, read), 4, words, target);
    }
}

#[test]
fn an_include_in_other_words_or_other_company_is_told() {
    for (line, words) in [
        ("see {{#include a.rs}}", Some("a line of its own")),
        ("{{#rustdoc_include a.rs:b}}", Some("use `{{#include")),
        (r"\{{#include a.rs}}", None),
    ] {
        crate::assert_told(&check(&Source::sample(line), |_| None), 1, words, line);
    }
}
