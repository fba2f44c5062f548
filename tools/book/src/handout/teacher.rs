//! The teacher's edition: the plan, the answers, and the key to the lab sheet of the same seed.

use std::collections::BTreeMap;

use figures::html::escape;

use super::{
    lesson::{Asked, Figure, Lesson, Noted},
    tasks::{FIELDS, Field, Row, Tasks},
    text,
};

/// The whole, as HTML. `beliefs` are those of `beliefs.toml`, by their numbers.
pub fn pages(lesson: &Lesson, tasks: Option<&Tasks>, beliefs: &BTreeMap<u32, String>) -> String {
    let minutes = lesson.minutes;
    let mut out = format!(
        "<header><p class=\"kicker\">From fork to await · chapter {} · teacher’s edition, not for students</p>\n<h1>{}</h1>\n</header>\n\
         <section class=\"box\" aria-label=\"At a glance\">\n<p>They will be able to</p>\n<ul>\n{}</ul>\n<dl><dt>Minutes</dt><dd>{} to teach, {} in the lab, {} at \
         home</dd>{}</dl>\n</section>\n",
        lesson.number,
        escape(&lesson.title),
        lesson
            .able
            .iter()
            .map(|able| format!("<li>{able}</li>\n"))
            .collect::<String>(),
        minutes.teach,
        minutes.lab,
        minutes.home,
        match lesson.needs.is_empty() {
            true => String::new(),
            false => format!("<dt>They have read</dt><dd>{}</dd>", lesson.needs.join(", ")),
        }
    );
    out.push_str(&plan(&lesson.notes));
    for (index, figure) in lesson.figures.iter().enumerate() {
        out.push_str(&predicted(figure, index + 1));
    }
    let exit: Vec<&Asked> = lesson.questions.iter().filter(|asked| asked.exit).collect();
    let others: Vec<&Asked> = lesson.questions.iter().filter(|asked| !asked.exit).collect();
    out.push_str(&answers("Before you leave: the answers", &exit, beliefs));
    if let Some(tasks) = tasks {
        out.push_str(&key(tasks));
    }
    out.push_str(&exercises(lesson));
    out.push_str(&answers(
        "Check yourself: the other questions of the chapter",
        &others,
        beliefs,
    ));
    out
}

/// The notes, each with the minute at which it begins.
fn plan(notes: &[Noted]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let mut out = String::from("<section>\n<h2>The lesson</h2>\n");
    let mut begin = 0;
    for note in notes {
        let end = begin + note.minutes;
        out.push_str(&format!(
            "<section class=\"note\">\n<h3>{} <small>{begin} to {end} min</small></h3>\n<dl>\n",
            escape(&note.heading)
        ));
        let rows = [
            ("Ask", Some(&note.ask)),
            ("Show", note.show.as_ref()),
            ("Expect", Some(&note.expect)),
            ("Right", Some(&note.right)),
            ("If it fails", note.if_it_fails.as_ref()),
        ];
        for (term, what) in rows {
            if let Some(what) = what {
                out.push_str(&format!("<dt>{term}</dt><dd>{what}</dd>\n"));
            }
        }
        out.push_str("</dl>\n</section>\n");
        begin = end;
    }
    out.push_str("</section>\n");
    out
}

/// What a prediction is held against.
fn predicted(figure: &Figure, number: usize) -> String {
    let mut out = format!(
        "<section class=\"note\">\n<h2>Predict {number}: {}</h2>\n",
        text::title(&figure.title)
    );
    if let Some(asked) = &figure.predict {
        out.push_str(&format!("<div class=\"asked\">{asked}</div>\n"));
    }
    out.push_str(&format!(
        "<p>The figure behind it draws {} segments of <code>{}</code> ({}).</p>\n<ul class=\"notes\">\n",
        figure.ladder.segments(),
        escape(&figure.name),
        escape(&figure.made)
    ));
    for (about, says) in &figure.notes {
        let about = escape(about);
        out.push_str(&format!("<li><b class=\"about\">{about}</b> {says}</li>\n"));
    }
    out.push_str("</ul>\n</section>\n");
    out
}

