//! Building one exercise's program: nothing else of the workspace must compile for it.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Exercise;

/// A program that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The program's file is not there.
    #[error("there is no `{file}`; `git checkout -- {file}` brings it back as it was shipped")]
    Missing {
        /// The file, relative to the workspace.
        file: String,
    },
    /// It does not compile.
    #[error("{said}\n`{file}` does not compile; the first error above says where")]
    Compile {
        /// The file, relative to the workspace.
        file: String,
        /// What the compiler said.
        said: String,
    },
    /// Cargo cannot be started, or says nothing of the program.
    #[error("building `{file}`: {message}")]
    Cargo {
        /// The file, relative to the workspace.
        file: String,
        /// What went wrong.
        message: String,
    },
}

/// Builds the program that the reader changes, or its solution, and says where it is.
///
/// # Errors
/// The file is missing, it does not compile, or cargo cannot be started.
pub fn build(exercise: &Exercise, solution: bool) -> Result<PathBuf, BuildError> {
    let (file, binary) = match solution {
        true => (exercise.solution_source(), exercise.solution()),
        false => (exercise.source(), exercise.binary()),
    };
    if !exercise.root().join(&file).is_file() {
        return Err(BuildError::Missing { file });
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            &exercise.package,
            "--features",
            "exercises",
            "--bin",
            &binary,
        ])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(exercise.root())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            return Err(BuildError::Cargo {
                file,
                message: error_told(&error),
            });
        }
    };
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    if !output.status.success() {
        return Err(BuildError::Compile { file, said });
    }
    executable(&String::from_utf8_lossy(&output.stdout), &binary).ok_or_else(|| BuildError::Cargo {
        file,
        message: format!("cargo does not say where `{binary}` is; is it in the listing's Cargo.toml?"),
    })
}

fn error_told(error: &io::Error) -> String {
    format!("cargo cannot be started: {error}; install Rust")
}

/// The path of a binary, from cargo's messages: one JSON object a line.
fn executable(messages: &str, binary: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let rest = line.split_once("\"executable\":\"")?.1;
        let path: String = serde_string(rest)?;
        let path = PathBuf::from(path);
        let named = Path::new(&path).file_stem().is_some_and(|stem| stem == binary);
        named.then_some(path)
    })
}

/// The JSON string that begins here, without its opening quote.
fn serde_string(rest: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(out),
            '\\' => out.push(chars.next()?),
            c => out.push(c),
        }
    }
    None
}
