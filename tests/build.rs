//! Turns the Rust snippets of the prose into tests.
//!
//! Skeptic writes one test for each snippet of the chapters' copies into `OUT_DIR/skeptic-tests.rs`, which the test
//! target `snippets` includes. The copies differ from the chapters only where a fence holds an excerpt.

mod snippet_copy;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use filetime::FileTime;

fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let prose = package.join("../src");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=snippet_copy.rs");
    println!("cargo::rerun-if-changed=../src");
    // The test that breaks a snippet on purpose compiles for the same machine.
    println!("cargo::rustc-env=TARGET={}", env::var("TARGET")?);

    let mut chapters = Vec::new();
    if prose.is_dir() {
        find(&prose, &mut chapters)?;
    }
    chapters.sort();
    let mut copies = Vec::new();
    for chapter in &chapters {
        let copy = out.join("chapters").join(chapter.strip_prefix(&prose)?);
        fs::create_dir_all(copy.parent().unwrap_or(&out))?;
        fs::write(&copy, snippet_copy::for_skeptic(&fs::read_to_string(chapter)?))?;
        // Skeptic asks cargo to watch the copy, and cargo takes a file younger than this script's last run for a
        // change: without this, every `cargo test` would build anew.
        filetime::set_file_mtime(&copy, FileTime::zero())?;
        copies.push(copy);
    }
    if copies.is_empty() {
        fs::write(out.join("skeptic-tests.rs"), "")?;
    }
    skeptic::generate_doc_tests(&copies);
    Ok(())
}

/// Every page below a folder, but not the table of contents.
fn find(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, pages)?;
        } else if path.extension().is_some_and(|ending| ending == "md")
            && path.file_name().is_some_and(|name| name != "SUMMARY.md")
        {
            pages.push(path);
        }
    }
    Ok(())
}
