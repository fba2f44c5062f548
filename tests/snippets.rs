//! Every Rust snippet of the prose, compiled and run: one test each, named by its chapter and line.
//!
//! A snippet is a whole program (lines that begin with `# ` are hidden on the page), may use std, tokio and anyhow, and
//! ends by itself. One that cannot be run is `no_run`, and the prose says why. Excerpts are compiled with their listing.

mod snippet_copy;

/// What skeptic made of the chapters.
mod chapters {
    include!(concat!(env!("OUT_DIR"), "/skeptic-tests.rs"));
}

use std::{fs, panic, path::Path};

use figures::{excerpt, page::Page};
use snippet_copy::for_skeptic;

#[test]
fn an_excerpt_is_no_longer_rust_in_the_copy_and_every_line_keeps_its_number() {
    let chapter = "# T\n\n```rust\n{{#include ../a.rs:b}}\n```\n\n~~~~rust,no_run\n{{#include a.rs}}\n~~~~\n\n```rust\nfn main() {}\n```\n";
    assert_eq!(
        for_skeptic(chapter),
        "# T\n\n```text\n{{#include ../a.rs:b}}\n```\n\n~~~~text\n{{#include a.rs}}\n~~~~\n\n```rust\nfn main() {}\n```\n"
    );
}

#[test]
fn a_snippet_with_an_include_among_its_lines_stays_rust_so_that_it_fails() {
    let chapter = "```rust\n{{#include a.rs}}\nfn main() {}\n```\n";
    assert_eq!(for_skeptic(chapter), chapter);
}

#[test]
fn a_snippet_that_does_not_compile_fails() {
    let outcome = panic::catch_unwind(|| run("fn main() { let _: u8 = \"no number\"; }"));
    assert!(outcome.is_err(), "rustc took a string for a number");
}

#[test]
fn a_snippet_that_panics_fails_and_one_that_ends_passes() {
    let outcome = panic::catch_unwind(|| run("fn main() { assert_eq!(1 + 1, 3); }"));
    assert!(outcome.is_err(), "a panic went unnoticed");
    run("fn main() -> anyhow::Result<()> { assert_eq!(\"1\".parse::<u8>()? + 1, 2); Ok(()) }");
}

#[test]
fn every_snippet_of_the_prose_is_a_test_with_its_chapter_and_line() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/skeptic-tests.rs"));
    let prose = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut expected = 0;
    for entry in fs::read_dir(prose).expect("the prose is there") {
        let path = entry.expect("a page").path();
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a page can be read");
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .replace('-', "_");
        for fence in &Page::parse(&text).fences {
            if fence.kind() == "rust" && excerpt::includes(fence).is_none() {
                expected += 1;
                let line = fence.line;
                let named = generated.lines().any(|test| {
                    test.starts_with(&format!("#[test] fn {stem}_"))
                        && test.ends_with(&format!("_line_{line}() {{"))
                });
                assert!(
                    named,
                    "{}:{line}: no test is named after this snippet",
                    path.display()
                );
            }
        }
    }
    assert_eq!(
        generated.matches("#[test] fn ").count(),
        expected,
        "tests without a snippet"
    );
}

/// Compiles and runs a program as skeptic does with a snippet; panics where it does not compile or does not end well.
fn run(program: &str) {
    skeptic::rt::run_test(
        env!("CARGO_MANIFEST_DIR"),
        env!("OUT_DIR"),
        env!("TARGET"),
        program,
    );
}
