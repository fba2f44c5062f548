//! `cargo book record`.

use super::{catalogue, is_refused, meant, print, programs};
use book::recordings::compare;
use clap::Args;
use stage::catalogue::{Catalogue, Entry};
use stage::check::{check, picture};
use stage::perform::perform;
use stage::programs::Programs;
use stage::recording::Recording;
use stage::store::{Stored, reasons, refresh, store};
use std::process::ExitCode;

/// Run scenarios and store what they show
#[derive(Debug, Args)]
#[command(
    long_about = "\
Run scenarios and store what they show, for the pages of the book.

For authors. A recording is made anew only where it has to be: there is none, the scenario or a program's source has
changed, or the stored one no longer shows what the scenario says. So a commit holds no new ports and times for
nothing. What does not show what its scenario says is not stored; where it is the picture alone that does not hold, it is
tried again, 50 times at most.

Readers want `cargo book run`, which changes nothing.",
    after_long_help = "\
Examples:
  cargo book record                        whatever has to be made anew
  cargo book record echo                   of the chapter echo
  cargo book record echo/one-echo.async    of one variant
  cargo book record --again echo/one-echo  also where nothing has changed

Needs: Linux. No root: where the machine refuses a private network, it says what to do."
)]
pub struct Record {
    /// Scenarios, with or without variant, or chapters; all if none is named
    names: Vec<String>,
    /// Make them anew even where nothing has changed
    #[arg(long)]
    again: bool,
}

impl Record {
    /// Records what has to be recorded.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalogue = catalogue()?;
        let entries = meant(&catalogue, &self.names)?;
        let mut built = None;
        let mut code = ExitCode::SUCCESS;
        for (index, entry) in entries.iter().enumerate() {
            let place = format!("[{} of {}] {}", index + 1, entries.len(), entry.name());
            if !self.again && reasons(&catalogue, *entry).is_empty() {
                let refreshed = refresh(&entry.folder())?;
                print(&format!("{place}: {}\n", kept(refreshed)))?;
                continue;
            }
            let programs = match &built {
                Some(programs) => programs,
                None => built.insert(programs(&catalogue)?),
            };
            eprintln!("{place}: performing");
            match one(&catalogue, *entry, programs, self.again) {
                Ok(said) => print(&format!("{place}: {said}\n"))?,
                // What this machine refuses to one it refuses to all.
                Err(error) if is_refused(&error) => return Err(error),
                Err(error) => {
                    eprintln!("{place}: {error}");
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    }
}

fn kept(refreshed: bool) -> &'static str {
    if refreshed {
        "kept; its timeline is written anew"
    } else {
        "kept, nothing has changed"
    }
}

/// A picture that does not hold is tried again so often at most.
const TRIES: usize = 50;

/// Records one and says what became of it.
fn one(catalogue: &Catalogue, entry: Entry<'_>, programs: &Programs, again: bool) -> anyhow::Result<String> {
    let before = Recording::read(&entry.folder()).ok();
    let (fresh, tries) = pictured(catalogue, entry, programs)?;
    let tried = match (entry.variant.expect.picture.len(), tries) {
        (0, _) => String::new(),
        (_, 1) => " (its picture held at once)".into(),
        (_, tries) => format!(" (its picture held in the last of {tries} runs)"),
    };
    Ok(match store(catalogue, entry, &fresh, again)? {
        Stored::New => format!("recorded{tried}"),
        Stored::Kept => kept(false).into(),
        Stored::Refreshed => kept(true).into(),
        Stored::Replaced(reasons) => {
            let changed = before.map(|before| compare(&before, &fresh)).unwrap_or_default();
            let mut changed = [changed.differs, changed.varies].concat();
            if changed.is_empty() {
                changed.push("it says what it said".into());
            }
            let lines: Vec<String> = reasons
                .iter()
                .map(|reason| format!("because {reason}"))
                .chain(changed)
                .map(|line| format!("\n  {line}"))
                .collect();
            format!("recorded anew{tried}{}", lines.concat())
        }
    })
}

/// Performs until the scenario's `picture` holds, so often at most; and how often it took. What every run must show is
/// no matter of luck: where it is missing there is no second try.
fn pictured(
    catalogue: &Catalogue,
    entry: Entry<'_>,
    programs: &Programs,
) -> anyhow::Result<(Recording, usize)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let fresh = perform(catalogue, entry, programs)?.recording;
        let wrong = picture(entry, &fresh);
        if wrong.is_empty() || !check(entry, &fresh).is_empty() || tries == TRIES {
            return Ok((fresh, tries));
        }
        for disagreement in wrong {
            eprintln!("  run {tries}: {disagreement}");
        }
    }
}
