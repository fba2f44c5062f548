//! `cargo book build`.

use book::render::{self, Unbuilt};
use book::root;
use book::swap::Beside;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Build the book into a folder
#[derive(Debug, Args)]
#[command(
    long_about = "\
Build the book into a folder, ready for any web server or for a browser without one.

For everybody who wants the pages as files. While you read or write, `cargo book serve` does more.

The book is built beside the folder and put in its place when it is whole: if anything is wrong, the errors are
shown with file and line, and the folder keeps the last good book.",
    after_long_help = "\
Examples:
  cargo book build                   writes book/
  cargo book build --out /tmp/book   writes somewhere else

Needs: Rust, nothing else."
)]
pub struct Build {
    /// The folder to write, as seen from here; `book` beside book.toml if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Build {
    /// Builds, and says where.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = root::here()?;
        let started = Instant::now();
        let out = match self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => match render::settings(&root) {
                Ok(config) => root.join(config.build.build_dir),
                Err(unbuilt) => return Ok(fail(&unbuilt)),
            },
        };
        let beside = Beside::new(&out)?;
        let rendered = match render::render(&root, &beside.folder(), None) {
            Ok(rendered) => rendered,
            Err(unbuilt) => return Ok(fail(&unbuilt)),
        };
        for warning in &rendered.warnings {
            eprintln!("warning: {warning}");
        }
        let out = beside.swap(&rendered.folder)?;
        println!("{}", out.join("index.html").display());
        eprintln!(
            "{} chapters, built in {:.1?}",
            rendered.chapters,
            started.elapsed()
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn fail(unbuilt: &Unbuilt) -> ExitCode {
    for problem in &unbuilt.0 {
        eprintln!("error: {problem}");
    }
    eprintln!("nothing was written");
    ExitCode::FAILURE
}