fn answers(title: &str, questions: &[&Asked], beliefs: &BTreeMap<u32, String>) -> String {
    if questions.is_empty() {
        return String::new();
    }
    let mut out = format!("<section class=\"answers\">\n<h2>{title}</h2>\n<ol>\n");
    for asked in questions {
        out.push_str(&format!(
            "<li><div>{} <b class=\"key\">{} is right.</b></div>\n<ul>\n",
            asked.ask, asked.letter
        ));
        for (answer, letter) in asked.answers.iter().zip('a'..) {
            let verdict = if answer.right { "✓" } else { "✗" };
            let belief = answer.belief.map_or_else(String::new, |number| {
                let says = text::html(beliefs.get(&number).map_or("", String::as_str));
                format!(" <small>Belief M{number}: {}</small>", text::inline(&says))
            });
            out.push_str(&format!(
                "<li>{verdict} <b>{letter}</b> {} <em>{}</em>{belief}</li>\n",
                answer.says, answer.why
            ));
        }
        out.push_str("</ul></li>\n");
    }
    out.push_str("</ol>\n</section>\n");
    out
}

/// The lab sheet of the same seed, filled in.
fn key(tasks: &Tasks) -> String {
    let mut out = format!(
        "<section class=\"key\">\n<h2>Key to the lab sheet with seed {}</h2>\n<p>Hand the sheet out after the lesson: its tables answer some of the questions above.</p>\n<section class=\"note\">\n<h3>1 In which order? <small><code>{}</code></small></h3>\n\
         <p>From top to bottom: <b class=\"letters\">{}</b>. There is no other order. Of two lines of one side with the same seq the bare ACK comes first: \
         behind data or a FIN it would have a higher number.</p>\n{}</section>\n",
        tasks.seed,
        tasks.shuffled.name,
        tasks.letters(),
        table(
            "ordered",
            tasks.shuffled.rows.iter().zip(tasks.letters().split(' ')),
            &[]
        )
    );
    out.push_str(&format!(
        "<section class=\"note\">\n<h3>2 What belongs there? <small><code>{}</code></small></h3>\n{}</section>\n",
        tasks.holed.name,
        table("holed", tasks.holed.rows.iter().zip((1..).map(|number| number.to_string())), &tasks.holes)
    ));
    out.push_str(
        "<section class=\"note\">\n<h3>3 Run it, and write down</h3>\n<p>Bytes are the same on every Linux. Segments may be one more or one fewer: an acknowledgment that travels alone. Times \
         are those of the stored recording, and theirs will differ.</p>\n<table class=\"measured\"><tbody>\n",
    );
    for (words, value) in &tasks.measures {
        out.push_str(&format!("<tr><th>{words}</th><td>{}</td></tr>\n", escape(value)));
    }
    out.push_str("</tbody></table>\n</section>\n</section>\n");
    out
}

/// Segments with what stands in front of each; fields that the lab sheet leaves blank are framed.
fn table<'a>(
    class: &str,
    rows: impl Iterator<Item = (&'a Row, impl ToString)>,
    holes: &[(usize, Field)],
) -> String {
    let heads = FIELDS.map(|field| format!("<th>{field}</th>")).concat();
    let mut out =
        format!("<table class=\"{class}\"><thead><tr><th></th><th>from</th>{heads}</tr></thead><tbody>\n");
    for (index, (row, front)) in rows.enumerate() {
        let cells = FIELDS.map(|field| match holes.contains(&(index, field)) {
            true => format!("<td class=\"filled\">{}</td>", row.field(field)),
            false => format!("<td>{}</td>", row.field(field)),
        });
        out.push_str(&format!(
            "<tr><th>{}</th><td>{}</td>{}</tr>\n",
            front.to_string(),
            row.side,
            cells.concat()
        ));
    }
    out.push_str("</tbody></table>\n");
    out
}

fn exercises(lesson: &Lesson) -> String {
    let mut out = String::new();
    for task in &lesson.exercises {
        let place = if task.in_lab { "in the lab" } else { "at home" };
        out.push_str(&format!(
            "<li><b>{}</b> <small>({}, {place})</small> {}{}{}</li>\n",
            escape(&task.title),
            escape(&task.facts),
            task.task,
            match task.answer.is_empty() {
                true => String::new(),
                false => format!("<div class=\"asked\">{}</div>", task.answer),
            },
            match &task.command {
                Some(command) => format!("<div><code>{}</code></div>", escape(command)),
                None => String::new(),
            }
        ));
    }
    match out.is_empty() {
        true => out,
        false => format!("<section>\n<h2>Exercises</h2>\n<ul>\n{out}</ul>\n</section>\n"),
    }
}
