//! Chapters and crates belong together: one of each, with the programs that every chapter has, and all of them used.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use figures::{
    excerpt::includes,
    problem::{Problem, choices},
};
use serde::Deserialize;
use stage::catalogue::{Catalogue, slug};

use crate::{names, source::Source};

/// A crate of the workspace, by what cargo says of it.
#[derive(Clone, Debug, Default)]
pub struct Crate {
    /// Its manifest, in the workspace: `listings/ch01-echo/Cargo.toml`.
    pub manifest: String,
    /// Its binaries; those behind a feature (exercises and solutions) are in `behind_features`.
    pub binaries: BTreeSet<String>,
    /// Its binaries that a feature must be switched on for.
    pub behind_features: BTreeSet<String>,
    /// Its programs in Go: the folders below `cmd`.
    pub in_go: BTreeSet<String>,
    /// The programs it goes without, each with the reason: `[package.metadata.book.without]`.
    pub without: BTreeMap<String, String>,
}

impl Crate {
    /// `ch01-echo` of a listing, `appendix-e-go` of an appendix's; nothing for other crates.
    fn chapter(&self) -> Option<&str> {
        self.manifest
            .strip_prefix("listings/")?
            .strip_suffix("/Cargo.toml")
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            file: self.manifest.clone(),
            line: 1,
            message: message.into(),
        }
    }
}

/// The crates of the workspace.
pub fn all(root: &Path) -> Vec<Crate> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        manifest_path: String,
        metadata: Option<serde_json::Value>,
        targets: Vec<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
        #[serde(default, rename = "required-features")]
        required_features: Vec<String>,
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    assert!(
        said.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&said.stdout).expect("cargo describes the workspace");
    let prefix = format!("{}/", root.display());
    let mut in_go: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, folder) in stage::go::programs(root) {
        let listing = folder.ancestors().nth(2).unwrap_or(root);
        let manifest = listing
            .join("Cargo.toml")
            .to_string_lossy()
            .replace('\\', "/")
            .replace(&prefix, "");
        in_go.entry(manifest).or_default().insert(name);
    }
    metadata
        .packages
        .into_iter()
        .map(|package| {
            let without = package
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.pointer("/book/without"));
            let (behind, plain): (Vec<Target>, Vec<Target>) = package
                .targets
                .into_iter()
                .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
                .partition(|target| !target.required_features.is_empty());
            let names = |targets: Vec<Target>| targets.into_iter().map(|target| target.name).collect();
            let manifest = package.manifest_path.replace('\\', "/").replace(&prefix, "");
            Crate {
                in_go: in_go.remove(&manifest).unwrap_or_default(),
                manifest,
                binaries: names(plain),
                behind_features: names(behind),
                without: without.map_or_else(BTreeMap::new, |without| {
                    serde_json::from_value(without.clone())
                        .expect("[package.metadata.book.without] is NAME = \"reason\"")
                }),
            }
        })
        .collect()
}

/// Every chapter has its crate and every listing its chapter, or its appendix.
pub fn pairs(pages: &[Source], crates: &[Crate]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| page.is_chapter()) {
        let stem = page.stem();
        if !crates.iter().any(|krate| krate.chapter() == Some(stem)) {
            problems.push(page.problem(
                1,
                format!("the chapter has no crate; make `listings/{stem}/Cargo.toml`"),
            ));
        }
    }
    for krate in crates {
        if let Some(chapter) = krate.chapter()
            && !pages
                .iter()
                .any(|page| page.stem() == chapter && slug(chapter).is_some())
        {
            problems.push(krate.problem(format!("the crate has no chapter; write `src/{chapter}.md`")));
        }
    }
    problems
}

