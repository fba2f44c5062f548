//! What the chapters say for teachers, gathered on one page: their minutes, the teacher's notes, the answers. Nothing of it is written
//! twice; a chapter that is added appears by itself.
//!
//! | on the page | becomes |
//! |---|---|
//! | `{{#minutes}}` | a table: how long each chapter takes to teach, in the lab, at home, and the sums |
//! | `{{#notes}}` | the teacher's notes of all chapters |
//! | `{{#answers}}` | the right answer to every question, and the way to every exercise's solution |

use std::{collections::BTreeMap, path::Path};

use crate::{
    chapter::{Label, stem},
    declaration::Minutes,
    exercise::Exercise,
    forms::Forms,
    html::escape_markdown,
    page::Page,
};

/// A chapter, as far as a lesson is made of it.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Its file: `ch09-close`.
    pub stem: String,
    /// Its file, relative to the prose: `ch09-close.md`.
    pub path: String,
    /// Its title, without the number.
    pub title: String,
    /// Its forms.
    pub forms: Forms,
    /// The headings that have an id.
    pub headings: BTreeMap<String, String>,
}

impl Lesson {
    /// The chapters among these pages, in the order of their numbers. `pages` are the texts as they stand in their files, by
    /// their paths. A chapter whose forms cannot be read is left out: whoever makes its page tells why.
    pub fn all<'a>(pages: impl Iterator<Item = (&'a Path, &'a str)>) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        for (path, text) in pages {
            let stem = stem(path);
            let Some(Label::Chapter(number)) = Label::of(&stem) else {
                continue;
            };
            let page = Page::parse(text);
            let Ok(forms) = Forms::of(&page) else { continue };
            let title = page.headings.iter().find(|heading| heading.level == 1);
            let lesson = Lesson {
                stem,
                path: path.to_string_lossy().replace('\\', "/"),
                title: title.map(|heading| heading.text.clone()).unwrap_or_default(),
                forms,
                headings: page
                    .headings
                    .iter()
                    .filter_map(|heading| Some((heading.id.clone()?, heading.text.clone())))
                    .collect(),
            };
            lessons.push((number, lesson));
        }
        lessons.sort_by_key(|(number, _)| *number);
        lessons.into_iter().map(|(_, lesson)| lesson).collect()
    }

    /// `close` of `ch09-close`.
    pub fn slug(&self) -> &str {
        self.stem.split_once('-').map_or("", |(_, slug)| slug)
    }

    /// What it declares to take.
    pub fn minutes(&self) -> Option<Minutes> {
        self.forms
            .declaration
            .as_ref()
            .map(|(_, declaration)| declaration.minutes)
    }

    /// A link to the chapter, or to a heading of it.
    pub fn link(&self, text: &str, heading: Option<&str>) -> String {
        let fragment = heading.map_or_else(String::new, |id| format!("#{id}"));
        format!("[{text}]({}{fragment})", self.path)
    }

    /// `Chapter 9`.
    pub fn label(&self) -> String {
        Label::of(&self.stem).map_or_else(|| self.stem.clone(), |label| label.long(true))
    }

    /// A text of the chapter that stands on another page: its links to its own headings lead to the chapter.
    pub fn elsewhere(&self, text: &str) -> String {
        text.trim().replace("](#", &format!("]({}#", self.path))
    }

    /// The heading of its part of a page: `## Chapter 9: An orderly goodbye {#notes-ch09-close}`.
    fn heading(&self, level: &str, what: &str) -> String {
        format!(
            "{level} {}: {} {{#{what}-{}}}\n\n",
            self.label(),
            escape_markdown(&self.title),
            self.stem
        )
    }
}

/// `{{#minutes}}`: what every chapter takes.
pub fn minutes(lessons: &[Lesson]) -> String {
    let mut out = String::from("| Chapter | To teach | In the lab | At home |\n|---|---:|---:|---:|\n");
    let mut sums = [0; 3];
    for lesson in lessons {
        let Some(Minutes { teach, lab, home }) = lesson.minutes() else {
            continue;
        };
        for (sum, minutes) in sums.iter_mut().zip([teach, lab, home]) {
            *sum += minutes;
        }
        out.push_str(&format!(
            "| {} {} | {teach} | {lab} | {home} |\n",
            lesson.link(&lesson.label(), None),
            escape_markdown(&lesson.title)
        ));
    }
    let [teach, lab, home] = sums;
    out.push_str(&format!("| **All** | **{teach}** | **{lab}** | **{home}** |\n"));
    out
}

/// `{{#notes}}`: the teacher's notes. `markdown` replaces the directives of a text.
pub fn notes(lessons: &[Lesson], mut markdown: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    for lesson in lessons {
        let Some((_, notes)) = &lesson.forms.notes else {
            continue;
        };
        out.push_str(&lesson.heading("###", "notes"));
        for note in &notes.notes {
            let title = lesson
                .headings
                .get(&note.at)
                .map_or(note.at.as_str(), String::as_str);
            let minutes = match note.minutes {
                1 => "1 minute".to_owned(),
                n => format!("{n} minutes"),
            };
            out.push_str(&format!(
                "**{}**, {minutes}\n\n",
                lesson.link(&escape_markdown(title), Some(&note.at))
            ));
            let said = [
                ("Ask", Some(&note.ask)),
                ("Show", note.show.as_ref()),
                ("Expect", Some(&note.expect)),
                ("Right", Some(&note.right)),
                ("If it fails", note.if_it_fails.as_ref()),
            ];
            for (what, text) in said {
                if let Some(text) = text {
                    let text = markdown(&lesson.elsewhere(text));
                    out.push_str(&format!("- *{what}:* {}\n", in_item(&text)));
                }
            }
            out.push('\n');
        }
    }
    out
}

