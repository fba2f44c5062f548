//! The programs.

use std::error::Error;
use std::process::ExitCode;

mod abandoned;
mod blocking;
mod cost;
mod current_thread;
mod descriptors;
mod executed;
mod forking;
mod hostile;
mod multi_thread;
mod multiplex;
mod tasks;
/// What chapter 17 shows to its readers.
#[path = "../../../../../listings/ch17-tokio/src/lib.rs"]
#[rustfmt::skip]
mod watched;

/// How a program ends.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Runs one of them. It ends after 20 seconds, whatever it waits for.
pub fn run(name: &str) -> ExitCode {
    nix::unistd::alarm::set(20);
    let outcome = match name {
        "abandoned" => abandoned::main(),
        "blocking" => blocking::main(),
        "cost" => cost::main(),
        "current_thread" => current_thread::main(),
        "descriptors" => descriptors::main(),
        "executed" => executed::main(),
        "forking" => forking::main(),
        "hostile" => hostile::main(),
        "multi_thread" => multi_thread::main(),
        "multiplex" => multiplex::main(),
        "tasks" => tasks::main(),
        _ => Err(format!("no program `{name}`").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
