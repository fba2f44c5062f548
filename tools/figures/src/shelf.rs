//! The recordings of the book, read when a page first asks for them.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use stage::{
    catalogue::{Catalogue, CatalogueError},
    cited::stale,
    recording::Recording,
};

use crate::{
    problem::{Problem, choices},
    seen::Seen,
};

/// The recordings below `listings/`, each read once.
#[derive(Debug)]
pub struct Shelf {
    root: PathBuf,
    catalogue: OnceCell<Result<Catalogue, Problem>>,
    read: RefCell<BTreeMap<String, Result<Rc<Seen>, String>>>,
}

impl Shelf {
    /// The recordings of the workspace at `root`. Reads nothing yet: a book without recordings needs none.
    pub fn open(root: &Path) -> Shelf {
        Shelf {
            root: root.to_owned(),
            catalogue: OnceCell::new(),
            read: RefCell::default(),
        }
    }

    /// The recording of this name: `echo/one-echo.async`; without variant the blocking one.
    ///
    /// # Errors
    /// No such scenario, no recording of it, or one that cannot be read: with the choices, or what to do.
    pub fn get(&self, name: &str) -> Result<Rc<Seen>, String> {
        if let Some(known) = self.read.borrow().get(name) {
            return known.clone();
        }
        // Paths are told as the other problems tell them: from the workspace's folder on.
        let root = format!("{}/", self.root.display());
        let seen = self
            .load(name)
            .map(Rc::new)
            .map_err(|message| message.replace(&root, ""));
        self.read.borrow_mut().insert(name.to_owned(), seen.clone());
        seen
    }

    /// Why no recording at all can be found, once one was asked for: a scenario file that is wrong, told with its own
    /// place. Every page that asks for a recording gets this problem's message.
    pub fn broken(&self) -> Option<&Problem> {
        self.catalogue.get()?.as_ref().err()
    }

    /// Where the drawing of this recording is stored, relative to the workspace.
    ///
    /// # Errors
    /// No such scenario: with the choices.
    pub fn drawing(&self, name: &str) -> Result<PathBuf, String> {
        let catalogue = self.catalogue().map_err(|problem| problem.message.clone())?;
        let entry = catalogue.one(name).map_err(|error| error.to_string())?;
        let recording = entry.folder();
        let file = format!(
            "{}.svg",
            recording.file_name().unwrap_or_default().to_string_lossy()
        );
        let listing = recording.ancestors().nth(2).unwrap_or(&self.root);
        let listing = listing.strip_prefix(&self.root).unwrap_or(listing);
        Ok(listing.join("figures").join(file))
    }

    fn catalogue(&self) -> Result<&Catalogue, &Problem> {
        let open = || {
            Catalogue::open(&self.root).map_err(|error| match error {
                CatalogueError::Scenario(error) => Problem {
                    file: error.file.to_string_lossy().replace('\\', "/"),
                    line: error.line,
                    message: error.message,
                },
                other => Problem {
                    file: "listings".into(),
                    line: 1,
                    message: other.to_string(),
                },
            })
        };
        self.catalogue.get_or_init(open).as_ref()
    }

    fn load(&self, name: &str) -> Result<Seen, String> {
        let catalogue = self.catalogue().map_err(|problem| problem.message.clone())?;
        let entry = catalogue.one(name).map_err(|error| error.to_string())?;
        let shown = if entry.is_base() {
            entry.scenario.name.clone()
        } else {
            entry.name()
        };
        if !entry.folder().is_dir() {
            let stored = catalogue.entries().filter(|entry| entry.folder().is_dir());
            return Err(format!(
                "`{shown}` is not recorded; record it with `cargo book record {shown}`; recorded are {}",
                choices(stored.map(|entry| entry.name()), "none yet")
            ));
        }
        let recording = Recording::read(&entry.folder()).map_err(|error| error.to_string())?;
        let reasons = stale(catalogue, entry, &recording);
        Seen::of(&shown, &entry.scenario.title, recording, &self.root, reasons).map_err(|message| {
            format!("the capture of `{shown}` cannot be read: {message}; record it again with `cargo book record {shown}`")
        })
    }
}
