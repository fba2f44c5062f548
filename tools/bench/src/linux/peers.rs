//! Servers that are not of the book and stand beside its own, so that a price has something to be compared with.

use std::{env, fs, path::Path, process::Command};

use stage::go;

use super::server::Program;
use crate::{doing, error::MeasureError};

/// Our echo server on epoll in plain C, compiled now unless it was since it was changed.
///
/// `quiet`, it prints no line for a request.
pub fn reference(root: &Path, quiet: bool) -> Result<Program, MeasureError> {
    let source = root.join("tools/bench/peers/epoll.c");
    let folder = go::target(root).join("bench");
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
        everywhere: false,
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

/// Our echo server on Go's `net`. `quiet`, it prints no line for a request.
pub fn go(root: &Path, quiet: bool) -> Result<Program, MeasureError> {
    let source = root.join("tools/bench/peers/net");
    Ok(Program {
        name: "Go's net".into(),
        path: go::build(root, &source, &go::target(root).join("bench"))?,
        arguments: if quiet { vec!["quiet".into()] } else { Vec::new() },
        everywhere: false,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stage::programs::ProgramsError;

    use super::{
        super::{
            machine::Processors,
            work::{Crowd, work},
        },
        *,
    };

    /// Every answer is compared with what was said, so that a peer which is fast and wrong fails here.
    #[test]
    fn our_server_on_gos_net_echoes_on_one_processor_and_on_all_printing_and_quiet() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let processors = Processors::ours().unwrap();
        for quiet in [true, false] {
            let program = match go(&root, quiet) {
                Err(MeasureError::Programs(error @ ProgramsError::NoGo { .. }))
                    if env::var("BOOK_REQUIRE_LIVE").as_deref() != Ok("1") =>
                {
                    eprintln!("not tried: {error}");
                    return;
                }
                other => other.unwrap(),
            };
            for everywhere in [false, true] {
                let program = Program {
                    everywhere,
                    ..program.clone()
                };
                let crowd = Crowd { active: 10, idle: 2 };
                let work = work(&program, crowd, Duration::from_millis(50), processors).unwrap();
                assert!(work.cpu > 0.5 && work.cpu < 5000.0, "{work:?}");
            }
        }
    }
}
