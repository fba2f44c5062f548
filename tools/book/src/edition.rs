//! Which book this is: what a printed or packed part of it says of its origin.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// `version 0.1.0, commit 2223382`; without the commit where there is no git, or no repository.
pub fn of(root: &Path) -> String {
    let version = version(root).map_or_else(String::new, |version| format!("version {version}"));
    match commit(root) {
        Some(commit) if version.is_empty() => format!("commit {commit}"),
        Some(commit) => format!("{version}, commit {commit}"),
        None => version,
    }
}

/// The version that the workspace's crates have.
fn version(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("Cargo.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let version = table.get("workspace")?.get("package")?.get("version")?;
    version.as_str().map(str::to_owned)
}

/// The commit, short; with a word where the files are not those of the commit.
fn commit(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty=, changed since", "--exclude=*"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let said = said.trim();
    (output.status.success() && !said.is_empty()).then(|| said.to_owned())
}

/// When the commit was made, UTC: `2026-11-22T10:00:00Z`. Nothing where there is no git, or no repository.
pub fn date(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .args([
            "show",
            "--no-patch",
            "--format=%cd",
            "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
            "HEAD",
        ])
        .current_dir(root)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && said.trim().len() == 20).then(|| said.trim().to_owned())
}
