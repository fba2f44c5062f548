//! Listings as a workspace of their own: what they are built with, and nothing else of the book.
//!
//! The folder then holds `Cargo.toml`, with the versions, lints and profile of ours, `Cargo.lock`, and
//! `listings/chNN-slug/` with the crate's manifest, its sources and its exercises. It needs no tool of the book and no
//! crate beside it. Solutions are copied only where they are asked for, since readers are given such folders, too.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use toml::{Table, Value};

/// Why there is no such workspace.
#[derive(Debug, thiserror::Error)]
pub enum ApartError {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A manifest that cannot be read, or asks for what a workspace of its own cannot have.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Cargo does not write the lock file.
    #[error("cargo does not lock the versions in {}: {said}", folder.display())]
    Lock {
        /// The new workspace.
        folder: PathBuf,
        /// What cargo said.
        said: String,
    },
}

/// Whether readers' solutions come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solutions {
    /// They are copied.
    Kept,
    /// They are left out, and the manifest does not speak of them.
    LeftOut,
}

/// Writes the listings `packages` of the workspace at `root` into the folder `to`, as a workspace of their own.
///
/// # Errors
/// A file that cannot be read or written, a manifest that asks for a crate of the book, cargo.
pub fn write(
    root: &Path,
    packages: &BTreeSet<String>,
    to: &Path,
    solutions: Solutions,
) -> Result<(), ApartError> {
    let mut used = BTreeSet::new();
    for package in packages {
        let (from, into) = (
            root.join("listings").join(package),
            to.join("listings").join(package),
        );
        let manifest = from.join("Cargo.toml");
        let text = read(&manifest)?;
        let table = parsed(&manifest, &text)?;
        used.extend(from_workspace(&table));
        let text = match solutions {
            Solutions::Kept => text,
            Solutions::LeftOut => without_solutions(&text),
        };
        store(&into.join("Cargo.toml"), text.as_bytes())?;
        let mut folders = vec!["src", "exercises"];
        if solutions == Solutions::Kept {
            folders.push("solutions");
        }
        for folder in folders {
            copy(&from.join(folder), &into.join(folder))?;
        }
    }
    let manifest = root.join("Cargo.toml");
    let table = parsed(&manifest, &read(&manifest)?)?;
    let members: Vec<String> = packages
        .iter()
        .map(|package| format!("listings/{package}"))
        .collect();
    let text = workspace(&table, members, &used).map_err(|message| ApartError::Manifest {
        path: manifest,
        message,
    })?;
    store(&to.join("Cargo.toml"), text.as_bytes())?;
    let lock = root.join("Cargo.lock");
    if lock.is_file() {
        store(&to.join("Cargo.lock"), read(&lock)?.as_bytes())?;
    }
    Ok(())
}

