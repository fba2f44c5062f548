//! The drawings that are stored as text, so that a change of what is drawn is reviewed: one for every recording that a page
//! shows, whole and without annotations, in `listings/chNN-slug/figures/SCENARIO.VARIANT.svg`.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    ladder::{self, standalone_svg},
    page::Page,
    recording::{FENCE, LONGEST, Shown},
    seen::{Choice, Seen},
    shelf::Shelf,
};

/// The drawing of a whole recording as a file of its own; long runs are folded.
pub fn svg(seen: &Seen) -> String {
    standalone_svg(&seen.ladder(Choice::default()).folded(LONGEST))
}

/// The same for viewers that are no browsers: in plain light colours.
pub fn plain_svg(seen: &Seen) -> String {
    ladder::plain_svg(&seen.ladder(Choice::default()).folded(LONGEST))
}

/// Every drawing that is to be stored, by its path relative to the workspace at `root`. Fences that cannot be read are
/// passed over: whoever builds the page is told of them.
///
/// # Errors
/// A page that cannot be read, or a recording: what is wrong with it.
pub fn drawings(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let shelf = Shelf::open(root);
    let mut drawings = BTreeMap::new();
    for file in pages(&root.join("src")).map_err(|error| format!("src: {error}"))? {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let page = Page::parse(&text);
        let fences = page.fences.iter().filter(|fence| fence.kind() == FENCE);
        for shown in fences.filter_map(|fence| Shown::parse(&fence.body).ok()) {
            let names = [Some(shown.show), shown.compare.map(|(name, _)| name)];
            for name in names.into_iter().flatten() {
                let path = shelf.drawing(&name)?;
                if let Entry::Vacant(vacant) = drawings.entry(path) {
                    vacant.insert(svg(shelf.get(&name)?.as_ref()));
                }
            }
        }
    }
    Ok(drawings)
}

/// The drawings that are stored now, by their paths relative to the workspace at `root`.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn stored(root: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut stored = BTreeMap::new();
    for listing in root.join("listings").read_dir()? {
        let folder = listing?.path().join("figures");
        if !folder.is_dir() {
            continue;
        }
        for entry in folder.read_dir()? {
            let path = entry?.path();
            let shown = path.strip_prefix(root).unwrap_or(&path).to_owned();
            stored.insert(shown, fs::read_to_string(&path)?);
        }
    }
    Ok(stored)
}

/// The Markdown files in a folder and in those below it.
fn pages(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            pages.extend(self::pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}
