//! Every scenario is performed again, in every variant, and shows what must be seen. Needs Linux and a private network.

use std::{env, process::ExitCode, sync::Arc};

use book_tests::root;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::{
    catalogue::Catalogue,
    check::check,
    perform::{PerformError, perform, possible},
    programs::Programs,
};

/// Scenarios wait more than they work, so more of them run at once than there are cores.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let catalogue = match Catalogue::open(root()) {
        Ok(catalogue) => Arc::new(catalogue),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let impossible = if arguments.list { None } else { reason() };
    let trials = catalogue
        .entries()
        .map(|entry| {
            let name = entry.name();
            let (catalogue, impossible) = (Arc::clone(&catalogue), impossible.clone());
            Trial::ignorable_test(name.clone(), move || match impossible {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => again(&catalogue, &name).map(|()| Completion::Completed),
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let Some(reason) = impossible else {
        return conclusion.exit_code();
    };
    eprintln!(
        "{} scenarios were not performed: {reason}",
        conclusion.num_ignored
    );
    if env::var("BOOK_REQUIRE_LIVE").as_deref() == Ok("1") && conclusion.num_ignored > 0 {
        eprintln!("BOOK_REQUIRE_LIVE=1 asks for them, so this is a failure");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Why nothing can be performed here, if nothing can. Trouble that is no refusal of the machine is left to the tests,
/// which will meet it and fail.
fn reason() -> Option<String> {
    let programs = Programs::shared(root()).ok()?;
    let error = possible(programs).err()?;
    error.refusal().map(ToString::to_string)
}

fn again(catalogue: &Catalogue, name: &str) -> Result<(), Failed> {
    let entry = catalogue.one(name)?;
    let programs = Programs::shared(root())?;
    let performance = perform(catalogue, entry, programs).map_err(|error: PerformError| error.to_string())?;
    let disagreements = check(entry, &performance.recording);
    if disagreements.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
    Err(format!(
        "{}\nwhat the programs printed:\n{}`cargo book run {name}` shows the packets",
        list.join("\n"),
        performance.recording.output.to_text()
    )
    .into())
}