/// Every chapter's listing has the four programs that every chapter has, or says why not. An appendix has what it needs.
pub fn programs(crates: &[Crate]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for krate in crates {
        let Some(slug) = krate
            .chapter()
            .filter(|chapter| chapter.starts_with("ch"))
            .and_then(slug)
        else {
            continue;
        };
        let four = [
            "blocking-server",
            "blocking-client",
            "async-server",
            "async-client",
        ]
        .map(|kind| format!("{slug}-{kind}"));
        for name in &four {
            let reason = krate.without.get(name);
            match (krate.binaries.contains(name), reason) {
                (true, None) => {}
                (false, Some(reason)) if !reason.trim().is_empty() => {}
                (true, Some(_)) => problems.push(krate.problem(format!("`{name}` is there; take it out of [package.metadata.book.without]"))),
                (false, _) => problems.push(krate.problem(format!(
                    "`{name}` is missing; write `src/bin/{name}.rs`, or `{name} = \"REASON\"` in [package.metadata.book.without]"
                ))),
            }
        }
        for name in krate.without.keys().filter(|name| !four.contains(name)) {
            let message = format!(
                "[package.metadata.book.without] speaks of {}, not of `{name}`",
                choices(&four, "")
            );
            problems.push(krate.problem(message));
        }
    }
    problems
}

/// No two binaries of the workspace have one name, so that `cargo run --bin NAME` needs nothing more.
pub fn unique(crates: &[Crate]) -> Vec<Problem> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for krate in crates {
        let all = krate.binaries.iter().chain(&krate.behind_features);
        for name in all.chain(&krate.in_go) {
            if let Some(other) = first.insert(name, &krate.manifest) {
                problems.push(krate.problem(format!(
                    "`{name}` is a binary of {other} too; rename one of the two"
                )));
            }
        }
    }
    problems
}

/// Every binary of a listing, in Go too, is shown in its chapter, or run there: by its name in a console block, or by a scenario that
/// the page names.
pub fn used(pages: &[Source], crates: &[Crate], catalogue: &Catalogue) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages {
        let Some(krate) = crates.iter().find(|krate| krate.chapter() == Some(page.stem())) else {
            continue;
        };
        let mut used: BTreeSet<String> = BTreeSet::new();
        for fence in &page.page().fences {
            for include in includes(fence).unwrap_or_default() {
                let behind = ["/src/bin/", "/cmd/"]
                    .iter()
                    .find_map(|folder| Some(include.path.split_once(folder)?.1));
                let name = behind.and_then(|rest| rest.split(['/', '.']).next());
                used.extend(name.map(str::to_owned));
            }
            if fence.kind() == "console" {
                used.extend(fence.body.split_whitespace().map(str::to_owned));
            }
        }
        for (_, name) in names::of(page) {
            if let Ok(entry) = catalogue.one(&name) {
                used.extend(
                    entry
                        .variant
                        .act
                        .programs
                        .iter()
                        .map(|program| program.binary().to_owned()),
                );
            }
        }
        for name in krate
            .binaries
            .union(&krate.in_go)
            .filter(|name| !used.contains(*name))
        {
            problems.push(page.problem(
                1,
                format!("`{name}` is neither shown nor run here; include a part of it, run it in a console block, or name a scenario that does"),
            ));
        }
    }
    problems
}

/// SUMMARY.md lists every page, and no page that is not there.
pub fn summary(pages: &[Source]) -> Vec<Problem> {
    let Some(summary) = pages.iter().find(|page| page.stem() == "SUMMARY") else {
        return vec![Problem {
            file: "src/SUMMARY.md".into(),
            line: 1,
            message: "there is no table of contents; write it".into(),
        }];
    };
    let links = summary.page().links;
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| page.stem() != "SUMMARY") {
        match links.iter().filter(|link| link.target == page.below()).count() {
            1 => {}
            0 => problems.push(summary.problem(
                1,
                format!("`{}` is not listed; nobody would find it", page.below()),
            )),
            _ => problems.push(summary.problem(1, format!("`{}` is listed more than once", page.below()))),
        }
    }
    for link in &links {
        if !pages.iter().any(|page| page.below() == link.target) {
            problems.push(summary.problem(link.line, format!("there is no page `{}`", link.target)));
        }
    }
    problems
}

#[cfg(test)]
fn sample(manifest: &str, binaries: &[&str]) -> Crate {
    Crate {
        manifest: manifest.into(),
        binaries: binaries.iter().map(|&name| name.to_owned()).collect(),
        ..Crate::default()
    }
}

