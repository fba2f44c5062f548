//! Exercises belong to their chapter: each is told on its page, has its cases and its solution, and both programs are binaries of the
//! crate. And every chapter has what a lesson is made of.

use std::collections::BTreeSet;

use figures::{
    forms::Forms,
    problem::{Problem, choices},
};

use crate::{crates::Crate, source::Source};

/// How many exercises a chapter has.
const EXERCISES: std::ops::RangeInclusive<usize> = 2..=4;

/// Every chapter has the teacher's notes, its questions, and two to four exercises.
pub fn lesson(pages: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| page.is_chapter()) {
        // What cannot be read keeps the book from being built, and is told there.
        let Ok(forms) = Forms::of(&page.page()) else {
            continue;
        };
        let mut tell = |message: &str| problems.push(page.problem(1, message));
        if forms.notes.is_none() {
            tell("the chapter has no teacher's notes; give it a ```teacher fence below its declaration");
        }
        if forms.questions.is_empty() {
            tell("the chapter asks nothing; give it ```check fences under *Check yourself*");
        }
        if !EXERCISES.contains(&forms.exercises.len()) {
            tell(&format!(
                "a chapter has two to four exercises, this one has {}; each is an ```exercise fence",
                forms.exercises.len()
            ));
        }
    }
    problems
}

/// Every exercise that stands in a listing is whole, and told on its chapter's page. `files` are the files of all listings.
pub fn whole(pages: &[Source], crates: &[Crate], files: &BTreeSet<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let places = files.iter().filter_map(|file| {
        let (listing, rest) = file.strip_prefix("listings/")?.split_once('/')?;
        let (folder, name) = rest.split_once('/')?;
        let name = name.strip_suffix(".rs").or_else(|| name.strip_suffix(".toml"))?;
        ["exercises", "solutions"]
            .contains(&folder)
            .then_some((listing, name))
    });
    for (listing, name) in places.collect::<BTreeSet<_>>() {
        let folder = format!("listings/{listing}");
        let mut tell = |file: String, message: String| {
            problems.push(Problem {
                file,
                line: 1,
                message,
            })
        };
        let own = format!("{folder}/exercises/{name}.rs");
        for (file, what) in [
            (own.clone(), "the program as it is shipped"),
            (format!("{folder}/exercises/{name}.toml"), "its cases"),
            (format!("{folder}/solutions/{name}.rs"), "its solution"),
        ] {
            if !files.contains(&file) {
                tell(
                    own.clone(),
                    format!("`{file}` is missing, {what}; write it, or remove what belongs to it"),
                );
            }
        }
        let slug = listing.split_once('-').map_or(listing, |(_, slug)| slug);
        let manifest = format!("{folder}/Cargo.toml");
        let krate = crates.iter().find(|krate| krate.manifest == manifest);
        for binary in [
            format!("{slug}-exercise-{name}"),
            format!("{slug}-solution-{name}"),
        ] {
            if krate.is_some_and(|krate| !krate.behind_features.contains(&binary)) {
                tell(
                    manifest.clone(),
                    format!(
                        "`{binary}` is no binary behind the feature `exercises`; add its `[[bin]]` with `required-features`"
                    ),
                );
            }
        }
        let Some(page) = pages.iter().find(|page| page.stem() == listing) else {
            continue;
        };
        let forms = Forms::of(&page.page()).unwrap_or_default();
        let told: Vec<&str> = forms
            .exercises
            .iter()
            .map(|(_, exercise)| exercise.name.as_str())
            .collect();
        if !told.contains(&name) {
            problems.push(page.problem(
                1,
                format!(
                    "the page does not tell the exercise `{name}`; it tells {}",
                    choices(told, "none")
                ),
            ));
        }
    }
    problems
}

#[cfg(test)]
fn fence(name: &str) -> String {
    format!(
        "```exercise\nname = \"{name}\"\ntitle = \"T\"\ntype = \"modify\"\nminutes = 1\ndifficulty = 1\nplace = \"lab\"\ndo = \"d\"\n```\n"
    )
}

#[test]
fn a_chapter_that_lacks_a_part_of_its_lesson_is_told() {
    let notes = "```teacher\nnote = []\n```\n";
    let question = "```check\nname = \"a\"\nask = \"?\"\n[[answer]]\nsays = \"x\"\nbelief = 1\nwhy = \"y\"\n[[answer]]\nsays = \"x\"\nright = true\nwhy = \"y\"\n```\n";
    let two = [fence("a"), fence("b")].concat();
    for (text, words) in [
        (format!("{notes}{question}{two}"), None),
        (format!("{question}{two}"), Some("no teacher's notes")),
        (format!("{notes}{two}"), Some("asks nothing")),
        (format!("{notes}{question}{}", fence("a")), Some("this one has 1")),
    ] {
        crate::assert_told(&lesson(&[Source::sample(&text)]), 1, words, &text);
    }
}

#[test]
fn an_exercise_that_is_not_whole_is_told() {
    let page = [Source::sample(&fence("a"))];
    let krate = |binaries: &[&str]| {
        [Crate {
            manifest: "listings/ch01-echo/Cargo.toml".into(),
            behind_features: binaries.iter().map(|&name| name.to_owned()).collect(),
            ..Crate::default()
        }]
    };
    let both = krate(&["echo-exercise-a", "echo-solution-a"]);
    let files = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("listings/ch01-echo/{name}"))
            .collect::<BTreeSet<_>>()
    };
    let all = files(&[
        "exercises/a.rs",
        "exercises/a.toml",
        "solutions/a.rs",
        "src/bin/x.rs",
    ]);
    assert_eq!(whole(&page, &both, &all), []);
    for missing in ["exercises/a.rs", "exercises/a.toml", "solutions/a.rs"] {
        let mut some = all.clone();
        some.remove(&format!("listings/ch01-echo/{missing}"));
        crate::assert_told(&whole(&page, &both, &some), 1, Some("is missing"), missing);
    }
    let one = krate(&["echo-exercise-a"]);
    crate::assert_told(
        &whole(&page, &one, &all),
        1,
        Some("`echo-solution-a` is no binary"),
        "binary",
    );
    let silent = [Source::sample(&fence("b"))];
    crate::assert_told(
        &whole(&silent, &both, &all),
        1,
        Some("does not tell the exercise `a`; it tells `b`"),
        "page",
    );
}
