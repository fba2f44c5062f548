//! `cargo book kit`.

use super::chapters;
use anyhow::Context;
use book::edition;
use book::kit;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Pack what a chapter needs without Linux and without rights
#[derive(Debug, Args)]
#[command(
    long_about = "\
Pack what a chapter needs of somebody who has no Linux, or no right to capture: one archive a chapter.

For teachers, and for readers on other systems. In it are the chapter's captures, which open in Wireshark, the same as text and as
drawings (SVG), the programs and exercises as a workspace of their own that `cargo build` builds, and a README. Solutions
are not in it.",
    after_long_help = "\
Examples:
  cargo book kit                     a kit of every chapter, in kits/
  cargo book kit close               of chapter 9: kits/ch09-close.zip
  cargo book kit close --out /tmp    written somewhere else

Needs: Rust, nothing else."
)]
pub struct Kit {
    /// Chapters, by name: `close` or `ch09-close`; all if not given
    chapters: Vec<String>,
    /// The folder to write, as seen from here; `kits` beside book.toml if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Kit {
    /// Packs them, and says where they are.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = book::root::here()?;
        let out = match self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => root.join("kits"),
        };
        fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
        let edition = edition::of(&root);
        for chapter in chapters(&root, &self.chapters)? {
            let files = kit::files(&root, &chapter, &edition, None)
                .with_context(|| format!("the kit of {chapter}"))?;
            let archive = kit::pack(&chapter, &files)?;
            let file = out.join(format!("{chapter}.zip"));
            fs::write(&file, &archive).with_context(|| format!("{} cannot be written", file.display()))?;
            println!("{}", file.display());
            eprintln!("  {} files, {} KB", files.len(), archive.len() / 1000);
        }
        Ok(ExitCode::SUCCESS)
    }
}
