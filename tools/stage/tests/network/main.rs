//! Performances held to programs made for it: what goes wrong is told, what must be seen on a link is seen, and nothing
//! is left behind.
//!
//! This test binary is the programs as well: started with `fixture NAME …` it runs the one of that name, in
//! `fixtures.rs`, instead of the tests.

#[cfg(target_os = "linux")]
mod claims;
#[cfg(target_os = "linux")]
mod fixtures;
#[cfg(target_os = "linux")]
mod measures;
#[cfg(target_os = "linux")]
mod workspace;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("fixture") => fixtures::run(&words.collect::<Vec<_>>()),
        _ => claims::main(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the private network is Linux's: 0 tests");
}
