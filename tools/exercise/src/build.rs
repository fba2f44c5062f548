//! Building one exercise's program: nothing else of the workspace must compile for it.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    Exercise,
    running::{Running, until},
};

/// The longest that cargo may take where nobody says otherwise: the first build of all there is takes minutes.
const LONGEST: Duration = Duration::from_secs(3600);

/// How much is kept of what cargo says: a line for each crate that the program is made of, and the compiler's errors.
const KEPT: usize = 4 * 1024 * 1024;

/// How a program is built.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// The book's solution, and not the program that the reader changes.
    pub solution: bool,
    /// Where cargo puts what it builds; the workspace's own folder if not given.
    pub target: Option<&'a Path>,
    /// The longest it may take: a compiler can be kept busy for ever.
    pub limit: Duration,
}

impl How<'_> {
    /// In the workspace's own folder, with time.
    pub fn here(solution: bool) -> Self {
        How {
            solution,
            target: None,
            limit: LONGEST,
        }
    }
}

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
    /// The compiler did not come to an end.
    #[error(
        "`{file}` was still being compiled after {seconds} s, and was given up: it keeps the compiler busy"
    )]
    Endless {
        /// The file, relative to the workspace.
        file: String,
        /// How long it was waited for.
        seconds: u64,
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
pub fn build(exercise: &Exercise, how: How<'_>) -> Result<PathBuf, BuildError> {
    let (file, binary) = match how.solution {
        true => (exercise.solution_source(), exercise.solution()),
        false => (exercise.source(), exercise.binary()),
    };
    if !exercise.root().join(&file).is_file() {
        return Err(BuildError::Missing { file });
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
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
        .current_dir(exercise.root());
    if let Some(target) = how.target {
        command.env("CARGO_TARGET_DIR", target);
    }
    let mut cargo = match Running::start_keeping(&mut command, "", KEPT) {
        Ok(cargo) => cargo,
        Err(error) => {
            return Err(BuildError::Cargo {
                file,
                message: error_told(&error),
            });
        }
    };
    let Some((status, _)) = until(how.limit, || cargo.ended()) else {
        return Err(BuildError::Endless {
            file,
            seconds: how.limit.as_secs(),
        });
    };
    if !status.success() {
        let said = cargo.complaints().trim_end().to_owned();
        return Err(BuildError::Compile { file, said });
    }
    executable(&cargo.output(), &binary).ok_or_else(|| BuildError::Cargo {
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
