//! The parts of `cargo book`: the book built with mdBook as a library, served to one reader on this machine and
//! built again whenever something it is made of changes.
//!
//! The built book lies in memory, as a whole: a page is never a mixture of two builds, and its tag is of its content (a
//! file's time is too coarse for one who saves twice a second). HTTP, web sockets and compression are axum's and
//! tower-http's.

pub mod archive;
pub mod browser;
pub mod chromium;
pub mod debounce;
pub mod edition;
pub mod epub;
pub mod handout;
pub mod kit;
pub mod log;
pub mod nearest;
pub mod policy;
pub mod print;
pub mod problem;
pub mod recordings;
pub mod render;
pub mod root;
pub mod server;
pub mod site;
pub mod swap;
pub mod watch;
