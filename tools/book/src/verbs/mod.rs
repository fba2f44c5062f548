//! One module a verb: its arguments, its help, what it does.

pub mod build;
pub mod serve;