#[test]
fn a_chapter_without_crate_and_a_crate_without_chapter_are_told() {
    let pages = [Source::sample("")];
    let listing = |name: &str| sample(&format!("listings/{name}/Cargo.toml"), &[]);
    let tool = sample("tools/wire/Cargo.toml", &[]);
    assert_eq!(pairs(&pages, &[listing("ch01-echo"), tool.clone()]), []);
    crate::assert_told(&pairs(&pages, &[tool]), 1, Some("has no crate"), "chapter");
    let two = [listing("ch01-echo"), listing("ch02-capture")];
    crate::assert_told(&pairs(&pages, &two), 1, Some("has no chapter"), "crate");
}

#[test]
fn a_missing_program_is_told_unless_its_reason_is_declared() {
    let manifest = "listings/ch01-echo/Cargo.toml";
    let four = [
        "echo-blocking-server",
        "echo-blocking-client",
        "echo-async-server",
        "echo-async-client",
    ];
    assert_eq!(
        programs(&[
            sample(manifest, &four),
            sample("tools/book/Cargo.toml", &["book"])
        ]),
        []
    );
    let mut three = sample(manifest, &four[..3]);
    crate::assert_told(
        &programs(&[three.clone()]),
        1,
        Some("`echo-async-client` is missing"),
        "missing",
    );
    three.without.insert("echo-async-client".into(), " ".into());
    crate::assert_told(&programs(&[three.clone()]), 1, Some("is missing"), "no reason");
    three
        .without
        .insert("echo-async-client".into(), "nothing waits".into());
    assert_eq!(programs(&[three.clone()]), []);
    three.without.insert("echo-sniffer".into(), "why".into());
    crate::assert_told(
        &programs(&[three]),
        1,
        Some("not of `echo-sniffer`"),
        "not of the four",
    );
    let mut all = sample(manifest, &four);
    all.without
        .insert("echo-async-client".into(), "nothing waits".into());
    crate::assert_told(&programs(&[all]), 1, Some("is there"), "there after all");
}

#[test]
fn a_name_that_two_binaries_have_is_told() {
    let crates = [
        sample("listings/a/Cargo.toml", &["echo"]),
        sample("tools/b/Cargo.toml", &["echo"]),
    ];
    crate::assert_told(
        &unique(&crates),
        1,
        Some("a binary of listings/a/Cargo.toml too"),
        "twice",
    );
    assert_eq!(unique(&crates[..1]), []);
}

#[test]
fn a_binary_that_its_chapter_never_mentions_is_told() {
    let catalogue = Catalogue::open(&crate::sample_workspace()).expect("the sample is sound");
    let krate = [sample("listings/ch01-echo/Cargo.toml", &["echo-async-client"])];
    for (text, words) in [
        (
            "```rust\n{{#include ../listings/ch01-echo/src/bin/echo-async-client.rs:x}}\n```",
            None,
        ),
        ("```console\n$ cargo run --bin echo-async-client\n```", None),
        (
            "```console\n$ cargo book run echo/one-echo.async-blocking\n```",
            None,
        ),
        ("```recording\nshow = \"echo/one-echo.async\"\n```", None),
        ("{{#number echo/one-echo.async segments}}", None),
        (
            "echo-async-client is only spoken of",
            Some("neither shown nor run"),
        ),
        (
            "```console\n$ cargo book run echo/one-echo\n```",
            Some("neither shown nor run"),
        ),
    ] {
        crate::assert_told(&used(&[Source::sample(text)], &krate, &catalogue), 1, words, text);
    }
}

#[test]
fn a_page_that_the_table_of_contents_does_not_list_is_told() {
    let summary_of = |text: &str| Source {
        file: "src/SUMMARY.md".into(),
        text: text.into(),
    };
    for (text, words) in [
        ("- [Echo](ch01-echo.md)\n", None),
        ("# Summary\n", Some("`ch01-echo.md` is not listed")),
        (
            "- [Echo](ch01-echo.md)\n- [Echo](ch01-echo.md)\n",
            Some("more than once"),
        ),
        (
            "- [Echo](ch01-echo.md) [x](ch02-capture.md)\n",
            Some("there is no page `ch02-capture.md`"),
        ),
    ] {
        crate::assert_told(&summary(&[Source::sample(""), summary_of(text)]), 1, words, text);
    }
    crate::assert_told(&summary(&[]), 1, Some("no table of contents"), "none");
}
