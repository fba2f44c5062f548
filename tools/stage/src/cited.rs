//! The sources a recording speaks of, and whether they still say what they said.
//!
//! A call cites a line. The recording keeps a copy of the file, so that a line that only moved is found again by
//! comparing the copy with the file of today; the recording is stale when a cited line is gone or says something else. A
//! program whose calls were not recorded cites nothing, so its whole file counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use similar::{Algorithm, DiffOp, capture_diff_slices};
use wire::call::{Place, Record};

use crate::{
    catalogue::{Catalogue, Entry},
    recording::{Recording, sha256},
    scenario::Act,
};

/// Where a cited line is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Today {
    /// On this line, counted from 1.
    On(u32),
    /// Nowhere: it was removed, or says something else.
    Gone,
}

/// The source files a recording speaks of: those its calls cite, and those its programs are made from. Text by path,
/// relative to the workspace.
pub(crate) fn sources(
    catalogue: &Catalogue,
    act: &Act,
    calls: &[Record],
) -> io::Result<BTreeMap<String, String>> {
    let cited = calls.iter().filter_map(place).map(|place| place.file.clone());
    let made_from = act
        .programs
        .iter()
        .filter_map(|program| catalogue.source_of(program.binary()));
    let paths: BTreeSet<String> = cited.chain(made_from).collect();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(catalogue.root().join(&path))
                .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
            Ok((path, text))
        })
        .collect()
}

/// The SHA-256 of each.
pub(crate) fn hashes(sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    sources
        .iter()
        .map(|(path, text)| (path.clone(), sha256(text.as_bytes())))
        .collect()
}

fn place(record: &Record) -> Option<&Place> {
    match record {
        Record::Call(call) => call.place.as_ref(),
        Record::Fork(fork) => fork.place.as_ref(),
        Record::Start(_) | Record::End(_) | Record::Task(_) | Record::Signal(_) => None,
    }
}

/// The lines a recording cites in one file, in their order.
fn cited_in<'a>(recording: &'a Recording, file: &str) -> Vec<&'a Place> {
    let mut places: BTreeMap<u32, &Place> = BTreeMap::new();
    for place in recording
        .calls
        .iter()
        .filter_map(place)
        .filter(|place| place.file == file)
    {
        places.insert(place.line, place);
    }
    places.into_values().collect()
}

/// Where the lines of a recording's copy of a file are in the file of today. By line, counted from 1; those that are
/// nowhere are missing.
///
/// None where the recording has no copy of this file, or today's cannot be read.
pub fn today(recording: &Recording, root: &Path, file: &str) -> Option<BTreeMap<u32, u32>> {
    let then = recording.sources.get(file)?;
    let now = fs::read_to_string(root.join(file)).ok()?;
    Some(moved(then, &now))
}

/// What a line says: neither its indentation nor a mark that an excerpt shows beside it (`// ❶`) is part of it.
fn said(line: &str) -> String {
    let bare = line
        .replace(|c| ('❶'..='❿').contains(&c), "")
        .replace("//  ", "// ");
    let bare = bare.trim();
    bare.strip_suffix("//").unwrap_or(bare).trim_end().to_owned()
}

/// The lines that two texts share: by their number in the one, their number in the other.
fn moved(then: &str, now: &str) -> BTreeMap<u32, u32> {
    let then: Vec<String> = then.lines().map(said).collect();
    let now: Vec<String> = now.lines().map(said).collect();
    let mut lines = BTreeMap::new();
    for op in capture_diff_slices(Algorithm::Patience, &then, &now) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            lines.extend((0..len).map(|step| ((old_index + step + 1) as u32, (new_index + step + 1) as u32)));
        }
    }
    lines
}

/// Why a stored recording no longer belongs to its scenario and the programs' sources. Empty where it does.
pub fn stale(catalogue: &Catalogue, entry: Entry<'_>, recording: &Recording) -> Vec<String> {
    let manifest = &recording.manifest;
    let mut reasons = Vec::new();
    if manifest.act != entry.variant.act {
        reasons.push(format!(
            "{} asks for another performance than was recorded",
            entry.scenario.file
        ));
    } else if manifest.pins != entry.variant.act.all_pins() {
        reasons.push("what is pinned in every private network has changed since".into());
    }
    if manifest.sources != hashes(&recording.sources) {
        reasons.push("its copies of the sources were changed by hand".into());
    }
    for (path, then) in &recording.sources {
        match fs::read_to_string(catalogue.root().join(path)) {
            Err(error) => reasons.push(format!("{path}: {error}")),
            Ok(now) if now == *then => {}
            Ok(now) => reasons.extend(changed(recording, path, then, &now)),
        }
    }
    reasons
}

/// What a change of a file means for a recording that speaks of it.
fn changed(recording: &Recording, path: &str, then: &str, now: &str) -> Vec<String> {
    let cited = cited_in(recording, path);
    if cited.is_empty() {
        return vec![format!(
            "{path} has changed since, and no call says which of its lines count"
        )];
    }
    let lines = moved(then, now);
    let gone = cited.into_iter().filter(|place| !lines.contains_key(&place.line));
    gone.map(|place| {
        format!(
            "{path}: `{}` in `{}`, which was line {}, is no longer there",
            place.text, place.function, place.line
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "fn a() {\n    one();\n}\nfn b() {\n    one();\n}\n";

    #[test]
    fn a_line_that_only_moved_is_found_again() {
        let now = format!("// a comment\n\n{}", THEN.replace("    one();", "        one();"));
        assert_eq!(moved(THEN, &now)[&2], 4);
        assert_eq!(moved(THEN, &now)[&5], 7);
    }

    #[test]
    fn a_mark_beside_a_line_is_no_change_of_it() {
        let marked = THEN.replace("one();", "one(); // ❶");
        assert_eq!(moved(THEN, &marked).len(), 6);
        assert_eq!(moved("x // why\n", "x // ❷ why\n").len(), 1);
        assert_eq!(moved("x // why\n", "x // ❷ who\n").len(), 0);
    }

    #[test]
    fn a_line_that_says_something_else_is_not_found() {
        let now = "fn a() {\n    one();\n}\nfn b() {\n    two();\n}\n";
        let lines = moved(THEN, now);
        assert_eq!(lines.get(&2), Some(&2));
        assert_eq!(lines.get(&5), None);
    }
}
