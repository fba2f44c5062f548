//! A capture in, a conversation out.
//!
//! This crate reads what was recorded and says what it means. It opens no socket and no file: bytes and text go in,
//! values and text come out.

mod bytes;
pub mod call;
pub mod capture;
pub mod conversation;
pub mod segment;
pub mod skeleton;
pub mod state;
pub mod tcpdump;

#[cfg(test)]
mod testing;
