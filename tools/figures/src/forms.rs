//! Everything a chapter says about itself, read from its page in one go, and whether it agrees with itself. The page, the
//! handout, the schedule and the tests read it here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check::{self, Question},
    declaration::{self, Declaration},
    excerpt::{self, Include},
    exercise::{self, Exercise, Place},
    page::Page,
    problem::choices,
    recording::{self, Shown},
    teacher::{self, Notes},
};

/// The forms of a page. Each stands with the line of its fence, counted from 1.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    /// What the chapter declares.
    pub declaration: Option<(usize, Declaration)>,
    /// The teacher's notes.
    pub notes: Option<(usize, Notes)>,
    /// *Check yourself*.
    pub questions: Vec<(usize, Question)>,
    /// The exercises.
    pub exercises: Vec<(usize, Exercise)>,
    /// The recordings that are shown.
    pub recordings: Vec<(usize, Shown)>,
    /// The excerpts.
    pub excerpts: Vec<(usize, Vec<Include>)>,
    headings: BTreeSet<String>,
    handout_line: usize,
    notes_body: String,
}

/// What is wrong, and on which line of the page.
pub type Told = (usize, String);

impl Forms {
    /// Reads a page.
    ///
    /// # Errors
    /// Every form that cannot be read.
    pub fn of(page: &Page<'_>) -> Result<Forms, Vec<Told>> {
        let mut forms = Forms {
            headings: page
                .headings
                .iter()
                .filter_map(|heading| heading.id.clone())
                .collect(),
            ..Forms::default()
        };
        let mut told = Vec::new();
        for fence in &page.fences {
            let line = fence.line;
            let body = &fence.body;
            let read = match fence.kind() {
                declaration::FENCE => Declaration::parse(body).map(|read| {
                    forms.handout_line = line + 1 + crate::toml_at::line_with(body, "[handout]");
                    forms.declaration = Some((line, read));
                }),
                teacher::FENCE => Notes::parse(body).map(|read| {
                    forms.notes_body = body.clone();
                    forms.notes = Some((line, read));
                }),
                check::FENCE => Question::parse(body).map(|read| forms.questions.push((line, read))),
                exercise::FENCE => Exercise::parse(body).map(|read| forms.exercises.push((line, read))),
                recording::FENCE => Shown::parse(body).map(|read| forms.recordings.push((line, read))),
                _ => {
                    forms
                        .excerpts
                        .extend(excerpt::includes(fence).map(|includes| (line, includes)));
                    Ok(())
                }
            };
            if let Err(fault) = read {
                told.push((line + 1 + fault.line, fault.message));
            }
        }
        if told.is_empty() { Ok(forms) } else { Err(told) }
    }

    /// The questions that end the lesson.
    pub fn exit_questions(&self) -> impl Iterator<Item = &Question> {
        self.questions
            .iter()
            .map(|(_, question)| question)
            .filter(|question| question.exit)
    }

