//! `cargo book exercise`: the list, a wrong word, a program that is missing, does not compile, is wrong, is right.

mod common;

use common::{Scratch, bad, good};

/// A workspace with one exercise: to print `two`.
fn book(program: &str) -> Scratch {
    let book = Scratch::new();
    book.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"listings/ch09-close\"]\n",
    );
    book.write(
        "listings/ch09-close/Cargo.toml",
        "[package]\nname = \"ch09-close\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nexercises = []\n\
         [[bin]]\nname = \"close-exercise-two\"\npath = \"exercises/two.rs\"\nrequired-features = [\"exercises\"]\n",
    );
    book.write("listings/ch09-close/exercises/two.rs", program);
    book.write(
        "listings/ch09-close/exercises/two.toml",
        "subject = \"program\"\nas-shipped = \"got `one`\"\n[[case]]\nproves = \"It says two.\"\noutput = [\"two\"]\nlook = \"what is printed\"\n",
    );
    book
}

const FILE: &str = "listings/ch09-close/exercises/two.rs";

#[test]
fn the_exercises_are_listed_and_a_name_that_none_has_is_told_with_the_nearest() {
    let book = book("fn main() {}\n");
    let said = good(book.run(&["exercise"]));
    assert!(said.starts_with("close/two ") && said.contains(FILE), "{said}");
    let said = bad(book.run(&["exercise", "close/tow"]));
    assert!(
        said.contains("no exercise is called `close/tow`; the nearest are\n  close/two\n"),
        "{said}"
    );
}

#[test]
fn a_program_that_is_wrong_is_told_in_a_sentence_and_one_that_is_right_passes() {
    let book = book("fn main() { println!(\"one\"); }\n");
    let output = book.run(&["exercise", "close/two"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("fails     It says two.\n    expected `two` as line 1 of its output, got `one`; look at what is printed\n"),
        "{said}"
    );
    assert!(
        said.ends_with(&format!(
            "the one case does not hold; change {FILE} and ask again\n"
        )),
        "{said}"
    );
    book.write(FILE, "fn main() { println!(\"two\"); }\n");
    let said = good(book.run(&["exercise", "close/two"]));
    assert!(
        said.ends_with("the one case holds; compare yours with listings/ch09-close/solutions/two.rs\n"),
        "{said}"
    );
}

#[test]
fn a_program_that_does_not_compile_or_is_not_there_is_told_with_what_to_do() {
    let book = book("fn main() { let _: u8 = \"a\"; }\n");
    let said = bad(book.run(&["exercise", "close/two"]));
    assert!(
        said.contains("mismatched types") && said.contains(&format!("`{FILE}` does not compile")),
        "{said}"
    );
    std::fs::remove_file(book.root().join(FILE)).expect("removed");
    let said = bad(book.run(&["exercise", "close/two"]));
    assert!(
        said.contains(&format!("`git checkout -- {FILE}` brings it back")),
        "{said}"
    );
}
