//! The table of prices: what a connection and a request cost under each model, and what breaks first.
//!
//! A listing says which of its servers have a row, in the order of the rows, beside what they claim:
//!
//! ```toml
//! [package.metadata.book.price]
//! process-blocking-server = { model = "a process each", breaks = "the limit on processes: `fork` says EAGAIN" }
//! ```
//!
//! `cargo book measure prices process` measures them and stores `listings/ch12-process/results/prices.toml`
//! ([`crate::result`]), whose values are called by the server: `process-blocking-server.memory`.
//!
//! | on the page | becomes |
//! |---|---|
//! | `{{#prices}}` | the rows of this chapter and of all before it, its own marked |
//! | `{{#prices before}}` | the rows of the chapters before |
//! | `{{#prices NAME NAME}}` | the rows of these servers, in this order |

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde::Deserialize;
use stage::catalogue::slug;

use crate::{
    chapter::Label,
    html::escape,
    problem::choices,
    result::{self, Measured, Value},
};

/// The name of the result, in every chapter.
pub const RESULT: &str = "prices";

/// A row, as a listing declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The listing: `ch12-process`.
    pub package: String,
    /// The server's binary.
    pub server: String,
    /// The model, in a few words: `a process each`.
    pub model: String,
    /// What breaks first; words in backticks are code.
    pub breaks: String,
}

impl Row {
    /// `process` of `ch12-process`.
    pub fn slug(&self) -> &str {
        slug(&self.package).unwrap_or_default()
    }

    fn chapter(&self) -> u32 {
        chapter(&self.package)
    }
}

fn chapter(stem: &str) -> u32 {
    match Label::of(stem) {
        Some(Label::Chapter(number)) => number,
        _ => u32::MAX,
    }
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    metadata: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    model: String,
    breaks: String,
}

/// The rows that the listings below `root` declare, in the order of chapters and, within one, of the declaration.
///
/// # Errors
/// A declaration that cannot be read: the file, and how it is written.
pub fn declared(root: &Path) -> Result<Vec<Row>, String> {
    let mut packages: Vec<String> = fs::read_dir(root.join("listings"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    // Appendices come last.
    packages.sort_by_key(|package| (chapter(package), package.clone()));
    let mut rows = Vec::new();
    for package in packages {
        let file = format!("listings/{package}/Cargo.toml");
        let text = fs::read_to_string(root.join(&file)).map_err(|error| format!("`{file}`: {error}"))?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|error| format!("`{file}`: {}", error.message()))?;
        let book = manifest.package.metadata.get("book");
        let Some(price) = book.and_then(|book| book.get("price")) else {
            continue;
        };
        let wrong = |message: &str| {
            format!(
                "`{file}`: {message}; a row is written `NAME-server = {{ model = \"a process each\", breaks = \"what breaks first\" }}` \
                 below [package.metadata.book.price]"
            )
        };
        let table = price.as_table().ok_or_else(|| wrong("`price` is no table"))?;
        for (server, row) in table {
            let Declared { model, breaks } = row
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| wrong(&format!("`{server}`: {}", error.message())))?;
            if book.and_then(|book| book.get("server")?.get(server)).is_none() {
                return Err(wrong(&format!(
                    "`{server}` has a price and makes no claim; add it to [package.metadata.book.server]"
                )));
            }
            rows.push(Row {
                package: package.clone(),
                server: server.clone(),
                model,
                breaks,
            });
        }
    }
    Ok(rows)
}

