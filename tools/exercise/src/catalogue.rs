//! Which exercises there are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::cases::Cases;

/// An exercise of a listing.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// Its crate: `ch01-echo`.
    pub package: String,
    /// Its name: `whole-buffer`.
    pub name: String,
    /// What its program is held to.
    pub cases: Cases,
    root: PathBuf,
}

/// The exercises of a workspace, in the order of chapters and names.
#[derive(Clone, Debug)]
pub struct Exercises(Vec<Exercise>);

/// The exercises cannot be listed, or none has this name.
#[derive(Debug, thiserror::Error)]
pub enum ExerciseError {
    /// A folder or file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cases that are wrong: file, line, and what to do.
    #[error("{file}:{line}: {message}")]
    Cases {
        /// The file, relative to the workspace.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// No such exercise.
    #[error("no exercise is called `{name}`; the choices are {}", choices.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        choices: Vec<String>,
    },
}

impl Exercise {
    /// The chapter's short name: `echo`.
    pub fn slug(&self) -> &str {
        self.package
            .split_once('-')
            .map_or(&self.package, |(_, slug)| slug)
    }

    /// What it is called on every command: `echo/whole-buffer`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.slug(), self.name)
    }

    /// The binary that the reader changes: `echo-exercise-whole-buffer`.
    pub fn binary(&self) -> String {
        format!("{}-exercise-{}", self.slug(), self.name)
    }

    /// The binary that solves it: `echo-solution-whole-buffer`.
    pub fn solution(&self) -> String {
        format!("{}-solution-{}", self.slug(), self.name)
    }

    /// The program that the reader changes, relative to the workspace.
    pub fn source(&self) -> String {
        format!("listings/{}/exercises/{}.rs", self.package, self.name)
    }

    /// The program that solves it, relative to the workspace.
    pub fn solution_source(&self) -> String {
        format!("listings/{}/solutions/{}.rs", self.package, self.name)
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Exercises {
    /// The exercises of the workspace at `root`.
    ///
    /// # Errors
    /// A folder that cannot be read, or the first file of cases that is wrong.
    pub fn open(root: &Path) -> Result<Exercises, ExerciseError> {
        let mut exercises = Vec::new();
        for listing in entries(&root.join("listings"))? {
            let package = name_of(&listing);
            for path in entries(&listing.join("exercises"))? {
                if path.extension().is_none_or(|ending| ending != "toml") {
                    continue;
                }
                let name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let text = fs::read_to_string(&path).map_err(|source| ExerciseError::File {
                    path: path.clone(),
                    source,
                })?;
                let cases = Cases::parse(&text).map_err(|(line, message)| ExerciseError::Cases {
                    file: format!("listings/{package}/exercises/{name}.toml"),
                    line,
                    message,
                })?;
                exercises.push(Exercise {
                    package: package.clone(),
                    name,
                    cases,
                    root: root.to_owned(),
                });
            }
        }
        Ok(Exercises(exercises))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Exercise> {
        self.0.iter()
    }

    /// The exercise of this name.
    ///
    /// # Errors
    /// None; the choices are listed.
    pub fn get(&self, name: &str) -> Result<&Exercise, ExerciseError> {
        let found = self.iter().find(|exercise| exercise.full_name() == name);
        found.ok_or_else(|| ExerciseError::Unknown {
            name: name.to_owned(),
            choices: self.iter().map(Exercise::full_name).collect(),
        })
    }
}

/// What a folder holds, sorted; nothing where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ExerciseError> {
    let told = |source| ExerciseError::File {
        path: folder.to_owned(),
        source,
    };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
