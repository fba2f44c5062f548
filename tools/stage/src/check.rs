//! Whether a recording shows what its scenario says must be seen.

use std::collections::BTreeMap;

use wire::call::Status;

use crate::{
    catalogue::{Catalogue, Entry},
    output::{Line, Stream, matches},
    perform::{is_expected_end, sources},
    reading::Reading,
    recording::Recording,
    scenario::{Stated, Variant},
};

/// One thing that a scenario says and a recording does not show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Disagreement {
    /// The scenario's file.
    pub file: String,
    /// The line that says it, counted from 1.
    pub line: usize,
    /// What is said and what is seen.
    pub message: String,
}

/// Compares a recording, stored or fresh, with what its scenario says must be seen. Empty where all agrees.
pub fn check(entry: Entry<'_>, recording: &Recording) -> Vec<Disagreement> {
    let variant = entry.variant;
    let mut found: Vec<(usize, String)> = Vec::new();
    match Reading::of(&recording.capture) {
        Ok(reading) => found.extend(skeleton(variant, &reading)),
        Err(error) => found.push((1, format!("the capture cannot be read: {error}"))),
    }
    found.extend(outputs(variant, recording));
    found.extend(exits(variant, recording));
    found
        .into_iter()
        .map(|(line, message)| Disagreement {
            file: entry.scenario.file.clone(),
            line,
            message,
        })
        .collect()
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
    }
    let today = match sources(catalogue, &entry.variant.act) {
        Ok(today) => today,
        Err(error) => {
            reasons.push(format!("the programs' sources cannot be read: {error}"));
            BTreeMap::new()
        }
    };
    for (path, hash) in &manifest.sources {
        match today.get(path) {
            Some(now) if now == hash => {}
            Some(_) => reasons.push(format!("{path} has changed since")),
            None => reasons.push(format!("{path} is gone, or no longer in the scenario")),
        }
    }
    reasons
}

fn skeleton(variant: &Variant, reading: &Reading) -> Option<(usize, String)> {
    let allowed = &variant.expect.skeleton;
    if allowed.iter().any(|skeleton| skeleton.value == reading.skeleton) {
        return None;
    }
    let first = allowed.first()?;
    let more = if allowed.len() > 1 {
        " (or one of the others)"
    } else {
        ""
    };
    Some((
        first.line,
        format!(
            "expect.skeleton says{more}\n    {}\n  and on the wire is\n    {}",
            first.value.join(", "),
            reading.skeleton.join(", ")
        ),
    ))
}

/// Every line expected is there, in its order, and nothing unexpected went to standard error.
fn outputs(variant: &Variant, recording: &Recording) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for program in &variant.act.programs {
        let nothing = Vec::new();
        let expected = variant.expect.output.get(&program.name).unwrap_or(&nothing);
        let lines: Vec<&Line> = recording.output.of(&program.name).collect();
        if let Some(missing) = first_missing(expected, &lines) {
            let printed: Vec<String> = lines.iter().map(|line| format!("    {}", line.text)).collect();
            found.push((
                missing.line,
                format!(
                    "expect.output says that {} prints, in this place,\n    {}\n  and it printed\n{}",
                    program.name,
                    missing.value,
                    if printed.is_empty() {
                        "    nothing".into()
                    } else {
                        printed.join("\n")
                    }
                ),
            ));
        }
        let covered = |line: &Line| expected.iter().any(|pattern| matches(&pattern.value, &line.text));
        let errors = lines.iter().filter(|line| line.stream == Stream::Err);
        found.extend(errors.filter(|line| !covered(line)).map(|line| {
            let message = format!(
                "{} wrote to standard error, and expect.output says nothing of it:\n    {}",
                program.name, line.text
            );
            (1, message)
        }));
    }
    found
}

/// The first pattern that no line matches, each looked for behind the line that matched the one before.
fn first_missing<'a>(expected: &'a [Stated<String>], lines: &[&Line]) -> Option<&'a Stated<String>> {
    let mut rest = lines.iter();
    expected
        .iter()
        .find(|pattern| !rest.any(|line| matches(&pattern.value, &line.text)))
}

fn exits(variant: &Variant, recording: &Recording) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for program in &variant.act.programs {
        let said = variant.expect.exit.get(&program.name);
        let line = said.map_or(1, |stated| stated.line);
        let Some(exit) = recording.manifest.exits.get(&program.name) else {
            found.push((
                line,
                format!("the recording does not say how {} ended", program.name),
            ));
            continue;
        };
        let status = Status::from(exit.clone());
        let agrees = match said {
            Some(stated) => stated.value == status,
            None => is_expected_end(program.is_asked_to_end(), &status),
        };
        if !agrees {
            let wanted = said.map_or_else(
                || "exit 0 (unsaid)".to_string(),
                |stated| stated.value.to_string(),
            );
            found.push((
                line,
                format!(
                    "expect.exit: {} was to end with {wanted} and ended with {status}",
                    program.name
                ),
            ));
        }
    }
    found
}
