//! Every scenario of the book, and where its recordings stand.
//!
//! A chapter's scenarios are `listings/chNN-slug/scenarios/NAME.toml`; the recording of one variant is the folder
//! `listings/chNN-slug/recordings/NAME.VARIANT`. On every command it is called `slug/NAME.VARIANT`. An appendix that has
//! programs has them in `listings/appendix-x-slug`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::scenario::{BASE, Scenario, ScenarioError, Variant};

/// Every scenario of a workspace.
#[derive(Clone, Debug)]
pub struct Catalogue {
    root: PathBuf,
    chapters: Vec<Chapter>,
}

#[derive(Clone, Debug)]
struct Chapter {
    /// `listings/ch01-echo`, absolute.
    folder: PathBuf,
    scenarios: Vec<Scenario>,
}

/// One variant of one scenario: what can be performed, stored and checked by itself.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The variant.
    pub variant: &'a Variant,
    chapter: &'a Chapter,
}

/// The scenarios cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// No workspace with listings here or above.
    #[error("no folder `listings` in {} or above it; run this inside the book's workspace", .0.display())]
    NoWorkspace(PathBuf),
    /// A folder or file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A scenario file is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// A name that no scenario has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called `{name}`; the choices are {}", choices.join(", "))]
pub struct UnknownName {
    /// The name asked for.
    pub name: String,
    /// The names there are.
    pub choices: Vec<String>,
}

impl Catalogue {
    /// The scenarios of the workspace that `from` lies in.
    ///
    /// # Errors
    /// No workspace, a folder that cannot be read, or the first scenario file that is wrong.
    pub fn find(from: &Path) -> Result<Catalogue, CatalogueError> {
        from.ancestors()
            .find(|folder| folder.join("listings").is_dir() && folder.join("Cargo.toml").is_file())
            .ok_or_else(|| CatalogueError::NoWorkspace(from.to_path_buf()))
            .and_then(Catalogue::open)
    }

