//! Every scenario is performed again, in every variant, and shows what must be seen; and readers' own programs are
//! recorded. Needs Linux and a private network.

#[path = "live/watch.rs"]
mod watch;

use std::{env, process::ExitCode, sync::Arc};

use book_tests::root;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::{
    catalogue::Catalogue,
    check::check,
    perform::{PerformError, link_possible, perform, possible},
    programs::{Programs, ProgramsError},
    refusal::Refusal,
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
    let joined = catalogue.entries().any(|entry| entry.variant.act.link.is_some());
    let (on_one_host, on_two) = match arguments.list {
        true => (None, None),
        false => (
            refusal(possible),
            if joined { refusal(link_possible) } else { None },
        ),
    };
    let trials = catalogue.entries().map(|entry| {
        let name = entry.name();
        let catalogue = Arc::clone(&catalogue);
        let refused = if entry.variant.act.link.is_some() {
            &on_two
        } else {
            &on_one_host
        };
        let reason = refused.as_ref().map(Refusal::reason);
        Trial::ignorable_test(name.clone(), move || match reason {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => again(&catalogue, &name),
        })
    });
    let watched = watch::CLAIMS.iter().map(|(name, claim)| {
        let reason = on_one_host.as_ref().map(Refusal::reason);
        Trial::ignorable_test(format!("watch: {name}"), move || match reason {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => claim().map(|()| Completion::Completed),
        })
    });
    let trials = trials.chain(watched).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored == 0 {
        return conclusion.exit_code();
    }
    let refusal = on_one_host
        .or(on_two)
        .map_or_else(|| "Each says why.".to_owned(), |refusal| refusal.to_string());
    eprintln!(
        "{} scenarios were not performed. {refusal}",
        conclusion.num_ignored
    );
    if env::var("BOOK_REQUIRE_LIVE").as_deref() == Ok("1") {
        eprintln!("BOOK_REQUIRE_LIVE=1 asks for them, so this is a failure");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Why nothing can be performed here, if nothing can. Trouble that is no refusal of the machine is left to the tests,
/// which will meet it and fail.
fn refusal(possible: impl Fn(&Programs) -> Result<(), PerformError>) -> Option<Refusal> {
    let programs = Programs::shared(root()).ok()?;
    possible(programs).err()?.refusal().cloned()
}

fn again(catalogue: &Catalogue, name: &str) -> Result<Completion, Failed> {
    let entry = catalogue.one(name)?;
    let programs = Programs::shared(root())?;
    let performance = match perform(catalogue, entry, programs) {
        Err(PerformError::Programs(error @ ProgramsError::NoGo { .. })) => {
            return Ok(Completion::ignored_with(error.to_string()));
        }
        other => other?,
    };
    let disagreements = check(entry, &performance.recording);
    if disagreements.is_empty() {
        return Ok(Completion::Completed);
    }
    let list: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
    Err(format!(
        "{}\nwhat the programs printed:\n{}`cargo book run {name}` shows the packets",
        list.join("\n"),
        performance.recording.output.to_text()
    )
    .into())
}
