//! `cargo book exercise`.

use super::{print, programs};
use anyhow::{Context, bail};
use book::nearest::nearest;
use clap::Args;
use exercise::build::{How, build};
use exercise::class::{self, Cell, Class};
use exercise::handed_in::{self, HandedIn};
use exercise::judge::{Verdict, counted, judge};
use exercise::{Exercise, ExerciseError, Exercises};
use figures::{forms::Forms, page::Page};
use stage::catalogue::Catalogue;
use stage::programs::Programs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Say whether an exercise is solved, and what is still wrong
#[derive(Debug, Args)]
#[command(
    long_about = "\
Say whether an exercise is solved, in sentences: what was expected, what was seen instead, where to look.

For readers and students. Without a name it lists the exercises. With one it builds that program alone, starts it
afresh for every case, and ends with 0 when all of them hold. Every wait has a limit; nothing is left running.

For teachers, `--all DIR` tries what a whole class has handed in. DIR holds a folder for each student, and that the programs
they changed: DIR/ada/close-finish.rs, DIR/ada/close/finish.rs, DIR/ada/finish.rs where only one chapter has an exercise of this
name, or a copy of the whole book. It prints a table, a line a student and a column an exercise, and below it what each
failing case says. A cell says `passed`, `fails` with the numbers of the cases, `time up` (it was waited for in vain), `crashes`,
`does not compile`, `as shipped`, `missing`. It ends with 0 when all passed, with 2 when the table holds anything else, and
with 1 when there could be no table.

These are other people's programs, and they run as you: with your files, your network and your environment. Each has a limit
of time and is killed with all it started; nothing else is forbidden to it. Use an account or a virtual machine that holds
nothing but the book, and read first whatever comes from somebody you do not know.",
    after_long_help = "\
Examples:
  cargo book exercise                        which there are, and where their programs are
  cargo book exercise echo/whole-buffer      your program, case by case
  cargo book exercise echo/whole-buffer --solution
                                             the book's own solution, held to the same
  cargo book exercise --all handed-in        a class: all that was handed in
  cargo book exercise close --all handed-in  of chapter 9 alone, and who has not handed it in

Needs: Rust. A case that performs a scenario needs Linux, and says so where it cannot be asked."
)]
pub struct AnExercise {
    /// An exercise, by chapter and name; with --all several, or all of a chapter
    names: Vec<String>,
    /// Hold the book's solution to the cases instead
    #[arg(long, requires = "names")]
    solution: bool,
    /// Try what a class has handed in: a folder with a folder for each student
    #[arg(long, value_name = "DIR", conflicts_with = "solution")]
    all: Option<PathBuf>,
}

