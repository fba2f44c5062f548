//! The performance itself: what the program `stage` does in the private network.

mod director;
mod enter;
mod host;
mod link;
mod play;
mod process;
mod sniffer;
mod system;

pub use system::{kernel, reserve, user};

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
        return end(&folder, user, &failed(refusal.into()));
    }
    match system::fork() {
        Ok(None) => {
            // Between the fork and this line the parent may have ended; then nobody waits for what we do.
            if system::die_with_parent().is_err() {
                return ExitCode::FAILURE;
            }
            let report = play::play(&folder, user);
            end(&folder, user, &report)
        }
        Ok(Some(child)) => match system::wait_for(child) {
            Ok(0) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        },
        Err(error) => end(
            &folder,
            user,
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
        ..Report::default()
    }
}

/// Leaves the report in the folder, as the user whose folder it is.
fn end(folder: &Path, user: Option<User>, report: &Report) -> ExitCode {
    let text = serde_json::to_vec(report).expect("a report is plain data");
    let become_user = match user {
        Some((uid, gid)) if system::user().0 == 0 => system::become_user(uid, gid),
        _ => Ok(()),
    };
    match become_user.and_then(|()| fs::write(folder.join(REPORT), text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stage: writing the report to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