/// The table that `{{#prices ARGUMENT}}` asks for on the page `stem`, as one block of HTML.
///
/// # Errors
/// A row that was not measured, with the command that measures it; a name that no row has, with the choices.
pub fn table(root: &Path, stem: &str, argument: &str) -> Result<String, String> {
    let rows = chosen(declared(root)?, stem, argument)?;
    let mut results: BTreeMap<&str, Measured> = BTreeMap::new();
    for row in &rows {
        if !results.contains_key(row.package.as_str()) {
            let name = format!("{}/{RESULT}", row.slug());
            let measured = result::read(root, &name).map_err(|error| {
                if root
                    .join(format!("listings/{}/results/{RESULT}.toml", row.package))
                    .exists()
                {
                    error
                } else {
                    unmeasured(row)
                }
            })?;
            results.insert(&row.package, measured);
        }
    }
    let mut lines = String::new();
    for row in &rows {
        line(
            &mut lines,
            row,
            &results[row.package.as_str()],
            row.package == stem && argument.is_empty(),
        )?;
    }
    let heads: String = HEADS
        .iter()
        .map(|head| format!("<th scope=\"col\" role=\"columnheader\">{head}</th>"))
        .collect();
    Ok(format!(
        "<figure class=\"prices\">\n<figcaption>{}</figcaption>\n<div class=\"table-wrapper\">\n<table role=\"table\">\n\
         <thead role=\"rowgroup\"><tr role=\"row\">{heads}</tr></thead>\n<tbody role=\"rowgroup\">\n{lines}</tbody>\n</table>\n</div>\n</figure>\n",
        caption(&rows, &results)
    ))
}

/// The columns. On a narrow page each cell stands below its column's name.
const HEADS: [&str; 6] = [
    "Model",
    "Memory an idle connection",
    "Calls a request",
    "Context switches a request",
    "CPU time a request",
    "What breaks first",
];

fn unmeasured(row: &Row) -> String {
    format!(
        "`{}` has a row in listings/{}/Cargo.toml and was not measured; measure it with `cargo book measure prices {}`",
        row.server,
        row.package,
        row.slug()
    )
}

fn chosen(rows: Vec<Row>, stem: &str, argument: &str) -> Result<Vec<Row>, String> {
    let here = chapter(stem);
    let chosen: Vec<Row> = match argument {
        "" => rows.into_iter().filter(|row| row.chapter() <= here).collect(),
        "before" => rows.into_iter().filter(|row| row.chapter() < here).collect(),
        names => {
            let of = |name: &str| {
                rows.iter().find(|row| row.server == name).cloned().ok_or_else(|| {
                    format!(
                        "no server `{name}` has a price; there are {}; a row is declared below [package.metadata.book.price] in a listing's Cargo.toml",
                        choices(rows.iter().map(|row| &row.server), "none yet")
                    )
                })
            };
            names.split_whitespace().map(of).collect::<Result<_, _>>()?
        }
    };
    if chosen.is_empty() {
        return Err(
            "no chapter up to here declares a price; write [package.metadata.book.price] in the listing's Cargo.toml".into(),
        );
    }
    Ok(chosen)
}

fn line(out: &mut String, row: &Row, measured: &Measured, own: bool) -> Result<(), String> {
    let value = |what: &str| -> Result<&Value, String> {
        measured
            .values
            .get(&format!("{}.{what}", row.server))
            .ok_or_else(|| unmeasured(row))
    };
    let memory = value("memory")?;
    let parts = [
        ("user", value("user-memory")?),
        ("page tables", value("page-tables")?),
        ("kernel stack", value("kernel-stacks")?),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, part)| part.value.real() >= 1.0)
        .map(|(name, part)| format!("{name} {}", part.text()))
        .collect();
    let parts = if parts.len() > 1 {
        parts.join(", ")
    } else {
        String::new()
    };
    let ratio = value("cpu-ratio")?;
    let active = value("active")?.text();
    let clients = if active == "1" {
        "1 client".into()
    } else {
        format!("{active} clients")
    };
    let between = match (ratio.least, ratio.most) {
        (Some(least), Some(most)) => format!("{:.2} to {:.2}, {clients}", least.real(), most.real()),
        _ => clients,
    };
    let class = if own { " class=\"own\"" } else { "" };
    let mark = match Label::of(&row.package) {
        Some(Label::Appendix(_)) if own => " <em>this appendix</em>",
        _ if own => " <em>this chapter</em>",
        _ => "",
    };
    let _ = write!(
        out,
        "<tr{class} role=\"row\"><th scope=\"row\" role=\"rowheader\">{}{mark} <small><code>{}</code></small></th>",
        code(&row.model),
        escape(&row.server)
    );
    let cells = [
        (memory.text(), parts),
        (value("calls")?.text(), String::new()),
        (value("switches")?.text(), String::new()),
        (format!("×\u{a0}{:.2}", ratio.value.real()), between),
        (code(&row.breaks), String::new()),
    ];
    for (head, (text, small)) in HEADS.iter().skip(1).zip(cells) {
        let small = if small.is_empty() {
            small
        } else {
            format!(" <small>{small}</small>")
        };
        let _ = write!(out, "<td role=\"cell\" data-head=\"{head}\">{text}{small}</td>");
    }
    out.push_str("</tr>\n");
    Ok(())
}

