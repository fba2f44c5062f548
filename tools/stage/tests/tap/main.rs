//! The tap held to programs whose lines are known.
//!
//! This test binary is the programs as well: started with `TAP_PROGRAM=NAME` it runs the one of that name, in
//! `programs/NAME.rs`, instead of the tests. There every line that calls says so in a comment, `// tap: send recv`, so that
//! no line number is ever typed.
//!
//! `cargo test --package stage --test tap -- --ignored --nocapture` measures what a call costs.

#[cfg(target_os = "linux")]
mod claims;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match std::env::var("TAP_PROGRAM") {
        Ok(name) => programs::run(&name),
        Err(_) => claims::main(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the tap is Linux's: 0 tests");
}
