//! The beliefs that the book answers: each settled in the chapter that `beliefs.toml` names and in no other.

use std::collections::BTreeMap;

use figures::{
    chapter::Label,
    declaration::{self, Declaration},
    problem::Problem,
};
use serde::Deserialize;

use crate::source::Source;

const FILE: &str = "beliefs.toml";

/// A belief, as `beliefs.toml` holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belief {
    number: u32,
    belief: String,
    answer: String,
    authority: String,
    /// The chapter that settles it, by its file's name.
    chapter: String,
    /// Whether somebody has opened the authority.
    #[serde(default = "yes")]
    verified: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    belief: Vec<Belief>,
}

/// Reads `beliefs.toml`: numbered from 1 without a gap, nothing empty, every chapter a chapter's name.
pub fn read(text: &str) -> Result<Vec<Belief>, Vec<Problem>> {
    let beliefs = match toml::from_str::<File>(text) {
        Ok(file) => file.belief,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return Err(vec![problem(
                text[..at].matches('\n').count() + 1,
                error.message().to_owned(),
            )]);
        }
    };
    // The n-th entry begins on the line of the n-th header.
    let headers = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim() == "[[belief]]");
    let mut problems = Vec::new();
    for ((index, belief), (line, _)) in beliefs.iter().enumerate().zip(headers) {
        let mut tell = |message: String| problems.push(problem(line + 1, message));
        if belief.number as usize != index + 1 {
            tell(format!(
                "this entry is the {}th and is numbered {}; numbers stand in order, without a gap",
                index + 1,
                belief.number
            ));
        }
        let fields = [
            ("belief", &belief.belief),
            ("answer", &belief.answer),
            ("authority", &belief.authority),
        ];
        for (name, _) in fields.iter().filter(|(_, text)| text.trim().is_empty()) {
            tell(format!("belief {} has an empty `{name}`", belief.number));
        }
        if !matches!(Label::of(&belief.chapter), Some(Label::Chapter(_))) {
            tell(format!(
                "`{}` names no chapter; write its file's name, `ch09-close`",
                belief.chapter
            ));
        }
    }
    if problems.is_empty() {
        Ok(beliefs)
    } else {
        Err(problems)
    }
}

/// Checks that every chapter declares itself, and settles and meets what it may.
pub fn check(pages: &[Source], beliefs: &[Belief]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let owner: BTreeMap<u32, &str> = beliefs
        .iter()
        .map(|belief| (belief.number, belief.chapter.as_str()))
        .collect();
    for page in pages.iter().filter(|page| page.is_chapter()) {
        let Some(fence) = page.fences(declaration::FENCE).into_iter().next() else {
            problems.push(page.problem(
                1,
                "the chapter declares nothing; give it a ```declaration fence at its top",
            ));
            continue;
        };
        let mut tell = |message: String| problems.push(page.problem(fence.line, message));
        let Ok(declared) = Declaration::parse(&fence.body) else {
            tell("the declaration cannot be read; `cargo book build` says why".into());
            continue;
        };
        for number in &declared.settles {
            match owner.get(number) {
                None => tell(format!(
                    "there is no belief {number}; {FILE} has 1 to {}",
                    beliefs.len()
                )),
                Some(chapter) if *chapter != page.stem() => {
                    tell(format!(
                        "belief {number} is settled in `{chapter}`; meet it here, or change {FILE}"
                    ));
                }
                Some(_) => {}
            }
        }
        for number in &declared.meets {
            match owner.get(number) {
                None => tell(format!(
                    "there is no belief {number}; {FILE} has 1 to {}",
                    beliefs.len()
                )),
                Some(chapter) if *chapter == page.stem() => {
                    tell(format!(
                        "belief {number} belongs to this chapter; settle it here, or change {FILE}"
                    ));
                }
                Some(_) => {}
            }
        }
        for belief in beliefs.iter().filter(|belief| belief.chapter == page.stem()) {
            if !declared.settles.contains(&belief.number) {
                tell(format!(
                    "belief {} is to be settled here and is not declared: {}",
                    belief.number, belief.belief
                ));
            }
        }
    }
    problems
}

