//! Every exercise fails as it is shipped, in the words its cases say, and its solution passes: two tests an exercise.
//!
//! Cases that perform a scenario need Linux and a private network; where they cannot be asked, the others still are.

use std::{env, process::ExitCode, sync::Arc};

use book_tests::root;
use exercise::{
    Exercise, Exercises,
    judge::{Held, Verdict, judge},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::programs::Programs;

/// Cases wait more than they work, so more of them run at once than there are cores.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let exercises = match Exercises::open(root()) {
        Ok(exercises) => Arc::new(exercises),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for name in exercises.iter().map(Exercise::full_name) {
        let (all, one) = (Arc::clone(&exercises), name.clone());
        trials.push(Trial::test(format!("{name} fails as shipped"), move || {
            shipped(all.get(&one)?)
        }));
        let all = Arc::clone(&exercises);
        let title = format!("{name}: the solution passes");
        trials.push(Trial::ignorable_test(title, move || solved(all.get(&name)?)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored > 0 && env::var("BOOK_REQUIRE_LIVE").as_deref() == Ok("1") {
        eprintln!(
            "some cases could not be asked here; BOOK_REQUIRE_LIVE=1 asks for them, so this is a failure"
        );
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn all(exercise: &Exercise, binary: &str) -> Result<Vec<Held>, Failed> {
    let programs = Programs::shared(root())?;
    let program = programs.path(binary)?;
    Ok(judge(exercise, &program, Some(programs)).collect())
}

fn shipped(exercise: &Exercise) -> Result<(), Failed> {
    let held = all(exercise, &exercise.binary())?;
    let told = &exercise.cases.as_shipped;
    let says = |held: &Held| matches!(&held.verdict, Verdict::Fails(complaint) if complaint.to_string().contains(told));
    if held.iter().any(says) {
        return Ok(());
    }
    Err(format!(
        "no case says `{told}` of the exercise as it is shipped; they say\n{}\nbreak the program again, or change `as-shipped`",
        list(&held)
    )
    .into())
}

fn solved(exercise: &Exercise) -> Result<Completion, Failed> {
    let held = all(exercise, &exercise.solution())?;
    if held.iter().any(|held| matches!(held.verdict, Verdict::Fails(_))) {
        return Err(format!("the solution is none:\n{}", list(&held)).into());
    }
    let not_asked = held.into_iter().find_map(|held| match held.verdict {
        Verdict::NotHere(reason) => Some(reason),
        _ => None,
    });
    Ok(not_asked.map_or(Completion::Completed, Completion::ignored_with))
}

fn list(held: &[Held]) -> String {
    held.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
