//! One module a verb: its arguments, its help, what it does.

pub mod build;
pub mod contract;
pub mod exercise;
pub mod figure;
pub mod measure;
pub mod pictures;
pub mod record;
pub mod run;
pub mod serve;
pub mod show;
pub mod verify;
pub mod watch;

use book::nearest::nearest;
use stage::catalogue::{Catalogue, Entry, UnknownName};
use stage::perform::PerformError;
use stage::programs::{Programs, ProgramsError};
use std::io::{self, Write};

/// Prints to standard output. Whoever reads it may have seen enough (`| head`): that is no error.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => done,
    }
}

/// The scenarios of the book one stands in.
fn catalogue() -> anyhow::Result<Catalogue> {
    Ok(Catalogue::open(&book::root::here()?)?)
}

/// A name that no scenario has, with the nearest ones.
fn unknown(error: &UnknownName) -> anyhow::Error {
    let near = nearest(&error.name, &error.choices).join("\n  ");
    anyhow::anyhow!(
        "no scenario is called `{}`; the nearest are\n  {near}\n`cargo book show` lists them all",
        error.name
    )
}

/// Has the workspace's programs built; cargo's messages go to standard error.
fn programs(catalogue: &Catalogue) -> Result<Programs, ProgramsError> {
    Programs::find(catalogue.root(), &mut |line| eprintln!("{line}"))
}

/// Whether something failed because of this machine, and not of scenario or programs.
fn is_refused(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<PerformError>()
        .is_some_and(|error| error.refusal().is_some())
}

/// What these names mean, each once: a chapter, a scenario, a variant. No name means all there is.
fn meant<'a>(catalogue: &'a Catalogue, names: &[String]) -> anyhow::Result<Vec<Entry<'a>>> {
    if names.is_empty() {
        return Ok(catalogue.entries().collect());
    }
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for name in names {
        for entry in catalogue.all(name).map_err(|error| unknown(&error))? {
            if !entries.iter().any(|known| known.name() == entry.name()) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}
