//! A recording: the folder that holds what one performance of a scenario showed.
//!
//! | file | holds |
//! |---|---|
//! | `capture.pcap` | every packet, with the kernel's time of its passing |
//! | `client.pcap`, `server.pcap`, `link.pcap` | instead of it, where two hosts are joined by a link: the packets seen at each of them, and those put on the link, lost ones included |
//! | `calls.jsonl` | the programs' calls, with their lines of source, and what they said of their tasks ([`wire::call`]) |
//! | `output.txt` | what the programs printed, and what the director did ([`crate::output`]) |
//! | `timeline.txt` | calls, segments and states in five lanes: made of the others, for people |
//! | `manifest.toml` | what was performed, where and when, how the programs ended, and the sources it came from |
//! | `sources/` | a copy of every source file that a call cites |
//!
//! Reading needs neither Linux nor privilege.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::call::{self, Record, Status};

use crate::{
    output::{Output, OutputError},
    reading,
    scenario::Act,
};

/// What one performance showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What was performed, and how it ended.
    pub manifest: Manifest,
    /// The packets as a capture file; where there are two hosts, as the client's saw them.
    pub capture: Vec<u8>,
    /// Where there are two hosts, the packets elsewhere.
    pub link: Option<Elsewhere>,
    /// What the programs asked of the kernel, and what they said of their tasks, by time.
    pub calls: Vec<Record>,
    /// What the programs printed.
    pub output: Output,
    /// A copy of the sources: the text by the path, relative to the workspace.
    pub sources: BTreeMap<String, String>,
}

/// The packets of two hosts that the client's host did not see, as capture files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// As the server's host saw them.
    pub server: Vec<u8>,
    /// As they were put on the link, those included that were lost there.
    pub link: Vec<u8>,
}

/// `manifest.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The scenario's name: `echo/one-echo`.
    pub scenario: String,
    /// The variant's name: `blocking`.
    pub variant: String,
    /// The kernel that ran it: `Linux 6.12.0 x86_64`.
    pub kernel: String,
    /// The day it was made, UTC: `2026-01-31`.
    pub date: String,
    /// When the performance began, in nanoseconds since the epoch: the zero of `output.txt`.
    pub began: u64,
    /// What was pinned in the private network, so that the same packets appear on every machine. By sysctl.
    pub pins: BTreeMap<String, String>,
    /// How each program ended. By the name it ran under.
    #[serde(rename = "exit")]
    pub exits: BTreeMap<String, Exit>,
    /// The SHA-256 of every source file the recording speaks of. By path, relative to the workspace.
    pub sources: BTreeMap<String, String>,
    /// What was performed.
    pub act: Act,
}

/// How a program ended, as the manifest writes it: an exit code, or a signal's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Exit {
    /// It ended by itself with this code.
    Code(i32),
    /// This signal ended it.
    Signal(String),
}

impl From<Status> for Exit {
    fn from(status: Status) -> Exit {
        match status {
            Status::Exited(code) => Exit::Code(code),
            Status::Signaled(name) => Exit::Signal(name),
        }
    }
}

impl From<Exit> for Status {
    fn from(exit: Exit) -> Status {
        match exit {
            Exit::Code(code) => Status::Exited(code),
            Exit::Signal(name) => Status::Signaled(name),
        }
    }
}

/// A recording that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file is not there, or may not be touched.
    #[error("{}: {source}; `cargo book record NAME` makes a recording", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `manifest.toml` does not say what a manifest says.
    #[error("{}: {message}; record the scenario again with `cargo book record NAME`", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
    },
    /// `calls.jsonl` has a line of another form.
    #[error("{}: {source}", folder.display())]
    Calls {
        /// The recording's folder.
        folder: PathBuf,
        /// Which line.
        source: call::ReadError,
    },
    /// `output.txt` has a line of another form.
    #[error("{}: {source}", folder.display())]
    Output {
        /// The recording's folder.
        folder: PathBuf,
        /// Which line.
        source: OutputError,
    },
}

const CAPTURE: &str = "capture.pcap";
const CLIENT: &str = "client.pcap";
const SERVER: &str = "server.pcap";
const LINK: &str = "link.pcap";
const CALLS: &str = "calls.jsonl";
const OUTPUT: &str = "output.txt";
const MANIFEST: &str = "manifest.toml";
const SOURCES: &str = "sources";
const TIMELINE: &str = "timeline.txt";