/// Takes out of the new workspace's `Cargo.lock` what its crates do not need. Versions stay as they are; nothing is asked of
/// the network.
///
/// # Errors
/// Cargo cannot be started, or does not know a crate.
pub fn lock(folder: &Path) -> Result<(), ApartError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let told = |said: String| ApartError::Lock {
        folder: folder.to_owned(),
        said,
    };
    let output = Command::new(cargo)
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| told(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(told(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// The names that a crate takes from the workspace's table of dependencies.
fn from_workspace(manifest: &Table) -> BTreeSet<String> {
    const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|place| TABLES.iter().filter_map(|name| place.get(*name)?.as_table()))
        .flatten()
        .filter(|(_, how)| how.get("workspace").is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

/// The new workspace's manifest.
fn workspace(ours: &Table, members: Vec<String>, used: &BTreeSet<String>) -> Result<String, String> {
    let from = ours
        .get("workspace")
        .and_then(Value::as_table)
        .ok_or("it has no [workspace]")?;
    let mut made = Table::new();
    for key in ["resolver", "package", "lints"] {
        if let Some(value) = from.get(key) {
            made.insert(key.into(), value.clone());
        }
    }
    made.insert(
        "members".into(),
        Value::Array(members.into_iter().map(Value::String).collect()),
    );
    let mut dependencies = Table::new();
    for name in used {
        let how = from
            .get("dependencies")
            .and_then(|all| all.get(name))
            .ok_or_else(|| format!("[workspace.dependencies] has no `{name}`"))?;
        if how.get("path").is_some() {
            return Err(format!(
                "a listing depends on `{name}`, a crate of this repository; listings depend on no tool"
            ));
        }
        dependencies.insert(name.clone(), how.clone());
    }
    made.insert("dependencies".into(), Value::Table(dependencies));
    let mut all = Table::new();
    all.insert("workspace".into(), Value::Table(made));
    // What is said of single crates is said of the book's tools.
    if let Some(profiles) = ours.get("profile").and_then(Value::as_table) {
        let mut profiles = profiles.clone();
        for (_, profile) in &mut profiles {
            if let Some(packages) = profile.get_mut("package").and_then(Value::as_table_mut) {
                packages.retain(|name, _| name == "*");
            }
        }
        all.insert("profile".into(), Value::Table(profiles));
    }
    toml::to_string(&all).map_err(|error| error.to_string())
}

/// A manifest without the binaries that solve exercises.
fn without_solutions(text: &str) -> String {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
        }
    }
    let solves = |block: &String| block.starts_with("[[bin]]") && block.contains("path = \"solutions/");
    blocks.into_iter().filter(|block| !solves(block)).collect()
}

fn parsed(path: &Path, text: &str) -> Result<Table, ApartError> {
    toml::from_str(text).map_err(|error| ApartError::Manifest {
        path: path.to_owned(),
        message: error.message().to_owned(),
    })
}

fn read(path: &Path) -> Result<String, ApartError> {
    fs::read_to_string(path).map_err(|source| ApartError::File {
        path: path.to_owned(),
        source,
    })
}

fn store(path: &Path, bytes: &[u8]) -> Result<(), ApartError> {
    let told = |source| ApartError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(told)?;
    }
    fs::write(path, bytes).map_err(told)
}

/// Copies a folder with all that is in it; nothing where there is none.
fn copy(from: &Path, to: &Path) -> Result<(), ApartError> {
    if !from.is_dir() {
        return Ok(());
    }
    let told = |source| ApartError::File {
        path: from.to_owned(),
        source,
    };
    for entry in fs::read_dir(from).map_err(told)? {
        let entry = entry.map_err(told)?;
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &into)?;
        } else {
            let bytes = fs::read(&path).map_err(told)?;
            store(&into, &bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"listings/*\", \"tools/*\"]\n\n[workspace.package]\nversion = \"0.1.0\"\n\
        [workspace.dependencies]\nwire = { path = \"tools/wire\" }\nanyhow = \"1\"\ntokio = \"1\"\n\
        [profile.dev]\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\ndebug = false\n[profile.dev.package.tap]\nopt-level = 3\n";

    fn made(used: &[&str]) -> Result<String, String> {
        let used = used.iter().map(|&name| name.to_owned()).collect();
        workspace(
            &toml::from_str(OURS).unwrap(),
            vec!["listings/ch01-echo".into()],
            &used,
        )
    }

    #[test]
    fn the_new_workspace_has_our_versions_and_profile_and_nothing_of_the_tools() {
        let text = made(&["anyhow"]).unwrap();
        assert!(text.contains("members = [\"listings/ch01-echo\"]"), "{text}");
        assert!(
            text.contains("anyhow = \"1\"") && !text.contains("tokio"),
            "{text}"
        );
        assert!(
            text.contains("[profile.dev.package.\"*\"]") && !text.contains("tap"),
            "{text}"
        );
    }

    #[test]
    fn a_listing_that_depends_on_a_tool_is_told() {
        assert!(
            made(&["wire"])
                .unwrap_err()
                .contains("listings depend on no tool")
        );
        assert!(made(&["serde"]).unwrap_err().contains("has no `serde`"));
    }

    #[test]
    fn what_a_crate_takes_from_the_workspace_is_found_wherever_it_asks() {
        let manifest: Table = toml::from_str(
            "[dependencies]\nanyhow.workspace = true\nown = \"1\"\n[dev-dependencies]\nproptest.workspace = true\n\
             [target.'cfg(unix)'.dependencies]\nnix = { workspace = true, features = [\"poll\"] }\n",
        )
        .unwrap();
        let names: Vec<String> = from_workspace(&manifest).into_iter().collect();
        assert_eq!(names, ["anyhow", "nix", "proptest"]);
    }

    #[test]
    fn a_manifest_loses_its_solutions_and_keeps_its_exercises() {
        let text = "[package]\nname = \"x\"\n\n[[bin]]\nname = \"e\"\npath = \"exercises/e.rs\"\n\n[[bin]]\nname = \"s\"\npath = \"solutions/e.rs\"\n\n[dependencies]\n";
        assert_eq!(
            without_solutions(text),
            "[package]\nname = \"x\"\n\n[[bin]]\nname = \"e\"\npath = \"exercises/e.rs\"\n\n[dependencies]\n"
        );
    }
}
