//! `cargo book show`.

use super::{catalogue, print, unknown};
use anyhow::Context;
use book::recordings;
use clap::Args;
use stage::catalogue::Catalogue;
use stage::recording::Recording;
use std::path::Path;
use std::process::ExitCode;

/// Show a stored recording in the terminal
#[derive(Debug, Args)]
#[command(
    long_about = "\
Show a stored recording in the terminal: five lanes on one clock, and what the programs printed.

The lanes are, from left to right, the client's line of source, the client's call, the segment, the server's call and the
server's line of source. In the row of a segment stands what caused it, and the states it leads to.

For everybody. Nothing is run and nothing is needed: what you see is what the book's pages are made from.

Without a NAME it lists the recordings there are.",
    after_long_help = "\
Examples:
  cargo book show                          lists every recording
  cargo book show echo/one-echo            the blocking programs
  cargo book show echo/one-echo.async      the async ones
  cargo book show echo/one-echo --tcpdump  and every packet as tcpdump prints it
  cargo book show echo/one-echo.blocking-async
                                           a blocking client and an async server
  cargo book show /tmp/mine                what `run` or `watch` kept with --keep

Needs: nothing; works on every system."
)]
pub struct Show {
    /// A scenario, and a variant where it is not the blocking one; or a folder with a recording
    name: Option<String>,
    /// Print every packet, too, as `tcpdump -S -nn -vvv` does
    #[arg(long)]
    tcpdump: bool,
}

impl Show {
    /// Shows one, or lists all.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalogue = catalogue()?;
        let Some(name) = self.name else {
            print(&list(&catalogue))?;
            return Ok(ExitCode::SUCCESS);
        };
        let entry = match catalogue.one(&name) {
            Ok(entry) => entry,
            // What `run` or `watch` kept.
            Err(_) if Path::new(&name).join("manifest.toml").is_file() => {
                let recording = Recording::read(Path::new(&name))?;
                print(&recordings::body(&name, &recording, self.tcpdump)?)?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(unknown(&error)),
        };
        let folder = entry.folder();
        let text = recordings::text(entry, &Recording::read(&folder)?, self.tcpdump).with_context(|| {
            format!(
                "{}: `cargo book record {}` makes it anew",
                folder.display(),
                entry.name()
            )
        })?;
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn list(catalogue: &Catalogue) -> String {
    let width = catalogue
        .entries()
        .map(|entry| entry.name().len())
        .max()
        .unwrap_or(0);
    catalogue
        .entries()
        .map(|entry| {
            let missing = if entry.folder().exists() {
                ""
            } else {
                " (not recorded)"
            };
            format!("{:width$}  {}{missing}\n", entry.name(), entry.scenario.title)
        })
        .collect()
}
