//! `cargo book epub`.

use anyhow::Context;
use book::edition;
use book::epub::{About, epub};
use book::render;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write the whole book as an e-book
#[derive(Debug, Args)]
#[command(
    long_about = "\
Write the whole book as an e-book, EPUB 3: for a tablet or an e-reader, without a network. Figures are pictures with the
same words beside them; answers stay folded where the reader's program can fold.",
    after_long_help = "\
Examples:
  cargo book epub                     writes from-fork-to-await.epub beside book.toml
  cargo book epub --out /tmp/b.epub   writes it somewhere else

Needs: Rust, nothing else."
)]
pub struct Epub {
    /// The file to write, as seen from here
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Epub {
    /// Writes it, and says where.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = book::root::here()?;
        let settings = render::settings(&root)?;
        let title = settings.book.title.clone().unwrap_or_else(|| "Book".into());
        let about = About {
            description: settings.book.description.clone().unwrap_or_default(),
            authors: settings.book.authors.clone(),
            language: settings.book.language.clone().unwrap_or_else(|| "en".into()),
            edition: edition::of(&root),
            // Without a commit: the first day the format of the archive knows.
            modified: edition::date(&root).unwrap_or_else(|| "1980-01-01T00:00:00Z".into()),
            title,
        };
        let out = match self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => root.join(super::file_name(&about.title, "epub")),
        };
        let workshop =
            tempfile::tempdir().context("no folder to build in: set TMPDIR to one that can be written")?;
        let rendered = render::render(&root, &workshop.path().join("book"), None)?;
        let book = epub(&rendered.folder, &about)?;
        fs::write(&out, &book).with_context(|| format!("{} cannot be written", out.display()))?;
        println!("{}", out.display());
        eprintln!("{} chapters, {} KB", rendered.chapters, book.len() / 1000);
        Ok(ExitCode::SUCCESS)
    }
}
