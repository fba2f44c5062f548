//! A capture in, a conversation out.
//!
//! This crate reads what was recorded and says what it means. It opens no socket and no file: bytes and text go in,
//! values and text come out.
//!
//! ```text
//! bytes ─ capture ─▶ packets ─ segment ─▶ segments ─ conversation ─▶ conversations
//!                                            │                           ├─ skeleton     what must be seen at least
//!                                         tcpdump                        ├─ state        both ends' states
//!                                      (the same text)                   ├─ event, fact  what to call things, what holds
//! calls.jsonl ─ call ─▶ records ───────────── cause ─────────────────────┤              which call caused which segment
//!                                                                        ├─ passing      what leaves and arrives, at both ends
//!                                                                        └─ timeline     all of it on one clock
//! ```

mod bytes;
pub mod call;
pub mod capture;
pub mod cause;
pub mod conversation;
pub mod duration;
pub mod event;
pub mod fact;
pub mod passing;
pub mod segment;
pub mod skeleton;
pub mod state;
pub mod tcpdump;
pub mod timeline;
mod words;

#[cfg(test)]
mod testing;
