//! `cargo book …`: see `cargo book --help`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod verbs;

/// From fork to await: the book, its recordings, and your own programs held to them
#[derive(Debug, Parser)]
#[command(
    name = "book",
    bin_name = "cargo book",
    version,
    arg_required_else_help = true,
    long_about = "\
From fork to await is a book about network I/O in Rust, watched packet by packet. This is its one command.

Readers start with `cargo book serve`. Authors keep it running while they write.
`cargo book help VERB` says of each verb whom it is for, what it does and what it needs.",
    after_help = "`cargo book` is short for `cargo run --package book --`; both work from any folder of the book."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(verbs::serve::Serve),
    Build(verbs::build::Build),
    Show(verbs::show::Show),
    Run(verbs::run::Run),
    Contract(verbs::contract::Contract),
    Record(verbs::record::Record),
    Verify(verbs::verify::Verify),
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Build(build) => build.run(),
        Verb::Show(show) => show.run(),
        Verb::Run(run) => run.run(),
        Verb::Contract(contract) => contract.run(),
        Verb::Record(record) => record.run(),
        Verb::Verify(verify) => verify.run(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
