//! What the listings declare to be measured by name: `[package.metadata.book.KIND.NAME]`.

use std::{fs, path::Path};

use crate::error::MeasureError;

/// The kinds there are.
pub const KINDS: [&str; 2] = ["chart", "stall"];

/// Something declared.
#[derive(Clone, Debug)]
pub struct Named {
    /// The listing: `ch15-multiplex`.
    pub package: String,
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// What it says.
    pub value: toml::Value,
}

/// What is declared under this name, `multiplex/idle`.
pub fn find(root: &Path, name: &str) -> Result<Named, MeasureError> {
    let mut known = Vec::new();
    for listing in fs::read_dir(root.join("listings"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let package = listing.file_name().to_string_lossy().into_owned();
        let Some((_, slug)) = package.split_once('-') else {
            continue;
        };
        let file = format!("listings/{package}/Cargo.toml");
        let Ok(text) = fs::read_to_string(root.join(&file)) else {
            continue;
        };
        let wrong = |error: toml::de::Error| MeasureError::Declared(format!("{file}: {}", error.message()));
        let manifest: toml::Table = text.parse().map_err(wrong)?;
        for kind in KINDS {
            let table = ["package", "metadata", "book", kind]
                .iter()
                .try_fold(&manifest, |table, key| table.get(*key)?.as_table());
            for (stem, value) in table.into_iter().flatten() {
                let called = format!("{slug}/{stem}");
                if called == name {
                    return Ok(Named {
                        package,
                        kind,
                        value: value.clone(),
                    });
                }
                known.push(called);
            }
        }
    }
    known.sort();
    Err(MeasureError::Declared(format!(
        "nothing that is measured is called `{name}`; there are {}; one is declared in a listing's Cargo.toml, below \
         [package.metadata.book.chart.NAME] or [package.metadata.book.stall.NAME]; CONTRIBUTING.md says how",
        if known.is_empty() {
            "none".into()
        } else {
            known.join(", ")
        }
    )))
}
