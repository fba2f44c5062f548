//! The behavioural suite an echo server in any language can be held to.
//!
//! A server says what it claims ([`Claims`]: how many clients at a time, whether it answers after the client's FIN …);
//! the claims choose the cases ([`Suite::of`]); each case ([`Case`]) starts the server afresh, in a process group of its
//! own, does to it what clients and networks do, and says in sentences what it expected, what it saw and where to look.
//! Every wait has a limit, and no process is left behind.
//!
//! ```no_run
//! // no_run: needs a server
//! use contract::{Arena, Claims, JOBS, ServerCommand};
//!
//! let mut claims = Claims::default();
//! claims.set("concurrency=one")?;
//! let arena = Arena::new(ServerCommand::from_words(["./my-server", "{address}"])?, claims);
//! let report = contract::hold(&arena, JOBS, |held| println!("{held}"))?;
//! println!("{report}");
//! assert!(report.is_good());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the kernel alone knows (descriptors, threads, memory, processor time) is read from Linux's `/proc`; the cases
//! that need it are skipped elsewhere, with the reason. Signals and resets are written for Unix.

mod arena;
mod case;
mod cases;
mod claims;
mod client;
mod clock;
mod closing;
mod command;
mod declared;
mod failure;
mod observe;
mod output;
mod report;
mod server;
mod speech;
mod suite;

pub use arena::{Arena, PATIENCE};
pub use case::{Case, Need, Outcome};
pub use claims::{CLAIMS, ClaimError, Claims, Concurrency, Service};
pub use command::{CommandError, ServerCommand};
pub use declared::{DeclarationError, Declared, declared};
pub use failure::Failure;
pub use report::Report;
pub use suite::{Asked, Held, HoldError, JOBS, Suite, Verdict, all, hold};
