//! `cargo book build`: whole books only.

mod common;

use common::Scratch;
use std::fs;

#[test]
fn the_book_is_written_and_written_again() {
    let book = Scratch::new();
    let output = book.run(&["build"]);
    assert!(output.status.success(), "{output:?}");
    let page = book.root().join("book/one.html");
    assert!(fs::read_to_string(&page).unwrap().contains("The first words."));
    assert!(
        !fs::read_to_string(&page).unwrap().contains("__livereload"),
        "a built book waits for nobody"
    );

    book.write("src/one.md", "# One\n\nOther words.\n");
    let output = book.run(&["build"]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(&page).unwrap().contains("Other words."));
    let beside: Vec<_> = fs::read_dir(book.root())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !beside
            .iter()
            .any(|name| name.to_string_lossy().starts_with(".book-")),
        "{beside:?}"
    );
    assert_eq!(book.leftovers(), 0);
}

#[test]
fn from_any_folder_below_the_book_is_found_and_out_is_where_one_stands() {
    let book = Scratch::new();
    let below = book.root().join("listings/two");
    let mut command = book.command(&["build", "--out", "here"]);
    command.current_dir(&below);
    let output = common::output(command);
    assert!(output.status.success(), "{output:?}");
    assert!(below.join("here/index.html").is_file());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.trim_end().ends_with("here/index.html"), "{said}");
}

#[test]
fn a_broken_book_names_every_error_and_leaves_the_last_good_one() {
    let book = Scratch::new();
    assert!(book.run(&["build"]).status.success());
    book.write("src/one.md", "# One\n\n{{#include no.rs}}\n");
    book.write("src/two.md", "# Two\n\n{{#include neither.rs}}\n");
    let output = book.run(&["build"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("error: src/one.md:3: ") && said.contains("error: src/two.md:3: "),
        "{said}"
    );
    let page = fs::read_to_string(book.root().join("book/one.html")).unwrap();
    assert!(page.contains("The first words."));
}

#[test]
fn a_folder_that_is_no_book_is_not_replaced() {
    let book = Scratch::new();
    let output = book.run(&["build", "--out", "src"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("not a built book") && said.contains("--out"),
        "{said}"
    );
    assert!(book.root().join("src/one.md").is_file());
}
