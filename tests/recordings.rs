//! Every stored recording agrees with its scenario and with today's sources. Needs no privilege and no Linux.

use std::{
    fs,
    path::{Path, PathBuf},
};

use book_tests::root;
use stage::{
    catalogue::{Catalogue, Entry},
    check::{check, picture},
    cited::stale,
    reading::{Reading, unknown_causes},
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
        let disagreements = [check(entry, recording), picture(entry, recording)].concat();
        disagreements.iter().map(ToString::to_string).collect()
    });
}

#[test]
fn every_recording_was_made_of_todays_scenario_and_sources() {
    each_recording(|catalogue, entry, recording| {
        let reasons = stale(catalogue, entry, recording);
        let mend = |reason| format!("{reason}; `cargo book record {}` makes it anew", entry.name());
        reasons.into_iter().map(mend).collect()
    });
}

/// One service, rewritten under every model: the programs differ, and what is on the wire does not.
#[test]
fn one_echo_is_the_same_on_the_wire_under_every_model() {
    let shape = |recording: &Recording| {
        let reading = Reading::of(recording).unwrap_or_else(|error| panic!("{error}"));
        let segments = reading
            .conversations
            .iter()
            .map(|one| one.turns.len())
            .sum::<usize>();
        format!("{segments} segments: {}", reading.skeleton_lines().join(" / "))
    };
    let catalogue = catalogue();
    let first = catalogue
        .one("echo/one-echo")
        .unwrap_or_else(|error| panic!("{error}"));
    let first = Recording::read(&first.folder()).unwrap_or_else(|error| panic!("{error}"));
    let expected = shape(&first);
    each_recording(|_, entry, recording| {
        let seen = shape(recording);
        if !entry.scenario.name.ends_with("/one-echo") || seen == expected {
            return Vec::new();
        }
        vec![format!("shows {seen}\n  and echo/one-echo shows {expected}")]
    });
}

#[test]
fn every_segment_of_a_recording_has_a_cause() {
    each_recording(|_, _, recording| {
        let unknown = unknown_causes(recording).unwrap_or_else(|error| panic!("{error}"));
        let complaints = unknown.into_iter();
        complaints
            .map(|(why, count)| format!("{count} segments have no cause that can be told: {why}"))
            .collect()
    });
}

#[test]
fn every_recording_is_as_it_was_written() {
    each_recording(|_, entry, recording| {
        assert_eq!(recording.manifest.scenario, entry.scenario.name);
        assert_eq!(recording.manifest.variant, entry.variant.name);
        let mut expected = recording.files();
        let mut complaints = Vec::new();
        for path in files_in(&entry.folder()) {
            let name = path.strip_prefix(entry.folder()).expect("it lies in the folder");
            let name = name.to_string_lossy().replace('\\', "/");
            if expected.remove(&name) != fs::read(&path).ok() {
                complaints.push(format!(
                    "{} was changed by hand, or belongs to no recording; `cargo book record {}` makes it anew",
                    shown(&path),
                    entry.name()
                ));
            }
        }
        let missing = expected.keys();
        complaints.extend(missing.map(|file| {
            format!(
                "{file} is missing; `cargo book record {}` writes it",
                entry.name()
            )
        }));
        complaints
    });
}

#[test]
fn every_figure_is_drawn_as_it_was_reviewed() {
    let drawn = figures::stored::drawings(root()).unwrap_or_else(|error| panic!("{error}"));
    let mut stored = figures::stored::stored(root()).unwrap_or_else(|error| panic!("listings: {error}"));
    let mut complaints = Vec::new();
    for (path, svg) in &drawn {
        let old = stored.remove(path);
        let path = path.display();
        match old {
            None => complaints.push(format!(
                "{path} is missing; `cargo book figure --update` draws it"
            )),
            Some(old) if old == *svg => {}
            Some(_) => complaints.push(format!(
                "{path} is not what is drawn now; `cargo book figure --update` draws it anew: look at both"
            )),
        }
    }
    complaints.extend(stored.keys().map(|path| {
        format!(
            "{} is shown on no page; `cargo book figure --update` removes it",
            path.display()
        )
    }));
    report(complaints);
    assert!(!drawn.is_empty(), "no page shows a recording");
}

/// Every file in a folder and in those below it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .flatten()
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => files_in(&path),
            path => vec![path],
        })
        .collect()
}