impl Recording {
    /// Reads the recording in a folder.
    ///
    /// # Errors
    /// A file that is missing or does not have its form.
    pub fn read(folder: &Path) -> Result<Recording, RecordingError> {
        let path = folder.join(MANIFEST);
        let manifest: Manifest = toml::from_str(&text(&path)?).map_err(|error| RecordingError::Manifest {
            path,
            message: error.to_string(),
        })?;
        let output =
            Output::parse(&text(&folder.join(OUTPUT))?).map_err(|source| RecordingError::Output {
                folder: folder.to_path_buf(),
                source,
            })?;
        let calls = call::read(&text(&folder.join(CALLS))?).map_err(|source| RecordingError::Calls {
            folder: folder.to_path_buf(),
            source,
        })?;
        let (capture, link) = if manifest.act.link.is_some() {
            let elsewhere = Elsewhere {
                server: bytes(&folder.join(SERVER))?,
                link: bytes(&folder.join(LINK))?,
            };
            (bytes(&folder.join(CLIENT))?, Some(elsewhere))
        } else {
            (bytes(&folder.join(CAPTURE))?, None)
        };
        let mut sources = BTreeMap::new();
        for path in manifest.sources.keys() {
            sources.insert(path.clone(), text(&folder.join(manifest.copy_of(path)))?);
        }
        Ok(Recording {
            manifest,
            capture,
            link,
            calls,
            output,
            sources,
        })
    }

    /// The files of the recording, by their paths in its folder.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files: BTreeMap<String, Vec<u8>> = [
            (CALLS, call::write(&self.calls).into_bytes()),
            (OUTPUT, self.output.to_text().into_bytes()),
            (MANIFEST, self.manifest.to_text().into_bytes()),
        ]
        .map(|(name, bytes)| (name.to_string(), bytes))
        .into();
        // A capture that cannot be read has no timeline; whoever checks the recording says why.
        if let Ok(timeline) = reading::timeline(self) {
            files.insert(TIMELINE.into(), timeline.into_bytes());
        }
        match &self.link {
            None => {
                files.insert(CAPTURE.into(), self.capture.clone());
            }
            Some(elsewhere) => {
                files.insert(CLIENT.into(), self.capture.clone());
                files.insert(SERVER.into(), elsewhere.server.clone());
                files.insert(LINK.into(), elsewhere.link.clone());
            }
        }
        for (path, text) in &self.sources {
            files.insert(self.manifest.copy_of(path), text.clone().into_bytes());
        }
        files
    }

    /// Writes the recording into a folder, which is made where it is not there.
    ///
    /// # Errors
    /// A file or folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RecordingError> {
        let error = |path: &Path| {
            let path = path.to_path_buf();
            move |source| RecordingError::File { path, source }
        };
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            let folder = path.parent().unwrap_or(folder);
            fs::create_dir_all(folder).map_err(error(folder))?;
            fs::write(&path, bytes).map_err(error(&path))?;
        }
        Ok(())
    }
}

impl Manifest {
    /// `manifest.toml`.
    pub fn to_text(&self) -> String {
        let body = toml::to_string(self).expect("a manifest is plain data");
        format!(
            "# Made by `cargo book record {}.{}`; not to be edited by hand.\n{body}",
            self.scenario, self.variant
        )
    }

    /// Where the copy of a source file is, in the recording's folder.
    fn copy_of(&self, path: &str) -> String {
        // What belongs to the scenario's own listing, as nearly everything does, goes without the listing's name.
        let slug = self.scenario.split('/').next().unwrap_or_default();
        let own = path.strip_prefix("listings/").and_then(|path| {
            let (listing, rest) = path.split_once('/')?;
            listing.ends_with(&format!("-{slug}")).then_some(rest)
        });
        format!("{SOURCES}/{}", own.unwrap_or(path))
    }
}

/// The SHA-256 of a file's bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn bytes(path: &Path) -> Result<Vec<u8>, RecordingError> {
    fs::read(path).map_err(|source| file_error(path, source))
}

fn text(path: &Path) -> Result<String, RecordingError> {
    fs::read_to_string(path).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> RecordingError {
    RecordingError::File {
        path: path.to_path_buf(),
        source,
    }
}
