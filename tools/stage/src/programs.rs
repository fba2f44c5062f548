//! Where the programs are: built once, or found in a folder.
//!
//! `cargo test` builds only what the tests link to. Whoever needs the listings' programs, `stage` or the tap asks here:
//! the workspace is built with the cargo that runs us, and the paths are taken from what it says. `BOOK_BIN_DIR=DIR`
//! overrides it: the binary `NAME` is then `DIR/NAME` and nothing is built, so that prebuilt tests run as another user.
//! What is written in Go ([`crate::go`]) is built by its own compiler, when it is first asked for.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use serde::Deserialize;

use crate::go;

/// The programs of the workspace, by name.
#[derive(Clone, Debug)]
pub struct Programs {
    found: Found,
    /// Programs from elsewhere, before those that were found.
    own: BTreeMap<String, PathBuf>,
    /// The workspace whose programs in Go are built where one is asked for.
    go: Option<Go>,
}

/// Programs in Go, each built once.
#[derive(Clone, Debug)]
struct Go {
    root: PathBuf,
    folders: BTreeMap<String, PathBuf>,
    built: Arc<Mutex<BTreeMap<String, Result<PathBuf, ProgramsError>>>>,
}

impl Go {
    fn of(root: &Path) -> Go {
        Go {
            root: root.to_owned(),
            folders: go::programs(root),
            built: Arc::default(),
        }
    }

    /// Where a program is; none where no program in Go has this name.
    fn path(&self, name: &str) -> Option<Result<PathBuf, ProgramsError>> {
        let folder = self.folders.get(name)?;
        // Whoever comes second waits until it is built.
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || go::build(&self.root, folder, &go::target(&self.root).join("go"));
        Some(built.entry(name.to_owned()).or_insert_with(build).clone())
    }
}

#[derive(Clone, Debug)]
enum Found {
    /// By cargo's report.
    Built {
        binaries: BTreeMap<String, PathBuf>,
        tap: Option<PathBuf>,
    },
    /// In the folder of `BOOK_BIN_DIR`.
    Folder(PathBuf),
}

/// The programs cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramsError {
    /// Cargo cannot be started.
    #[error(
        "starting {cargo} to build the programs: {error}; install Rust, or set BOOK_BIN_DIR to a folder with built programs"
    )]
    NoCargo {
        /// What was to be started.
        cargo: String,
        /// What the system says.
        error: String,
    },
    /// The build failed.
    #[error("building the workspace's programs failed:\n{said}")]
    Build {
        /// What cargo said on standard error.
        said: String,
    },
    /// There is no such program.
    #[error("there is no program `{name}`; the choices are {}", choices.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        choices: Vec<String>,
    },
    /// There is no compiler for it.
    #[error(
        "`{program}` is written in Go, and there is no `go` on the PATH: `.ci/go` brings one for this workspace (it needs pip), \
         and so does https://go.dev/dl for everything"
    )]
    NoGo {
        /// The program.
        program: String,
    },
    /// It does not compile.
    #[error("compiling `{program}` with go failed:\n{said}")]
    Go {
        /// The program.
        program: String,
        /// What was said.
        said: String,
    },
    /// `BOOK_BIN_DIR` lacks a program.
    #[error("BOOK_BIN_DIR has no {}; build with `cargo build --workspace --bins --lib --all-features` and point it to target/debug", .0.display())]
    NotInFolder(PathBuf),
}

/// The variable that names a folder of built programs.
pub const BIN_DIR: &str = "BOOK_BIN_DIR";

impl Programs {
    /// The programs of the workspace at `root`, built now unless `BOOK_BIN_DIR` says where they are.
    ///
    /// `progress` is given cargo's messages line by line as they come.
    ///
    /// # Errors
    /// Cargo that cannot be started, or a build that fails.
    pub fn find(root: &Path, progress: &mut dyn FnMut(&str)) -> Result<Programs, ProgramsError> {
        match env::var_os(BIN_DIR).filter(|folder| !folder.is_empty()) {
            Some(folder) => Ok(Programs {
                found: Found::Folder(folder.into()),
                own: BTreeMap::new(),
                go: None,
            }),
            None => build(
                root,
                &["--workspace", "--bins", "--lib", "--all-features"],
                progress,
            ),
        }
    }

    /// The programs of these packages, optimised, and the tap: for measuring. `BOOK_BIN_DIR` overrides it here, too.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub fn release(
        root: &Path,
        packages: &[&str],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Programs, ProgramsError> {
        if let Some(folder) = env::var_os(BIN_DIR).filter(|folder| !folder.is_empty()) {
            return Ok(Programs {
                found: Found::Folder(folder.into()),
                own: BTreeMap::new(),
                go: None,
            });
        }
        let mut what = vec!["--release", "--bins", "--lib"];
        for package in packages.iter().chain(&["tap"]) {
            what.extend(["--package", package]);
        }
        build(root, &what, progress)
    }