/// Where and how it was measured, each way once.
fn caption(rows: &[Row], results: &BTreeMap<&str, Measured>) -> String {
    let mut places: Vec<String> = Vec::new();
    for measured in results.values() {
        let place = format!(
            "{}, Linux {}, {}",
            escape(&measured.machine),
            escape(&measured.kernel),
            escape(&measured.date)
        );
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let mut slugs: Vec<&str> = rows.iter().map(Row::slug).collect();
    slugs.dedup();
    let control = |pick: fn(&Value) -> Option<result::Number>, better: fn(f64, f64) -> f64| {
        let ends = results
            .values()
            .flat_map(|measured| &measured.values)
            .filter(|(key, _)| key.starts_with("control-"))
            .filter_map(|(_, value)| pick(value))
            .map(result::Number::real);
        ends.reduce(better)
    };
    let control = match (control(|it| it.least, f64::min), control(|it| it.most, f64::max)) {
        (Some(least), Some(most)) => format!("; that server beside itself: {least:.2} to {most:.2}"),
        _ => String::new(),
    };
    format!(
        "<strong>What a connection and a request cost.</strong> CPU time is told in multiples of what a plain C server on epoll takes \
         at that moment, with as many clients at work and as many lines printed{control}. So many clients made the context switches, too. Calls are those on sockets and the waits for them, one request at a time. \
         {}. <code>cargo book measure prices {}</code> measures it again.",
        places.join("; "),
        escape(&slugs.join(" "))
    )
}

/// Words in backticks become code, the rest is text.
pub fn code(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escape(part);
        if index % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(&part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(package: &str, server: &str) -> Row {
        Row {
            package: package.into(),
            server: server.into(),
            model: "a process each".into(),
            breaks: "`fork` says EAGAIN".into(),
        }
    }

    fn names(stem: &str, argument: &str) -> Result<Vec<String>, String> {
        let rows = vec![
            row("ch12-process", "process-blocking-server"),
            row("ch12-process", "process-one-server"),
            row("ch13-thread", "thread-blocking-server"),
            row("ch14-nonblocking", "nonblocking-ask-server"),
        ];
        let chosen = chosen(rows, stem, argument)?;
        Ok(chosen.into_iter().map(|row| row.server).collect())
    }

    #[test]
    fn a_chapter_shows_its_rows_and_those_before_and_its_opening_those_before() {
        let all = names("ch13-thread", "").unwrap();
        assert_eq!(
            all,
            [
                "process-blocking-server",
                "process-one-server",
                "thread-blocking-server"
            ]
        );
        assert_eq!(names("ch13-thread", "before").unwrap(), all[..2]);
        assert_eq!(names("appendix-e-go", "").unwrap().len(), 4);
    }

    #[test]
    fn servers_are_chosen_by_name_and_a_wrong_one_is_told_with_the_choices() {
        let two = "thread-blocking-server process-one-server";
        assert_eq!(names("ch01-echo", two).unwrap().join(" "), two);
        let error = names("ch13-thread", "thread-server").unwrap_err();
        assert!(error.contains("there are `process-blocking-server`, "), "{error}");
        assert!(
            names("ch12-process", "before")
                .unwrap_err()
                .contains("[package.metadata.book.price]")
        );
    }

    #[test]
    fn words_in_backticks_become_code_and_nothing_becomes_markup() {
        assert_eq!(
            code("`fork` says <EAGAIN>"),
            "<code>fork</code> says &lt;EAGAIN&gt;"
        );
    }
}
