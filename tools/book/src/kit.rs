//! Kits: all that a chapter needs of a reader who has no Linux, or no right to capture. One archive a chapter.
//!
//! | in the archive | is |
//! |---|---|
//! | `README.md` | what there is, and what to type |
//! | `captures/` | the chapter's recordings, as Wireshark and tcpdump read them |
//! | `timelines/` | the same as text, in five lanes: lines, calls, segments |
//! | `figures/` | the same as drawings, SVG in plain colours |
//! | `programs/` | the chapter's crate as a workspace of its own, its exercises included and their solutions not |
//! | `ch09-close-handout.pdf`, `-lab.pdf` | the student's sheets; HTML where there was no browser to print them |

use crate::archive::Archive;
use exercise::apart::{self, ApartError, Solutions};
use figures::chapter::Label;
use figures::page::Page;
use figures::recording::{FENCE, Shown};
use figures::shelf::Shelf;
use figures::stored;
use stage::catalogue::{Catalogue, CatalogueError, Entry};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What goes into an archive: every file by its path in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Why there is no kit.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The scenarios cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The chapter's crate cannot be made a workspace of its own.
    #[error(transparent)]
    Apart(#[from] ApartError),
    /// A recording cannot be drawn.
    #[error("{0}")]
    Recording(String),
}

/// The chapters of the book at `root` that have a crate, by their files: `ch09-close`.
pub fn chapters(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("listings"))
        .into_iter()
        .flatten()
        .flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut chapters: Vec<String> = names
        .filter(|name| matches!(Label::of(name), Some(Label::Chapter(_))))
        .filter(|name| root.join(format!("listings/{name}/Cargo.toml")).is_file())
        .collect();
    chapters.sort();
    chapters
}

/// The kit of a chapter. `edition` says which book it is of; `sheets` are the student's, each with its file's name.
///
/// # Errors
/// A file that cannot be read, a recording that cannot be drawn, cargo.
pub fn files(
    root: &Path,
    chapter: &str,
    edition: &str,
    sheets: Vec<(String, Vec<u8>)>,
) -> Result<Files, KitError> {
    let mut files = Files::new();
    let recorded = recordings(root, chapter, &mut files)?;
    programs(root, chapter, &mut files)?;
    let names: Vec<String> = sheets.iter().map(|(name, _)| name.clone()).collect();
    files.extend(sheets);
    for licence in ["LICENSE-MIT", "LICENSE-APACHE", "LICENSE-CC-BY-4.0"] {
        if let Ok(text) = fs::read(root.join(licence)) {
            files.insert(licence.to_owned(), text);
        }
    }
    let readme = readme(root, chapter, edition, &recorded, &names);
    files.insert("README.md".into(), readme.into_bytes());
    Ok(files)
}

/// The archive of a kit; everything in it lies in one folder, which is called like the chapter.
///
/// # Errors
/// It is too large for the format.
pub fn pack(chapter: &str, files: &Files) -> io::Result<Vec<u8>> {
    let mut archive = Archive::default();
    for (path, content) in files {
        archive.add(&format!("{chapter}/{path}"), content)?;
    }
    archive.finish()
}

/// A recording in the kit.
struct Recorded {
    title: String,
    captures: Vec<String>,
    kernel: String,
}

/// The captures, timelines and drawings of a chapter.
fn recordings(root: &Path, chapter: &str, files: &mut Files) -> Result<Vec<Recorded>, KitError> {
    let catalogue = Catalogue::open(root)?;
    let shelf = Shelf::open(root);
    let riddles = riddles(root, chapter);
    let mut recorded = Vec::new();
    for entry in catalogue.entries() {
        let folder = entry.folder();
        if !folder.starts_with(root.join("listings").join(chapter)) || !folder.is_dir() {
            continue;
        }
        let is_riddle =
            riddles.contains(&entry.name()) || (entry.is_base() && riddles.contains(&entry.scenario.name));
        recorded.push(recording(&shelf, &entry, is_riddle, files)?);
    }
    Ok(recorded)
}

