//! What students have handed in: a folder with one folder for each of them, and in it the programs they changed.
//!
//! A program is known by its path in the student's folder:
//!
//! | path | is |
//! |---|---|
//! | `finish.rs` | the exercise of this name, where only one chapter has it |
//! | `close-finish.rs`, `close/finish.rs`, `ch09-close/finish.rs`, `ch09-close/exercises/finish.rs` | the one of that chapter |
//! | `…/listings/ch09-close/exercises/finish.rs` | the same, in a copy of the whole book |
//!
//! They may lie in folders of any name, as an unpacked archive puts them. Hidden folders, `target` and `solutions` are passed over, and no
//! link is followed.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::Exercises;

/// How deep folders are looked into.
const DEPTH: usize = 8;

/// What one student has handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedIn {
    /// The name of the student's folder.
    pub student: String,
    /// The programs, by the exercise's full name; more than one where it lies there twice.
    pub programs: BTreeMap<String, Vec<PathBuf>>,
    /// Files in Rust that are no exercise's.
    pub unknown: Vec<PathBuf>,
}

/// Reads the folder of all students, in the order of their names.
///
/// # Errors
/// It cannot be read. What cannot be read in a student's folder is passed over, and missing then.
pub fn read(folder: &Path, exercises: &Exercises) -> io::Result<Vec<HandedIn>> {
    let mut all = Vec::new();
    for (name, path, kind) in listed(folder)? {
        if kind != Kind::Folder || is_passed_over(&name) {
            continue;
        }
        let mut handed_in = HandedIn {
            student: name,
            ..HandedIn::default()
        };
        look(&path, &path, exercises, DEPTH, &mut handed_in);
        all.push(handed_in);
    }
    Ok(all)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Other,
}

/// What a folder holds, by name.
fn listed(folder: &Path) -> io::Result<Vec<(String, PathBuf, Kind)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Of the entry itself: a link is neither.
        let kind = match entry.file_type()? {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            _ => Kind::Other,
        };
        entries.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
            kind,
        ));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || ["target", "solutions", "__MACOSX"].contains(&name)
}

fn look(folder: &Path, student: &Path, exercises: &Exercises, depth: usize, found: &mut HandedIn) {
    let Ok(entries) = listed(folder) else { return };
    // A copy of the whole book: of all its programs only the exercises are meant.
    let book = entries
        .iter()
        .find(|(name, _, kind)| name == "listings" && *kind == Kind::Folder);
    if let Some((_, listings, _)) = book {
        for (chapter, path, _) in listed(listings).unwrap_or_default() {
            for (name, path, kind) in listed(&path.join("exercises")).unwrap_or_default() {
                if kind == Kind::File
                    && let Some(stem) = name.strip_suffix(".rs")
                    && let Some(exercise) = of_chapter(exercises, &chapter, stem)
                {
                    found.programs.entry(exercise).or_default().push(path);
                }
            }
        }
        return;
    }
    for (name, path, kind) in entries {
        match kind {
            Kind::Folder if depth > 0 && !is_passed_over(&name) => {
                look(&path, student, exercises, depth - 1, found);
            }
            Kind::File => {
                let Some(stem) = name.strip_suffix(".rs").filter(|stem| !stem.starts_with('.')) else {
                    continue;
                };
                match meant(exercises, &path, student, stem) {
                    Some(exercise) => found.programs.entry(exercise).or_default().push(path),
                    None => found.unknown.push(path),
                }
            }
            _ => {}
        }
    }
}

/// The exercise that a file is meant for.
fn meant(exercises: &Exercises, path: &Path, student: &Path, stem: &str) -> Option<String> {
    let inside = path.parent()?.strip_prefix(student).ok()?;
    let mut above = inside
        .components()
        .rev()
        .map(|part| part.as_os_str().to_string_lossy())
        .filter(|name| name != "exercises");
    if let Some(exercise) = above
        .next()
        .and_then(|chapter| of_chapter(exercises, &chapter, stem))
    {
        return Some(exercise);
    }
    let with_chapter = exercises.iter().find(|exercise| {
        let (slug, name) = (exercise.slug(), &exercise.name);
        [
            format!("{slug}-{name}"),
            format!("{}-{name}", exercise.package),
            exercise.binary(),
        ]
        .iter()
        .any(|form| form == stem)
    });
    if let Some(exercise) = with_chapter {
        return Some(exercise.full_name());
    }
    let mut of_this_name = exercises.iter().filter(|exercise| exercise.name == stem);
    match (of_this_name.next(), of_this_name.next()) {
        (Some(exercise), None) => Some(exercise.full_name()),
        _ => None,
    }
}

