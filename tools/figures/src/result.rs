//! Numbers that were measured and stored: `{{#number result NAME WHAT}}`.
//!
//! NAME is `slug/name`, the file `listings/chNN-slug/results/name.toml`:
//!
//! ```toml
//! title = "What a waiting connection costs"
//! command = "cargo book measure cost/waiting"     # what made it
//! machine = "2 cores, 4 GB"
//! kernel = "6.18.44"
//! date = "2026-11-22"
//!
//! [values]
//! thread = { value = 9.4, unit = "KB" }
//! connections = { value = 10000 }                 # a count has no unit
//! ```
//!
//! | WHAT | becomes |
//! |---|---|
//! | a key of `values` | the number with its unit: `9.4 KB`, `10,000` |
//! | `ratio A / B` | how many times B is in A, both of one unit: `3.1` |
//! | `machine`, `kernel`, `date`, `command` | what is stored |

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use crate::{number::count, problem::choices};

/// A measured result.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What was measured.
    pub title: String,
    /// The command that made it.
    pub command: String,
    /// Where.
    pub machine: String,
    /// The kernel's version: `6.18.44`.
    pub kernel: String,
    /// The day, `2026-11-22`.
    pub date: String,
    /// The numbers.
    pub values: BTreeMap<String, Value>,
}

/// A measured number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// How much.
    pub value: Number,
    /// Of what; nothing for a count.
    #[serde(default)]
    pub unit: String,
}

/// A number as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Number {
    /// A whole one.
    Whole(u64),
    /// Another, printed with the digits it is stored with.
    Real(f64),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Number::Whole(n) => n as f64,
            Number::Real(x) => x,
        }
    }
}

/// Reads the result of this name, `cost/waiting`, from the workspace.
///
/// # Errors
/// No such file, or one that is wrong: with the file, and what to do.
pub fn read(root: &Path, name: &str) -> Result<Measured, String> {
    let mut known = Vec::new();
    for listing in fs::read_dir(root.join("listings"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let package = listing.file_name().to_string_lossy().into_owned();
        let slug = package.split_once('-').map_or("", |(_, slug)| slug);
        for file in fs::read_dir(listing.path().join("results"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = file.path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let stem = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if format!("{slug}/{stem}") != name {
                known.push(format!("{slug}/{stem}"));
                continue;
            }
            let shown = format!("listings/{package}/results/{stem}.toml");
            let text = fs::read_to_string(&path).map_err(|error| format!("`{shown}`: {error}"))?;
            return toml::from_str(&text).map_err(|error: toml::de::Error| {
                let line = error
                    .span()
                    .map_or(0, |span| crate::toml_at::line_of(&text, span.start))
                    + 1;
                format!("`{shown}`, on its line {line}: {}", error.message())
            });
        }
    }
    known.sort();
    Err(format!(
        "no result is called `{name}`; it would be the file `results/NAME.toml` of a listing, made by `cargo book measure`; there are {}",
        choices(known, "none yet")
    ))
}

/// The number that `what` asks of a result, as it stands in the prose.
///
/// # Errors
/// Words that ask for nothing: with the choices.
pub fn number(measured: &Measured, what: &str) -> Result<String, String> {
    let value = |key: &str| {
        measured.values.get(key).ok_or_else(|| {
            format!(
                "`{key}` was not measured; there are {}, `ratio A / B`, `machine`, `kernel`, `date` and `command`",
                choices(measured.values.keys(), "no values")
            )
        })
    };
    if let Some((a, b)) = what
        .strip_prefix("ratio ")
        .and_then(|both| both.split_once(" / "))
    {
        let (a, b) = (value(a.trim())?, value(b.trim())?);
        if a.unit != b.unit || b.value.real() == 0.0 {
            return Err(format!(
                "`{what}` compares `{}` with `{}`; both need one unit, and the second more than nothing",
                a.unit, b.unit
            ));
        }
        let ratio = a.value.real() / b.value.real();
        return Ok(if ratio < 10.0 {
            format!("{ratio:.1}")
        } else {
            format!("{ratio:.0}")
        });
    }
    Ok(match what {
        "machine" => measured.machine.clone(),
        "kernel" => format!("Linux {}", measured.kernel),
        "date" => measured.date.clone(),
        "command" => measured.command.clone(),
        key => {
            let value = value(key)?;
            let digits = match value.value {
                Number::Whole(n) => count(n),
                Number::Real(x) => x.to_string(),
            };
            if value.unit.is_empty() {
                digits
            } else {
                format!("{digits}\u{a0}{}", value.unit)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "title = \"t\"\ncommand = \"c\"\nmachine = \"m\"\nkernel = \"6.18\"\ndate = \"2026-11-22\"\n[values]\n\
                          thread = { value = 9.4, unit = \"KB\" }\ntask = { value = 3.1, unit = \"KB\" }\nclients = { value = 10000 }\n";

    #[test]
    fn a_number_comes_with_its_unit_and_a_ratio_needs_one() {
        let measured: Measured = toml::from_str(STORED).unwrap();
        for (what, text) in [
            ("thread", "9.4\u{a0}KB"),
            ("clients", "10,000"),
            ("ratio thread / task", "3.0"),
            ("kernel", "Linux 6.18"),
            ("machine", "m"),
        ] {
            assert_eq!(number(&measured, what).unwrap(), text);
        }
        let error = number(&measured, "threat").unwrap_err();
        assert!(
            error.contains("`threat` was not measured; there are `clients`, `task`, `thread`"),
            "{error}"
        );
        assert!(
            number(&measured, "ratio thread / clients")
                .unwrap_err()
                .contains("one unit")
        );
    }

    #[test]
    fn a_result_is_found_by_name_and_one_that_is_wrong_is_told_with_its_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("listings/ch19-cost/results");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("waiting.toml"), STORED).unwrap();
        assert_eq!(read(root.path(), "cost/waiting").unwrap().machine, "m");
        let error = read(root.path(), "cost/wating").unwrap_err();
        assert!(error.contains("there are `cost/waiting`"), "{error}");
        fs::write(folder.join("waiting.toml"), STORED.replace("unit", "nuit")).unwrap();
        let error = read(root.path(), "cost/waiting").unwrap_err();
        assert!(
            error.starts_with("`listings/ch19-cost/results/waiting.toml`, on its line 7: "),
            "{error}"
        );
    }
}
