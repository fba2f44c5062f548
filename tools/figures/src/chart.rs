//! A stored chart: `{{#chart multiplex/idle}}`.
//!
//! `cargo book measure multiplex/idle` measures it and stores the numbers, `listings/ch15-multiplex/results/idle.toml`
//! ([`crate::result`]), and their drawing, `idle.svg` beside it, which takes its colours from the page. The page shows the
//! drawing and, below it, the same numbers as a table.

use std::{fmt::Write as _, fs, path::Path};

use crate::{
    html::escape,
    number::count,
    prices::code,
    result::{self, Value},
};

/// The figure of the chart of this name.
///
/// # Errors
/// No such result, one that is no chart, or one without its drawing: with the command that makes it.
pub fn figure(root: &Path, name: &str) -> Result<String, String> {
    let measured = result::read(root, name)?;
    let Some(chart) = &measured.chart else {
        return Err(format!("the result `{name}` is no chart; it has no [chart]"));
    };
    let file = result::file(root, name)?.with_extension("svg");
    let svg = fs::read_to_string(root.join(&file)).map_err(|error| {
        format!(
            "`{}`: {error}; draw it with `{}`",
            file.to_string_lossy().replace('\\', "/"),
            measured.command
        )
    })?;
    let mut table = format!("<tr><th scope=\"col\">{}</th>", escape(&chart.x));
    for line in &chart.lines {
        let _ = write!(table, "<th scope=\"col\">{}</th>", code(&line.label));
    }
    table.push_str("</tr></thead>\n<tbody>\n");
    for &at in &chart.at {
        let _ = write!(table, "<tr><th scope=\"row\">{}</th>", count(at));
        for line in &chart.lines {
            let text = measured.at(line, at).map(cell).unwrap_or_default();
            let _ = write!(table, "<td>{text}</td>");
        }
        table.push_str("</tr>\n");
    }
    let rounds = measured
        .rounds
        .map_or_else(String::new, |rounds| format!(", the middle of {rounds} rounds"));
    let conditions = measured
        .conditions
        .as_ref()
        .map_or_else(String::new, |text| format!("; {}", escape(text)));
    Ok(format!(
        "<figure class=\"prices chart\">\n<figcaption><strong>{}.</strong> {}, Linux {}, {}{rounds}{conditions}. <code>{}</code> measures it again.</figcaption>\n\
         {}\n<details>\n<summary>The same numbers as a table</summary>\n<div class=\"table-wrapper\">\n<table>\n<thead>{table}</tbody>\n</table>\n</div>\n</details>\n</figure>\n",
        escape(&measured.title),
        escape(&measured.machine),
        escape(&measured.kernel),
        escape(&measured.date),
        escape(&measured.command),
        svg.trim_end()
    ))
}

fn cell(value: &Value) -> String {
    let between = match (value.least, value.most) {
        (Some(least), Some(most)) => format!(" <small>{least} to {most}</small>"),
        _ => String::new(),
    };
    format!("{}{between}", value.text())
}
