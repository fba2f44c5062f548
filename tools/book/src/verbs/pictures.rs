//! `cargo book pictures`.

use anyhow::{Context, bail};
use book::chromium::{Browser, Tab};
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

/// A picture in the README may weigh this much, in bytes.
const MOST_BYTES: usize = 150_000;

/// Make the pictures of the README from the built book
#[derive(Debug, Args)]
#[command(
    long_about = "\
Make the pictures of the README from the book as it is now: its title page, a figure in light and in dark, and a page
on a phone.

For authors, after the look or the first chapter has changed. Nothing is written unless all of them could be made.",
    after_long_help = "\
Examples:
  cargo book pictures                  writes pictures/*.png
  cargo book pictures --out /tmp/look  writes them somewhere else

Needs: Chromium (Debian's package `chromium`), or another named in BOOK_BROWSER=/path/to/it."
)]
pub struct Pictures {
    /// The folder to write, as seen from here; `pictures` beside book.toml if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is looked at, and how.
struct View {
    name: &'static str,
    page: &'static str,
    scheme: &'static str,
    /// Width and height in CSS pixels, and screen pixels to each.
    size: (u32, u32, f64),
    /// What of the page is shown: the first thing this selects, or what is in the window.
    part: Option<&'static str>,
    /// What is brought to the window's head first.
    from: Option<&'static str>,
}

const VIEWS: [View; 4] = [
    View {
        name: "title.png",
        page: "index.html",
        scheme: "light",
        size: (1180, 860, 1.0),
        part: None,
        from: None,
    },
    View {
        name: "figure-light.png",
        page: "ch01-echo.html",
        scheme: "light",
        size: (1180, 900, 1.25),
        part: Some(".ladder-figure"),
        from: None,
    },
    View {
        name: "figure-dark.png",
        page: "ch01-echo.html",
        scheme: "dark",
        size: (1180, 900, 1.25),
        part: Some(".ladder-figure"),
        from: None,
    },
    View {
        name: "phone.png",
        page: "ch01-echo.html",
        scheme: "light",
        size: (390, 760, 1.5),
        part: None,
        from: Some(".recording"),
    },
];

impl Pictures {
    /// Makes them, and says where.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = root::here()?;
        let out = match self.out {
            Some(out) => std::env::current_dir()?.join(out),
            None => root.join("pictures"),
        };
        let workshop =
            tempfile::tempdir().context("no folder to build in: set TMPDIR to one that can be written")?;
        let rendered = render::render(&root, &workshop.path().join("book"), None)?;
        let site = Site::read(&rendered.folder, 1)?;
        let listener = server::bind(0)?;
        let origin = server::url(listener.local_addr()?);
        thread::spawn(move || server::serve(listener, Arc::new(Shelf::new(site))));
        let browser = Browser::start()?;
        let mut made = Vec::new();
        for view in &VIEWS {
            let mut tab = browser.tab()?;
            let picture = take(&mut tab, &origin, view).with_context(|| format!("making {}", view.name))?;
            if picture.len() > MOST_BYTES {
                bail!(
                    "{} has {} bytes, and at most {MOST_BYTES} may go into the README: make its size smaller in VIEWS",
                    view.name,
                    picture.len()
                );
            }
            made.push((view.name, picture));
        }
        fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
        for (name, picture) in made {
            let file = out.join(name);
            fs::write(&file, picture).with_context(|| format!("{} cannot be written", file.display()))?;
            println!("{}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn take(tab: &mut Tab<'_>, origin: &str, view: &View) -> anyhow::Result<Vec<u8>> {
    let (width, height, scale) = view.size;
    tab.size(width, height, scale)?;
    tab.media(&[
        ("prefers-color-scheme", view.scheme),
        ("prefers-reduced-motion", "reduce"),
    ])?;
    tab.go(&format!("{origin}{}", view.page))?;
    if let Some(from) = view.from {
        tab.eval(&format!("document.querySelector('{from}').scrollIntoView()"))?;
    }
    let Some(part) = view.part else {
        return Ok(tab.picture(None)?);
    };
    let part = tab.eval(&format!(
        "(() => {{ const box = document.querySelector('{part}').getBoundingClientRect(); \
         return [box.left + scrollX - 16, box.top + scrollY - 16, box.width + 32, box.height + 32]; }})()"
    ))?;
    let sides: Option<Vec<f64>> = part
        .as_array()
        .map(|it| it.iter().filter_map(|side| side.as_f64()).collect());
    match sides.and_then(|sides| <[f64; 4]>::try_from(sides).ok()) {
        Some(part) => Ok(tab.picture(Some(part))?),
        None => bail!("the page has no such part"),
    }
}