/// The recordings that the chapter shows without their programs' names, and asks whose they are.
fn riddles(root: &Path, chapter: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(root.join(format!("src/{chapter}.md"))).unwrap_or_default();
    let page = Page::parse(&page);
    let fences = page.fences.iter().filter(|fence| fence.kind() == FENCE);
    fences
        .filter_map(|fence| Shown::parse(&fence.body).ok())
        .filter(|shown| shown.unnamed)
        .map(|shown| shown.show)
        .collect()
}

/// What a riddle was caused by is its answer: of it there is the capture alone.
fn recording(
    shelf: &Shelf,
    entry: &Entry<'_>,
    is_riddle: bool,
    files: &mut Files,
) -> Result<Recorded, KitError> {
    let folder = entry.folder();
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut captures = Vec::new();
    for (file, place) in [
        ("capture.pcap", ""),
        ("client.pcap", ".at-client"),
        ("server.pcap", ".at-server"),
        ("link.pcap", ".on-link"),
    ] {
        let path = folder.join(file);
        if path.is_file() {
            let capture = format!("captures/{name}{place}.pcap");
            files.insert(capture.clone(), read(&path)?);
            captures.push(capture);
        }
    }
    let timeline = folder.join("timeline.txt");
    if !is_riddle && timeline.is_file() {
        files.insert(format!("timelines/{name}.txt"), read(&timeline)?);
    }
    if !is_riddle {
        let seen = shelf.get(&entry.name()).map_err(KitError::Recording)?;
        let drawing = stored::plain_svg(&seen).into_bytes();
        files.insert(format!("figures/{name}.svg"), drawing);
    }
    let manifest: toml::Table =
        toml::from_str(&String::from_utf8_lossy(&read(&folder.join("manifest.toml"))?))
            .map_err(|error| KitError::Recording(format!("`{}`: {}", entry.name(), error.message())))?;
    let kernel = manifest.get("kernel").and_then(toml::Value::as_str);
    Ok(Recorded {
        title: entry.scenario.title.clone(),
        captures,
        kernel: kernel.unwrap_or_default().to_owned(),
    })
}

/// The chapter's crate, as a workspace of its own.
fn programs(root: &Path, chapter: &str, files: &mut Files) -> Result<(), KitError> {
    let folder = tempfile::tempdir().map_err(|source| KitError::File {
        path: std::env::temp_dir(),
        source,
    })?;
    apart::write(
        root,
        &BTreeSet::from([chapter.to_owned()]),
        folder.path(),
        Solutions::LeftOut,
    )?;
    apart::lock(folder.path())?;
    gather(folder.path(), "programs", files)
}