/// The exercise `name` of a chapter, which is called `close` or `ch09-close`.
fn of_chapter(exercises: &Exercises, chapter: &str, name: &str) -> Option<String> {
    let found = exercises.iter().find(|exercise| {
        exercise.name == name && (exercise.package == chapter || exercise.slug() == chapter)
    });
    found.map(crate::Exercise::full_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A book with `echo/one`, `echo/both` and `close/both`, and one student's files.
    fn handed_in(files: &[&str]) -> HandedIn {
        let book = tempfile::tempdir().unwrap();
        let cases = "subject = \"program\"\nas-shipped = \"x\"\n[[case]]\nproves = \"It is.\"\nexit = 0\nlook = \"it\"\n";
        for exercise in [
            "ch01-echo/exercises/one",
            "ch01-echo/exercises/both",
            "ch09-close/exercises/both",
        ] {
            write(&book.path().join(format!("listings/{exercise}.toml")), cases);
        }
        let exercises = Exercises::open(book.path()).unwrap();
        let class = tempfile::tempdir().unwrap();
        for file in files {
            write(&class.path().join("ada").join(file), "");
        }
        let mut all = read(class.path(), &exercises).unwrap();
        assert_eq!(all.len(), 1);
        let mut one = all.remove(0);
        let ada = class.path().join("ada");
        let short = |path: &PathBuf| path.strip_prefix(&ada).unwrap().to_owned();
        one.unknown = one.unknown.iter().map(short).collect();
        for paths in one.programs.values_mut() {
            *paths = paths.iter().map(short).collect();
        }
        one
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_program_is_known_by_name_and_chapter() {
        for (file, exercise) in [
            ("one.rs", "echo/one"),
            ("homework 3/one.rs", "echo/one"),
            ("echo-both.rs", "echo/both"),
            ("close-exercise-both.rs", "close/both"),
            ("close/both.rs", "close/both"),
            ("x/ch09-close/both.rs", "close/both"),
            ("ch09-close/exercises/both.rs", "close/both"),
            ("my-copy/listings/ch01-echo/exercises/both.rs", "echo/both"),
        ] {
            let found = handed_in(&[file]);
            assert_eq!(found.student, "ada");
            assert_eq!(found.programs.keys().collect::<Vec<_>>(), [exercise], "{file}");
        }
    }

    #[test]
    fn a_name_that_two_chapters_have_is_not_guessed() {
        let found = handed_in(&["both.rs", "two.rs"]);
        assert_eq!(found.unknown, [Path::new("both.rs"), Path::new("two.rs")]);
        assert!(found.programs.is_empty());
    }

    #[test]
    fn one_exercise_handed_in_twice_has_two_files() {
        let found = handed_in(&["one.rs", "old/one.rs"]);
        assert_eq!(found.programs["echo/one"].len(), 2);
    }

    #[test]
    fn solutions_hidden_folders_and_the_books_other_programs_are_passed_over() {
        let found = handed_in(&[
            "solutions/one.rs",
            ".git/one.rs",
            "target/one.rs",
            "book/listings/ch01-echo/solutions/one.rs",
            "book/listings/ch01-echo/src/bin/one.rs",
            "book/tools/x/src/one.rs",
        ]);
        assert_eq!((found.programs.len(), found.unknown.len()), (0, 0));
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let class = tempfile::tempdir().unwrap();
        let ada = class.path().join("ada");
        fs::create_dir(&ada).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", ada.join("one.rs")).unwrap();
        std::os::unix::fs::symlink("/", ada.join("echo")).unwrap();
        let all = read(class.path(), &Exercises::open(class.path()).unwrap()).unwrap();
        assert!(all[0].programs.is_empty() && all[0].unknown.is_empty());
    }
}
