//! `cargo book run`.

use super::{catalogue, print, programs, unknown};
use book::recordings::{self, differences};
use clap::Args;
use stage::check::check;
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

It ends with 0 when everything is seen that the scenario says must be seen.",
    after_long_help = "\
Examples:
  cargo book run echo/one-echo             the blocking programs
  cargo book run echo/one-echo.async       the async ones
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
        print(&format!("{}\n", recordings::text(entry, &fresh)?))?;

        let disagreements = check(entry, &fresh);
        for disagreement in &disagreements {
            print(&format!("{disagreement}\n"))?;
        }
        match Recording::read(&entry.folder()) {
            Err(_) => print("there is no stored recording to compare with\n")?,
            Ok(stored) => {
                let differences = differences(&stored, &fresh);
                if differences.is_empty() {
                    print(&format!(
                        "the recording in the book ({}, {}) says the same\n",
                        stored.manifest.date, stored.manifest.kernel
                    ))?;
                }
                for difference in differences {
                    print(&format!("other than in the book: {difference}\n"))?;
                }
            }
        }
        Ok(if disagreements.is_empty() {
            print(&format!("{} shows what its scenario says\n", entry.name()))?;
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
