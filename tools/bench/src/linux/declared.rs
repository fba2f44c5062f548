//! What the listings declare to be measured by name: `[package.metadata.book.KIND.NAME]`.

use std::{collections::BTreeSet, fs, path::Path};

use stage::catalogue::{Catalogue, slug};

use crate::error::MeasureError;

/// The kinds there are.
pub const KINDS: [&str; 3] = ["chart", "beside", "stall"];

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
        let Some(slug) = slug(&package) else {
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
         [package.metadata.book.KIND.NAME] with KIND one of {}; CONTRIBUTING.md says how",
        if known.is_empty() {
            "none".into()
        } else {
            known.join(", ")
        },
        KINDS.join(", ")
    )))
}

/// The listings in which these servers stand.
pub fn packages<'a>(
    root: &Path,
    servers: impl Iterator<Item = &'a String>,
) -> Result<BTreeSet<String>, String> {
    let catalogue = Catalogue::open(root).map_err(|error| error.to_string())?;
    servers
        .map(|server| {
            let source = catalogue.source_of(server);
            let package = source.as_deref().and_then(|source| source.split('/').nth(1));
            package
                .map(str::to_owned)
                .ok_or_else(|| format!("there is no program `{server}` in listings/"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_in_its_listing_and_one_that_is_not_there_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let find = |name: &str| packages(&root, [&name.to_owned()].into_iter());
        assert_eq!(
            find("multiplex-async-server"),
            Ok(BTreeSet::from(["ch15-multiplex".to_owned()]))
        );
        assert_eq!(
            find("no-server"),
            Err("there is no program `no-server` in listings/".to_owned())
        );
    }
}
