//! The programs of a whole class, each held to its exercise, and the table that says how they did.
//!
//! A program that is missing, does not compile, crashes or never ends is a cell of the table, and the next one's turn comes.
//! They are tried one after another and never while something is being compiled, since some cases measure time.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use stage::programs::Programs;

use crate::{
    Exercise, Exercises,
    apart::{self, ApartError, Solutions},
    build::{BuildError, How, build},
    handed_in::HandedIn,
    judge::{Verdict, Way, judge},
    running::end_orphans,
};

/// The longest that one student's program may take to compile: what it is made of is compiled before.
const COMPILING: Duration = Duration::from_secs(120);

/// The longest that the crates may take that all programs are made of.
const FIRST: Duration = Duration::from_secs(1800);

/// The most that a program may have, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// How one student's program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// All cases hold, but for so many that could not be asked here.
    Passed {
        /// Cases that could not be asked.
        not_asked: usize,
    },
    /// Some cases do not hold.
    Failed {
        /// In which way; the worst of all cases.
        way: Way,
        /// The numbers of the cases, from 1.
        cases: Vec<usize>,
        /// How many there are.
        of: usize,
        /// What each of them says.
        said: Vec<String>,
    },
    /// It does not compile, or keeps the compiler busy; what the compiler said.
    NotCompiled(String),
    /// It is as it was shipped.
    AsShipped,
    /// There is none.
    Missing,
    /// There are several, and nobody knows which is meant.
    Several(Vec<PathBuf>),
    /// It could not be tried; the reason.
    NotTried(String),
}

impl Cell {
    /// What stands in the table.
    pub fn short(&self) -> String {
        match self {
            Cell::Passed { not_asked: 0 } => "passed".into(),
            Cell::Passed { not_asked } => format!("passed, {not_asked} not asked"),
            Cell::Failed { way, cases, of, .. } => {
                let what = match way {
                    Way::Wrong => "fails",
                    Way::TimeUp => "time up",
                    Way::Crash => "crashes",
                };
                let numbers: Vec<String> = cases.iter().map(ToString::to_string).collect();
                format!("{what}: {} of {of}", numbers.join(","))
            }
            Cell::NotCompiled(_) => "does not compile".into(),
            Cell::AsShipped => "as shipped".into(),
            Cell::Missing => "missing".into(),
            Cell::Several(files) => format!("{} files", files.len()),
            Cell::NotTried(_) => "not tried".into(),
        }
    }

    /// Whether all that could be asked holds.
    pub fn is_passed(&self) -> bool {
        matches!(self, Cell::Passed { .. })
    }

    /// What there is to say besides, a paragraph a case.
    pub fn said(&self) -> Vec<String> {
        match self {
            Cell::Failed { said, .. } => said.clone(),
            Cell::NotCompiled(said) => vec![first_error(said)],
            Cell::Several(files) => vec![format!(
                "which one is meant? {}",
                files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            )],
            Cell::NotTried(reason) => vec![reason.clone()],
            Cell::Passed { .. } | Cell::AsShipped | Cell::Missing => Vec::new(),
        }
    }
}

/// The compiler's first error, up to the empty line behind it.
fn first_error(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take_while(|line| !line.trim().is_empty())
        .take(12)
        .collect();
    match lines.is_empty() {
        true => said.to_owned(),
        false => lines.join("\n"),
    }
}

/// Where the programs of a class are built and tried.
#[derive(Debug)]
pub struct Class<'a> {
    exercises: &'a Exercises,
    programs: Option<&'a Programs>,
    workshop: &'a Path,
    target: PathBuf,
    built: Exercises,
}