    /// These programs, by name, and this tap.
    pub fn of(binaries: BTreeMap<String, PathBuf>, tap: Option<PathBuf>) -> Programs {
        Programs {
            found: Found::Built { binaries, tap },
            own: BTreeMap::new(),
            go: None,
        }
    }

    /// As [`Programs::find`], once for the whole process and silently: for tests.
    ///
    /// # Errors
    /// As [`Programs::find`]; the same error to every caller.
    pub fn shared(root: &Path) -> Result<&'static Programs, ProgramsError> {
        static SHARED: OnceLock<Result<Programs, ProgramsError>> = OnceLock::new();
        SHARED
            .get_or_init(|| Programs::find(root, &mut |_| ()))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The same, with a program from elsewhere under this name: a reader's own in the place of the book's.
    #[must_use]
    pub fn with(mut self, name: &str, path: &Path) -> Programs {
        self.own.insert(name.to_owned(), path.to_owned());
        self
    }

    /// Where a binary is. One in Go is built, if it was not yet.
    ///
    /// # Errors
    /// None of this name; the choices are listed. One in Go where there is no Go, or that does not compile.
    pub fn path(&self, name: &str) -> Result<PathBuf, ProgramsError> {
        if let Some(path) = self.own.get(name) {
            return Ok(path.clone());
        }
        if let Some(path) = self.go.as_ref().and_then(|go| go.path(name)) {
            return path;
        }
        match &self.found {
            Found::Folder(folder) => {
                let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
                path.is_file()
                    .then(|| path.clone())
                    .ok_or(ProgramsError::NotInFolder(path))
            }
            Found::Built { binaries, .. } => {
                binaries.get(name).cloned().ok_or_else(|| ProgramsError::Unknown {
                    name: name.into(),
                    choices: binaries.keys().cloned().collect(),
                })
            }
        }
    }

    /// Whether this program is written in Go: the tap does not see its calls.
    pub fn is_in_go(&self, name: &str) -> bool {
        self.go.as_ref().is_some_and(|go| go.folders.contains_key(name))
    }

    /// Where the tap's library is; none where it was not built.
    pub fn tap(&self) -> Option<PathBuf> {
        match &self.found {
            Found::Folder(folder) => Some(folder.join(TAP)).filter(|path| path.is_file()),
            Found::Built { tap, .. } => tap.clone(),
        }
    }
}

const TAP: &str = "libtap.so";

/// The part of cargo's messages that is of interest.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn build(root: &Path, what: &[&str], progress: &mut dyn FnMut(&str)) -> Result<Programs, ProgramsError> {
    // The cargo that runs us, so that the same toolchain and the same build folder are used.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let failed = |error: io::Error| ProgramsError::NoCargo {
        cargo: cargo.to_string_lossy().into_owned(),
        error: error.to_string(),
    };
    let mut child = Command::new(&cargo)
        .arg("build")
        .args(what)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let messages = child.stdout.take();
    let said = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        messages.map(|mut pipe| pipe.read_to_string(&mut text));
        text
    });
    let mut errors = String::new();
    for line in said
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok))
    {
        progress(&line);
        errors.push_str(&line);
        errors.push('\n');
    }
    let messages = reader.join().unwrap_or_default();
    if !child.wait().map_err(failed)?.success() {
        return Err(ProgramsError::Build { said: errors });
    }
    Ok(Programs {
        found: read_messages(&messages),
        own: BTreeMap::new(),
        go: Some(Go::of(root)),
    })
}

fn read_messages(text: &str) -> Found {
    let mut binaries = BTreeMap::new();
    let mut tap = None;
    for line in text.lines() {
        let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line) else {
            continue;
        };
        if let Some(path) = artifact.executable {
            binaries.insert(artifact.target.name, path);
        } else if let Some(path) = artifact.filenames.into_iter().find(|path| path.ends_with(TAP)) {
            tap = Some(path);
        }
    }
    Found::Built { binaries, tap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_from_what_cargo_says() {
        let found = read_messages(concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"anyhow","kind":["lib"]},"executable":null,"filenames":["/t/libanyhow.rlib"],"fresh":true}"#,
            "\n",
            r#"{"reason":"build-script-executed","package_id":"x"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"echo","kind":["bin"]},"executable":"/t/echo","filenames":["/t/echo"],"fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"tap","kind":["cdylib"]},"executable":null,"filenames":["/t/libtap.so"],"fresh":false}"#,
            "\nno json\n",
        ));
        let programs = Programs {
            found,
            own: BTreeMap::new(),
            go: None,
        };
        assert_eq!(programs.path("echo").unwrap(), Path::new("/t/echo"));
        assert_eq!(programs.tap().unwrap(), Path::new("/t/libtap.so"));
        let own = programs.clone().with("echo", Path::new("/mine"));
        assert_eq!(own.path("echo").unwrap(), Path::new("/mine"));
        let error = programs.path("ehco").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no program `ehco`; the choices are echo"
        );
    }
}
