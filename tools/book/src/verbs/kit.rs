//! `cargo book kit`.

use super::chapters;
use anyhow::Context;
use book::chromium::{Browser, BrowserError, Tab};
use book::edition;
use book::handout::Press;
use book::kit;
use book::print::{Paper, print};
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
drawings (SVG), the programs and exercises as a workspace of their own that `cargo build` builds, the student's handout and
lab sheet, and a README. Solutions and the teacher's edition are not in it.",
    after_long_help = "\
Examples:
  cargo book kit                     a kit of every chapter, in kits/
  cargo book kit close               of chapter 9: kits/ch09-close.zip
  cargo book kit close --out /tmp    written somewhere else

Needs: Rust. With Chromium or Chrome (or another named in BOOK_BROWSER=/path/to/it) the sheets are PDF, without one HTML."
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
        let press = Press::open(&root)?;
        let browser = match Browser::start() {
            Ok(browser) => Some(browser),
            Err(error @ BrowserError::Missing) => {
                eprintln!("{error}; the sheets are written as HTML, which any browser prints");
                None
            }
            Err(error) => return Err(error.into()),
        };
        let mut tab = browser.as_ref().map(Browser::tab).transpose()?;
        for chapter in chapters(&root, &self.chapters)? {
            let files = sheets(&press, &chapter, tab.as_mut())
                .and_then(|sheets| Ok(kit::files(&root, &chapter, &edition, sheets)?))
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

/// The student's sheets of a chapter, each with its file's name.
fn sheets(
    press: &Press,
    chapter: &str,
    mut tab: Option<&mut Tab<'_>>,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut printed = Vec::new();
    for sheet in press.sheets(chapter, SEED, false)? {
        printed.push(match tab.as_deref_mut() {
            Some(tab) => {
                tab.show(&sheet.html())?;
                let pdf = print(tab, &Paper::a4(&sheet.foot))
                    .with_context(|| format!("printing {}", sheet.name))?;
                (format!("{}.pdf", sheet.name), pdf.bytes)
            }
            None => (format!("{}.html", sheet.name), sheet.html_alone().into_bytes()),
        });
    }
    Ok(printed)
}

/// What `cargo book handout` draws lab sheets with, unless it is told otherwise.
const SEED: u64 = 1;