/// Why a class cannot be held to anything.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The folder to build in cannot be made.
    #[error(transparent)]
    Apart(#[from] ApartError),
    /// The exercises of that folder cannot be read.
    #[error(transparent)]
    Exercise(#[from] crate::ExerciseError),
    /// What the programs are made of does not compile.
    #[error("the exercise as it is shipped cannot be built, so no other can: {0}")]
    Build(#[from] BuildError),
}

impl<'a> Class<'a> {
    /// Makes the empty folder `workshop` ready for programs of these exercises of the workspace at `root`, and compiles what all
    /// of them are made of. `programs` are those of the workspace, for cases that perform a scenario.
    ///
    /// # Errors
    /// The folder cannot be written, or an exercise does not compile as it is shipped.
    pub fn open(
        root: &Path,
        exercises: &'a Exercises,
        columns: &[&Exercise],
        programs: Option<&'a Programs>,
        workshop: &'a Path,
    ) -> Result<Class<'a>, ClassError> {
        let packages: BTreeSet<String> = columns.iter().map(|exercise| exercise.package.clone()).collect();
        apart::write(root, &packages, workshop, Solutions::LeftOut)?;
        let class = Class {
            exercises,
            programs,
            workshop,
            // In the folder itself, whatever CARGO_TARGET_DIR says.
            target: workshop.join("target"),
            built: Exercises::open(workshop)?,
        };
        let mut done = BTreeSet::new();
        for exercise in columns {
            if done.insert(&exercise.package) {
                build(class.built.get(&exercise.full_name())?, class.how(FIRST))?;
            }
        }
        Ok(class)
    }

    /// Builds a student's program for the exercise, and holds it to its cases.
    pub fn hold(&self, handed_in: &HandedIn, exercise: &Exercise) -> Cell {
        let name = exercise.full_name();
        let file = match handed_in.programs.get(&name).map(Vec::as_slice) {
            None | Some([]) => return Cell::Missing,
            Some([file]) => file,
            Some(files) => return Cell::Several(files.to_vec()),
        };
        let (program, shipped) = match self.texts(file, exercise) {
            Ok(texts) => texts,
            Err(error) => return Cell::NotTried(format!("{}: {error}", file.display())),
        };
        if same(&program, &shipped) {
            return Cell::AsShipped;
        }
        let cell = self.tried(&program, exercise);
        // Whatever it left behind is gone before the next one's turn.
        end_orphans();
        cell
    }

    fn texts(&self, file: &Path, exercise: &Exercise) -> io::Result<(Vec<u8>, Vec<u8>)> {
        if fs::metadata(file)?.len() > LARGEST {
            return Err(io::Error::other("it has more than a mebibyte, as no program has"));
        }
        Ok((
            fs::read(file)?,
            fs::read(exercise.root().join(exercise.source()))?,
        ))
    }

    fn how(&self, limit: Duration) -> How<'_> {
        How {
            solution: false,
            target: Some(&self.target),
            limit,
        }
    }

    fn tried(&self, program: &[u8], exercise: &Exercise) -> Cell {
        let told = |error: &dyn std::fmt::Display| Cell::NotTried(error.to_string());
        let name = exercise.full_name();
        let (here, asked) = match (self.built.get(&name), self.exercises.get(&name)) {
            (Ok(here), Ok(asked)) => (here, asked),
            (Err(error), _) | (_, Err(error)) => return told(&error),
        };
        if let Err(error) = fs::write(self.workshop.join(here.source()), program) {
            return told(&error);
        }
        let program = match build(here, self.how(COMPILING)) {
            Ok(program) => program,
            Err(BuildError::Compile { said, .. }) => return Cell::NotCompiled(said),
            Err(error @ BuildError::Endless { .. }) => return Cell::NotCompiled(error.to_string()),
            Err(error) => return told(&error),
        };
        let (mut worst, mut cases, mut said, mut of, mut not_asked) =
            (Way::Wrong, Vec::new(), Vec::new(), 0, 0);
        for held in judge(asked, &program, self.programs) {
            of += 1;
            match &held.verdict {
                Verdict::Holds => {}
                Verdict::NotHere(_) => not_asked += 1,
                Verdict::Fails(complaint) => {
                    worst = worst.max(complaint.way);
                    cases.push(of);
                    said.push(format!("{of}. {}\n    {complaint}", held.proves));
                }
            }
            end_orphans();
        }
        match cases.is_empty() {
            true if not_asked == of => {
                Cell::NotTried("none of its cases can be asked on this machine".into())
            }
            true => Cell::Passed { not_asked },
            false => Cell::Failed {
                way: worst,
                cases,
                of,
                said,
            },
        }
    }
}

