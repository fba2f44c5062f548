//! Storing a recording, and only when what it says has changed: ports and times differ with every run, and no
//! difference is worth a reviewer's time that is none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    catalogue::{Catalogue, Entry},
    check::{Disagreement, check, picture},
    cited::stale,
    recording::{Recording, RecordingError},
};

/// What became of a fresh recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// There was none, and now there is.
    New,
    /// The stored one still says all the fresh one says; it stays as it was.
    Kept,
    /// The stored one stays, and what is made of it was made anew: this program prints it otherwise today.
    Refreshed,
    /// It took the place of the stored one, for these reasons.
    Replaced(Vec<String>),
}

/// A recording that was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It does not show what the scenario says.
    #[error(
        "{name} does not show what its scenario says, and was not stored:\n{}",
        list(disagreements)
    )]
    Disagrees {
        /// The scenario and variant.
        name: String,
        /// What is not shown.
        disagreements: Vec<Disagreement>,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] RecordingError),
    /// The folder of the old one cannot be replaced.
    #[error("replacing {}: {source}", folder.display())]
    Replace {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn list(disagreements: &[Disagreement]) -> String {
    disagreements.iter().map(|one| format!("  {one}\n")).collect()
}

/// Why the stored recording of an entry has to be made anew. Empty where it has not.
pub fn reasons(catalogue: &Catalogue, entry: Entry<'_>) -> Vec<String> {
    if !entry.folder().exists() {
        return vec!["there is none".into()];
    }
    match Recording::read(&entry.folder()) {
        Err(error) => vec![error.to_string()],
        Ok(stored) => {
            let mut reasons = stale(catalogue, entry, &stored);
            let shown = [check(entry, &stored), picture(entry, &stored)].concat();
            reasons.extend(shown.iter().map(ToString::to_string));
            reasons
        }
    }
}

/// Stores a fresh recording if there is none, if the stored one no longer agrees with scenario and sources, or on
/// `demand`.
///
/// # Errors
/// A recording that does not agree with its own scenario is not stored.
pub fn store(
    catalogue: &Catalogue,
    entry: Entry<'_>,
    fresh: &Recording,
    demand: bool,
) -> Result<Stored, StoreError> {
    let mut disagreements = check(entry, fresh);
    disagreements.extend(picture(entry, fresh));
    if !disagreements.is_empty() {
        let name = entry.name();
        return Err(StoreError::Disagrees { name, disagreements });
    }
    let folder = entry.folder();
    let stored = if folder.exists() {
        let mut reasons = reasons(catalogue, entry);
        if reasons.is_empty() && demand {
            reasons.push("on demand".into());
        }
        if reasons.is_empty() {
            let refreshed = refresh(&folder)?;
            return Ok(if refreshed {
                Stored::Refreshed
            } else {
                Stored::Kept
            });
        }
        Stored::Replaced(reasons)
    } else {
        Stored::New
    };
    // Whole beside, then swapped: no half a recording, whatever interrupts this.
    let replace = |source| StoreError::Replace {
        folder: folder.clone(),
        source,
    };
    let mut beside = folder.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(replace)?;
    }
    fresh.write(&beside)?;
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(replace)?;
    }
    fs::rename(&beside, &folder).map_err(replace)?;
    Ok(stored)
}

/// Writes what is made of a recording anew where it is made otherwise today, and says whether it was.
///
/// # Errors
/// A recording that cannot be read or written.
pub fn refresh(folder: &Path) -> Result<bool, RecordingError> {
    let recording = Recording::read(folder)?;
    let differs =
        |(name, bytes): (&String, &Vec<u8>)| fs::read(folder.join(name)).ok().as_ref() != Some(bytes);
    let changed = recording.files().iter().any(differs);
    if changed {
        recording.write(folder)?;
    }
    Ok(changed)
}
