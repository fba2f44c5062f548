//! A scenario's programs, put on a stage of their own and watched.
//!
//! A [`scenario`] says who talks to whom and what must be seen. [`perform`](perform::perform) runs it in a private
//! network and returns a [`recording`](recording::Recording): the packets, what the programs printed, how they ended.
//! [`check`](check::check) compares a recording, stored or fresh, with its scenario.
//!
//! Everything but the performance itself works on every system. The performance needs Linux: the program `stage`
//! enters a network namespace, which an ordinary user may do on most machines ([`refusal`] says what to do on the
//! others), and runs sniffer and programs there.

pub mod catalogue;
pub mod check;
pub mod cited;
pub mod go;
pub mod output;
pub mod perform;
pub mod programs;
pub mod reading;
pub mod recording;
pub mod refusal;
pub mod scenario;
pub mod script;
pub mod store;
pub mod tap_log;

#[cfg(target_os = "linux")]
pub mod linux;