/// What is not settled yet, in lines for the author: beliefs of chapters still to be written, and those that nobody has
/// looked up.
pub fn open(pages: &[Source], beliefs: &[Belief]) -> Vec<String> {
    let mut waiting: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for belief in beliefs {
        if !pages.iter().any(|page| page.stem() == belief.chapter) {
            waiting
                .entry(&belief.chapter)
                .or_default()
                .push(belief.number.to_string());
        }
    }
    let count: usize = waiting.values().map(Vec::len).sum();
    let mut lines = Vec::new();
    if count > 0 {
        lines.push(format!(
            "{count} of {} beliefs wait for chapters still to be written:",
            beliefs.len()
        ));
        lines.extend(
            waiting
                .iter()
                .map(|(chapter, numbers)| format!("  {chapter}: {}", numbers.join(", "))),
        );
    }
    let unverified: Vec<String> = beliefs
        .iter()
        .filter(|belief| !belief.verified)
        .map(|belief| belief.number.to_string())
        .collect();
    if !unverified.is_empty() {
        lines.push(format!(
            "to be looked up before they are printed: {}",
            unverified.join(", ")
        ));
    }
    lines
}

fn problem(line: usize, message: String) -> Problem {
    Problem {
        file: FILE.into(),
        line,
        message,
    }
}

#[cfg(test)]
fn entry(number: u32, chapter: &str) -> String {
    format!(
        "[[belief]]\nnumber = {number}\nbelief = \"b\"\nanswer = \"a\"\nauthority = \"x(2)\"\nchapter = \"{chapter}\"\n"
    )
}

#[test]
fn a_list_of_beliefs_that_is_wrong_is_told() {
    for (text, line, words) in [
        (entry(1, "ch01-echo"), 0, None),
        (entry(2, "ch01-echo"), 1, Some("in order")),
        (
            format!("# c\n{}{}", entry(1, "ch01-echo"), entry(1, "ch01-echo")),
            8,
            Some("in order"),
        ),
        (entry(1, "chapter 1"), 1, Some("names no chapter")),
        (
            entry(1, "ch01-echo").replace("\"a\"", "\" \""),
            1,
            Some("an empty `answer`"),
        ),
        (
            entry(1, "ch01-echo").replace("answer", "anwser"),
            4,
            Some("unknown field `anwser`"),
        ),
    ] {
        let problems = read(&text).err().unwrap_or_default();
        crate::assert_told(&problems, line, words, &text);
    }
}

#[test]
fn a_belief_settled_elsewhere_twice_or_not_at_all_is_told() {
    let beliefs = read(&format!("{}{}", entry(1, "ch01-echo"), entry(2, "ch02-capture"))).expect("sound");
    let declared = |rest: &str| {
        format!(
            "# T\n\n```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = {{ teach = 1, lab = 1, home = 1 }}\n{rest}\n```\n"
        )
    };
    for (rest, words) in [
        ("settles = [1]\nmeets = [2]", None),
        ("settles = [1, 2]", Some("belief 2 is settled in `ch02-capture`")),
        ("settles = [1, 3]", Some("there is no belief 3")),
        ("settles = [1]\nmeets = [3]", Some("there is no belief 3")),
        ("", Some("belief 1 is to be settled here")),
        ("meets = [1]", Some("belief 1 belongs to this chapter")),
        ("settles = 1", Some("cannot be read")),
    ] {
        let page = Source::sample(&declared(rest));
        crate::assert_told(&check(&[page], &beliefs), 3, words, rest);
    }
    crate::assert_told(
        &check(&[Source::sample("# T\n")], &beliefs),
        1,
        Some("declares nothing"),
        "no declaration",
    );
}

#[test]
fn what_waits_for_its_chapter_is_listed_and_fails_nothing() {
    let text = format!(
        "{}{}{}verified = false\n",
        entry(1, "ch01-echo"),
        entry(2, "ch02-capture"),
        entry(3, "ch02-capture")
    );
    let beliefs = read(&text).expect("sound");
    assert_eq!(
        open(&[Source::sample("")], &beliefs),
        [
            "2 of 3 beliefs wait for chapters still to be written:",
            "  ch02-capture: 2, 3",
            "to be looked up before they are printed: 3"
        ]
    );
}
