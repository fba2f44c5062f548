//! What no sentence says.

use figures::{
    check, exercise,
    page::{Page, Place},
    problem::Problem,
    recording::{self, Shown},
    teacher,
};

use crate::source::Source;

/// Checks that nothing is pointed at by the number of its line: lines move, and a reader counts badly.
pub fn check(source: &Source) -> Vec<Problem> {
    let page = source.page();
    let mut found: Vec<usize> = numbered_lines(&source.text)
        .filter(|at| page.place(*at) == Place::Prose)
        .map(|at| page.line(at))
        .collect();
    for fence in source.fences(recording::FENCE) {
        if let Ok(shown) = Shown::parse(&fence.body) {
            let notes = shown
                .notes
                .iter()
                .filter(|note| numbered_lines(&note.text).next().is_some());
            found.extend(notes.map(|note| fence.line + 1 + note.line));
        }
    }
    for kind in [check::FENCE, exercise::FENCE, teacher::FENCE] {
        for fence in source.fences(kind) {
            let body = Page::parse(&fence.body);
            found.extend(numbered_lines(&fence.body).map(|at| fence.line + body.line(at)));
        }
    }
    let problem = |line| source.problem(line, "lines move; say what the line does, or point at its mark");
    found.into_iter().map(problem).collect()
}

/// Where a text says `line 42` or `lines 3`.
fn numbered_lines(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("ine").filter_map(|(at, _)| {
        let start = at.checked_sub(1)?;
        let word = text.get(start..)?;
        if !word.starts_with(['l', 'L']) || text[..start].ends_with(char::is_alphanumeric) {
            return None;
        }
        let rest = &word[4..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let number = rest.trim_start();
        (number.len() < rest.len() && number.starts_with(|c: char| c.is_ascii_digit())).then_some(start)
    })
}

#[test]
fn a_line_called_by_its_number_is_told() {
    for (text, words) in [
        ("the line that accepts", None),
        ("online 24 hours a day, in two lines", None),
        ("`line 42` in code, and 5 lines", None),
        ("```text\nerror on line 42\n```", None),
        ("see line 42", Some("lines move")),
        ("Lines 3 to 5 do it", Some("lines move")),
        ("on line\n7", Some("lines move")),
    ] {
        crate::assert_told(&check(&Source::sample(text)), 1, words, text);
    }
    let note = "```recording\nshow = \"x\"\n[notes]\n\"client SYN\" = \"From line 7.\"\n```\n";
    crate::assert_told(&check(&Source::sample(note)), 4, Some("lines move"), note);
    let question = "```check\nname = \"x\"\nask = \"What does line 7 do?\"\n```\n";
    crate::assert_told(&check(&Source::sample(question)), 3, Some("lines move"), question);
}
