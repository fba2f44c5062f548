//! `stage perform [--as UID:GID] FOLDER`: enters a private network and performs there the script in the folder.
//!
//! It is started by `cargo book` and by the tests, which write the script and read the report; see the library.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    stage::linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("stage: {}", stage::refusal::Refusal::not_linux());
    ExitCode::FAILURE
}