/// `{{#answers}}`: the right answers, and where the exercises are solved. `solution` is the link to an exercise's solution, where
/// there is one; `markdown` replaces the directives of a text.
pub fn answers(
    lessons: &[Lesson],
    mut solution: impl FnMut(&Lesson, &Exercise) -> Option<String>,
    mut markdown: impl FnMut(&str) -> String,
) -> String {
    let mut out = String::new();
    for lesson in lessons {
        let forms = &lesson.forms;
        if forms.questions.is_empty() && forms.exercises.is_empty() {
            continue;
        }
        out.push_str(&lesson.heading("##", "answers"));
        for (index, (_, question)) in forms.questions.iter().enumerate() {
            let Some(right) = question.answers.iter().find(|answer| answer.right) else {
                continue;
            };
            let id = format!("{}-check-{}", lesson.stem, question.name);
            let exit = if question.exit { " (exit question)" } else { "" };
            out.push_str(&format!(
                "{}{exit}. {}\n\n- **{}**: {}\n- Why: {}\n\n",
                lesson.link(&format!("Question {}", index + 1), Some(&id)),
                markdown(&lesson.elsewhere(&question.ask)),
                question.letter(),
                in_item(&markdown(&lesson.elsewhere(&right.says))),
                in_item(&markdown(&lesson.elsewhere(&right.why)))
            ));
        }
        for (_, exercise) in &forms.exercises {
            let id = format!("{}-exercise-{}", lesson.stem, exercise.name);
            let title = lesson.link(&escape_markdown(&exercise.title), Some(&id));
            let place =
                solution(lesson, exercise).map_or_else(String::new, |place| format!(" Solved in {place}."));
            let told = exercise.answer.as_ref().map_or_else(String::new, |answer| {
                format!(" {}", markdown(&lesson.elsewhere(answer)))
            });
            out.push_str(&format!("Exercise *{title}*.{place}{told}\n\n"));
        }
    }
    out
}

/// A text within an item of a list: what stands in further lines is indented.
fn in_item(text: &str) -> String {
    text.replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: &str = "# An orderly goodbye\n\n```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = { teach = 10, lab = 5, home = 7 }\nmeets = [7]\n```\n\
        ```teacher\n[[note]]\nat = \"half\"\nminutes = 10\nask = \"May it? ([here](#half))\"\nexpect = \"No.\"\nright = \"Yes.\"\n```\n\n## Half a goodbye {#half}\n\n\
        ```check\nname = \"fin\"\nask = \"What now?\"\nexit = true\n[[answer]]\nsays = \"one\"\nbelief = 7\nwhy = \"not so\"\n[[answer]]\nsays = \"two\"\nright = true\nwhy = \"so\"\n```\n\
        ```exercise\nname = \"finish\"\ntitle = \"Finish\"\ntype = \"modify\"\nminutes = 5\ndifficulty = 1\nplace = \"lab\"\ndo = \"d\"\n```\n";

    fn lessons() -> Vec<Lesson> {
        let echo = CLOSE
            .replace("An orderly goodbye", "One echo")
            .replace("half", "h");
        let pages = [
            ("ch09-close.md", CLOSE),
            ("ch01-echo.md", &echo),
            ("preface.md", "# Before\n"),
        ];
        Lesson::all(pages.iter().map(|(path, text)| (Path::new(*path), *text)))
    }

    #[test]
    fn chapters_come_in_the_order_of_their_numbers_and_their_minutes_are_added() {
        let table = minutes(&lessons());
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| [Chapter 1](ch01-echo.md) One echo | 10 | 5 | 7 |",
                "| [Chapter 9](ch09-close.md) An orderly goodbye | 10 | 5 | 7 |",
                "| **All** | **20** | **10** | **14** |",
            ]
        );
    }

    #[test]
    fn a_note_says_what_to_ask_and_its_links_lead_to_its_chapter() {
        let text = notes(&lessons(), str::to_owned);
        assert!(
            text.ends_with(
                "### Chapter 9: An orderly goodbye {#notes-ch09-close}\n\n**[Half a goodbye](ch09-close.md#half)**, 10 minutes\n\n\
                 - *Ask:* May it? ([here](ch09-close.md#half))\n- *Expect:* No.\n- *Right:* Yes.\n\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_answer_has_its_letter_and_its_reason_and_an_exercise_its_solution() {
        let text = answers(
            &lessons(),
            |lesson, exercise| Some(format!("{}/{}", lesson.stem, exercise.name)),
            str::to_owned,
        );
        assert!(
            text.ends_with(
                "## Chapter 9: An orderly goodbye {#answers-ch09-close}\n\n\
                 [Question 1](ch09-close.md#ch09-close-check-fin) (exit question). What now?\n\n- **b**: two\n- Why: so\n\n\
                 Exercise *[Finish](ch09-close.md#ch09-close-exercise-finish)*. Solved in ch09-close/finish.\n\n"
            ),
            "{text}"
        );
    }
}
