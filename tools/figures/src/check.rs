//! The check fence: one question of *Check yourself*, whose wrong answers are what people believe.
//!
//! ````text
//! ```check
//! name = "short-read"            # unique on the page
//! ask = "A `read` into a buffer of 100 bytes returns 11. What has happened?"
//! exit = true                    # one of the three that end the lesson; may be left out
//!
//! [[answer]]
//! says = "The read was cut short; the program should try again."
//! belief = 23                    # of beliefs.toml, settled or met by this chapter
//! why = "A short read is no error."
//!
//! [[answer]]
//! says = "Eleven bytes had arrived."
//! right = true
//! why = "`read` returns what there is."
//! ```
//! ````
//!
//! `ask`, `says` and `why` are Markdown, and directives work in them. The answers stand on the page in the order of the fence, the
//! explanations folded below them; on paper only the letters of the right ones are printed, at the end of the chapter.

use serde::Deserialize;

use crate::toml_at::{self, Fault, line_with};

/// The kind of fence that holds a question.
pub const FENCE: &str = "check";

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What it is called, unique on its page: `short-read`.
    pub name: String,
    /// What is asked, in Markdown.
    pub ask: String,
    /// Whether it is an exit question.
    #[serde(default)]
    pub exit: bool,
    /// The answers to choose from, in order.
    #[serde(rename = "answer")]
    pub answers: Vec<Answer>,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What it says, in Markdown.
    pub says: String,
    /// Whether it is the right one.
    #[serde(default)]
    pub right: bool,
    /// The belief that leads to it, where it is wrong: its number in `beliefs.toml`.
    pub belief: Option<u32>,
    /// Why it is right or wrong, in Markdown.
    pub why: String,
}

impl Question {
    /// Reads the body of a check fence.
    ///
    /// # Errors
    /// What is wrong, with the line of the body: an unknown or missing key, no right answer or several, a question whose wrong answers
    /// name no belief.
    pub fn parse(body: &str) -> Result<Question, Fault> {
        let question: Question = toml_at::read(body)?;
        match question.fault() {
            Some((at, message)) => Err(Fault {
                line: line_with(body, at),
                message,
            }),
            None => Ok(question),
        }
    }

    fn fault(&self) -> Option<(&str, String)> {
        if !is_slug(&self.name) {
            return Some((
                "name",
                format!(
                    "`{}` is no name; write small letters, digits and `-`: `short-read`",
                    self.name
                ),
            ));
        }
        let right = self.answers.iter().filter(|answer| answer.right).count();
        if right != 1 || !(2..=5).contains(&self.answers.len()) {
            return Some((
                "[[answer]]",
                format!(
                    "a question has two to five answers, one of them with `right = true`; here are {} and {right}",
                    self.answers.len()
                ),
            ));
        }
        if let Some(answer) = self
            .answers
            .iter()
            .find(|answer| answer.right && answer.belief.is_some())
        {
            return Some((
                &answer.says,
                "the right answer names a belief; beliefs belong to wrong answers".into(),
            ));
        }
        if self.answers.iter().all(|answer| answer.belief.is_none()) {
            return Some((
                "[[answer]]",
                "no wrong answer names a belief; give one `belief = NUMBER` of beliefs.toml: who would choose it, and why?".into(),
            ));
        }
        None
    }

    /// The letter of the right answer: `b`.
    pub fn letter(&self) -> char {
        let right = self.answers.iter().position(|answer| answer.right);
        letter(right.unwrap_or_default())
    }

    /// The beliefs that its wrong answers name.
    pub fn beliefs(&self) -> impl Iterator<Item = u32> {
        self.answers.iter().filter_map(|answer| answer.belief)
    }

