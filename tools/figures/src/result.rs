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
//! "server.memory" = { value = 5012, unit = "B" }  # bytes stand as 4.9 KiB
//! cpu = { value = 7.5, unit = "µs", least = 7.2, most = 8.1 }
//! ```
//!
//! | WHAT | becomes |
//! |---|---|
//! | a key of `values` | the number with its unit: `9.4 KB`, `10,000` |
//! | `least KEY`, `most KEY` | the ends of what several rounds measured |
//! | `ratio A / B` | how many times B is in A, both of one unit: `3.1` |
//! | `machine`, `kernel`, `date`, `command` | what is stored |

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use stage::catalogue::slug;

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
    /// How many rounds were made, where it is the middle of several.
    #[serde(default)]
    pub rounds: Option<u64>,
    /// What else ran meanwhile, and whatever else one must know.
    #[serde(default)]
    pub conditions: Option<String>,
    /// The numbers.
    pub values: BTreeMap<String, Value>,
    /// How they are drawn, where they are.
    #[serde(default)]
    pub chart: Option<Chart>,
}

/// Lines over an axis. The value of a line at a place is called `LINE.PLACE`: `multiplex-poll-server.5000`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// What the places along the axis are.
    pub x: String,
    /// What the values are, with their unit.
    pub y: String,
    /// The places.
    pub at: Vec<u64>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What its values are called.
    pub name: String,
    /// What it is called on the page.
    pub label: String,
}

impl Measured {
    /// What a line of the chart was at a place.
    pub fn at(&self, line: &Line, place: u64) -> Option<&Value> {
        self.values.get(&format!("{}.{place}", line.name))
    }
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
    /// The least that a round measured.
    #[serde(default)]
    pub least: Option<Number>,
    /// The most that a round measured.
    #[serde(default)]
    pub most: Option<Number>,
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

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(n) => n.fmt(f),
            Number::Real(x) => x.fmt(f),
        }
    }
}

impl Value {
    /// A whole number of something; of nothing for a count.
    pub fn whole(n: u64, unit: &str) -> Value {
        Value {
            value: Number::Whole(n),
            unit: unit.into(),
            least: None,
            most: None,
        }
    }

    /// Another number, kept with so many digits behind the point.
    pub fn real(x: f64, digits: i32, unit: &str) -> Value {
        Value {
            value: rounded(x, digits),
            unit: unit.into(),
            least: None,
            most: None,
        }
    }

    /// The same, and between which ends it was measured.
    #[must_use]
    pub fn between(mut self, least: f64, most: f64, digits: i32) -> Value {
        self.least = Some(rounded(least, digits));
        self.most = Some(rounded(most, digits));
        self
    }

    /// With its unit, as it stands in the prose: `9.4 KB`, `10,000`; bytes as `4.9 KiB`.
    pub fn text(&self) -> String {
        with_unit(self.value, &self.unit)
    }
}

fn rounded(x: f64, digits: i32) -> Number {
    let factor = 10_f64.powi(digits);
    Number::Real((x * factor).round() / factor)
}

fn with_unit(number: Number, unit: &str) -> String {
    if unit == "B" {
        return bytes(number.real());
    }
    let digits = match number {
        Number::Whole(n) => count(n),
        Number::Real(x) => x.to_string(),
    };
    if unit.is_empty() {
        digits
    } else {
        format!("{digits}\u{a0}{unit}")
    }
}

/// Bytes in the unit that leaves three digits or fewer in front of the point.
fn bytes(n: f64) -> String {
    let (n, unit) = match n {
        n if n < 1024.0 => return format!("{n:.0}\u{a0}B"),
        n if n < 1024.0 * 1024.0 => (n / 1024.0, "KiB"),
        n => (n / 1024.0 / 1024.0, "MiB"),
    };
    if n < 9.95 {
        format!("{n:.1}\u{a0}{unit}")
    } else {
        format!("{n:.0}\u{a0}{unit}")
    }
}

impl Measured {
    /// As it is stored; the same measurement is always the same text.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut out = String::new();
        let mut line = |key: &str, value: &str| out.push_str(&format!("{key} = {}\n", quoted(value)));
        line("title", &self.title);
        line("command", &self.command);
        line("machine", &self.machine);
        line("kernel", &self.kernel);
        line("date", &self.date);
        if let Some(conditions) = &self.conditions {
            line("conditions", conditions);
        }
        if let Some(rounds) = self.rounds {
            out.push_str(&format!("rounds = {rounds}\n"));
        }
        out.push_str("\n[values]\n");
        for (key, value) in &self.values {
            let key = if key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            {
                key.clone()
            } else {
                quoted(key)
            };
            let mut parts = vec![format!("value = {}", value.value.stored())];
            if !value.unit.is_empty() {
                parts.push(format!("unit = {}", quoted(&value.unit)));
            }
            parts.extend(value.least.map(|least| format!("least = {}", least.stored())));
            parts.extend(value.most.map(|most| format!("most = {}", most.stored())));
            out.push_str(&format!("{key} = {{ {} }}\n", parts.join(", ")));
        }
        if let Some(chart) = &self.chart {
            let (x, y) = (quoted(&chart.x), quoted(&chart.y));
            out.push_str(&format!(
                "\n[chart]\nx = {x}\ny = {y}\nat = {:?}\nlines = [\n",
                chart.at
            ));
            for line in &chart.lines {
                let (name, label) = (quoted(&line.name), quoted(&line.label));
                out.push_str(&format!("  {{ name = {name}, label = {label} }},\n"));
            }
            out.push_str("]\n");
        }
        out
    }
}

