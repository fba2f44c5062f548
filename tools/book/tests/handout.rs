//! `cargo book handout`, as a teacher meets it. What is on the sheets is looked at in the tests of the pages.

mod common;

use common::{Scratch, bad, files, good, repository};
use std::fs;
use std::process::Command;

/// A book of one chapter.
#[expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]
fn book() -> Scratch {
    let book = Scratch::new().with_echo();
    let chapter = fs::read_to_string(repository().join("src/ch01-echo.md")).unwrap();
    book.write("src/ch01-echo.md", &chapter);
    book.write(
        "src/SUMMARY.md",
        "# Summary\n\n- [One](one.md)\n- [One echo, watched](ch01-echo.md)\n",
    );
    book
}

/// The command on a machine without a browser.
fn without_a_browser(book: &Scratch, arguments: &[&str]) -> Command {
    let mut command = book.command(arguments);
    command.env("PATH", "").env_remove("BOOK_BROWSER");
    command
}

#[test]
fn without_a_browser_one_line_says_how_to_get_one_and_the_sheets_are_html() {
    let book = book();
    let output = common::output(without_a_browser(&book, &["handout", "1", "--teacher"]));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let lines = said.lines().filter(|line| line.contains("BOOK_BROWSER"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(said.contains("chromium") && said.contains("HTML"), "{said}");
    let written = good(output);
    let names: Vec<String> = files(&book.root().join("handouts")).into_keys().collect();
    assert_eq!(
        names,
        [
            "ch01-echo-handout.html",
            "ch01-echo-lab.html",
            "ch01-echo-teacher.html"
        ],
        "{written}"
    );
    for name in names {
        let html = fs::read_to_string(book.root().join("handouts").join(&name)).unwrap();
        assert!(
            html.contains("@bottom-right") && html.contains("counter(page)"),
            "{name}"
        );
        assert!(
            !html.contains("http://") && !html.contains("https://"),
            "{name} needs the network"
        );
    }
}

#[test]
fn a_chapter_goes_by_number_name_and_file_and_students_get_two_sheets() {
    let book = book();
    for name in ["1", "01", "echo", "ch01", "ch01-echo"] {
        good(common::output(without_a_browser(
            &book,
            &["handout", name, "--out", name],
        )));
        assert_eq!(files(&book.root().join(name)).len(), 2, "{name}");
    }
}

#[test]
fn a_chapter_that_is_not_there_is_told_with_those_that_are() {
    let book = book();
    let said = bad(common::output(without_a_browser(&book, &["handout", "close"])));
    assert!(said.contains("`close`") && said.contains("ch01-echo"), "{said}");
    assert!(!book.root().join("handouts").exists());
}
