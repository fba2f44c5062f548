//! Every fence says what it holds, and holds what it says.

use figures::{
    excerpt::{against, includes},
    problem::Problem,
};

use crate::source::Source;

/// The kinds of fence there are.
const KINDS: &[&str] = &[
    "c",
    "check",
    "console",
    "declaration",
    "diff",
    "exercise",
    "go",
    "markdown",
    "recording",
    "rust",
    "schedule",
    "teacher",
    "text",
    "toml",
];

/// Checks the fences of a page.
pub fn check(source: &Source) -> Vec<Problem> {
    let page = source.page();
    let mut problems = Vec::new();
    for line in &page.indented {
        problems.push(source.problem(
            *line,
            "an indented block has no tag; put it between ``` with one, `text` if nothing else",
        ));
    }
    for fence in &page.fences {
        let mut problem = |message: String| problems.push(source.problem(fence.line, message));
        let kind = fence.kind();
        if kind.is_empty() {
            problem("a fence without a tag is taken for Rust; tag it, `text` if nothing else".into());
            continue;
        }
        if !KINDS.contains(&kind) {
            problem(format!(
                "`{kind}` is no kind of fence here; the choices are {}",
                KINDS.join(", ")
            ));
            continue;
        }
        let flags = fence.info[kind.len()..].trim_start_matches([',', ' ']);
        let excerpt = includes(fence).is_some();
        match (kind, flags) {
            ("rust", "no_run") if !excerpt => {
                let first = fence.body.lines().next().unwrap_or_default();
                if first
                    .strip_prefix("# // no_run: ")
                    .is_none_or(|reason| reason.trim().is_empty())
                {
                    problem("say why it cannot be run, in a hidden first line: `# // no_run: REASON`".into());
                }
            }
            (_, "") => {}
            _ if excerpt => {
                if let Err(message) = against(fence) {
                    problem(message);
                }
            }
            ("rust", flags) => problem(format!(
                "`{flags}` is not used here: a snippet compiles and runs, or is `no_run`"
            )),
            (kind, flags) => problem(format!("`{flags}` means nothing behind `{kind}`; take it out")),
        }
        match kind {
            "rust" if !excerpt && fence.body.contains("{{#include") => {
                problem("an excerpt holds nothing but its include; a snippet holds none".into());
            }
            "rust" if !excerpt && !fence.body.contains("fn main()") => {
                problem("a snippet is a whole program: give it a `fn main()`, in hidden lines (`# `) if it disturbs".into());
            }
            "go" | "c" if !excerpt => {
                problem(format!(
                    "{kind} shown here comes from a file that is compiled: `{{{{#include FILE:ANCHOR}}}}`"
                ));
            }
            _ => {}
        }
    }
    problems
}

#[test]
fn a_fence_that_is_not_what_it_says_is_told() {
    for (text, words) in [
        ("```rust\nfn main() {}\n```", None),
        ("```rust\n{{#include a.rs:b}}\n```", None),
        ("```rust,against=echo\n{{#include a.rs:b}}\n```", None),
        (
            "```rust,against=echo\nfn main() {}\n```",
            Some("`against=echo` is not used"),
        ),
        (
            "```rust,no_run\n# // no_run: it waits for a second machine\nfn main() {}\n```",
            None,
        ),
        ("```console\n$ ls\n```", None),
        ("```c\n{{#include a.c:b}}\n```", None),
        ("```\nx\n```", Some("without a tag")),
        ("~~~\nx\n~~~", Some("without a tag")),
        ("    indented", Some("an indented block")),
        ("```sh\nls\n```", Some("`sh` is no kind of fence")),
        ("```rust,ignore\nfn main() {}\n```", Some("`ignore` is not used")),
        (
            "```rust,compile_fail\nfn main() {}\n```",
            Some("`compile_fail` is not used"),
        ),
        ("```rust,no_run\nfn main() {}\n```", Some("say why")),
        (
            "```rust,no_run\n{{#include a.rs:b}}\n```",
            Some("`no_run` means nothing behind an excerpt"),
        ),
        ("```rust\nlet x = 1;\n```", Some("a whole program")),
        (
            "```rust\n{{#include a.rs:b}}\nfn main() {}\n```",
            Some("nothing but its include"),
        ),
        ("```go\nfunc main() {}\n```", Some("a file that is compiled")),
        ("```text,wide\nx\n```", Some("means nothing")),
    ] {
        crate::assert_told(&check(&Source::sample(text)), 1, words, text);
    }
}
