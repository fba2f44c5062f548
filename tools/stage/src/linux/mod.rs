//! The performance itself: what the program `stage` does in the private network.

mod enter;
mod play;
mod process;
mod sniffer;
mod system;

pub use system::{kernel, user};

use std::{env, fs, path::PathBuf, process::ExitCode};

use crate::script::{Failure, REPORT, Report};

/// Whom to become: user and group.
type User = (u32, u32);

/// The program `stage`.
///
/// It must be called while the process has one thread. The process enters the private network, except its namespace of
/// processes; its child is the first process there and performs.
pub fn main() -> ExitCode {
    let Some((user, folder)) = arguments(env::args().skip(1)) else {
        eprintln!(
            "usage: stage perform [--as UID:GID] FOLDER\n\
             performs FOLDER/script.json in a private network; `cargo book run NAME` does all of it"
        );
        return ExitCode::from(2);
    };
    if let Err(refusal) = enter::enter(user.is_some()) {
        return end(&folder, &failed(refusal.into()));
    }
    match system::fork() {
        Ok(None) => {
            // Between the fork and this line the parent may have ended; then nobody waits for what we do.
            let alive = system::die_with_parent().is_ok();
            let report = if alive {
                play::play(&folder, user)
            } else {
                return ExitCode::FAILURE;
            };
            end(&folder, &report)
        }
        Ok(Some(child)) => match system::wait_for(child) {
            Ok(0) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        },
        Err(error) => end(
            &folder,
            &failed(Failure::System {
                doing: "forking".into(),
                error: error.to_string(),
            }),
        ),
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<(Option<User>, PathBuf)> {
    if words.next()? != "perform" {
        return None;
    }
    let mut next = words.next()?;
    let mut user = None;
    if next == "--as" {
        let ids = words.next()?;
        let (uid, gid) = ids.split_once(':')?;
        user = Some((uid.parse().ok()?, gid.parse().ok()?));
        next = words.next()?;
    }
    words.next().is_none().then(|| (user, PathBuf::from(next)))
}

fn failed(failure: Failure) -> Report {
    Report {
        failure: Some(failure),
        lines: Vec::new(),
        began: 0,
        ends: Vec::new(),
        packets: 0,
        spent: Vec::new(),
    }
}

/// Leaves the report in the folder.
fn end(folder: &std::path::Path, report: &Report) -> ExitCode {
    let text = serde_json::to_vec(report).expect("a report is plain data");
    match fs::write(folder.join(REPORT), text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stage: writing the report to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
