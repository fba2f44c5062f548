//! What keeps a measurement from being made.

use std::io;

use stage::programs::ProgramsError;

/// Why nothing was measured, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Another system.
    #[error("measuring reads Linux's /proc; run it on Linux, or in a virtual machine that does")]
    NotHere,
    /// Listings that declare wrongly, or none that declares.
    #[error("{0}")]
    Declared(String),
    /// The servers cannot be built.
    #[error(transparent)]
    Programs(ProgramsError),
    /// The server in C cannot be built.
    #[error(
        "compiling {source_file} with `{compiler}`: {said}; install a C compiler (gcc or clang), or name one in CC"
    )]
    Compiler {
        /// The file.
        source_file: String,
        /// What was to compile it.
        compiler: String,
        /// What it said.
        said: String,
    },
    /// A server that does not do what is measured.
    #[error("{server}: {what}{}", if said.is_empty() { String::new() } else { format!("; it said: {said}") })]
    Server {
        /// Its name.
        server: String,
        /// What went wrong, and what to do.
        what: String,
        /// The end of what it wrote on standard error.
        said: String,
    },
    /// The system refuses.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        error: io::Error,
    },
}