    /// The question as it stands on the page. `id` is its id, `number` counts from 1; `markdown` is given each text and its key and
    /// answers with its directives replaced.
    pub fn html(&self, id: &str, number: usize, mut markdown: impl FnMut(&str) -> String) -> String {
        let (class, exit) = match self.exit {
            true => ("check exit", " <span class=\"check-exit\">exit question</span>"),
            false => ("check", ""),
        };
        let mut out = format!(
            "<section class=\"{class}\" id=\"{id}\" aria-label=\"Question {number}\">\n<p class=\"check-title\">Question {number}{exit}</p>\n\n{}\n\n\
             <ol class=\"answers\" type=\"a\">\n",
            markdown(&self.ask)
        );
        for answer in &self.answers {
            let belief = answer
                .belief
                .map_or_else(String::new, |belief| format!(" data-belief=\"{belief}\""));
            out.push_str(&format!("<li{belief}>\n\n{}\n\n</li>\n", markdown(&answer.says)));
        }
        out.push_str("</ol>\n<details class=\"answer\">\n<summary>Answer</summary>\n\n");
        // The right one first: whoever was right reads one sentence.
        let mut told: Vec<(usize, &Answer)> = self.answers.iter().enumerate().collect();
        told.sort_by_key(|(index, answer)| (!answer.right, *index));
        for (index, answer) in told {
            let letter = letter(index);
            let verdict = if answer.right {
                format!("**{letter} is right.**")
            } else {
                format!("*{letter}:*")
            };
            out.push_str(&format!("{verdict} {}\n\n", markdown(&answer.why)));
        }
        out.push_str("</details>\n</section>\n");
        out
    }
}

/// The letters of the right answers, for paper, where the answers stay folded: below the last question.
pub fn key(questions: &[&Question]) -> String {
    let letters: Vec<String> = questions
        .iter()
        .enumerate()
        .map(|(index, question)| format!("{} {}", index + 1, question.letter()))
        .collect();
    format!("<p class=\"check-key\">Right are {}.</p>\n", letters.join(", "))
}

fn letter(index: usize) -> char {
    ('a'..='z').nth(index).unwrap_or('?')
}

/// Whether a name can stand in an id and in a command.
pub fn is_slug(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(sound) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"n\"\nask = \"Q?\"\n[[answer]]\nsays = \"one\"\nbelief = 7\nwhy = \"not so\"\n[[answer]]\nsays = \"two\"\nright = true\nwhy = \"so\"\n";

    #[test]
    fn a_question_becomes_a_box_with_its_answer_folded_and_the_right_one_first() {
        let html = Question::parse(GOOD)
            .unwrap()
            .html("x", 3, |text| text.to_uppercase());
        assert_eq!(
            html,
            "<section class=\"check\" id=\"x\" aria-label=\"Question 3\">\n<p class=\"check-title\">Question 3</p>\n\nQ?\n\n\
             <ol class=\"answers\" type=\"a\">\n<li data-belief=\"7\">\n\nONE\n\n</li>\n<li>\n\nTWO\n\n</li>\n</ol>\n\
             <details class=\"answer\">\n<summary>Answer</summary>\n\n**b is right.** SO\n\n*a:* NOT SO\n\n</details>\n</section>\n"
        );
        let exit = Question::parse(&format!("exit = true\n{GOOD}")).unwrap();
        assert!(exit.html("x", 1, str::to_owned).contains("exit question"));
        assert_eq!(
            key(&[&exit, &exit]),
            "<p class=\"check-key\">Right are 1 b, 2 b.</p>\n"
        );
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        for (body, line, words) in [
            (GOOD.replace("\"n\"", "\"N 1\""), 0, "`N 1` is no name"),
            (GOOD.replace("right = true\n", ""), 2, "here are 2 and 0"),
            (GOOD.replace("belief = 7", "right = true"), 2, "here are 2 and 2"),
            (
                GOOD.replace("belief = 7\n", ""),
                2,
                "no wrong answer names a belief",
            ),
            (
                GOOD.replace("right = true", "right = true\nbelief = 8"),
                7,
                "the right answer names a belief",
            ),
            (GOOD.replace("why = \"so\"", ""), 6, "missing field `why`"),
            (GOOD.replace("ask", "aks"), 1, "unknown field `aks`"),
        ] {
            let fault = Question::parse(&body).unwrap_err();
            assert!(fault.message.contains(words), "{body}: {}", fault.message);
            assert_eq!(fault.line, line, "{body}: {}", fault.message);
        }
    }
}
