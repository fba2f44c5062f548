//! The exercise fence: what to do, how long it takes, and the command that says when it is right.
//!
//! ````text
//! ```exercise
//! name = "whole-buffer"          # listings/chNN-slug/exercises/whole-buffer.rs, and .toml with its cases
//! title = "Say back what was said"
//! type = "modify"                # predict, run, investigate, modify or make
//! minutes = 10
//! difficulty = 1                 # 1 to 3
//! place = "lab"                  # or "home"
//! do = "The server answers with its whole buffer. Make it answer with what `read` returned."
//! ```
//! ````
//!
//! `modify` and `make` need a program, and the page then shows `cargo book exercise SLUG/NAME`. The other types may have
//! none; they take `command`, what to type, and `answer`, folded on the page. `do` and `answer` are Markdown, and directives work in them.

use std::fmt;

use serde::Deserialize;

use crate::{
    check::is_slug,
    html::escape,
    toml_at::{self, Fault, line_with},
};

/// The kind of fence that holds an exercise.
pub const FENCE: &str = "exercise";

/// An exercise, as its page tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// What it is called, unique in its chapter: `whole-buffer`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How long it takes.
    pub minutes: u32,
    /// From 1 to 3.
    pub difficulty: u8,
    /// Where it is done.
    pub place: Place,
    /// What to do, in Markdown.
    #[serde(rename = "do")]
    pub task: String,
    /// What to type, where there is no program to be judged.
    pub command: Option<String>,
    /// What comes of it, in Markdown, folded on the page; where there is no program to be judged.
    pub answer: Option<String>,
}

/// What kind of work an exercise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Say what will be seen.
    Predict,
    /// Run it and look.
    Run,
    /// Find out.
    Investigate,
    /// Change a program.
    Modify,
    /// Write one.
    Make,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Predict => "predict",
            Kind::Run => "run",
            Kind::Investigate => "investigate",
            Kind::Modify => "modify",
            Kind::Make => "make",
        })
    }
}

/// Where an exercise is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the lab.
    Lab,
    /// At home.
    Home,
}

impl Exercise {
    /// Reads the body of an exercise fence.
    ///
    /// # Errors
    /// What is wrong, with the line of the body.
    pub fn parse(body: &str) -> Result<Exercise, Fault> {
        let exercise: Exercise = toml_at::read(body)?;
        match exercise.fault() {
            Some((at, message)) => Err(Fault {
                line: line_with(body, at),
                message,
            }),
            None => Ok(exercise),
        }
    }

    fn fault(&self) -> Option<(&'static str, String)> {
        if !is_slug(&self.name) {
            return Some((
                "name",
                format!(
                    "`{}` is no name; write small letters, digits and `-`: `whole-buffer`",
                    self.name
                ),
            ));
        }
        if !(1..=3).contains(&self.difficulty) {
            return Some((
                "difficulty",
                format!("`difficulty` is 1, 2 or 3, not {}", self.difficulty),
            ));
        }
        (self.minutes == 0).then(|| ("minutes", "`minutes` is 0; say how long it takes".into()))
    }

    /// Whether it is judged: there is a program to be changed or written.
    pub fn is_judged(&self) -> bool {
        matches!(self.kind, Kind::Modify | Kind::Make)
    }

    /// The exercise as it stands on the page. `slug` is the chapter's, `echo`; `program` the file to change, where there is one;
    /// `markdown` replaces the directives of a text.
    pub fn html(
        &self,
        id: &str,
        slug: &str,
        program: Option<&str>,
        mut markdown: impl FnMut(&str) -> String,
    ) -> String {
        let place = match self.place {
            Place::Lab => "in the lab",
            Place::Home => "at home",
        };
        let difficulty: String = (1..=3)
            .map(|n| if n <= self.difficulty { '●' } else { '○' })
            .collect();
        let title = escape(&self.title);
        let mut out = format!(
            "<section class=\"exercise\" id=\"{id}\" aria-label=\"Exercise: {title}\">\n<p class=\"exercise-title\">{title}</p>\n\
             <p class=\"exercise-facts\">{}, {} minutes, {place}, difficulty {} of 3 <span aria-hidden=\"true\">{difficulty}</span></p>\n\n{}\n\n",
            self.kind,
            self.minutes,
            self.difficulty,
            markdown(&self.task)
        );
        if let Some(program) = program {
            out.push_str(&format!(
                "The program is `{program}`.\n\n```console\n$ cargo book exercise {slug}/{}\n```\n\n",
                self.name
            ));
        } else if let Some(command) = &self.command {
            out.push_str(&format!("```console\n$ {}\n```\n\n", command.trim()));
        }
        if let Some(answer) = &self.answer {
            out.push_str(&format!(
                "<details class=\"answer\">\n<summary>Answer</summary>\n\n{}\n\n</details>\n",
                markdown(answer)
            ));
        }
        out.push_str("</section>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"n\"\ntitle = \"T & U\"\ntype = \"modify\"\nminutes = 10\ndifficulty = 2\nplace = \"lab\"\ndo = \"It.\"\n";

    #[test]
    fn an_exercise_says_what_to_do_how_long_and_what_to_type() {
        let html = Exercise::parse(GOOD)
            .unwrap()
            .html("x", "echo", Some("listings/n.rs"), str::to_uppercase);
        assert_eq!(
            html,
            "<section class=\"exercise\" id=\"x\" aria-label=\"Exercise: T &amp; U\">\n<p class=\"exercise-title\">T &amp; U</p>\n\
             <p class=\"exercise-facts\">modify, 10 minutes, in the lab, difficulty 2 of 3 <span aria-hidden=\"true\">●●○</span></p>\n\nIT.\n\n\
             The program is `listings/n.rs`.\n\n```console\n$ cargo book exercise echo/n\n```\n\n</section>\n"
        );
        let by_hand = Exercise::parse(&format!(
            "{}command = \"ls\"\nanswer = \"So.\"\n",
            GOOD.replace("modify", "run")
        ))
        .unwrap();
        let html = by_hand.html("x", "echo", None, str::to_owned);
        assert!(
            html.contains("$ ls\n") && html.contains("<details class=\"answer\">"),
            "{html}"
        );
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        for (body, line, words) in [
            (GOOD.replace("\"n\"", "\"a b\""), 0, "`a b` is no name"),
            (GOOD.replace("= 2", "= 4"), 4, "1, 2 or 3, not 4"),
            (GOOD.replace("= 10", "= 0"), 3, "`minutes` is 0"),
            (GOOD.replace("modify", "mend"), 2, "unknown variant `mend`"),
            (GOOD.replace("\"lab\"", "\"bus\""), 5, "expected `lab` or `home`"),
            (GOOD.replace("do =", "task ="), 6, "unknown field `task`"),
        ] {
            let fault = Exercise::parse(&body).unwrap_err();
            assert!(fault.message.contains(words), "{body}: {}", fault.message);
            assert_eq!(fault.line, line, "{body}: {}", fault.message);
        }
    }
}
