//! Builds the book with mdBook as a library.

use crate::log;
use crate::problem::{Place, Problem, Sources};
use crate::root::SETTINGS;
use figures::Figures;
use figures::problem::Problems;
use mdbook_driver::MDBook;
use mdbook_driver::book::BookItem;
use mdbook_driver::config::Config;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

/// A book built without an error.
#[derive(Debug)]
pub struct Rendered {
    /// The folder with the pages; `index.html` is in it.
    pub folder: PathBuf,
    /// How many chapters it has.
    pub chapters: usize,
    /// What mdBook warned of.
    pub warnings: Vec<Problem>,
}

/// Why there is no book: never empty.
#[derive(Debug)]
pub struct Unbuilt(pub Vec<Problem>);

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let next = if index == 0 { "" } else { "\n" };
            write!(f, "{next}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unbuilt {}

/// Reads `book.toml`, with the changes that `MDBOOK_…` variables ask for, as the `mdbook` program does.
///
/// # Errors
/// The file cannot be read, is not TOML, or holds a key mdBook does not know.
pub fn settings(root: &Path) -> Result<Config, Unbuilt> {
    let read = || {
        let mut config = Config::from_disk(root.join(SETTINGS))?;
        config.update_from_env()?;
        Ok(config)
    };
    read().map_err(|error: mdbook_driver::errors::Error| {
        let src = root.join("src");
        Unbuilt(Sources { root, src: &src }.locate(&format!("{error:#}")))
    })
}

/// Builds the book at `root` into the folder `out`, which is emptied first.
///
/// With `reload`, every page connects to the web socket of that name on its own host and loads itself again when
/// told to; such pages are for a server at a host's root.
///
/// # Errors
/// Everything that keeps a page from being what its author wrote, what mdBook only logs included. `out` then holds
/// nothing of use.
pub fn render(root: &Path, out: &Path, reload: Option<&str>) -> Result<Rendered, Unbuilt> {
    let config = settings(root)?;
    let src = root.join(&config.book.src);
    let sources = Sources { root, src: &src };
    let build = || build(root, out, config.clone(), reload);
    // A panic of mdBook's, or of a figure's, must not end a server that has a good book to show.
    let (result, heard) = log::listen(|| panic::catch_unwind(AssertUnwindSafe(build)));

    let mut problems: Vec<Problem> = heard
        .errors
        .iter()
        .flat_map(|error| sources.locate(error))
        .collect();
    let built = match result {
        Ok(Ok(built)) => Some(built),
        Ok(Err(error)) => {
            match error.downcast_ref::<Problems>() {
                Some(Problems(found)) => problems.extend(found.iter().map(of_figures)),
                None => problems.extend(sources.locate(&format!("{error:#}"))),
            }
            None
        }
        Err(_) => {
            problems.push(Problem::new(
                "the build panicked; its last words stand above, and it is a bug of the tools",
            ));
            None
        }
    };
    problems.dedup();
    match built {
        Some((folder, chapters)) if problems.is_empty() => {
            let warnings = heard
                .warnings
                .iter()
                .flat_map(|warning| sources.locate(warning))
                .collect();
            Ok(Rendered {
                folder,
                chapters,
                warnings,
            })
        }
        _ => Err(Unbuilt(problems)),
    }
}

fn build(
    root: &Path,
    out: &Path,
    mut config: Config,
    reload: Option<&str>,
) -> mdbook_driver::errors::Result<(PathBuf, usize)> {
    if let Some(endpoint) = reload {
        config.set("output.html.live-reload-endpoint", endpoint)?;
        config.set("output.html.site-url", "/")?;
    }
    config.build.build_dir = out.to_path_buf();
    let mut book = MDBook::load_with_config(root, config)?;
    with_our_preprocessors(&mut book);
    book.build()?;
    let chapters = book
        .iter()
        .filter(|item| matches!(item, BookItem::Chapter(it) if it.path.is_some()))
        .count();
    Ok((book.build_dir_for("html"), chapters))
}

/// Puts the book's own preprocessor in the place of the command of the same name in `book.toml`: the same code
/// without a process and without cargo's lock.
fn with_our_preprocessors(book: &mut MDBook) {
    book.with_preprocessor(Figures);
}

fn of_figures(problem: &figures::problem::Problem) -> Problem {
    let place = Place {
        file: problem.file.clone().into(),
        line: Some(problem.line),
    };
    Problem {
        place: Some(place),
        message: problem.message.clone(),
    }
}
