//! The scenarios and recordings that a page names.

use figures::{
    directive::{Directive, Name, directives},
    problem::Problem,
    recording::{self, Shown},
};
use stage::catalogue::{Catalogue, slug};

use crate::source::Source;

/// The verbs of `cargo book` that take the name of a scenario.
const VERBS: &[&str] = &["record", "run", "show", "verify"];

/// Every scenario named on a page, with its line: in recording fences, in directives, in commands.
pub fn of(source: &Source) -> Vec<(usize, String)> {
    let page = source.page();
    let mut names = Vec::new();
    let directive = |directive: &Directive| match directive.name {
        // A stored result is no scenario.
        Name::Number if directive.argument.starts_with("result ") => None,
        Name::Number | Name::Output => directive.argument.split(' ').next().map(str::to_owned),
        Name::Answers | Name::Chapter | Name::Chart | Name::Minutes | Name::Notes | Name::Prices => None,
    };
    for found in directives(&source.text).flatten() {
        names.extend(directive(&found).map(|name| (page.line(found.range.start), name)));
    }
    for fence in &page.fences {
        if fence.kind() == recording::FENCE
            && let Ok(shown) = Shown::parse(&fence.body)
        {
            names.push((fence.line + 1 + shown.line, shown.show));
        }
        if fence.kind() == "console" {
            for (index, line) in fence.body.lines().enumerate() {
                let words: Vec<&str> = line.split_whitespace().collect();
                if let ["$", "cargo", "book", verb, rest @ ..] = words.as_slice()
                    && VERBS.contains(verb)
                {
                    let name = rest.iter().find(|word| word.contains('/'));
                    names.extend(name.map(|name| (fence.line + 1 + index, (*name).to_owned())));
                }
            }
        }
    }
    names.sort();
    names
}

/// Checks that every scenario a page names is there, and that every scenario of a chapter is named on its page.
pub fn check(pages: &[Source], catalogue: &Catalogue) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages {
        let named = of(page);
        for (line, name) in &named {
            if let Err(unknown) = catalogue.one(name) {
                problems.push(page.problem(*line, unknown.to_string()));
            }
        }
        let Some(slug) = slug(page.stem()) else {
            continue;
        };
        let mut own: Vec<&str> = catalogue
            .entries()
            .map(|entry| entry.scenario.name.as_str())
            .collect();
        own.dedup();
        for scenario in own
            .into_iter()
            .filter(|name| name.split('/').next() == Some(slug))
        {
            if !named
                .iter()
                .any(|(_, name)| name.split('.').next() == Some(scenario))
            {
                problems.push(page.problem(
                    1,
                    format!("`{scenario}` is recorded and never spoken of; show it, or remove the scenario and its recordings"),
                ));
            }
        }
    }
    problems
}

#[test]
fn a_page_names_its_scenarios_in_fences_directives_and_commands() {
    let page = Source::sample(
        "{{#number a/b segments}}{{#number result x/y z}}\n\n```console\n$ cargo book run --open c/d.async\n$ cargo book serve\n$ ls e/f\n```\n\n\
         ```recording\n\nshow = \"g/h\"\n[notes]\n\"client SYN\" = \"{{#output i/j x}}\"\n```\n",
    );
    let named = of(&page);
    let named: Vec<(usize, &str)> = named.iter().map(|(line, name)| (*line, name.as_str())).collect();
    assert_eq!(named, [(1, "a/b"), (4, "c/d.async"), (11, "g/h"), (13, "i/j")]);
}

#[test]
fn a_name_that_is_none_and_a_scenario_that_nobody_names_are_told() {
    let catalogue = Catalogue::open(&crate::sample_workspace()).expect("the sample is sound");
    for (text, words) in [
        ("{{#number echo/one-echo segments}}", None),
        ("```console\n$ cargo book show echo/one-echo.async\n```", None),
        ("nothing", Some("`echo/one-echo` is recorded and never spoken of")),
    ] {
        crate::assert_told(&check(&[Source::sample(text)], &catalogue), 1, words, text);
    }
    let wrong = Source::sample(
        "{{#number echo/one-echo segments}}\n```console\n$ cargo book show echo/two-echo\n```",
    );
    crate::assert_told(
        &check(&[wrong], &catalogue),
        3,
        Some("no scenario is called `echo/two-echo`"),
        "unknown",
    );
}
