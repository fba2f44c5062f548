//! The program that `mdbook` starts, by the protocol of its preprocessors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use figures::Figures;
use mdbook_preprocessor::{
    Preprocessor, PreprocessorContext,
    book::{Book, Chapter},
};

fn figures(arguments: &[&str], input: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_figures"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing closes its end first.
    program.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    program.wait_with_output().unwrap()
}

fn context() -> PreprocessorContext {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workspace");
    let config = "[preprocessor.figures]\nbefore = [\"links\"]\n".parse().unwrap();
    PreprocessorContext::new(root, config, "html".into())
}

fn book(text: &str) -> Book {
    Book::new_with_items(vec![
        Chapter::new("T", text.to_owned(), "ch01-echo.md", vec![]).into(),
    ])
}

#[test]
fn it_supports_every_renderer() {
    for renderer in ["html", "markdown", "test"] {
        assert!(
            figures(&["supports", renderer], "").status.success(),
            "{renderer}"
        );
    }
}

#[test]
fn it_makes_the_same_pages_as_the_library() {
    let book =
        book("# T\n\n{{#output echo/one-echo server}}\n\n```recording\nshow = \"echo/one-echo\"\n```\n");
    let said = figures(&[], &serde_json::to_string(&(context(), &book)).unwrap());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let made: Book = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(made, Figures.run(&context(), book).unwrap());
}

#[test]
fn what_is_wrong_is_told_on_standard_error_and_nothing_is_made() {
    let said = figures(
        &[],
        &serde_json::to_string(&(context(), book("\n{{#chapter x}}"))).unwrap(),
    );
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stdout.is_empty());
    let told = String::from_utf8_lossy(&said.stderr);
    assert!(
        told.starts_with("src/ch01-echo.md:2: no page is called `x`"),
        "{told}"
    );
}

#[test]
fn whoever_starts_it_by_hand_is_told_what_to_run() {
    let said = figures(&["serve"], "");
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("`cargo book build`"));
}
