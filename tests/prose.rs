//! What must be true of the prose, and of the book that is built from it.
//!
//! Each check is a function of what it checks, tried on small samples where it stands; the tests here hold the book to
//! it. A failure names file, line and what to do.

#[path = "prose/beliefs.rs"]
mod beliefs;
#[path = "prose/crates.rs"]
mod crates;
#[path = "prose/exercises.rs"]
mod exercises;
#[path = "prose/fences.rs"]
mod fences;
#[path = "prose/includes.rs"]
mod includes;
#[path = "prose/names.rs"]
mod names;
#[path = "prose/site.rs"]
mod site;
#[path = "prose/source.rs"]
mod source;
#[path = "prose/words.rs"]
mod words;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::LazyLock,
};

use book_tests::root;
use crates::Crate;
use figures::{
    forms::Forms,
    page::Page,
    problem::{Problem, Problems},
};
use site::Site;
use source::Source;
use stage::catalogue::Catalogue;

static PAGES: LazyLock<Vec<Source>> = LazyLock::new(|| Source::all(root()));
static CRATES: LazyLock<Vec<Crate>> = LazyLock::new(|| crates::all(root()));
static CATALOGUE: LazyLock<Result<Catalogue, String>> =
    LazyLock::new(|| Catalogue::open(root()).map_err(|error| error.to_string()));
/// Built once, for every test that looks at it.
static SITE: LazyLock<Result<Site, String>> = LazyLock::new(|| Site::build(root()));

#[test]
fn every_include_finds_its_file_and_its_anchor() {
    let read = |path: &str| fs::read_to_string(root().join(path)).ok();
    hold(PAGES.iter().flat_map(|page| includes::check(page, read)));
}

#[test]
fn every_fence_is_tagged_and_holds_what_its_tag_says() {
    hold(PAGES.iter().flat_map(fences::check));
}

#[test]
fn nothing_is_pointed_at_by_the_number_of_its_line() {
    hold(PAGES.iter().flat_map(words::check));
}

#[test]
fn every_chapter_has_its_crate_and_every_crate_its_chapter() {
    hold(crates::pairs(&PAGES, &CRATES));
}

#[test]
fn every_chapter_has_its_four_programs_or_says_why_not() {
    hold(crates::programs(&CRATES));
}

#[test]
fn every_binary_has_a_name_of_its_own() {
    hold(crates::unique(&CRATES));
}

#[test]
fn every_program_of_a_listing_is_shown_or_run_in_its_chapter() {
    hold(crates::used(&PAGES, &CRATES, catalogue()));
}

#[test]
fn every_scenario_named_is_there_and_every_scenario_is_named_in_its_chapter() {
    hold(names::check(&PAGES, catalogue()));
}

#[test]
fn the_table_of_contents_lists_every_page() {
    hold(crates::summary(&PAGES));
}

#[test]
fn every_belief_is_settled_in_its_own_chapter_and_in_no_other() {
    let text = fs::read_to_string(root().join("beliefs.toml")).expect("beliefs.toml can be read");
    let beliefs = match beliefs::read(&text) {
        Ok(beliefs) => beliefs,
        Err(problems) => return hold(problems),
    };
    hold(beliefs::check(&PAGES, &beliefs));
    // Past the harness, which keeps what a passing test prints.
    for line in beliefs::open(&PAGES, &beliefs) {
        writeln!(io::stderr(), "{line}").ok();
    }
}

#[test]
fn every_chapter_has_its_notes_its_questions_and_its_exercises() {
    hold(exercises::lesson(&PAGES));
}

#[test]
fn every_exercise_has_its_cases_its_solution_and_its_place_on_the_page() {
    let mut files = BTreeSet::new();
    for listing in fs::read_dir(root().join("listings"))
        .expect("the listings can be listed")
        .flatten()
    {
        for folder in ["exercises", "solutions"] {
            for file in fs::read_dir(listing.path().join(folder))
                .into_iter()
                .flatten()
                .flatten()
            {
                let names = [listing.file_name(), folder.into(), file.file_name()];
                let names = names.map(|name| name.to_string_lossy().into_owned());
                files.insert(format!("listings/{}", names.join("/")));
            }
        }
    }
    hold(exercises::whole(&PAGES, &CRATES, &files));
}

#[test]
fn every_form_that_contributing_explains_is_one() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md can be read");
    let page = Page::parse(&text);
    let mut problems = Vec::new();
    let mut kinds = BTreeSet::new();
    for shown in page.fences.iter().filter(|fence| fence.kind() == "markdown") {
        let example = Page::parse(&shown.body);
        kinds.extend(example.fences.iter().map(|fence| fence.kind().to_owned()));
        for (line, message) in Forms::of(&example).err().unwrap_or_default() {
            problems.push(Problem {
                file: "CONTRIBUTING.md".into(),
                line: shown.line + line,
                message,
            });
        }
    }
    for shown in page
        .fences
        .iter()
        .filter(|fence| fence.body.contains("as-shipped"))
    {
        if let Err((line, message)) = exercise::cases::Cases::parse(&shown.body) {
            problems.push(Problem {
                file: "CONTRIBUTING.md".into(),
                line: shown.line + line,
                message,
            });
        }
    }
    hold(problems);
    for form in figures::make::FORMS {
        assert!(kinds.contains(form), "CONTRIBUTING.md has no example of `{form}`");
    }
}

#[test]
fn every_link_of_the_built_book_leads_somewhere() {
    hold(site::located(&PAGES, site::links(site())));
}

#[test]
fn every_id_of_the_built_book_stands_once_on_its_page() {
    hold(site::located(&PAGES, site::doubles(site())));
}

#[test]
fn nothing_in_the_built_book_is_loaded_from_the_network() {
    hold(site::located(&PAGES, site::loads(site())));
}

#[test]
fn no_fence_or_directive_of_ours_is_left_in_the_built_book() {
    hold(site::located(&PAGES, site::leftovers(site())));
}

#[test]
fn every_heading_that_another_page_links_to_has_an_id_of_its_own() {
    hold(site::headings(&PAGES));
}

#[test]
fn every_word_of_the_glossary_is_introduced_by_a_chapter() {
    hold(site::glossary(&PAGES));
}

fn catalogue() -> &'static Catalogue {
    CATALOGUE.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

fn site() -> &'static Site {
    SITE.as_ref()
        .unwrap_or_else(|error| panic!("the book cannot be built:\n{error}"))
}

/// Fails with everything that is wrong.
#[track_caller]
fn hold(problems: impl IntoIterator<Item = Problem>) {
    let problems: Vec<Problem> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", Problems(problems));
}

/// The small workspace that the preprocessor's own tests use.
fn sample_workspace() -> PathBuf {
    root().join("tools/figures/tests/workspace")
}

/// Holds a check to what it must say of a sample: nothing, or something with these words on this line.
#[track_caller]
fn assert_told(problems: &[Problem], line: usize, words: Option<&str>, sample: &str) {
    match words {
        None => assert_eq!(problems, [], "{sample}"),
        Some(words) => {
            let told = problems
                .iter()
                .any(|problem| problem.line == line && problem.message.contains(words));
            assert!(told, "line {line}, {words}: {sample}: {problems:#?}");
        }
    }
}
