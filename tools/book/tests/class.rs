//! `cargo book exercise --all`: a class with a good program, a wrong one, one that crashes, one without end, one that does not
//! compile, one that leaves a process behind, and one that is missing. Each is a cell of the table, and the next one's turn comes.

mod common;

use common::{Scratch, bad};

const SHIPPED: &str = "fn main() { println!(\"one\"); }\n";

/// A book with the exercises `close/two` and `close/name`, of which the second wants the name of a file.
fn book() -> Scratch {
    let book = Scratch::new();
    book.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"listings/ch09-close\"]\n",
    );
    book.write(
        "listings/ch09-close/Cargo.toml",
        "[package]\nname = \"ch09-close\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nexercises = []\n\
         [[bin]]\nname = \"close-exercise-two\"\npath = \"exercises/two.rs\"\nrequired-features = [\"exercises\"]\n\
         [[bin]]\nname = \"close-solution-two\"\npath = \"solutions/two.rs\"\nrequired-features = [\"exercises\"]\n",
    );
    book.write("listings/ch09-close/exercises/two.rs", SHIPPED);
    book.write(
        "listings/ch09-close/solutions/two.rs",
        "fn main() { println!(\"two\"); }\n",
    );
    book.write(
        "listings/ch09-close/exercises/two.toml",
        "subject = \"program\"\nas-shipped = \"got `one`\"\n[[case]]\nproves = \"It ends.\"\nexit = 0\nwithin = 1\nlook = \"its end\"\n\
         [[case]]\nproves = \"It says two.\"\noutput = [\"two\"]\nwithin = 1\nlook = \"what is printed\"\n",
    );
    book
}

/// The line of the table, its words apart.
fn row<'a>(said: &'a str, student: &str) -> Vec<&'a str> {
    let line = said.lines().find(|line| line.starts_with(student));
    let line = line.unwrap_or_else(|| panic!("no line for {student}: {said}"));
    line.split_whitespace().skip(1).collect()
}

#[test]
fn whatever_a_student_hands_in_is_a_cell_of_the_table() {
    let book = book();
    let mark = format!("8{}", std::process::id());
    for (path, program) in [
        (
            "ada/close-two.rs",
            "fn main() { println!(\"two\"); }\n".to_owned(),
        ),
        ("bob/two.rs", "fn main() { println!(\"three\"); }\n".into()),
        ("eve/close/two.rs", "fn main() { loop {} }\n".into()),
        (
            "joe/homework/two.rs",
            "fn main() { println!(\"two\"); let none: Option<u8> = None; none.unwrap(); }\n".into(),
        ),
        ("kim/two.rs", "fn main() { println!(\"two\") \n".into()),
        ("may/two.rs", SHIPPED.replace('\n', "\r\n")),
        ("pat/notes.txt", String::new()),
        ("roy/a/two.rs", String::new()),
        ("roy/b/two.rs", String::new()),
        // What it starts stands in a group of its own, as a daemon does.
        (
            "sue/two.rs",
            format!(
                "fn main() {{ std::process::Command::new(\"sh\").args([\"-c\", \"setsid sleep {mark} >/dev/null 2>&1 &\"])\
                 .status().unwrap(); std::fs::write(\"litter\", \"x\").unwrap(); println!(\"two\"); }}\n"
            ),
        ),
        ("tom/extra.rs", String::new()),
    ] {
        book.write(&format!("class/{path}"), &program);
    }
    let output = book.run(&["exercise", "close", "--all", "class"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}{told}");
    for (student, cell) in [
        ("ada", "passed"),
        ("bob", "fails: 2 of 2"),
        ("eve", "time up: 1,2 of 2"),
        ("joe", "crashes: 1,2 of 2"),
        ("kim", "does not compile"),
        ("may", "as shipped"),
        ("pat", "missing"),
        ("roy", "2 files"),
        ("sue", "passed"),
        ("tom", "missing"),
    ] {
        assert_eq!(row(&said, student).join(" "), cell, "{said}");
    }
    assert!(
        said.contains("bob, close/two: fails: 2 of 2\n  2. It says two.\n      expected `two` as line 1 of its output, got `three`"),
        "{said}"
    );
    assert!(
        said.contains("kim, close/two: does not compile\n  error: "),
        "{said}"
    );
    assert!(
        said.contains("\n2 of 10 passed; 10 students, 1 exercise, "),
        "{said}"
    );
    assert!(
        told.contains("they run here as you, with your files and your network"),
        "{told}"
    );
    assert!(told.contains("no exercise's: class/tom/extra.rs"), "{told}");
    assert!(told.contains("   3 of 10  eve  close/two  time up"), "{told}");
    #[cfg(target_os = "linux")]
    assert!(
        !is_running(&format!("sleep\0{mark}\0")),
        "a process was left behind"
    );
    assert_eq!(book.leftovers(), 0, "what was built is removed");
    assert!(
        !book.root().join("litter").exists(),
        "a program wrote where the teacher stands"
    );
}

/// Whether a process with this command line runs.
#[cfg(target_os = "linux")]
fn is_running(line: &str) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.any(|it| it == line)
}

#[test]
fn a_class_whose_programs_all_pass_ends_with_0_and_unasked_exercises_have_no_column() {
    let book = book();
    // A copy of the whole book: of what it holds, one exercise was changed.
    book.write(
        "class/ada/fork/listings/ch09-close/exercises/two.rs",
        "fn main() { print!(\"two\\n\"); }\n",
    );
    book.write(
        "class/ada/fork/listings/ch09-close/solutions/two.rs",
        "no program\n",
    );
    let output = book.run(&["exercise", "--all", "class"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.starts_with("     close/two\nada  passed\n"), "{said}");
}

#[test]
fn a_folder_without_students_or_programs_is_told_with_what_it_needs() {
    let book = book();
    book.write("class/readme.txt", "");
    let said = bad(book.run(&["exercise", "--all", "class"]));
    assert!(
        said.contains("class holds no folder; it needs one for each student"),
        "{said}"
    );
    book.write("class/ada/readme.txt", "");
    let said = bad(book.run(&["exercise", "--all", "class"]));
    assert!(said.contains("class holds no program of an exercise"), "{said}");
    let said = bad(book.run(&["exercise", "--all", "nowhere"]));
    assert!(
        said.contains("nowhere: name a folder with a folder for each student"),
        "{said}"
    );
    let said = bad(book.run(&["exercise", "close/tow", "--all", "class"]));
    assert!(said.contains("the nearest are\n  close/two"), "{said}");
}
