//! `cargo book verify`.

use super::{catalogue, is_refused, meant, print, programs};
use book::recordings::shape;
use clap::Args;
use stage::catalogue::{Catalogue, Entry};
use stage::check::{check, picture};
use stage::perform::perform;
use stage::programs::Programs;
use stage::store::reasons;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Set where everything must run: then a machine that cannot is a failure.
const REQUIRED: &str = "BOOK_REQUIRE_LIVE";

/// Check stored recordings, and run their scenarios again
#[derive(Debug, Args)]
#[command(
    long_about = "\
Check stored recordings against their scenarios, and run the scenarios again.

For authors. A stored recording must show what its scenario says and come from the sources as they are. A fresh run
must show what the scenario says, too; with --runs each is repeated, and a table shows in how many shapes the packets
came: what every shape has in common may be asked of every run, the rest of the stored one alone.

It ends with 0 when everything agrees. Nothing is changed.",
    after_long_help = "\
Examples:
  cargo book verify                          everything: stored, and one run each
  cargo book verify --runs 0                 the stored ones alone, on any system
  cargo book verify echo/one-echo --runs 20  how stable is it?
  cargo book verify --runs 200 --jobs 6      the same of everything, six at a time: a busy machine
  cargo book verify echo/one-echo --runs 200 --keep /tmp/odd
                                             keeps each run that does not agree; `cargo book show /tmp/odd/…`

Needs: Linux for runs. Where the machine refuses a private network, that is said, and an error only if --runs was
given or BOOK_REQUIRE_LIVE=1."
)]
pub struct Verify {
    /// Scenarios, with or without variant, or chapters; all if none is named
    names: Vec<String>,
    /// How often each is run; 1 if not given
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// How many are run at the same time
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZero<usize>,
    /// Keep the recording of every run that does not agree, in a folder of its own in this one
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

impl Verify {
    /// Checks; 0 if all agrees.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalogue = catalogue()?;
        let entries = meant(&catalogue, &self.names)?;
        let mut good = true;
        print("stored\n")?;
        for entry in &entries {
            let reasons = reasons(&catalogue, *entry);
            good &= reasons.is_empty();
            print(&row(&entry.name(), reasons.is_empty(), &reasons))?;
        }
        if self.names.is_empty() {
            for stray in catalogue.strays()? {
                good = false;
                print(&format!(
                    "  BAD {}: belongs to no scenario; delete it\n",
                    stray.display()
                ))?;
            }
        }
        match self.runs.unwrap_or(1) {
            0 => {}
            runs => good &= self.fresh(&catalogue, &entries, runs)?,
        }
        Ok(if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Runs every scenario again. True if all agree.
    fn fresh(&self, catalogue: &Catalogue, entries: &[Entry<'_>], runs: usize) -> anyhow::Result<bool> {
        let programs = programs(catalogue)?;
        print(&format!("fresh, {runs} of each\n"))?;
        let mut good = true;
        let mut table = String::new();
        for entry in entries {
            match self.shapes(catalogue, *entry, &programs, runs) {
                Ok(shapes) => {
                    good &= shapes.wrong.is_empty();
                    print(&row(&entry.name(), shapes.wrong.is_empty(), &shapes.wrong()))?;
                    table.push_str(&shapes.table(*entry));
                }
                Err(error) if is_refused(&error) => {
                    if self.runs.is_some() || std::env::var(REQUIRED).is_ok_and(|value| value == "1") {
                        return Err(error);
                    }
                    eprintln!("skipped: {error}");
                    break;
                }
                Err(error) => {
                    good = false;
                    print(&row(&entry.name(), false, &[error.to_string()]))?;
                }
            }
        }
        if !table.is_empty() {
            print(&format!("shapes\n{table}"))?;
        }
        Ok(good)
    }

    /// Each run has a network of its own: so many at a time disturb each other by the time they take, and in nothing else.
    fn shapes(
        &self,
        catalogue: &Catalogue,
        entry: Entry<'_>,
        programs: &Programs,
        runs: usize,
    ) -> anyhow::Result<Shapes> {
        let shapes = Mutex::new(Shapes {
            runs,
            ..Shapes::default()
        });
        let next = AtomicUsize::new(1);
        let work = || -> anyhow::Result<()> {
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run > runs {
                    return Ok(());
                }
                progress(&format!("  … {}: run {run} of {runs}", entry.name()));
                let seen = perform(catalogue, entry, programs)
                    .map_err(Into::into)
                    .and_then(|done| {
                        let recording = done.recording;
                        Ok((shape(&recording.capture)?, recording))
                    });
                let (shape, recording) = seen.inspect_err(|_: &anyhow::Error| {
                    // The others need not go on.
                    next.store(runs + 1, Ordering::Relaxed);
                })?;
                let (pictured, wrong) = (picture(entry, &recording).is_empty(), check(entry, &recording));
                if let Some(folder) = self.keep.as_ref().filter(|_| !wrong.is_empty()) {
                    recording.write(&folder.join(format!("{}-{run}", entry.name().replace('/', "-"))))?;
                }
                let mut shapes = shapes.lock().unwrap_or_else(PoisonError::into_inner);
                *shapes.counts.entry(shape).or_default() += 1;
                shapes.pictured += usize::from(pictured);
                for disagreement in wrong {
                    *shapes.wrong.entry(disagreement.to_string()).or_default() += 1;
                }
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.get().min(runs))
                .map(|_| scope.spawn(work))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        progress("");
        Ok(shapes.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

fn row(name: &str, good: bool, why: &[String]) -> String {
    let word = if good { "ok " } else { "BAD" };
    let why: String = why.iter().map(|reason| format!("      {reason}\n")).collect();
    format!("  {word} {name}\n{why}")
}

/// What several runs of one scenario showed.
#[derive(Default)]
struct Shapes {
    runs: usize,
    /// Where they do not agree with the scenario, and in how many runs.
    wrong: BTreeMap<String, usize>,
    /// How often the packets came in which shape.
    counts: BTreeMap<String, usize>,
    /// In how many runs the picture held, too.
    pictured: usize,
}

impl Shapes {
    fn wrong(&self) -> Vec<String> {
        self.wrong
            .iter()
            .map(|(sentence, count)| format!("in {count} of {}: {sentence}", self.runs))
            .collect()
    }

    /// How often each came, the most frequent first.
    fn table(&self, entry: Entry<'_>) -> String {
        let mut counts: Vec<(&String, &usize)> = self.counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let rows: String = counts
            .iter()
            .map(|(shape, count)| format!("    {count:>4} x {shape}\n"))
            .collect();
        let picture = match entry.variant.expect.picture.len() {
            0 => String::new(),
            _ => format!(", and the picture held in {} of {}", self.pictured, self.runs),
        };
        format!("  {}{picture}\n{rows}", entry.name())
    }
}

/// One line on a terminal's standard error that the next one overwrites; nothing where nobody watches.
fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        write!(err, "\r\x1b[K{text}").ok();
    }
}
