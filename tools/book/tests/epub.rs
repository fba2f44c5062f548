//! `cargo book epub`, of the book as it is: every page is XML, every file is in the manifest, every link leads somewhere.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;

use book::archive;
use common::{good, output, repository};
use roxmltree::{Document, ParsingOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// XML, with the doctype of HTML allowed.
fn parsed<'a>(name: &str, text: &'a str) -> Document<'a> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_e_book_is_well_formed_whole_and_every_link_in_it_leads_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.epub");
    let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
    command
        .args(["epub", "--out"])
        .arg(&file)
        .current_dir(repository())
        .env_remove("CARGO_MANIFEST_DIR");
    good(output(command));
    let files = archive::read(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        (files[0].0.as_str(), files[0].1, files[0].2.as_slice()),
        ("mimetype", false, b"application/epub+zip".as_slice())
    );

    let text: BTreeMap<&str, &str> = files
        .iter()
        .filter_map(|(name, _, content)| Some((name.as_str(), std::str::from_utf8(content).ok()?)))
        .collect();
    let xml: BTreeMap<&str, Document<'_>> = text
        .iter()
        .filter(|(name, _)| {
            ["xhtml", "svg", "opf", "xml"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .map(|(name, text)| (*name, parsed(name, text)))
        .collect();
    assert!(xml.len() > 20, "{}", xml.len());

    // The manifest and the folder hold the same.
    let package = &xml["EPUB/package.opf"];
    let items: Vec<_> = package
        .descendants()
        .filter(|node| node.has_tag_name("item"))
        .collect();
    let listed: BTreeSet<String> = items
        .iter()
        .map(|item| format!("EPUB/{}", item.attribute("href").unwrap()))
        .collect();
    let there: BTreeSet<String> = files
        .iter()
        .map(|(name, ..)| name.clone())
        .filter(|name| name.starts_with("EPUB/") && name != "EPUB/package.opf")
        .collect();
    assert_eq!(listed, there);
    let ids: BTreeSet<&str> = items.iter().filter_map(|item| item.attribute("id")).collect();
    assert_eq!(ids.len(), items.len(), "no id stands twice");
    let spine: Vec<&str> = package
        .descendants()
        .filter(|node| node.has_tag_name("itemref"))
        .filter_map(|node| node.attribute("idref"))
        .collect();
    assert!(
        spine.len() > 10 && spine.iter().all(|id| ids.contains(id)),
        "{spine:?}"
    );

    // Links and pictures.
    let targets: BTreeMap<&str, BTreeSet<&str>> = xml
        .iter()
        .map(|(name, document)| {
            (
                *name,
                document
                    .descendants()
                    .filter_map(|node| node.attribute("id"))
                    .collect(),
            )
        })
        .collect();
    let mut lost = Vec::new();
    let (mut links, mut pictures) = (0, 0);
    for (name, document) in xml.iter().filter(|(name, _)| name.ends_with(".xhtml")) {
        for node in document.descendants() {
            if let Some(source) = node.attribute("src") {
                pictures += 1;
                if !there.contains(&format!("EPUB/{source}"))
                    || node.attribute("alt").is_none_or(str::is_empty)
                {
                    lost.push(format!("{name}: picture {source}"));
                }
            }
            let Some(target) = node.attribute("href").filter(|target| !target.contains(':')) else {
                continue;
            };
            links += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() {
                (*name).to_owned()
            } else {
                format!("EPUB/{path}")
            };
            let found = targets
                .get(path.as_str())
                .is_some_and(|ids| fragment.is_empty() || ids.contains(fragment));
            let is_whole_file = fragment.is_empty() && there.contains(&path);
            if !found && !is_whole_file {
                lost.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(
        links > 300 && pictures > 100,
        "{links} links, {pictures} pictures: this test is blind"
    );

    // A drawing brings its colours along, and a page no script.
    for (name, content) in &text {
        if name.ends_with(".svg") {
            assert!(
                !content.contains("var("),
                "{name} asks for a colour that it does not have"
            );
        }
        if name.ends_with(".xhtml") {
            assert!(
                !content.contains("<script") && !content.contains("onclick"),
                "{name}"
            );
            assert!(!content.contains("{{#"), "{name}");
        }
    }
}
