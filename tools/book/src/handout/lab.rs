//! The lab sheet: one page to be filled in.

use figures::html::escape;

use super::{
    blank,
    lesson::Lesson,
    tasks::{FIELDS, Field, Row, Tasks},
    text,
};

/// What a blank field holds: nothing, and a line to write on.
const HOLE: &str = "<td class=\"hole\"></td>";

/// The page, as HTML.
pub fn page(lesson: &Lesson, tasks: Option<&Tasks>) -> String {
    let seed = tasks.map_or_else(String::new, |tasks| format!(" · seed {}", tasks.seed));
    let mut out = format!(
        "<header><p class=\"kicker\">From fork to await · chapter {} · lab sheet{seed}</p>\n<p class=\"name\">Name <i></i></p>\n<h1>{}</h1>\n</header>\n",
        lesson.number,
        escape(&lesson.title)
    );
    if let Some(tasks) = tasks {
        out.push_str(&order(tasks));
        out.push_str(&holes(tasks));
        out.push_str(&measures(tasks));
    }
    out.push_str(&exercises(lesson, tasks.map_or(3, |_| 4)));
    if let Some(tasks) = tasks {
        out.push_str(&format!(
            "<p class=\"fallback\"><b>Without Linux, or where nothing may be recorded:</b> <code>cargo book show {}</code> shows the stored recording. Wireshark opens \
             <code>{}</code>.</p>\n",
            tasks.holed.name, tasks.holed.capture
        ));
    }
    out
}

/// The segments of one recording, shuffled, beside a ladder for them.
fn order(tasks: &Tasks) -> String {
    let mut out = format!(
        "<section>\n<h2>1 In which order?</h2>\n<p>{}: its segments, shuffled. Draw them from top to bottom, each with its letter; the numbers tell \
         their order. They count from each side’s SYN.</p>\n<div class=\"beside\">\n<table class=\"cards\"><thead><tr><th></th><th>from</th>{}</tr></thead><tbody>\n",
        text::title(&tasks.shuffled.title),
        heads()
    );
    for (&index, letter) in tasks.order.iter().zip('A'..='Z') {
        let row = &tasks.shuffled.rows[index];
        out.push_str(&format!(
            "<tr><th>{letter}</th><td>{}</td>{}</tr>\n",
            row.side,
            cells(row, None)
        ));
    }
    out.push_str(&format!(
        "</tbody></table>\n{}</div>\n</section>\n",
        blank(
            &[String::new(), String::new()],
            "Draw the segments here in their order."
        )
    ));
    out
}

fn heads() -> String {
    FIELDS.map(|field| format!("<th>{field}</th>")).concat()
}

fn cells(row: &Row, hole: Option<Field>) -> String {
    FIELDS
        .map(|field| match hole == Some(field) {
            true => HOLE.to_owned(),
            false => format!("<td>{}</td>", row.field(field)),
        })
        .concat()
}

/// The segments of another recording, with holes.
fn holes(tasks: &Tasks) -> String {
    let mut out = format!(
        "<section>\n<h2>2 What belongs there?</h2>\n<p>{}. Nothing was lost, and nothing is left out: each hole follows from the rest. Fill them in before you run anything.</p>\n\
         <table class=\"holed\"><thead><tr><th></th><th>from</th>{}</tr></thead><tbody>\n",
        text::title(&tasks.holed.title),
        heads()
    );
    for (index, row) in tasks.holed.rows.iter().enumerate() {
        let hole = tasks
            .holes
            .iter()
            .find(|(at, _)| *at == index)
            .map(|(_, field)| *field);
        out.push_str(&format!(
            "<tr><th>{}</th><td>{}</td>{}</tr>\n",
            index + 1,
            row.side,
            cells(row, hole)
        ));
    }
    out.push_str("</tbody></table>\n</section>\n");
    out
}

/// What to measure, beside a column for a neighbour's numbers.
fn measures(tasks: &Tasks) -> String {
    let mut out = format!(
        "<section>\n<h2>3 Run it, and write down</h2>\n<p><code>cargo book run {}</code></p>\n<table class=\"measured\"><thead><tr><th></th><th>yours</th>\
         <th>a neighbour’s</th></tr></thead><tbody>\n",
        tasks.holed.name
    );
    for (words, _) in &tasks.measures {
        out.push_str(&format!("<tr><th>{words}</th>{HOLE}{HOLE}</tr>\n"));
    }
    out.push_str("</tbody></table>\n</section>\n");
    out
}

fn exercises(lesson: &Lesson, number: usize) -> String {
    let mut out = String::new();
    for task in lesson.exercises.iter().filter(|task| task.in_lab) {
        let command = task.command.as_ref().map_or_else(String::new, |command| {
            format!(": <code>{}</code>", escape(command))
        });
        out.push_str(&format!(
            "<li><span class=\"tick\"></span> {} <small>({})</small>{command}</li>\n",
            escape(&task.title),
            escape(&task.facts)
        ));
    }
    match out.is_empty() {
        true => out,
        false => format!(
            "<section>\n<h2>{number} Change a program</h2>\n<p>The whole task stands in the chapter, under “Exercises”: read it there first.</p>\n<ul class=\"plain\">\n{out}</ul>\n</section>\n"
        ),
    }
}
