//! One module a verb: its arguments, its help, what it does.

pub mod build;
pub mod contract;
pub mod epub;
pub mod exercise;
pub mod figure;
pub mod handout;
pub mod kit;
pub mod measure;
pub mod pdf;
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
use std::path::Path;

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

/// What a file of the whole book is called: `from-fork-to-await.epub`.
fn file_name(title: &str, ending: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    format!("{}.{ending}", words.join("-"))
}

/// The chapters of these names, `close` or `ch09-close`, as their files are called; no name means all.
fn chapters(root: &Path, names: &[String]) -> anyhow::Result<Vec<String>> {
    let all = book::kit::chapters(root);
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in names {
        let is_meant = |chapter: &&String| {
            *chapter == name || chapter.split_once('-').is_some_and(|(_, slug)| slug == name)
        };
        match all.iter().find(is_meant) {
            Some(chapter) if chosen.contains(chapter) => {}
            Some(chapter) => chosen.push(chapter.clone()),
            None => {
                let near = nearest(name, &all).join("\n  ");
                anyhow::bail!("no chapter is called `{name}`; the nearest are\n  {near}");
            }
        }
    }
    Ok(chosen)
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
