//! `cargo book figure`.

use super::{catalogue, print, unknown};
use anyhow::{Context, bail};
use clap::Args;
use figures::shelf::Shelf;
use figures::stored;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Draw a stored recording as an SVG file
#[derive(Debug, Args)]
#[command(
    long_about = "\
Draw a stored recording as an SVG file that needs nothing else: source lines, calls, segments and states on one axis,
light or dark as the viewer is, black and white on paper.

For everybody who wants the drawing outside of the book: on a slide, in a handout. Nothing is run.

Authors keep the drawing of every recording that a page shows as text, in listings/chNN-slug/figures/, so that a change
of what is drawn is seen and reviewed. `--update` draws them all anew; a test fails where they are not.",
    after_long_help = "\
Examples:
  cargo book figure echo/one-echo                       prints the SVG
  cargo book figure echo/one-echo.async --out echo.svg  writes a file
  cargo book figure --update                            draws all that pages show, and says what changed

Needs: nothing; works on every system."
)]
pub struct Figure {
    /// A scenario, and a variant where it is not the blocking one
    #[arg(required_unless_present = "update")]
    name: Option<String>,
    /// The file to write, as seen from here; standard output if not given
    #[arg(long, value_name = "FILE", requires = "name")]
    out: Option<PathBuf>,
    /// Draw the stored drawings of all recordings that pages show
    #[arg(long, conflicts_with = "name")]
    update: bool,
}

impl Figure {
    /// Draws one, or all that are stored.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Some(name) = self.name else {
            return update(&book::root::here()?);
        };
        let catalogue = catalogue()?;
        catalogue.one(&name).map_err(|error| unknown(&error))?;
        let seen = Shelf::open(catalogue.root())
            .get(&name)
            .map_err(anyhow::Error::msg)?;
        for reason in seen.stale() {
            eprintln!("warning: older than the programs: {reason}");
        }
        let svg = stored::svg(&seen);
        match self.out {
            None => print(&svg)?,
            Some(out) => {
                fs::write(&out, svg).with_context(|| out.display().to_string())?;
                println!("{}", out.display());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes what changed, removes what no page shows, and says so.
fn update(root: &Path) -> anyhow::Result<ExitCode> {
    let drawn = stored::drawings(root).map_err(anyhow::Error::msg)?;
    if drawn.is_empty() {
        bail!("no page in src/ shows a recording");
    }
    let mut old = stored::stored(root).context("listings")?;
    let mut same = 0;
    for (path, svg) in &drawn {
        if old.remove(path).as_ref() == Some(svg) {
            same += 1;
            continue;
        }
        let file = root.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(&file, svg).with_context(|| file.display().to_string())?;
        println!("drawn    {}", path.display());
    }
    for path in old.keys() {
        fs::remove_file(root.join(path)).with_context(|| path.display().to_string())?;
        println!("removed  {}", path.display());
    }
    eprintln!("{same} of {} were as they are drawn", drawn.len());
    Ok(ExitCode::SUCCESS)
}
