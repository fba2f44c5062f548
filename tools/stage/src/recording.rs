//! A recording: the folder that holds what one performance of a scenario showed.
//!
//! | file | holds |
//! |---|---|
//! | `capture.pcap` | every packet, with the kernel's time of its passing |
//! | `output.txt` | what the programs printed ([`crate::output`]) |
//! | `manifest.toml` | what was performed, where and when, how the programs ended, and the sources it came from |
//!
//! Reading needs neither Linux nor privilege.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::call::Status;

use crate::{
    output::{Output, OutputError},
    scenario::Act,
};

/// What one performance showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What was performed, and how it ended.
    pub manifest: Manifest,
    /// `capture.pcap`, as it stands in the file.
    pub capture: Vec<u8>,
    /// What the programs printed.
    pub output: Output,
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
    /// How each program ended. By its name in the scenario.
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
        source: std::io::Error,
    },
    /// `manifest.toml` does not say what a manifest says.
    #[error("{}: {message}; record the scenario again with `cargo book record NAME`", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
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
const OUTPUT: &str = "output.txt";
const MANIFEST: &str = "manifest.toml";

impl Recording {
    /// Reads the recording in a folder.
    ///
    /// # Errors
    /// A file that is missing or does not have its form.
    pub fn read(folder: &Path) -> Result<Recording, RecordingError> {
        let path = folder.join(MANIFEST);
        let manifest = toml::from_str(&text(&path)?).map_err(|error| RecordingError::Manifest {
            path,
            message: error.to_string(),
        })?;
        let output =
            Output::parse(&text(&folder.join(OUTPUT))?).map_err(|source| RecordingError::Output {
                folder: folder.to_path_buf(),
                source,
            })?;
        let path = folder.join(CAPTURE);
        let capture = fs::read(&path).map_err(|source| RecordingError::File { path, source })?;
        Ok(Recording {
            manifest,
            capture,
            output,
        })
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
        fs::create_dir_all(folder).map_err(error(folder))?;
        for (name, bytes) in [
            (CAPTURE, self.capture.as_slice()),
            (OUTPUT, self.output.to_text().as_bytes()),
            (MANIFEST, self.manifest.to_text().as_bytes()),
        ] {
            let path = folder.join(name);
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
}

/// The SHA-256 of a file's bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn text(path: &Path) -> Result<String, RecordingError> {
    fs::read_to_string(path).map_err(|source| RecordingError::File {
        path: path.to_path_buf(),
        source,
    })
}
