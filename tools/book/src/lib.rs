//! The parts of `cargo book`: the book built with mdBook as a library, served to one reader on this machine and
//! built again whenever something it is made of changes.
//!
//! The server is written on the standard library, a thread a connection: its readers are the tabs of one browser,
//! and the built book lies in memory, so that a request is a look into a map. An HTTP framework with web sockets would
//! add some forty crates to build before the first page.

pub mod browser;
pub mod debounce;
pub mod http;
pub mod log;
pub mod nearest;
pub mod problem;
pub mod recordings;
pub mod render;
pub mod root;
pub mod server;
pub mod site;
pub mod swap;
pub mod watch;
pub mod websocket;
