//! Exercises: a program to change, and cases that say when it is right.
//!
//! An exercise `echo/whole-buffer` is three files of the listing `ch01-echo`: `exercises/whole-buffer.rs`, the program as the
//! reader gets it; `exercises/whole-buffer.toml`, the [`cases`]; `solutions/whole-buffer.rs`. The two programs are the binaries
//! `echo-exercise-whole-buffer` and `echo-solution-whole-buffer`, behind the feature `exercises`.
//!
//! [`class`] holds the programs of many students to their exercises, one after another, and makes a table of it.
//!
//! [`judge()`] holds any program to the cases, wherever it was built, and answers in sentences. Every wait has a limit, and no
//! process is left behind.
//!
//! ```no_run
//! // no_run: needs the book's workspace
//! use exercise::{Exercises, judge::judge};
//!
//! let exercises = Exercises::open(".".as_ref())?;
//! let exercise = exercises.get("echo/whole-buffer")?;
//! for held in judge(exercise, "target/debug/my-server".as_ref(), None) {
//!     println!("{held}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod apart;
pub mod build;
pub mod cases;
mod catalogue;
pub mod class;
pub mod handed_in;
pub mod judge;
mod running;
mod talk;

pub use catalogue::{Exercise, ExerciseError, Exercises};
pub use running::{adopt_orphans, end_all, end_orphans};
