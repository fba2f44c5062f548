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
    Figure(verbs::figure::Figure),
    Run(verbs::run::Run),
    Watch(verbs::watch::Watch),
    Contract(verbs::contract::Contract),
    Exercise(verbs::exercise::AnExercise),
    Record(verbs::record::Record),
    Verify(verbs::verify::Verify),
    Measure(verbs::measure::Measure),
    Kit(verbs::kit::Kit),
    Epub(verbs::epub::Epub),
    Pdf(verbs::pdf::Pdf),
    Pictures(verbs::pictures::Pictures),
    Handout(verbs::handout::Handout),
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Build(build) => build.run(),
        Verb::Show(show) => show.run(),
        Verb::Figure(figure) => figure.run(),
        Verb::Run(run) => run.run(),
        Verb::Watch(watch) => watch.run(),
        Verb::Contract(contract) => contract.run(),
        Verb::Exercise(exercise) => exercise.run(),
        Verb::Record(record) => record.run(),
        Verb::Verify(verify) => verify.run(),
        Verb::Measure(measure) => measure.run(),
        Verb::Kit(kit) => kit.run(),
        Verb::Epub(epub) => epub.run(),
        Verb::Pdf(pdf) => pdf.run(),
        Verb::Pictures(pictures) => pictures.run(),
        Verb::Handout(handout) => handout.run(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each once: some messages hold their cause's already.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_and_their_arguments_fit_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
        let _: Cli = Cli::parse_from(["book", "serve", "--port", "0", "--open"]);
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let cause = std::io::Error::other("no such file");
        let error = anyhow::Error::new(cause)
            .context("capture.pcap: no such file; make it")
            .context("showing");
        assert_eq!(told(&error), "showing: capture.pcap: no such file; make it");
    }
}