fn gather(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), KitError> {
    let told = |source| KitError::File {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            gather(&entry.path(), &name, files)?;
        } else {
            files.insert(name, read(&entry.path())?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, KitError> {
    fs::read(path).map_err(|source| KitError::File {
        path: path.to_owned(),
        source,
    })
}

fn readme(root: &Path, chapter: &str, edition: &str, recorded: &[Recorded], sheets: &[String]) -> String {
    let page = fs::read_to_string(root.join(format!("src/{chapter}.md"))).unwrap_or_default();
    let page = Page::parse(&page);
    let title = page.headings.iter().find(|heading| heading.level == 1);
    let title = title.map_or_else(String::new, |heading| format!(": {}", heading.text));
    let label = Label::of(chapter).map_or_else(|| chapter.to_owned(), |label| label.long(true));
    let slug = chapter.split_once('-').map_or(chapter, |(_, slug)| slug);
    let listing = root.join("listings").join(chapter);
    let programs = figures::declaration::programs(&listing);
    let first = |kind: &str| {
        let usual = format!("{slug}-blocking-{kind}");
        let mut of_kind = programs.iter().filter(|name| name.ends_with(&format!("-{kind}")));
        programs
            .iter()
            .find(|name| **name == usual)
            .or_else(|| of_kind.next())
    };
    let (server, client) = (first("server"), first("client"));
    let rust = rust_version(root);
    let mut out = format!(
        "# {label}{title}\n\nA kit for readers who have no Linux, or no right to capture. From the book *From fork to await*, {edition}.\n\n\
         | here | is | opens with |\n|---|---|---|\n"
    );
    for sheet in sheets {
        let what = match sheet.contains("-lab.") {
            true => "a sheet to fill in",
            false => "the handout of the chapter",
        };
        let opens = match sheet.ends_with(".pdf") {
            true => "any viewer of PDF",
            false => "any browser; print it from there",
        };
        let _ = writeln!(out, "| `{sheet}` | {what} | {opens} |");
    }
    out.push_str(
        "| `captures/` | what was captured, packet by packet | Wireshark, or `tcpdump -nr FILE` |\n\
         | `timelines/` | the same as text: source lines, calls and segments on one clock | any editor |\n\
         | `figures/` | the same as drawings | any browser, Inkscape, most editors of slides |\n\
         | `programs/` | the chapter's programs and exercises, to build and run | Rust |\n\n## Captures\n\n",
    );
    let kernels: BTreeSet<&str> = recorded.iter().map(|one| one.kernel.as_str()).collect();
    let _ = writeln!(
        out,
        "Made under {}. The word behind the name says which programs spoke: in `async-blocking` the client is\n\
         asynchronous and the server is not. Where two hosts were joined by a link, there is what each of them saw, and what was put on the\n\
         link, lost packets included.\n\n| file | shows |\n|---|---|",
        kernels.into_iter().collect::<Vec<_>>().join(" and ")
    );
    for one in recorded {
        let _ = writeln!(
            out,
            "| {} | {} |",
            one.captures
                .iter()
                .map(|capture| format!("`{}`", capture.trim_start_matches("captures/")))
                .collect::<Vec<_>>()
                .join(", "),
            one.title.replace('|', "\\|")
        );
    }
    let _ = write!(
        out,
        "\nWireshark marks the checksums of packets that never left their machine, where it is told to check them: the kernel leaves them to\n\
         a network card that is not there. Nothing is wrong with them.\n\n## Programs\n\n\
         With [Rust](https://rustup.rs) {rust} or newer, in the folder `programs`:\n\n```console\n$ cargo build\n"
    );
    if let (Some(server), Some(client)) = (server, client) {
        let _ = writeln!(
            out,
            "$ cargo run --bin {server}        # prints where it listens; end it with Ctrl-C\n$ cargo run --bin {client}        # in a second terminal"
        );
    }
    let _ = write!(
        out,
        "```\n\nThey speak to each other on your own machine, and need no right of any kind. What a program needs that only Linux has, it says\n\
         elsewhere, and ends. The versions of what they are built from are fixed in `Cargo.lock`.\n"
    );
    let mut exercises: Vec<String> = fs::read_dir(listing.join("exercises"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    exercises.sort();
    if !exercises.is_empty() {
        let _ = write!(
            out,
            "\nThe exercises are `programs/listings/{chapter}/exercises/*.rs`, and run as\n\n```console\n"
        );
        for name in &exercises {
            let _ = writeln!(
                out,
                "$ cargo run --features exercises --bin {slug}-exercise-{name}"
            );
        }
        let _ = write!(
            out,
            "```\n\nWhat they must do stands beside each, in the file that ends in `.toml`. In a copy of the book, `cargo book exercise {slug}/{}` says\n\
             whether yours does.\n",
            exercises.first().map_or("NAME", String::as_str)
        );
    }
    out.push_str(
        "\n## Licence\n\nPrograms: MIT or Apache-2.0, as you like. Captures, timelines, figures and sheets: CC BY 4.0. The texts of all three are here.\n",
    );
    out
}

/// The `rust-version` of the workspace.
fn rust_version(root: &Path) -> String {
    let text = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let version = table
        .get("workspace")
        .and_then(|it| it.get("package"))
        .and_then(|it| it.get("rust-version"))
        .and_then(toml::Value::as_str);
    version.unwrap_or_default().to_owned()
}
