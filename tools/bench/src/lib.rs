//! What the servers of the book cost, measured on the machine one has.
//!
//! A listing declares which of its servers have a row in the table of prices ([`figures::prices`]); [`prices`] starts
//! them one after another, in rounds whose order is shuffled, next to a plain C server of ours that is measured twice in
//! each round: what it differs from itself is what the machine's noise is worth. The results are stored below
//! `listings/` and drawn by the preprocessor; nothing here draws, and nothing there measures.
//!
//! Measured is what survives a busy machine: memory, calls, context switches and CPU time a request, the last as a ratio
//! within one round. Requests a second would tell about the load generator, which does the same calls as the server.
//!
//! Only Linux tells what is asked here; elsewhere everything compiles and says so.

use std::{io, path::PathBuf, time::Duration};

use figures::result::Measured;
use stage::programs::ProgramsError;

pub mod chart;
mod error;
#[cfg(target_os = "linux")]
mod linux;
mod median;

pub use error::MeasureError;
#[cfg(target_os = "linux")]
pub use linux::{end_all, named, prices::prices};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How often every server is measured, in an order that changes.
    pub rounds: usize,
    /// How long each time.
    pub window: Duration,
}

/// A result and the file it belongs into.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Relative to the book's folder.
    pub file: PathBuf,
    /// What was measured.
    pub measured: Measured,
    /// Its drawing, for the file beside it that ends in `.svg`.
    pub svg: Option<String>,
}

/// Measures the prices of the servers that these chapters declare, all chapters if none is named.
///
/// # Errors
/// Always: only Linux tells what is asked.
#[cfg(not(target_os = "linux"))]
pub fn prices(
    _root: &std::path::Path,
    _slugs: &[String],
    _effort: Effort,
    _progress: &mut dyn FnMut(&str),
) -> Result<Vec<Stored>, MeasureError> {
    Err(MeasureError::NotHere)
}

/// Measures what a listing declares under this name, `multiplex/idle`.
///
/// # Errors
/// Always: only Linux tells what is asked.
#[cfg(not(target_os = "linux"))]
pub fn named(
    _root: &std::path::Path,
    _name: &str,
    _effort: Effort,
    _progress: &mut dyn FnMut(&str),
) -> Result<Stored, MeasureError> {
    Err(MeasureError::NotHere)
}

/// Ends every server that was started: for a handler of ctrl-C. Nothing is started here.
#[cfg(not(target_os = "linux"))]
pub fn end_all() {}

impl From<ProgramsError> for MeasureError {
    fn from(error: ProgramsError) -> MeasureError {
        MeasureError::Programs(error)
    }
}

/// Says what was being done when the system refused.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux measures"))]
fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> MeasureError {
    let what = what.into();
    move |error| MeasureError::Io { doing: what, error }
}
