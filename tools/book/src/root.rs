//! Where the book is: the folder that holds `book.toml`.

use std::path::{Path, PathBuf};

/// The book's settings; the folder they lie in is the book's root.
pub const SETTINGS: &str = "book.toml";

/// There is no book here.
#[derive(Debug, thiserror::Error)]
#[error(
    "no {SETTINGS} in {} or in any folder above it: run this inside the book's repository \
     (if the file was deleted, `git restore {SETTINGS}` brings it back)",
    .0.display()
)]
pub struct NoBook(pub PathBuf);

/// The nearest folder that holds `book.toml`, looking from `start` upwards, then from `fallback` upwards.
///
/// `fallback` is the folder of this package as cargo tells it, for those who run the command from elsewhere with
/// `--manifest-path`.
pub fn find(start: &Path, fallback: Option<&Path>) -> Result<PathBuf, NoBook> {
    start
        .ancestors()
        .chain(fallback.into_iter().flat_map(Path::ancestors))
        .find(|folder| folder.join(SETTINGS).is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| NoBook(start.to_path_buf()))
}

/// [`find`] from the current folder, with cargo's word for this package as the fallback.
///
/// The path comes back without links in it, since the watcher and the links in chapters speak of the real one.
pub fn here() -> anyhow::Result<PathBuf> {
    let start = std::env::current_dir()?;
    let fallback = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = find(&start, fallback.as_deref())?;
    Ok(root.canonicalize().unwrap_or(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_with_settings_is_the_root() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("a/b/c");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(outer.path().join(SETTINGS), "").unwrap();
        std::fs::write(outer.path().join("a/b").join(SETTINGS), "").unwrap();
        assert_eq!(find(&inner, None).unwrap(), outer.path().join("a/b"));
        assert_eq!(find(&outer.path().join("a"), None).unwrap(), outer.path());
    }

    #[test]
    fn outside_a_book_the_package_s_own_book_is_taken() {
        let book = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let package = book.path().join("tools/book");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(book.path().join(SETTINGS), "").unwrap();
        assert_eq!(find(elsewhere.path(), Some(&package)).unwrap(), book.path());
    }

    #[test]
    fn no_book_anywhere_says_where_it_looked_and_what_to_do() {
        let elsewhere = tempfile::tempdir().unwrap();
        let said = find(elsewhere.path(), None).unwrap_err().to_string();
        assert!(said.contains(&elsewhere.path().display().to_string()), "{said}");
        assert!(said.contains("git restore book.toml"), "{said}");
    }
}
