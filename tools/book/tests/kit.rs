//! `cargo book kit`: unpacked in an empty folder, its programs build with what they were locked to, its captures are read, its drawings
//! are XML, and nobody's solution is in it.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;

use book::archive;
use common::{bad, good, output, repository};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The files of a chapter's kit, by their paths in its one folder.
fn kit(name: &str, chapter: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
    command
        .args(["kit", name, "--out"])
        .arg(folder.path())
        .current_dir(repository())
        .env_remove("CARGO_MANIFEST_DIR");
    let said = good(output(command));
    let file = folder.path().join(format!("{chapter}.zip"));
    assert!(said.contains(&file.display().to_string()), "{said}");
    let packed = archive::read(&fs::read(&file).unwrap()).unwrap();
    let inside = packed.into_iter().map(|(path, _, content)| {
        let inside = path
            .strip_prefix(&format!("{chapter}/"))
            .expect("one folder holds all of it");
        (inside.to_owned(), content)
    });
    inside.collect()
}

/// Captures are read and drawings are XML that brings its colours along.
fn holds_what_opens(files: &BTreeMap<String, Vec<u8>>) {
    let (mut captures, mut drawings) = (0, 0);
    for (path, content) in files {
        if path.ends_with(".pcap") {
            let capture =
                wire::capture::Capture::parse(content).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(!capture.packets.is_empty(), "{path}");
            captures += 1;
        } else if path.ends_with(".svg") {
            let text = std::str::from_utf8(content).unwrap();
            let drawing = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let size = ["width", "height"].map(|side| drawing.root_element().attribute(side));
            assert!(size.iter().all(Option::is_some), "{path} has no size of its own");
            assert!(
                text.contains("<style>") && !text.contains("var("),
                "{path} asks for a colour that it does not have"
            );
            drawings += 1;
        }
        assert!(
            !path.contains("solution") && !path.contains("teacher"),
            "{path} is an answer"
        );
    }
    assert!(
        captures > 1 && drawings > 1,
        "{captures} captures, {drawings} drawings"
    );
    let readme = String::from_utf8_lossy(&files["README.md"]).into_owned();
    for sheet in ["-handout.", "-lab."] {
        let path = files.keys().find(|path| path.contains(sheet)).expect(sheet);
        assert!(
            readme.contains(&format!("`{path}`")),
            "the README does not speak of {path}"
        );
    }
    for path in files.keys().filter_map(|path| path.strip_prefix("captures/")) {
        assert!(
            readme.contains(&format!("`{path}`")),
            "the README does not speak of {path}"
        );
    }
}

#[test]
fn a_kit_s_programs_build_from_its_own_folder_with_the_versions_of_ours() {
    let files = kit("echo", "ch01-echo");
    holds_what_opens(&files);
    // Kept from run to run, so that what the programs are made of is compiled once.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kit");
    let programs = place.join("programs");
    if programs.exists() {
        fs::remove_dir_all(&programs).unwrap();
    }
    for (path, content) in &files {
        let path = place.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let checked = Command::new(cargo)
        .args([
            "check",
            "--offline",
            "--locked",
            "--features",
            "exercises",
            "--bins",
        ])
        .current_dir(&programs)
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let ours = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let locked = String::from_utf8_lossy(&files["programs/Cargo.lock"]).into_owned();
    let sums = |lock: &str| -> Vec<String> {
        lock.lines()
            .filter(|line| line.starts_with("checksum"))
            .map(str::to_owned)
            .collect()
    };
    let (all, own) = (sums(&ours), sums(&locked));
    assert!(
        own.len() > 5 && own.len() < all.len() / 2,
        "{} of {}",
        own.len(),
        all.len()
    );
    assert!(
        own.iter().all(|sum| all.contains(sum)),
        "a version that is not ours"
    );
}

#[test]
fn a_kit_of_two_hosts_has_what_each_of_them_saw_and_what_was_on_the_link() {
    let files = kit("ch02-capture", "ch02-capture");
    holds_what_opens(&files);
    for place in ["at-client", "at-server", "on-link"] {
        assert!(
            files.keys().any(|path| path.ends_with(&format!(".{place}.pcap"))),
            "{place}"
        );
    }
}

#[test]
fn a_capture_that_the_chapter_asks_about_comes_without_its_answer() {
    let files = kit("close", "ch09-close");
    assert!(files.contains_key("captures/unknown.blocking.pcap"));
    assert!(
        !files.contains_key("figures/unknown.blocking.svg")
            && !files.contains_key("timelines/unknown.blocking.txt")
    );
    assert!(files.contains_key("timelines/grace.blocking.txt"));
}

#[test]
fn a_chapter_that_there_is_not_is_told_with_the_nearest() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
    command
        .args(["kit", "ech"])
        .current_dir(repository())
        .env_remove("CARGO_MANIFEST_DIR");
    let said = bad(output(command));
    assert!(
        said.contains("no chapter is called `ech`; the nearest are\n  ch01-echo"),
        "{said}"
    );
}
