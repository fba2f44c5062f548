//! `cargo book pdf`.

use anyhow::Context;
use book::chromium::Browser;
use book::edition;
use book::print::{Paper, print};
use book::render;
use book::root;
use book::server::{self, Shelf};
use book::site::Site;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Print the whole book as a PDF
#[derive(Debug, Args)]
#[command(
    long_about = "\
Print the whole book as one PDF, A4: an outline of its chapters and sections, page numbers, and a structure that a screen
reader knows. The answers stay folded; the letters of the right ones stand below the last question of a chapter. On its
last pages, appendix H has them with their reasons.",
    after_long_help = "\
Examples:
  cargo book pdf                     writes from-fork-to-await.pdf beside book.toml
  cargo book pdf --out /tmp/b.pdf    writes it somewhere else

Needs: Chromium or Chrome, or another named in BOOK_BROWSER=/path/to/it. Without one, `cargo book serve` and any browser print
the page `print.html`."
)]
pub struct Pdf {
    /// The file to write, as seen from here
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Pdf {
    /// Prints it, and says where.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = root::here()?;
        let browser = Browser::start()?;
        let begun = Instant::now();
        let settings = render::settings(&root)?;
        let title = settings.book.title.clone().unwrap_or_else(|| "Book".into());
        let out = match self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => root.join(super::file_name(&title, "pdf")),
        };
        let workshop =
            tempfile::tempdir().context("no folder to build in: set TMPDIR to one that can be written")?;
        let rendered = render::render(&root, &workshop.path().join("book"), None)?;
        let site = Site::read(&rendered.folder, 1)?;
        let listener = server::bind(0)?;
        let origin = server::url(listener.local_addr()?);
        thread::spawn(move || server::serve(listener, Arc::new(Shelf::new(site))));
        let mut tab = browser.tab()?;
        tab.go(&format!("{origin}print.html"))?;
        let paper = Paper::a4(&format!("{title}, {}", edition::of(&root)));
        let pdf = print(&mut tab, &paper).context("printing")?;
        fs::write(&out, &pdf.bytes).with_context(|| format!("{} cannot be written", out.display()))?;
        println!("{}", out.display());
        eprintln!(
            "{} chapters, {} pages, {} KB, {:.0?}",
            rendered.chapters,
            pdf.pages,
            pdf.bytes.len().div_ceil(1000),
            begun.elapsed()
        );
        Ok(ExitCode::SUCCESS)
    }
}
