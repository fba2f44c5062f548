//! What `wire` reads in a recording's capture: the one place where this crate asks it.

use wire::capture::{Capture, CaptureError};

/// A capture, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The skeleton, a step each line.
    pub skeleton: Vec<String>,
}

/// A capture that cannot be read.
pub type ReadingError = CaptureError;

impl Reading {
    /// Reads a capture file's bytes.
    ///
    /// # Errors
    /// The bytes are no capture, or not a whole one.
    pub fn of(file: &[u8]) -> Result<Reading, ReadingError> {
        let capture = Capture::parse(file)?;
        Ok(Reading {
            skeleton: crate::provisional::skeleton(&capture),
        })
    }
}
