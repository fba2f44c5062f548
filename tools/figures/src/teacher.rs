//! The teacher fence: notes that the page does not show and the teacher's handout prints.
//!
//! ````text
//! ```teacher
//! [[note]]
//! at = "whole-buffer"            # the id of a heading of the page
//! minutes = 8                    # together with the other notes: `minutes.teach` of the declaration
//! ask = "How many bytes did the server send?"
//! show = "`cargo book run echo/whole-buffer`, then the segment with `length 100`"
//! expect = "Eleven, said by most; zero, by those who trust the log."
//! right = "A hundred: the whole buffer."
//! if-it-fails = "`cargo book show echo/whole-buffer` shows the stored one, without privileges."
//! ```
//! ````
//!
//! `ask`, `expect` and `right` are needed, the others may be left out. All are Markdown.

use serde::Deserialize;

use crate::toml_at::{self, Fault};

/// The kind of fence that holds the teacher's notes.
pub const FENCE: &str = "teacher";

/// The teacher's notes of a chapter, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// One for each part of the lesson.
    #[serde(rename = "note")]
    pub notes: Vec<Note>,
}

/// What to do at one place of a chapter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The id of the heading it belongs to.
    pub at: String,
    /// How long this part takes to teach.
    pub minutes: u32,
    /// What to ask.
    pub ask: String,
    /// What to show.
    pub show: Option<String>,
    /// What will be answered, and is wrong.
    pub expect: String,
    /// The right answer.
    pub right: String,
    /// What to do where the demonstration does not work.
    #[serde(rename = "if-it-fails")]
    pub if_it_fails: Option<String>,
}

impl Notes {
    /// Reads the body of a teacher fence.
    ///
    /// # Errors
    /// What is wrong, with the line of the body.
    pub fn parse(body: &str) -> Result<Notes, Fault> {
        toml_at::read(body)
    }

    /// How long the notes say it takes to teach, in minutes.
    pub fn minutes(&self) -> u32 {
        self.notes.iter().map(|note| note.minutes).sum()
    }
}