    /// The excerpts by the names that handout marks use: `echo-blocking-server:echo`, with the line of each fence.
    pub fn excerpt_names(&self) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for (line, includes) in &self.excerpts {
            for include in includes {
                let file = include.path.rsplit('/').next().unwrap_or_default();
                let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
                let name = match &include.anchor {
                    Some(anchor) => format!("{stem}:{anchor}"),
                    None => stem.to_owned(),
                };
                names.entry(name).or_insert(*line);
            }
        }
        names
    }

    /// Where the forms disagree with each other.
    pub fn disagreements(&self) -> Vec<Told> {
        let mut told = Vec::new();
        let mut names = BTreeSet::new();
        for (line, question) in &self.questions {
            if !names.insert(&question.name) {
                told.push((
                    *line,
                    format!(
                        "another question of this page is called `{}`; rename one",
                        question.name
                    ),
                ));
            }
        }
        let mut names = BTreeSet::new();
        for (line, exercise) in &self.exercises {
            if !names.insert(&exercise.name) {
                told.push((
                    *line,
                    format!(
                        "another exercise of this page is called `{}`; rename one",
                        exercise.name
                    ),
                ));
            }
        }
        let exits = self.exit_questions().count();
        if let (Some((line, _)), true) = (self.questions.first(), exits != 3) {
            told.push((
                *line,
                format!("three questions end the lesson; here {exits} say `exit = true`"),
            ));
        }
        self.of_notes(&mut told);
        let Some((line, declaration)) = &self.declaration else {
            let first = self.questions.first().map(|(line, _)| line);
            let first = first.or_else(|| self.exercises.first().map(|(line, _)| line));
            if let Some(line) = first.or(self.notes.as_ref().map(|(line, _)| line)) {
                told.push((
                    *line,
                    "the page declares nothing; give it a ```declaration fence at its top".into(),
                ));
            }
            return told;
        };
        self.of_minutes(*line, declaration, &mut told);
        self.of_beliefs(*line, declaration, &mut told);
        self.of_handout(declaration, &mut told);
        told
    }

    fn of_notes(&self, told: &mut Vec<Told>) {
        let Some((line, notes)) = &self.notes else { return };
        for note in notes
            .notes
            .iter()
            .filter(|note| !self.headings.contains(&note.at))
        {
            let at = crate::toml_at::line_with(&self.notes_body, &format!("\"{}\"", note.at));
            told.push((
                line + 1 + at,
                format!(
                    "no heading of this page says `{{#{}}}`; there are {}",
                    note.at,
                    choices(&self.headings, "none")
                ),
            ));
        }
    }

    /// To teach takes what the notes take together; the lab takes what its exercises take together; at home there is to be read
    /// besides, so the exercises may take less.
    fn of_minutes(&self, line: usize, declaration: &Declaration, told: &mut Vec<Told>) {
        let minutes = declaration.minutes;
        if let Some((_, notes)) = &self.notes
            && notes.minutes() != minutes.teach
        {
            told.push((
                line,
                format!(
                    "`minutes.teach` is {}, and the teacher's notes take {}; change one",
                    minutes.teach,
                    notes.minutes()
                ),
            ));
        }
        if self.exercises.is_empty() {
            return;
        }
        let at = |place| -> u32 {
            let there = self
                .exercises
                .iter()
                .filter(|(_, exercise)| exercise.place == place);
            there.map(|(_, exercise)| exercise.minutes).sum()
        };
        let (lab, home) = (at(Place::Lab), at(Place::Home));
        if lab != minutes.lab {
            told.push((
                line,
                format!(
                    "`minutes.lab` is {}, and the exercises with `place = \"lab\"` take {lab}; change one",
                    minutes.lab
                ),
            ));
        }
        if home > minutes.home {
            told.push((
                line,
                format!("`minutes.home` is {}, and the exercises with `place = \"home\"` alone take {home}; there is to be read besides", minutes.home),
            ));
        }
    }

    fn of_beliefs(&self, line: usize, declaration: &Declaration, told: &mut Vec<Told>) {
        for (line, question) in &self.questions {
            for belief in question.beliefs() {
                if !declaration.settles.contains(&belief) && !declaration.meets.contains(&belief) {
                    told.push((
                        *line,
                        format!("an answer names belief {belief}, which the chapter neither settles nor meets; declare it, or name another"),
                    ));
                }
            }
        }
        if self.questions.is_empty() {
            return;
        }
        let asked: BTreeSet<u32> = self
            .questions
            .iter()
            .flat_map(|(_, question)| question.beliefs())
            .collect();
        for belief in declaration
            .settles
            .iter()
            .filter(|belief| !asked.contains(belief))
        {
            told.push((
                line,
                format!(
                    "belief {belief} is settled here and no question asks for it; let a wrong answer name it"
                ),
            ));
        }
    }

    fn of_handout(&self, declaration: &Declaration, told: &mut Vec<Told>) {
        let shown: BTreeSet<&str> = self
            .recordings
            .iter()
            .map(|(_, shown)| shown.show.as_str())
            .collect();
        for figure in declaration
            .handout
            .figures
            .iter()
            .filter(|figure| !shown.contains(figure.as_str()))
        {
            told.push((
                self.handout_line,
                format!(
                    "the handout asks for the figure `{figure}`, which this page does not show; it shows {}",
                    choices(&shown, "none")
                ),
            ));
        }
        let excerpts = self.excerpt_names();
        for excerpt in declaration
            .handout
            .excerpts
            .iter()
            .filter(|excerpt| !excerpts.contains_key(*excerpt))
        {
            told.push((
                self.handout_line,
                format!("the handout asks for the excerpt `{excerpt}`, which this page does not show; it shows {}", choices(excerpts.keys(), "none")),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARATION: &str = "```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = { teach = 10, lab = 5, home = 5 }\nmeets = [7]\nHANDOUT```\n";

    fn question(name: &str, rest: &str) -> String {
        format!(
            "```check\nname = \"{name}\"\nask = \"?\"\n{rest}[[answer]]\nsays = \"x\"\nbelief = 7\nwhy = \"y\"\n[[answer]]\nsays = \"x\"\nright = true\nwhy = \"y\"\n```\n"
        )
    }

    fn exercise(name: &str, place: &str, minutes: u32) -> String {
        format!(
            "```exercise\nname = \"{name}\"\ntitle = \"T\"\ntype = \"modify\"\nminutes = {minutes}\ndifficulty = 1\nplace = \"{place}\"\ndo = \"d\"\n```\n"
        )
    }

    fn note(at: &str, minutes: u32) -> String {
        format!(
            "```teacher\n[[note]]\nat = \"{at}\"\nminutes = {minutes}\nask = \"?\"\nexpect = \"!\"\nright = \"!\"\n```\n"
        )
    }

    fn told(page: &str) -> String {
        let forms = Forms::of(&Page::parse(page)).unwrap();
        forms
            .disagreements()
            .into_iter()
            .map(|(line, message)| format!("{line}: {message}\n"))
            .collect()
    }

    #[test]
    fn a_chapter_that_agrees_with_itself_is_not_told_anything() {
        let three: String = ["a", "b", "c"]
            .map(|name| question(name, "exit = true\n"))
            .concat();
        let page = format!(
            "# T {{#top}}\n\n{}{three}{}{}{}```rust\n{{{{#include ../listings/x/src/bin/echo.rs:a}}}}\n```\n```recording\nshow = \"echo/one\"\n```\n",
            DECLARATION.replace(
                "HANDOUT",
                "[handout]\nfigures = [\"echo/one\"]\nexcerpts = [\"echo:a\"]\n"
            ),
            exercise("one", "lab", 5),
            exercise("two", "home", 4),
            note("top", 10)
        );
        assert_eq!(told(&page), "");
    }

    #[test]
    fn every_disagreement_is_told_with_its_line_and_what_to_do() {
        let plain = DECLARATION.replace("HANDOUT", "");
        let three: String = ["a", "b", "c"]
            .map(|name| question(name, "exit = true\n"))
            .concat();
        for (page, words) in [
            (question("a", ""), "1: the page declares nothing"),
            (
                format!("{plain}{}", question("a", "")),
                "6: three questions end the lesson; here 0",
            ),
            (
                format!("{plain}{three}{}", question("a", "")),
                "called `a`; rename one",
            ),
            (
                format!("{plain}{three}").replace("meets = [7]", "meets = [8]"),
                "6: an answer names belief 7",
            ),
            (
                format!("{plain}{three}").replace("meets = [7]", "settles = [8]\nmeets = [7]"),
                "1: belief 8 is settled here and no question asks",
            ),
            (
                format!("{plain}{}", exercise("a", "lab", 6)),
                "1: `minutes.lab` is 5, and the exercises with `place = \"lab\"` take 6",
            ),
            (
                format!("{plain}{}{}", exercise("a", "lab", 5), exercise("b", "home", 6)),
                "1: `minutes.home` is 5",
            ),
            (
                format!("{plain}{}{0}", exercise("a", "lab", 5)),
                "another exercise of this page is called `a`",
            ),
            (
                format!("{plain}# T {{#top}}\n{}", note("top", 9)),
                "1: `minutes.teach` is 10, and the teacher's notes take 9",
            ),
            (
                format!("{plain}# T {{#top}}\n{}", note("pot", 10)),
                "9: no heading of this page says `{#pot}`; there are `top`",
            ),
            (
                DECLARATION.replace("HANDOUT", "[handout]\nfigures = [\"x\"]\n"),
                "5: the handout asks for the figure `x`, which this page does not show; it shows none",
            ),
            (
                DECLARATION.replace("HANDOUT", "[handout]\nexcerpts = [\"x:y\"]\n"),
                "5: the handout asks for the excerpt `x:y`",
            ),
        ] {
            let told = told(&page);
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn every_form_that_cannot_be_read_is_told() {
        let page = "```check\nx = 1\n```\n```teacher\n[[note]]\nat = \"x\"\n```\n";
        let told = Forms::of(&Page::parse(page)).unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].0 == 2 && told[0].1.contains("unknown field `x`"),
            "{told:?}"
        );
        assert!(told[1].0 == 5 && told[1].1.contains("missing field"), "{told:?}");
    }
}
