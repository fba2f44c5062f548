//! Puts a finished folder in the place of an old one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a folder was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// There is something else at that place.
    #[error(
        "{} is not a built book and not empty, so it stays as it is: name another folder with --out, or empty it",
        .0.display()
    )]
    NotABook(PathBuf),
    /// The folder above cannot be written.
    #[error("cannot write in {}: {cause}; make it writable, or name another folder with --out", .folder.display())]
    Unwritable {
        /// The folder above the one to be replaced.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// A place beside `target`, in the same file system, where its next content is made.
#[derive(Debug)]
pub struct Beside {
    target: PathBuf,
    workshop: tempfile::TempDir,
}

impl Beside {
    /// Prepares to replace `target`, a folder that mdBook built, or is empty, or is not there yet.
    pub fn new(target: &Path) -> Result<Self, SwapError> {
        // Behind a link it is the real folder that is replaced.
        let target = target.canonicalize().unwrap_or_else(|_| target.to_path_buf());
        if target.exists() && !is_built_book_or_empty(&target) {
            return Err(SwapError::NotABook(target));
        }
        let parent = match target.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Err(SwapError::NotABook(target)),
        };
        let unwritable = |cause| SwapError::Unwritable {
            folder: parent.to_path_buf(),
            cause,
        };
        fs::create_dir_all(parent).map_err(unwritable)?;
        let workshop = tempfile::Builder::new()
            .prefix(".book-")
            .tempdir_in(parent)
            .map_err(unwritable)?;
        Ok(Beside { target, workshop })
    }

    /// Where to make the new content; not there yet.
    pub fn folder(&self) -> PathBuf {
        // One level down, since the folder above is private to this user and the book need not be.
        self.workshop.path().join("new")
    }

    /// Puts `folder`, made inside [`Self::folder`], in the target's place: readers find the old book, or the new
    /// one, and never a part of either. Returns the target.
    pub fn swap(self, folder: &Path) -> Result<PathBuf, SwapError> {
        let unwritable = |cause| SwapError::Unwritable {
            folder: self.target.clone(),
            cause,
        };
        let old = self.workshop.path().join("old");
        let had_one = self.target.exists();
        if had_one {
            fs::rename(&self.target, &old).map_err(unwritable)?;
        }
        if let Err(error) = fs::rename(folder, &self.target) {
            if had_one {
                fs::rename(&old, &self.target).ok();
            }
            return Err(unwritable(error));
        }
        Ok(self.target)
    }
}

/// mdBook leaves this file in what it builds; a folder without it may be somebody's work.
fn is_built_book_or_empty(folder: &Path) -> bool {
    folder.join(".nojekyll").is_file() && folder.join("index.html").is_file()
        || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(folder: &Path, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(".nojekyll"), "").unwrap();
        fs::write(folder.join("index.html"), text).unwrap();
    }

    #[test]
    fn a_new_book_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("book");
        for text in ["one", "two"] {
            let beside = Beside::new(&target).unwrap();
            let folder = beside.folder();
            built(&folder, text);
            fs::write(folder.join(text), "").unwrap();
            beside.swap(&folder).unwrap();
            assert_eq!(fs::read_to_string(target.join("index.html")).unwrap(), text);
        }
        assert!(
            !target.join("one").exists(),
            "a page of the old book is still there"
        );
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn somebody_s_folder_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("thesis.txt"), "years of work").unwrap();
        let error = Beside::new(parent.path()).unwrap_err();
        assert!(error.to_string().contains("not a built book"), "{error}");
        assert!(parent.path().join("thesis.txt").exists());
    }

    #[test]
    fn an_abandoned_build_leaves_the_old_book() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("book");
        built(&target, "old");
        let beside = Beside::new(&target).unwrap();
        built(&beside.folder(), "half");
        drop(beside);
        assert_eq!(fs::read_to_string(target.join("index.html")).unwrap(), "old");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