impl AnExercise {
    /// Lists, or judges.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = book::root::here()?;
        let exercises = Exercises::open(&root)?;
        if let Some(folder) = &self.all {
            return all(&root, &exercises, &self.names, folder);
        }
        let name = match self.names.as_slice() {
            [] => {
                for exercise in exercises.iter() {
                    print(&format!("{}\n", listed(exercise)))?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            [name] => name,
            _ => bail!("one exercise at a time; with --all DIR several, for a whole class"),
        };
        let exercise = exercises.get(name).map_err(unknown)?;
        // Whoever is interrupted leaves nothing behind.
        ctrlc::set_handler(|| {
            exercise::end_all();
            std::process::exit(130);
        })?;
        let program = build(exercise, How::here(self.solution))?;
        let all = performers(&[exercise])?;
        let (mut fails, mut not_asked, mut cases) = (0, 0, 0);
        for held in judge(exercise, &program, all.as_ref()) {
            print(&format!("{held}\n"))?;
            cases += 1;
            match held.verdict {
                Verdict::Holds => {}
                Verdict::Fails(_) => fails += 1,
                Verdict::NotHere(_) => not_asked += 1,
            }
        }
        let file = if self.solution {
            exercise.solution_source()
        } else {
            exercise.source()
        };
        if fails > 0 {
            let which = match (fails, cases) {
                (1, 1) => "the one case does".to_owned(),
                (1, _) => format!("1 of {cases} cases does"),
                _ => format!("{fails} of {cases} cases do"),
            };
            print(&format!("\n{which} not hold; change {file} and ask again\n"))?;
            return Ok(ExitCode::FAILURE);
        }
        let asked = match not_asked {
            0 if cases == 1 => "the one case holds".to_owned(),
            0 => format!("all {cases} cases hold"),
            n => format!(
                "all hold that can be asked here; {} could not",
                counted(n, "case")
            ),
        };
        let compare = if self.solution {
            String::new()
        } else {
            format!("; compare yours with {}", exercise.solution_source())
        };
        print(&format!("\n{asked}{compare}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The workspace's programs, where a case of these exercises performs a scenario.
fn performers(exercises: &[&Exercise]) -> anyhow::Result<Option<Programs>> {
    let performs = |exercise: &&&Exercise| exercise.cases.cases.iter().any(|case| case.scenario.is_some());
    match exercises.iter().find(performs) {
        Some(exercise) => Ok(Some(programs(&Catalogue::open(exercise.root())?)?)),
        None => Ok(None),
    }
}

/// Tries what a class has handed in.
fn all(root: &Path, exercises: &Exercises, names: &[String], folder: &Path) -> anyhow::Result<ExitCode> {
    let class = handed_in::read(folder, exercises).with_context(|| {
        format!(
            "{}: name a folder with a folder for each student",
            folder.display()
        )
    })?;
    if class.is_empty() {
        bail!(
            "{} holds no folder; it needs one for each student, with the programs in it: {0}/ada/close-finish.rs",
            folder.display()
        );
    }
    let columns = match names {
        [] => class::changed(exercises, &class),
        names => named(exercises, names)?,
    };
    let unknown_files = |handed_in: &HandedIn| -> Vec<String> {
        handed_in
            .unknown
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    };
    let unknown: Vec<String> = class.iter().flat_map(unknown_files).collect();
    for file in &unknown {
        eprintln!(
            "no exercise's: {file}; a program is called CHAPTER-NAME.rs, as `cargo book exercise` lists them"
        );
    }
    if columns.is_empty() {
        bail!(
            "{} holds no program of an exercise; it needs a folder for each student, with the programs in it: {0}/ada/close-finish.rs",
            folder.display()
        );
    }
    eprintln!(
        "{}, {}. These are other people's programs, and they run here as you, with your files and your network;\n\
         time is the only limit. Best in an account or a virtual machine of their own. Ctrl-C stops.",
        counted(class.len(), "student"),
        counted(columns.len(), "exercise")
    );
    // Whoever is interrupted leaves nothing behind.
    exercise::adopt_orphans();
    ctrlc::set_handler(|| {
        exercise::end_all();
        exercise::end_orphans();
        std::process::exit(130);
    })?;
    let performers = performers(&columns)?;
    let workshop = tempfile::Builder::new()
        .prefix("book-class-")
        .tempdir()
        .context("no folder to build in: set TMPDIR to one that can be written")?;
    let begun = Instant::now();
    eprintln!("compiling what the programs are made of");
    let held = Class::open(root, exercises, &columns, performers.as_ref(), workshop.path())?;
    // What a program writes is written there, and removed with it.
    let from = std::env::current_dir()?;
    std::env::set_current_dir(workshop.path())?;
    let rows = rows(&held, &class, &columns, &from);
    std::env::set_current_dir(&from)?;
    let heads: Vec<String> = columns.iter().map(|exercise| exercise.full_name()).collect();
    print(&told(&heads, &rows))?;
    let cells = || rows.iter().flat_map(|(_, cells)| cells);
    let passed = cells().filter(|cell| cell.is_passed()).count();
    print(&format!(
        "\n{passed} of {} passed; {}, {}, {:.0} s\n",
        cells().count(),
        counted(class.len(), "student"),
        counted(columns.len(), "exercise"),
        begun.elapsed().as_secs_f64()
    ))?;
    Ok(match cells().all(Cell::is_passed) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

/// Every student's programs, one after another.
fn rows(
    held: &Class<'_>,
    class: &[HandedIn],
    columns: &[&Exercise],
    from: &Path,
) -> Vec<(String, Vec<Cell>)> {
    let mut rows = Vec::new();
    let mut number = 0;
    for handed_in in class {
        let mut handed_in = handed_in.clone();
        for file in handed_in.programs.values_mut().flatten() {
            // Where we stand has changed since.
            *file = from.join(&*file);
        }
        let mut cells = Vec::new();
        for exercise in columns {
            number += 1;
            let begun = Instant::now();
            let cell = held.hold(&handed_in, exercise);
            eprintln!(
                "{number:4} of {}  {}  {}  {}  {:.1} s",
                class.len() * columns.len(),
                handed_in.student,
                exercise.full_name(),
                cell.short(),
                begun.elapsed().as_secs_f64()
            );
            cells.push(cell);
        }
        rows.push((handed_in.student, cells));
    }
    rows
}

/// The table, and below it what there is to say of each program that did not pass.
fn told(heads: &[String], rows: &[(String, Vec<Cell>)]) -> String {
    let mut out = class::table(heads, rows);
    for (student, cells) in rows {
        for (head, cell) in heads.iter().zip(cells) {
            let said = cell.said();
            if said.is_empty() {
                continue;
            }
            out.push_str(&format!("\n{student}, {head}: {}\n", cell.short()));
            for said in said {
                for line in said.lines() {
                    out.push_str(&format!("  {line}\n"));
                }
            }
        }
    }
    out
}

/// The exercises of these names; a chapter stands for all of its own.
fn named<'a>(exercises: &'a Exercises, names: &[String]) -> anyhow::Result<Vec<&'a Exercise>> {
    let mut found: Vec<&Exercise> = Vec::new();
    for name in names {
        let of_chapter: Vec<&Exercise> = exercises
            .iter()
            .filter(|exercise| exercise.slug() == name || exercise.package == *name)
            .collect();
        match of_chapter.is_empty() {
            true => found.push(exercises.get(name).map_err(unknown)?),
            false => found.extend(of_chapter),
        }
    }
    Ok(found)
}

/// A line for the list: name, what its page says of it, file.
fn listed(exercise: &Exercise) -> String {
    let page = std::fs::read_to_string(exercise.root().join(format!("src/{}.md", exercise.package)))
        .unwrap_or_default();
    let forms = Forms::of(&Page::parse(&page)).unwrap_or_default();
    let told = forms
        .exercises
        .iter()
        .find(|(_, told)| told.name == exercise.name);
    let what = told.map_or_else(String::new, |(_, told)| {
        format!(
            "{} ({}, {} minutes, difficulty {})\n    ",
            told.title, told.kind, told.minutes, told.difficulty
        )
    });
    format!("{:28} {what}{}", exercise.full_name(), exercise.source())
}

/// A name that no exercise has, with the nearest ones.
fn unknown(error: ExerciseError) -> anyhow::Error {
    let ExerciseError::Unknown { name, choices } = &error else {
        return error.into();
    };
    let near = nearest(name, choices).join("\n  ");
    anyhow::anyhow!(
        "no exercise is called `{name}`; the nearest are\n  {near}\n`cargo book exercise` lists them all"
    )
}