    /// The scenarios of the workspace at `root`.
    ///
    /// # Errors
    /// A folder that cannot be read, or the first scenario file that is wrong.
    pub fn open(root: &Path) -> Result<Catalogue, CatalogueError> {
        let mut chapters = Vec::new();
        let mut folders = entries(&root.join("listings"))?;
        // Appendices stand behind the chapters.
        folders.sort_by_key(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("appendix-"))
        });
        for folder in folders {
            let Some(slug) = folder.file_name().and_then(|name| slug(name.to_str()?)) else {
                continue;
            };
            let mut scenarios = Vec::new();
            for file in entries(&folder.join("scenarios"))? {
                let Some(stem) = file
                    .to_str()
                    .filter(|name| name.ends_with(".toml"))
                    .and(file.file_stem())
                else {
                    continue;
                };
                let text = fs::read_to_string(&file).map_err(|source| CatalogueError::File {
                    path: file.clone(),
                    source,
                })?;
                let shown = file.strip_prefix(root).unwrap_or(&file);
                let name = format!("{slug}/{}", stem.to_string_lossy());
                scenarios.push(Scenario::parse(&name, shown, &text)?);
            }
            chapters.push(Chapter { folder, scenarios });
        }
        Ok(Catalogue {
            root: root.to_path_buf(),
            chapters,
        })
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every scenario × variant, in the order of chapters and names, the base variant first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.chapters.iter().flat_map(|chapter| {
            chapter.scenarios.iter().flat_map(move |scenario| {
                scenario.variants.iter().map(move |variant| Entry {
                    scenario,
                    variant,
                    chapter,
                })
            })
        })
    }

    /// The one that is meant where one is wanted: `echo/one-echo.async`; without variant the blocking one.
    ///
    /// # Errors
    /// No such name; the choices are listed.
    pub fn one(&self, name: &str) -> Result<Entry<'_>, UnknownName> {
        let found = self
            .entries()
            .find(|entry| entry.name() == name)
            .or_else(|| self.entries().find(|entry| entry.scenario.name == name));
        found.ok_or_else(|| self.unknown(name))
    }

    /// All that are meant where several may be: `echo/one-echo.async` one, `echo/one-echo` its variants, `echo` those
    /// of the chapter.
    ///
    /// # Errors
    /// No such name; the choices are listed.
    pub fn all(&self, name: &str) -> Result<Vec<Entry<'_>>, UnknownName> {
        let meant = |entry: &Entry<'_>| {
            entry.name() == name
                || entry.scenario.name == name
                || entry.scenario.name.split('/').next() == Some(name)
        };
        let found: Vec<Entry<'_>> = self.entries().filter(meant).collect();
        if found.is_empty() {
            return Err(self.unknown(name));
        }
        Ok(found)
    }

    fn unknown(&self, name: &str) -> UnknownName {
        let same_scenario: Vec<String> = self
            .entries()
            .filter(|entry| name.split('.').next() == Some(entry.scenario.name.as_str()))
            .map(|entry| entry.name())
            .collect();
        let choices = if same_scenario.is_empty() {
            self.entries().map(|entry| entry.name()).collect()
        } else {
            same_scenario
        };
        UnknownName {
            name: name.into(),
            choices,
        }
    }

    /// Folders under `recordings/` that belong to no scenario × variant.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn strays(&self) -> Result<Vec<PathBuf>, CatalogueError> {
        let mut strays = Vec::new();
        for chapter in &self.chapters {
            for folder in entries(&chapter.folder.join("recordings"))? {
                if !self.entries().any(|entry| entry.folder() == folder) {
                    strays.push(folder);
                }
            }
        }
        Ok(strays)
    }

    /// The file that a listing's binary is made from, by the place cargo gives it: `src/bin/NAME.rs`,
    /// `src/bin/NAME/main.rs`, `exercises/` and `solutions/`, or `cmd/NAME/main.go`. Relative to the workspace, with forward slashes.
    pub fn source_of(&self, binary: &str) -> Option<String> {
        let exercise = binary
            .split_once("-exercise-")
            .map(|(_, name)| format!("exercises/{name}.rs"));
        let solution = binary
            .split_once("-solution-")
            .map(|(_, name)| format!("solutions/{name}.rs"));
        let places = [
            Some(format!("src/bin/{binary}.rs")),
            Some(format!("src/bin/{binary}/main.rs")),
            Some(format!("cmd/{binary}/main.go")),
            exercise,
            solution,
        ];
        self.chapters.iter().find_map(|chapter| {
            places.iter().flatten().find_map(|place| {
                let path = chapter.folder.join(place);
                path.is_file().then(|| self.relative(&path))
            })
        })
    }

    fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    }
}

impl Entry<'_> {
    /// `echo/one-echo.blocking`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.scenario.name, self.variant.name)
    }

    /// Where its recording stands.
    pub fn folder(&self) -> PathBuf {
        let stem = self.scenario.name.rsplit('/').next().unwrap_or_default();
        self.chapter
            .folder
            .join("recordings")
            .join(format!("{stem}.{}", self.variant.name))
    }

    /// Whether it is the variant that a name without variant means.
    pub fn is_base(&self) -> bool {
        self.variant.name == BASE
    }
}

/// The short name of a listing or page: `echo` of `ch01-echo`, `go` of `appendix-e-go`.
pub fn slug(stem: &str) -> Option<&str> {
    let (number, slug) = match stem.strip_prefix("appendix-") {
        Some(rest) => rest.split_once('-')?,
        None => stem.strip_prefix("ch")?.split_once('-')?,
    };
    let sound = match stem.starts_with("appendix-") {
        true => number.len() == 1 && number.chars().all(|c| c.is_ascii_lowercase()),
        false => !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()),
    };
    (sound && !slug.is_empty()).then_some(slug)
}

/// What a folder holds, sorted by name; nothing where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CatalogueError> {
    let error = |source| CatalogueError::File {
        path: folder.to_path_buf(),
        source,
    };
    let mut paths = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(error)?,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(other) => return Err(error(other)),
    };
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_and_appendices_have_short_names_and_nothing_else_has() {
        let of = [
            "ch01-echo",
            "appendix-e-go",
            "ch-echo",
            "appendix-go",
            "ch1x-echo",
            "preface",
            "ch01-",
        ]
        .map(slug);
        assert_eq!(of, [Some("echo"), Some("go"), None, None, None, None, None]);
    }
}