/// Whether two programs are the same but for how lines end.
fn same(a: &[u8], b: &[u8]) -> bool {
    let text = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|byte| *byte != b'\r').collect() };
    text(a) == text(b)
}

/// The exercises of which at least one student changed the program; if there is none, those that were handed in at all.
pub fn changed<'a>(exercises: &'a Exercises, class: &[HandedIn]) -> Vec<&'a Exercise> {
    let files = |exercise: &Exercise| -> Vec<PathBuf> {
        let name = exercise.full_name();
        class
            .iter()
            .filter_map(|handed_in| handed_in.programs.get(&name))
            .flatten()
            .cloned()
            .collect()
    };
    let is_changed = |exercise: &Exercise| {
        let shipped = fs::read(exercise.root().join(exercise.source())).unwrap_or_default();
        files(exercise)
            .iter()
            .any(|file| !fs::read(file).is_ok_and(|program| same(&program, &shipped)))
    };
    let changed: Vec<&Exercise> = exercises.iter().filter(|exercise| is_changed(exercise)).collect();
    if !changed.is_empty() {
        return changed;
    }
    exercises
        .iter()
        .filter(|exercise| !files(exercise).is_empty())
        .collect()
}

/// The table: a line a student, a column an exercise.
pub fn table(columns: &[String], rows: &[(String, Vec<Cell>)]) -> String {
    let width = |index: usize, head: &str| {
        let cells = rows
            .iter()
            .filter_map(|(_, cells)| cells.get(index))
            .map(|cell| cell.short().chars().count());
        cells.chain([head.chars().count()]).max().unwrap_or(0)
    };
    let first = rows
        .iter()
        .map(|(student, _)| student.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    let mut line = |student: &str, cells: Vec<String>| {
        let mut line = format!("{student:first$}");
        for (index, cell) in cells.iter().enumerate() {
            let width = width(index, columns.get(index).map_or("", String::as_str));
            let _ = write!(line, "  {cell:width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    };
    line("", columns.to_vec());
    for (student, cells) in rows {
        line(student, cells.iter().map(Cell::short).collect());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_a_student_and_says_how_each_did() {
        let failed = Cell::Failed {
            way: Way::Crash,
            cases: vec![1, 3],
            of: 4,
            said: vec!["x".into()],
        };
        let rows = [
            ("ada".to_owned(), vec![Cell::Passed { not_asked: 0 }, failed]),
            ("grace h.".to_owned(), vec![Cell::Missing, Cell::AsShipped]),
        ];
        assert_eq!(
            table(&["close/finish".into(), "echo/goodbye".into()], &rows),
            "          close/finish  echo/goodbye\n\
             ada       passed        crashes: 1,3 of 4\n\
             grace h.  missing       as shipped\n"
        );
    }

    #[test]
    fn of_what_the_compiler_says_the_first_error_is_told() {
        let said = "warning: unused\n\nerror[E0308]: mismatched\n --> x.rs:1:2\n\nerror: more\n";
        assert_eq!(first_error(said), "error[E0308]: mismatched\n --> x.rs:1:2");
        assert_eq!(first_error("nothing of the kind"), "nothing of the kind");
    }

    #[test]
    fn line_endings_do_not_make_another_program() {
        assert!(same(b"a\r\nb\r\n", b"a\nb\n"));
        assert!(!same(b"a", b"b"));
    }
}
