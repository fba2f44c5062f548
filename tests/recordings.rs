//! Every stored recording agrees with its scenario and with today's sources. Needs no privilege and no Linux.

use std::path::Path;

use book_tests::root;
use stage::{
    catalogue::{Catalogue, Entry},
    check,
    recording::Recording,
};

fn catalogue() -> Catalogue {
    Catalogue::open(root()).unwrap_or_else(|error| panic!("{error}"))
}

/// Fails with everything that is wrong, each with the command that mends it.
fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// What `look` complains about, of every scenario × variant that has a recording.
fn each_recording(look: impl Fn(&Catalogue, Entry<'_>, &Recording) -> Vec<String>) {
    let catalogue = catalogue();
    let mut complaints = Vec::new();
    for entry in catalogue.entries().filter(|entry| entry.folder().exists()) {
        let name = entry.name();
        match Recording::read(&entry.folder()) {
            Ok(recording) => complaints.extend(
                look(&catalogue, entry, &recording)
                    .into_iter()
                    .map(|complaint| format!("{name}: {complaint}")),
            ),
            Err(error) => complaints.push(format!("{name}: {error}")),
        }
    }
    report(complaints);
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn every_scenario_and_variant_has_its_recording() {
    let catalogue = catalogue();
    let missing = catalogue.entries().filter(|entry| !entry.folder().is_dir());
    let complaints = missing.map(|entry| {
        format!(
            "{} is missing; `cargo book record {}` makes it",
            shown(&entry.folder()),
            entry.name()
        )
    });
    report(complaints.collect());
    assert!(
        catalogue.entries().count() > 0,
        "no scenario was found in listings/"
    );
}

#[test]
fn every_recording_has_its_scenario_and_variant() {
    let strays = catalogue().strays().unwrap_or_else(|error| panic!("{error}"));
    let complaints = strays.iter().map(|folder| {
        format!(
            "{} belongs to no scenario and variant; remove the folder, or name it SCENARIO.VARIANT",
            shown(folder)
        )
    });
    report(complaints.collect());
}

#[test]
fn every_recording_shows_what_its_scenario_says() {
    each_recording(|_, entry, recording| {
        check::check(entry, recording)
            .iter()
            .map(ToString::to_string)
            .collect()
    });
}

#[test]
fn every_recording_was_made_of_todays_scenario_and_sources() {
    each_recording(|catalogue, entry, recording| {
        let reasons = check::stale(catalogue, entry, recording);
        let mend = |reason| format!("{reason}; `cargo book record {}` makes it anew", entry.name());
        reasons.into_iter().map(mend).collect()
    });
}

#[test]
fn every_recording_is_written_as_it_was_read() {
    each_recording(|_, entry, recording| {
        assert_eq!(recording.manifest.scenario, entry.scenario.name);
        assert_eq!(recording.manifest.variant, entry.variant.name);
        let folder = tempfile::tempdir().expect("a temporary folder");
        recording
            .write(folder.path())
            .unwrap_or_else(|error| panic!("{error}"));
        let mut complaints = Vec::new();
        for file in entry
            .folder()
            .read_dir()
            .expect("the recording was read")
            .flatten()
        {
            let again = std::fs::read(folder.path().join(file.file_name())).ok();
            if again != std::fs::read(file.path()).ok() {
                complaints.push(format!(
                    "{} was changed by hand, or belongs to no recording; `cargo book record {}` makes it anew",
                    shown(&file.path()),
                    entry.name()
                ));
            }
        }
        complaints
    });
}
