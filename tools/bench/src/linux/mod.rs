//! What only Linux can do: start servers where they are alone on a processor, and ask `/proc` what they cost.

mod beside;
mod calls;
mod declared;
mod idle;
mod kernel;
mod load;
mod machine;
mod peers;
pub mod prices;
mod server;
mod stall;
mod work;

use std::path::Path;

use crate::{Effort, Stored, error::MeasureError};

pub use server::end_all;

/// Measures what a listing declares under this name, `multiplex/idle`. `progress` is told what is being done.
///
/// # Errors
/// A name that nothing has, a build that fails, a server that does not echo: with what to do.
pub fn named(
    root: &Path,
    name: &str,
    effort: Effort,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, MeasureError> {
    let found = declared::find(root, name)?;
    match found.kind {
        "beside" => beside::beside(root, name, &found, effort, progress),
        "stall" => stall::stall(root, name, &found, effort, progress),
        _ => idle::idle(root, name, &found, effort, progress),
    }
}
