//! `cargo book exercise`.

use super::{print, programs};
use book::nearest::nearest;
use clap::Args;
use exercise::judge::{Verdict, counted, judge};
use exercise::{Exercise, ExerciseError, Exercises, build::build};
use figures::{forms::Forms, page::Page};
use stage::catalogue::Catalogue;
use std::process::ExitCode;

/// Say whether an exercise is solved, and what is still wrong
#[derive(Debug, Args)]
#[command(
    long_about = "\
Say whether an exercise is solved, in sentences: what was expected, what was seen instead, where to look.

For readers and students. Without a name it lists the exercises. With one it builds that program alone, starts it
afresh for every case, and ends with 0 when all of them hold. Every wait has a limit; nothing is left running.",
    after_long_help = "\
Examples:
  cargo book exercise                        which there are, and where their programs are
  cargo book exercise echo/whole-buffer      your program, case by case
  cargo book exercise echo/whole-buffer --solution
                                             the book's own solution, held to the same

Needs: Rust. A case that performs a scenario needs Linux, and says so where it cannot be asked."
)]
pub struct AnExercise {
    /// An exercise, by chapter and name
    name: Option<String>,
    /// Hold the book's solution to the cases instead
    #[arg(long, requires = "name")]
    solution: bool,
}

impl AnExercise {
    /// Lists, or judges.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let exercises = Exercises::open(&book::root::here()?)?;
        let Some(name) = &self.name else {
            for exercise in exercises.iter() {
                print(&format!("{}\n", listed(exercise)))?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let exercise = exercises.get(name).map_err(unknown)?;
        // Whoever is interrupted leaves nothing behind.
        ctrlc::set_handler(|| {
            exercise::end_all();
            std::process::exit(130);
        })?;
        let program = build(exercise, self.solution)?;
        let all = if exercise.cases.cases.iter().any(|case| case.scenario.is_some()) {
            Some(programs(&Catalogue::open(exercise.root())?)?)
        } else {
            None
        };
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
