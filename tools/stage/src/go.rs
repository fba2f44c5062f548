//! The listings' programs in Go: `listings/PACKAGE/cmd/NAME/main.go` is the program NAME.
//!
//! They are built when one is first asked for, with the `go` on the PATH or the one that `.ci/go` brought. Whoever has
//! none still has their recordings, and every figure.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::programs::ProgramsError;

/// The folder of a listing in which its programs in Go stand.
const FOLDER: &str = "cmd";

/// The folder of each program in Go below `root`, by the program's name.
pub fn programs(root: &Path) -> BTreeMap<String, PathBuf> {
    let below = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    below(root.join("listings"))
        .flat_map(|listing| below(listing.path().join(FOLDER)))
        .filter(|folder| folder.path().join("main.go").is_file())
        .map(|folder| {
            let name = folder.file_name().to_string_lossy().into_owned();
            (name, folder.path())
        })
        .collect()
}

/// Builds the program in this folder, `cmd/go-server`, into `out`, and says where it is. One that has not changed since is
/// there at once.
///
/// # Errors
/// No `go`, or one that is too old; a program that does not compile.
pub fn build(root: &Path, folder: &Path, out: &Path) -> Result<PathBuf, ProgramsError> {
    let name = folder.file_name().unwrap_or_default();
    let shown = name.to_string_lossy().into_owned();
    let broken = |said: String| ProgramsError::Go {
        program: shown.clone(),
        said,
    };
    let go = tool(root).ok_or_else(|| ProgramsError::NoGo {
        program: shown.clone(),
    })?;
    let io = |error: std::io::Error| broken(error.to_string());
    fs::create_dir_all(out).map_err(io)?;
    let program = out.join(name);
    // Others may be running it, or building it, too: it appears at once and whole.
    let fresh = tempfile::Builder::new()
        .prefix("fresh-")
        .tempdir_in(out)
        .map_err(io)?;
    let said = command(&go, out)
        .args(["build", "-trimpath", "-o"])
        .arg(fresh.path().join(name))
        .arg(".")
        .current_dir(folder)
        .output()
        .map_err(io)?;
    if !said.status.success() {
        return Err(broken(String::from_utf8_lossy(&said.stderr).trim().to_owned()));
    }
    fs::rename(fresh.path().join(name), &program).map_err(io)?;
    Ok(program)
}

/// A command of this `go`: nothing from the network, no libc, and what it keeps stays in our build folder.
fn command(go: &Path, out: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOPROXY", "off")
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", out.join("cache"));
    command
}

/// What `go version` says of the `go` that builds: `go1.27.3`. None where there is none.
pub fn version(root: &Path) -> Option<String> {
    let said = Command::new(tool(root)?)
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&said.stdout).trim().to_owned()).filter(|version| !version.is_empty())
}

/// Where the workspace's build folder is.
pub fn target(root: &Path) -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    if folder.is_absolute() {
        folder
    } else {
        root.join(folder)
    }
}

/// The `go` to use: the one on the PATH, or the one that `.ci/go` brought.
fn tool(root: &Path) -> Option<PathBuf> {
    let name = format!("go{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join(&name));
    let brought = target(root).join("go-toolchain/go/bin").join(&name);
    on_path.chain([brought]).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("listings/appendix-e-go/cmd/go-server/main.go", "package main\n"),
            ("listings/appendix-e-go/cmd/notes/read.me", "no program\n"),
            ("listings/ch01-echo/src/bin/echo-server.rs", "fn main() {}\n"),
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_folder_below_cmd_with_a_main_is_a_program() {
        let root = workspace();
        let found = programs(root.path());
        let folder = root.path().join("listings/appendix-e-go/cmd/go-server");
        assert_eq!(found, BTreeMap::from([("go-server".to_owned(), folder)]));
    }

    #[test]
    fn what_is_wrong_with_a_program_is_told_by_its_name_and_so_is_a_go_that_is_not_there() {
        let root = workspace();
        let folder = root.path().join("listings/appendix-e-go/cmd/go-server");
        let error = build(root.path(), &folder, &root.path().join("out")).unwrap_err();
        let told = error.to_string();
        match error {
            ProgramsError::NoGo { .. } => assert!(
                told.starts_with(
                    "`go-server` is written in Go, and there is no `go` on the PATH: `.ci/go` brings one"
                ),
                "{told}"
            ),
            _ => assert!(
                told.starts_with("compiling `go-server` with go failed:\n"),
                "{told}"
            ),
        }
    }
}
