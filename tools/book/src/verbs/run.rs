//! `cargo book run`.

use super::{catalogue, print, programs, unknown};
use book::recordings::{self, compare};
use clap::Args;
use stage::check::check;
use stage::cited::stale;
use stage::perform::perform;
use stage::recording::Recording;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run a scenario now, show what happened, compare it with the book
#[derive(Debug, Args)]
#[command(
    long_about = "\
Run a scenario now, show what happened, and compare it with the recording in the book.

For readers: the programs run in a private network on your machine and every packet is caught. Change a program, run
its scenario, and see on the wire what your change did. Nothing in the repository changes.

It shows five lanes (see `cargo book help show`), says what is as in the book and what is not.

It ends with 0 when everything is seen that the scenario says must be seen.",
    after_long_help = "\
Examples:
  cargo book run echo/one-echo             the blocking programs
  cargo book run echo/one-echo.async       the async ones
  cargo book run echo/one-echo --tcpdump   and every packet as tcpdump prints it
  cargo book run echo/one-echo --keep /tmp/mine
                                           keeps capture.pcap, for Wireshark

Needs: Linux. No root: where the machine refuses a private network, it says what to do."
)]
pub struct Run {
    /// A scenario, and a variant where it is not the blocking one
    name: String,
    /// Keep the fresh recording in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print every packet, too, as `tcpdump -S -nn -vvv` does
    #[arg(long)]
    tcpdump: bool,
}

impl Run {
    /// Performs, shows, compares.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalogue = catalogue()?;
        let entry = catalogue.one(&self.name).map_err(|error| unknown(&error))?;
        let programs = programs(&catalogue)?;
        let fresh = perform(&catalogue, entry, &programs)?.recording;
        if let Some(folder) = &self.keep {
            fresh.write(folder)?;
        }
        print(&format!("{}\n", recordings::text(entry, &fresh, self.tcpdump)?))?;

        match Recording::read(&entry.folder()) {
            Err(_) => print("there is no recording in the book to compare with\n")?,
            Ok(stored) => print(&compared(&stored, &fresh, &stale(&catalogue, entry, &stored)))?,
        }
        let disagreements = check(entry, &fresh);
        for disagreement in &disagreements {
            print(&format!("{disagreement}\n"))?;
        }
        Ok(if disagreements.is_empty() {
            print(&format!("{} shows what its scenario says\n", entry.name()))?;
            ExitCode::SUCCESS
        } else {
            print(&format!(
                "{} does not show what its scenario says\n",
                entry.name()
            ))?;
            ExitCode::FAILURE
        })
    }
}

/// What is as in the book and what is not, in sentences.
fn compared(stored: &Recording, fresh: &Recording, changed: &[String]) -> String {
    let manifest = &stored.manifest;
    let comparison = compare(stored, fresh);
    let list = |title: &str, sentences: &[String]| match sentences {
        [] => String::new(),
        sentences => {
            let lines: String = sentences.iter().map(|one| format!("  {one}\n")).collect();
            format!("{title}\n{lines}")
        }
    };
    let book = format!("in the book ({}, {})", manifest.date, manifest.kernel);
    [
        list("changed since the recording in the book", changed),
        list(&format!("as {book}"), &comparison.agrees),
        list(
            "as the kernel does it from one run to the next, and nothing follows from it",
            &comparison.varies,
        ),
        list(&format!("other than {book}"), &comparison.differs),
    ]
    .concat()
}
