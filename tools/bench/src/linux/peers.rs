//! Servers that are not of the book and stand beside its own, so that a price has something to be compared with.

use std::{env, fs, path::Path, process::Command};

use super::server::Program;
use crate::{doing, error::MeasureError};

/// Our echo server on epoll in plain C, compiled now unless it was since it was changed.
///
/// `quiet`, it prints no line for a request.
pub fn reference(root: &Path, quiet: bool) -> Result<Program, MeasureError> {
    let source = root.join("tools/bench/peers/epoll.c");
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let folder = folder.join("bench");
    fs::create_dir_all(&folder).map_err(doing(folder.display().to_string()))?;
    let program = folder.join("reference");
    let built = Program {
        name: if quiet {
            "the quiet reference in C".into()
        } else {
            "the reference in C".into()
        },
        path: program.clone(),
        arguments: if quiet { vec!["quiet".into()] } else { Vec::new() },
    };
    let changed = |file: &Path| fs::metadata(file)?.modified();
    if changed(&program).is_ok_and(|then| changed(&source).is_ok_and(|now| now < then)) {
        return Ok(built);
    }
    // Others may be running it, or compiling it, too: it appears at once and whole.
    let fresh = tempfile::Builder::new()
        .prefix("reference-")
        .tempfile_in(&folder)
        .map_err(doing(folder.display().to_string()))?
        .into_temp_path();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let failed = |said: String| MeasureError::Compiler {
        source_file: "tools/bench/peers/epoll.c".into(),
        compiler: compiler.clone(),
        said,
    };
    let said = Command::new(&compiler)
        .args(["-O2", "-o"])
        .args([&*fresh, &source])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !said.status.success() {
        return Err(failed(String::from_utf8_lossy(&said.stderr).trim().to_owned()));
    }
    fresh
        .persist(&program)
        .map_err(|error| doing(program.display().to_string())(error.error))?;
    Ok(built)
}