impl Number {
    /// As TOML writes it: a real one keeps its point.
    fn stored(self) -> String {
        match self {
            Number::Whole(n) => n.to_string(),
            Number::Real(x) => format!("{x:?}"),
        }
    }

    /// As a real number, whichever it is.
    pub fn real(self) -> f64 {
        match self {
            Number::Whole(n) => n as f64,
            Number::Real(x) => x,
        }
    }
}

/// Where the result of this name, `cost/waiting`, is stored, relative to the workspace.
///
/// # Errors
/// No such file: what to do, and the choices.
pub fn file(root: &Path, name: &str) -> Result<PathBuf, String> {
    let mut known = Vec::new();
    for listing in fs::read_dir(root.join("listings"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let package = listing.file_name().to_string_lossy().into_owned();
        let slug = slug(&package).unwrap_or_default();
        for file in fs::read_dir(listing.path().join("results"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = file.path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let called = format!("{slug}/{stem}");
            if called == name {
                return Ok(format!("listings/{package}/results/{stem}.toml").into());
            }
            known.push(called);
        }
    }
    known.sort();
    Err(format!(
        "no result is called `{name}`; it would be the file `results/NAME.toml` of a listing, made by `cargo book measure`; there are {}",
        choices(known, "none yet")
    ))
}

/// Reads the result of this name, `cost/waiting`, from the workspace.
///
/// # Errors
/// No such file, or one that is wrong: with the file, and what to do.
pub fn read(root: &Path, name: &str) -> Result<Measured, String> {
    let file = file(root, name)?;
    let shown = file.to_string_lossy().replace('\\', "/");
    let text = fs::read_to_string(root.join(&file)).map_err(|error| format!("`{shown}`: {error}"))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(0, |span| crate::toml_at::line_of(&text, span.start))
            + 1;
        format!("`{shown}`, on its line {line}: {}", error.message())
    })
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
        key => match key.split_once(' ') {
            Some((end @ ("least" | "most"), key)) => {
                let value = value(key)?;
                let number = if end == "least" { value.least } else { value.most };
                let number = number
                    .ok_or_else(|| format!("`{key}` was measured once; it has no least and no most"))?;
                with_unit(number, &value.unit)
            }
            _ => value(key)?.text(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back_the_same() {
        let measured = Measured {
            title: "a \"title\"".into(),
            command: "c".into(),
            machine: "m".into(),
            kernel: "6.18".into(),
            date: "2026-11-22".into(),
            rounds: Some(8),
            conditions: Some("quiet".into()),
            values: BTreeMap::from([
                ("a-server.memory".into(), Value::whole(5012, "B")),
                ("cpu".into(), Value::real(7.456, 2, "µs").between(7.0, 8.006, 2)),
                ("count".into(), Value::whole(10_000, "")),
            ]),
            chart: Some(Chart {
                x: "idle".into(),
                y: "CPU".into(),
                at: vec![0, 5000],
                lines: vec![Line {
                    name: "a".into(),
                    label: "`poll`".into(),
                }],
            }),
        };
        let text = measured.to_toml();
        assert_eq!(toml::from_str::<Measured>(&text).unwrap(), measured, "{text}");
        for (what, text) in [
            ("a-server.memory", "4.9\u{a0}KiB"),
            ("cpu", "7.46\u{a0}µs"),
            ("least cpu", "7\u{a0}µs"),
            ("most cpu", "8.01\u{a0}µs"),
            ("count", "10,000"),
        ] {
            assert_eq!(number(&measured, what).unwrap(), text);
        }
        assert!(
            number(&measured, "least count")
                .unwrap_err()
                .contains("measured once")
        );
    }

    #[test]
    fn bytes_take_the_unit_that_suits_them() {
        let texts = [0.0, 64.0, 1024.0, 5012.0, 16_384.0, 121_000.0, 3e6].map(bytes);
        assert_eq!(
            texts.map(|text| text.replace('\u{a0}', " ")),
            [
                "0 B", "64 B", "1.0 KiB", "4.9 KiB", "16 KiB", "118 KiB", "2.9 MiB"
            ]
        );
    }

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
