//! `cargo book handout`.

use anyhow::Context;
use book::chromium::{Browser, BrowserError, Tab};
use book::handout::{Press, Sheet};
use book::print::{Paper, print};
use book::root;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Print sheets for a class: handout, lab sheet, teacher's edition
#[derive(Debug, Args)]
#[command(
    long_about = "\
Print sheets for a class, as PDF files for A4, made from the chapters themselves.

For teachers. For each chapter there is
  chNN-slug-handout.pdf  for students: what they will be able to do, the code, a question and an empty ladder before each
                         figure, the figure on the page after, three questions to leave with; at most four pages
  chNN-slug-lab.pdf      one page to fill in: segments to put in order, fields to fill in, numbers to measure
  chNN-slug-teacher.pdf  with --teacher: what to ask, show and expect, all answers, and the key to the lab sheet

The lab sheet is drawn by chance from the chapter's recordings. Its seed stands on it, and the same seed gives the same
sheet and the same key; give every group a seed of its own if you like.

No answer stands on a student's sheet, but the book is public: do not grade what it answers.",
    after_long_help = "\
Examples:
  cargo book handout 9                     handout and lab sheet of chapter 9, in handouts/
  cargo book handout close --teacher       the same chapter, and the teacher's edition
  cargo book handout --teacher --out /tmp  all chapters, somewhere else
  cargo book handout 9 --teacher --seed 7  another lab sheet, and its key

Needs: Chromium or Chrome (or another named in BOOK_BROWSER=/path/to/it) for PDF. Without one the same sheets are written
as HTML: open them in any browser, and print."
)]
pub struct Handout {
    /// Chapters, by number, name or file: 9, close, ch09-close; all of them if none is given
    #[arg(value_name = "CHAPTER")]
    chapters: Vec<String>,
    /// Print the teacher's edition, too
    #[arg(long)]
    teacher: bool,
    /// What the lab sheets are drawn with: any number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// The folder to write, as seen from here; `handouts` beside book.toml if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write HTML even where PDF could be made: to be changed, or printed otherwise
    #[arg(long)]
    html: bool,
}

impl Handout {
    /// Prints them, and says where.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = root::here()?;
        let out = match &self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => root.join("handouts"),
        };
        let press = Press::open(&root)?;
        let mut stems: Vec<String> = Vec::new();
        for name in &self.chapters {
            let stem = press.meant(name)?;
            if !stems.iter().any(|known| known == stem) {
                stems.push(stem.to_owned());
            }
        }
        if stems.is_empty() {
            stems = press.chapters().map(str::to_owned).collect();
        }
        let browser = match self.html {
            true => None,
            false => match Browser::start() {
                Ok(browser) => Some(browser),
                Err(error @ BrowserError::Missing) => {
                    eprintln!("{error}; the sheets are written as HTML, which any browser prints");
                    None
                }
                Err(error) => return Err(error.into()),
            },
        };
        let mut tab = browser.as_ref().map(Browser::tab).transpose()?;
        fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
        for stem in &stems {
            for sheet in press.sheets(stem, self.seed, self.teacher)? {
                write(&sheet, tab.as_mut(), &out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes one, and says which.
fn write(sheet: &Sheet, tab: Option<&mut Tab<'_>>, out: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (ending, bytes, pages) = match tab {
        Some(tab) => {
            tab.show(&sheet.html())?;
            let pdf =
                print(tab, &Paper::a4(&sheet.foot)).with_context(|| format!("printing {}", sheet.name))?;
            ("pdf", pdf.bytes, Some(pdf.pages))
        }
        None => ("html", sheet.html_alone().into_bytes(), None),
    };
    let file = out.join(format!("{}.{ending}", sheet.name));
    fs::write(&file, &bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    println!("{}", file.display());
    let pages = match pages {
        Some(1) => "1 page, ".to_owned(),
        Some(pages) => format!("{pages} pages, "),
        None => String::new(),
    };
    eprintln!(
        "  {pages}{} KB, {:.1?}",
        bytes.len().div_ceil(1000),
        begun.elapsed()
    );
    Ok(())
}
