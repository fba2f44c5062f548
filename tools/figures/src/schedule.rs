//! The schedule fence: which parts of which chapters are taught when. What a part takes is the chapters' own word, so a schedule that no
//! longer fits keeps the book from being built.
//!
//! ````text
//! ```schedule
//! name = "90-minutes"
//! cut = ["ch01-echo:async"]               # what goes first when time runs short, in this order; may be left out
//!
//! [[session]]
//! title = "The lecture"
//! minutes = 90
//! start = "09:00"                         # may be left out: minutes are counted from 0
//! parts = [
//!   { chapter = "ch01-echo", teach = ["whole-buffer", "right"] },   # by the places of its teacher's notes, or "all"
//!   { chapter = "ch09-close", lab = ["finish"] },                    # exercises, or "all": those for the lab
//!   { minutes = 10, what = "Questions" },
//! ]
//! ```
//! ````
//!
//! A course has a line a week: with `lab = { minutes = 50, parts = […] }` and `home = ["ch01-echo"]`, the chapters that are read after it, a
//! session stands in a line of a table.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    exercise::Place,
    html::escape_markdown,
    lessons::Lesson,
    problem::choices,
    toml_at::{self, Fault, line_with},
};

/// The kind of fence that holds a schedule.
pub const FENCE: &str = "schedule";

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What it is called: `90-minutes`.
    pub name: String,
    /// Its sessions, in order.
    #[serde(rename = "session")]
    pub sessions: Vec<Session>,
    /// What goes first when time runs short: `ch01-echo:async`.
    #[serde(default)]
    pub cut: Vec<String>,
}

/// What is done in one go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// `Week 3`.
    pub title: String,
    /// How long it may take.
    pub minutes: u32,
    /// When it begins, on the clock.
    pub start: Option<String>,
    /// What is done in it.
    pub parts: Vec<Part>,
    /// The lab that goes with it.
    pub lab: Option<Lab>,
    /// The chapters that are read, and whose exercises are done, after it.
    #[serde(default)]
    pub home: Vec<String>,
}

/// A lab that goes with a session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// How long it may take.
    pub minutes: u32,
    /// What is done in it.
    pub parts: Vec<Part>,
}

/// A part of a session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// A chapter, by its file.
    pub chapter: Option<String>,
    /// Which of its notes are taught.
    pub teach: Option<Which>,
    /// Which of its exercises are done.
    pub lab: Option<Which>,
    /// How long it takes, where it is no chapter's.
    pub minutes: Option<u32>,
    /// What it is then, in Markdown.
    pub what: Option<String>,
}

/// Some of a chapter's notes or exercises.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Which {
    /// `"all"`
    All(String),
    /// By name.
    These(Vec<String>),
}

/// What a part is, and how long it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Planned {
    what: String,
    minutes: u32,
    /// Whether the words tell the minutes.
    is_told: bool,
}

/// A session with its parts' minutes.
struct Computed<'a> {
    session: &'a Session,
    parts: Vec<Planned>,
    lab: Vec<Planned>,
}

impl Schedule {
    /// Reads the body of a schedule fence.
    ///
    /// # Errors
    /// What is wrong, with the line of the body.
    pub fn parse(body: &str) -> Result<Schedule, Fault> {
        let schedule: Schedule = toml_at::read(body)?;
        let parts = schedule.sessions.iter().flat_map(|session| {
            let lab = session.lab.iter().flat_map(|lab| &lab.parts);
            session.parts.iter().chain(lab)
        });
        for part in parts {
            let chapter = [&part.teach, &part.lab].into_iter().flatten().count();
            let sound = match (&part.chapter, chapter, part.minutes, &part.what) {
                (Some(_), 1, None, None) => true,
                (None, 0, Some(minutes), Some(what)) => minutes > 0 && !what.trim().is_empty(),
                _ => false,
            };
            if !sound {
                let words = part
                    .chapter
                    .as_deref()
                    .or(part.what.as_deref())
                    .unwrap_or("parts");
                return Err(Fault {
                    line: line_with(body, words),
                    message: "a part is `{ chapter = \"ch01-echo\", teach = [\"server\"] }`, the same with `lab`, or `{ minutes = 10, what = \"Questions\" }`".into(),
                });
            }
        }
        Ok(schedule)
    }

    /// The schedule as Markdown.
    ///
    /// # Errors
    /// Everything that does not fit: a chapter, a note or an exercise that there is not; a session that takes longer than it may.
    pub fn markdown(&self, lessons: &[Lesson]) -> Result<String, Vec<String>> {
        let mut told = Vec::new();
        let mut taught: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut computed = Vec::new();
        for session in &self.sessions {
            let mut planned = |parts: &[Part]| -> Vec<Planned> {
                let mut all = Vec::new();
                for part in parts {
                    match plan(part, lessons) {
                        Ok((planned, lesson, notes)) => {
                            if let Some(lesson) = lesson {
                                taught.entry(&lesson.stem).or_default().extend(notes);
                            }
                            all.push(planned);
                        }
                        Err(message) => told.push(format!("*{}*: {message}", session.title)),
                    }
                }
                all
            };
            let parts = planned(&session.parts);
            let lab = session
                .lab
                .as_ref()
                .map_or_else(Vec::new, |lab| planned(&lab.parts));
            let sums = [
                (sum(&parts), session.minutes, "takes"),
                (
                    sum(&lab),
                    session.lab.as_ref().map_or(0, |lab| lab.minutes),
                    "has a lab that takes",
                ),
            ];
            for (used, may, takes) in sums {
                if used > may {
                    told.push(format!(
                        "`{}`: *{}* {takes} {used} minutes and may take {may}; leave {} out, or move it",
                        self.name,
                        session.title,
                        used - may
                    ));
                }
            }
            for chapter in &session.home {
                if !lessons.iter().any(|lesson| lesson.stem == *chapter) {
                    told.push(no_chapter(chapter, lessons));
                }
            }
            computed.push(Computed { session, parts, lab });
        }
        let cuts = self.cuts(lessons, &taught).unwrap_or_else(|message| {
            told.push(message);
            String::new()
        });
        if !told.is_empty() {
            return Err(told);
        }
        let course = self.sessions.iter().any(|session| session.lab.is_some());
        let mut out = match course {
            true => weeks(&computed, lessons),
            false => hours(&computed),
        };
        out.push_str(&cuts);
        out.push_str(&left_out(lessons, &taught));
        Ok(out)
    }

    /// What goes first when time runs short.
    fn cuts(&self, lessons: &[Lesson], taught: &BTreeMap<&str, BTreeSet<String>>) -> Result<String, String> {
        if self.cut.is_empty() {
            return Ok(String::new());
        }
        let (mut items, mut saved) = (Vec::new(), 0);
        for cut in &self.cut {
            let (chapter, at) = cut.split_once(':').unwrap_or((cut, ""));
            let is_taught = taught.get(chapter).is_some_and(|notes| notes.contains(at));
            let lesson = lessons.iter().find(|lesson| lesson.stem == chapter);
            let Some(lesson) = lesson.filter(|_| is_taught) else {
                return Err(format!(
                    "`cut` names `{cut}`, which `{}` does not teach; name what it teaches: `ch01-echo:async`",
                    self.name
                ));
            };
            let minutes = notes_of(lesson)
                .find(|(name, _)| *name == at)
                .map_or(0, |(_, minutes)| minutes);
            saved += minutes;
            items.push(format!(
                "{} of {} ({minutes})",
                section(lesson, at),
                chapter_link(lesson, false)
            ));
        }
        Ok(format!(
            "\n**If time runs short**, leave out, in this order: {}. That is {saved} minutes.\n",
            items.join(", ")
        ))
    }
}

fn sum(parts: &[Planned]) -> u32 {
    parts.iter().map(|part| part.minutes).sum()
}

fn no_chapter(chapter: &str, lessons: &[Lesson]) -> String {
    format!(
        "no chapter is called `{chapter}`; there are {}",
        choices(lessons.iter().map(|lesson| &lesson.stem), "none")
    )
}

/// A chapter's notes by their places, with their minutes.
fn notes_of(lesson: &Lesson) -> impl Iterator<Item = (&str, u32)> {
    let notes = lesson.forms.notes.iter().flat_map(|(_, notes)| &notes.notes);
    notes.map(|note| (note.at.as_str(), note.minutes))
}

/// *Half a goodbye*, with a link.
fn section(lesson: &Lesson, at: &str) -> String {
    let title = lesson.headings.get(at).map_or(at, String::as_str);
    lesson.link(&format!("*{}*", escape_markdown(title)), Some(at))
}

fn chapter_link(lesson: &Lesson, capital: bool) -> String {
    let label = lesson.label();
    let label = if capital {
        label
    } else {
        label.replacen('C', "c", 1)
    };
    lesson.link(&label, None)
}

/// What a part is, how long it takes, and what of which chapter it teaches.
fn plan<'a>(
    part: &Part,
    lessons: &'a [Lesson],
) -> Result<(Planned, Option<&'a Lesson>, BTreeSet<String>), String> {
    let Some(chapter) = &part.chapter else {
        let planned = Planned {
            what: part.what.clone().unwrap_or_default().trim().to_owned(),
            minutes: part.minutes.unwrap_or_default(),
            is_told: false,
        };
        return Ok((planned, None, BTreeSet::new()));
    };
    let lesson = lessons
        .iter()
        .find(|lesson| lesson.stem == *chapter)
        .ok_or_else(|| no_chapter(chapter, lessons))?;
    let (known, which, kind): (Vec<(String, u32, String)>, _, _) = match (&part.teach, &part.lab) {
        (Some(which), _) => {
            let notes = notes_of(lesson).map(|(at, minutes)| (at.to_owned(), minutes, section(lesson, at)));
            (notes.collect(), which, "note of the teacher's")
        }
        (None, Some(which)) => {
            let all = matches!(which, Which::All(_));
            let exercises = lesson.forms.exercises.iter().map(|(_, exercise)| exercise);
            let exercises = exercises.filter(|exercise| !all || exercise.place == Place::Lab);
            let exercises = exercises.map(|exercise| {
                let id = format!("{}-exercise-{}", lesson.stem, exercise.name);
                let title = format!("*{}*", escape_markdown(&exercise.title));
                (
                    exercise.name.clone(),
                    exercise.minutes,
                    lesson.link(&title, Some(&id)),
                )
            });
            (exercises.collect(), which, "exercise")
        }
        (None, None) => return Err("a part of a chapter says `teach` or `lab`".into()),
    };
    let chosen: Vec<&(String, u32, String)> = match which {
        Which::All(all) if all == "all" => known.iter().collect(),
        Which::All(other) => return Err(format!("`{other}` is neither \"all\" nor a list of names")),
        Which::These(names) => {
            let mut chosen = Vec::new();
            for name in names {
                let one = known.iter().find(|(known, ..)| known == name);
                chosen.push(one.ok_or_else(|| {
                    format!(
                        "`{chapter}` has no {kind} `{name}`; there are {}",
                        choices(known.iter().map(|(name, ..)| name), "none")
                    )
                })?);
            }
            chosen
        }
    };
    if chosen.is_empty() {
        return Err(format!("`{chapter}` has nothing of the kind: no {kind}"));
    }
    let whole = chosen.len() == known.len() && part.teach.is_some();
    let names: Vec<String> = chosen
        .iter()
        .map(|(_, minutes, title)| format!("{title} ({minutes})"))
        .collect();
    let what = match (whole, part.lab.is_some()) {
        (true, _) => format!("{}, whole", chapter_link(lesson, true)),
        (false, false) => format!("{}: {}", chapter_link(lesson, true), names.join(", ")),
        (false, true) if names.len() == 1 => {
            format!(
                "Exercise of {}: {}",
                chapter_link(lesson, false),
                names.join(", ")
            )
        }
        (false, true) => format!(
            "Exercises of {}: {}",
            chapter_link(lesson, false),
            names.join(", ")
        ),
    };
    let planned = Planned {
        what,
        minutes: chosen.iter().map(|(_, minutes, _)| minutes).sum(),
        is_told: !whole,
    };
    let taught = match part.teach {
        Some(_) => chosen.iter().map(|(name, ..)| name.clone()).collect(),
        None => BTreeSet::new(),
    };
    Ok((planned, Some(lesson), taught))
}

/// A line a part: for sessions that a teacher goes through by the clock.
fn hours(computed: &[Computed<'_>]) -> String {
    let mut out = String::from("| From | What | Minutes |\n|---|---|---:|\n");
    let mut all = (0, 0);
    for Computed { session, parts, .. } in computed {
        let mut now = session.start.as_deref().and_then(clock).unwrap_or(0);
        for part in parts {
            let from = match &session.start {
                Some(_) => format!("{}:{:02}", now / 60, now % 60),
                None => now.to_string(),
            };
            out.push_str(&format!("| {from} | {} | {} |\n", cell(&part.what), part.minutes));
            now += part.minutes;
        }
        let used = sum(parts);
        out.push_str(&format!(
            "| | **{}: {used} of {} minutes** | **{used}** |\n",
            cell(&session.title),
            session.minutes
        ));
        all = (all.0 + used, all.1 + session.minutes);
    }
    if computed.len() > 1 {
        out.push_str(&format!(
            "| | **All: {} of {} minutes** | **{}** |\n",
            all.0, all.1, all.0
        ));
    }
    out
}

/// A line a session: for a course.
fn weeks(computed: &[Computed<'_>], lessons: &[Lesson]) -> String {
    let mut out = String::from(
        "| When | Lecture | Minutes | Lab | Minutes | At home | Minutes |\n|---|---|---:|---|---:|---|---:|\n",
    );
    let joined = |parts: &[Planned]| {
        let told = |part: &Planned| match part.is_told {
            true => cell(&part.what),
            false => format!("{} ({})", cell(&part.what), part.minutes),
        };
        parts.iter().map(told).collect::<Vec<_>>().join("; ")
    };
    let mut all = [0; 3];
    for Computed { session, parts, lab } in computed {
        let (mut read, mut home) = (Vec::new(), 0);
        for lesson in lessons
            .iter()
            .filter(|lesson| session.home.contains(&lesson.stem))
        {
            read.push(chapter_link(lesson, true));
            home += lesson.minutes().map_or(0, |minutes| minutes.home);
        }
        let number = |minutes: u32| {
            if minutes == 0 {
                String::new()
            } else {
                minutes.to_string()
            }
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            cell(&session.title),
            joined(parts),
            number(sum(parts)),
            joined(lab),
            number(sum(lab)),
            read.join(", "),
            number(home)
        ));
        for (sum, minutes) in all.iter_mut().zip([sum(parts), sum(lab), home]) {
            *sum += minutes;
        }
    }
    let [lectures, labs, home] = all;
    out.push_str(&format!(
        "| **All** | | **{lectures}** | | **{labs}** | | **{home}** |\n"
    ));
    out
}

/// What the schedule does not teach.
fn left_out(lessons: &[Lesson], taught: &BTreeMap<&str, BTreeSet<String>>) -> String {
    let (mut chapters, mut sections) = (Vec::new(), Vec::new());
    for lesson in lessons.iter().filter(|lesson| lesson.forms.notes.is_some()) {
        let done = taught.get(lesson.stem.as_str()).filter(|notes| !notes.is_empty());
        match done {
            None => {
                let minutes = lesson.minutes().map_or(0, |minutes| minutes.teach);
                chapters.push(format!("{} ({minutes})", chapter_link(lesson, false)));
            }
            Some(done) => {
                let open = notes_of(lesson).filter(|(at, _)| !done.contains(*at));
                sections.extend(open.map(|(at, minutes)| format!("{} ({minutes})", section(lesson, at))));
            }
        }
    }
    let mut parts = Vec::new();
    if !chapters.is_empty() {
        parts.push(chapters.join(", "));
    }
    if !sections.is_empty() {
        parts.push(format!(
            "of the chapters that it teaches, {}",
            sections.join(", ")
        ));
    }
    match parts.is_empty() {
        true => "\n**Not in this schedule**: nothing.\n".into(),
        false => format!(
            "\n**Not in this schedule** (minutes to teach it): {}.\n",
            parts.join("; ")
        ),
    }
}

/// Minutes after midnight.
fn clock(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    Some(hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok()?)
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Two chapters of 12 + 8 minutes, with a lab of 15.
    fn lessons() -> Vec<Lesson> {
        let page = |title: &str| {
            format!(
                "# {title}\n\n```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = {{ teach = 20, lab = 15, home = 30 }}\nmeets = [7]\n```\n\
                 ```teacher\n[[note]]\nat = \"one\"\nminutes = 12\nask = \"?\"\nexpect = \"!\"\nright = \"!\"\n[[note]]\nat = \"two\"\nminutes = 8\nask = \"?\"\nexpect = \"!\"\nright = \"!\"\n```\n\
                 ## The first {{#one}}\n## The second {{#two}}\n\
                 ```exercise\nname = \"ex\"\ntitle = \"Ex\"\ntype = \"modify\"\nminutes = 15\ndifficulty = 1\nplace = \"lab\"\ndo = \"d\"\n```\n"
            )
        };
        let pages = [("ch01-echo.md", page("Echo")), ("ch09-close.md", page("Close"))];
        Lesson::all(pages.iter().map(|(path, text)| (Path::new(*path), text.as_str())))
    }

    const TALK: &str = "name = \"talk\"\ncut = [\"ch01-echo:two\"]\n[[session]]\ntitle = \"Talk\"\nminutes = 40\nstart = \"09:50\"\n\
        parts = [{ chapter = \"ch01-echo\", teach = \"all\" }, { minutes = 5, what = \"Questions\" }, { chapter = \"ch09-close\", teach = [\"one\"] }]\n";

    fn made(body: &str) -> Result<String, Vec<String>> {
        Schedule::parse(body).unwrap().markdown(&lessons())
    }

    #[test]
    fn a_schedule_s_minutes_are_the_chapters_own_and_what_it_leaves_out_is_told() {
        assert_eq!(
            made(TALK).unwrap(),
            "| From | What | Minutes |\n|---|---|---:|\n\
             | 9:50 | [Chapter 1](ch01-echo.md), whole | 20 |\n\
             | 10:10 | Questions | 5 |\n\
             | 10:15 | [Chapter 9](ch09-close.md): [*The first*](ch09-close.md#one) (12) | 12 |\n\
             | | **Talk: 37 of 40 minutes** | **37** |\n\
             \n**If time runs short**, leave out, in this order: [*The second*](ch01-echo.md#two) of [chapter 1](ch01-echo.md) (8). That is 8 minutes.\n\
             \n**Not in this schedule** (minutes to teach it): of the chapters that it teaches, [*The second*](ch09-close.md#two) (8).\n"
        );
    }

    #[test]
    fn a_schedule_that_takes_longer_than_it_may_is_an_error() {
        let told = made(&TALK.replace("= 40", "= 36")).unwrap_err();
        assert_eq!(
            told,
            ["`talk`: *Talk* takes 37 minutes and may take 36; leave 1 out, or move it"]
        );
        let lab = "name = \"c\"\n[[session]]\ntitle = \"Week 1\"\nminutes = 50\nparts = []\nlab = { minutes = 10, parts = [{ chapter = \"ch01-echo\", lab = \"all\" }] }\n";
        let told = made(lab).unwrap_err();
        assert!(
            told[0].contains("*Week 1* has a lab that takes 15 minutes and may take 10"),
            "{told:?}"
        );
    }

    #[test]
    fn a_course_has_a_line_a_week_with_its_sums() {
        let course = "name = \"c\"\n[[session]]\ntitle = \"Week 1\"\nminutes = 50\nparts = [{ chapter = \"ch01-echo\", teach = \"all\" }]\nhome = [\"ch01-echo\"]\n\
            lab = { minutes = 20, parts = [{ chapter = \"ch01-echo\", lab = [\"ex\"] }] }\n[[session]]\ntitle = \"Week 2\"\nminutes = 50\nparts = [{ minutes = 30, what = \"Written test\" }]\n";
        let text = made(course).unwrap();
        let rows: Vec<&str> = text.lines().skip(2).take(3).collect();
        assert_eq!(
            rows,
            [
                "| Week 1 | [Chapter 1](ch01-echo.md), whole (20) | 20 | Exercise of [chapter 1](ch01-echo.md): [*Ex*](ch01-echo.md#ch01-echo-exercise-ex) (15) | 15 | [Chapter 1](ch01-echo.md) | 30 |",
                "| Week 2 | Written test (30) | 30 |  |  |  |  |",
                "| **All** | | **50** | | **15** | | **30** |",
            ]
        );
        assert!(
            text.ends_with("(minutes to teach it): [chapter 9](ch09-close.md) (20).\n"),
            "{text}"
        );
    }

    #[test]
    fn every_name_that_there_is_not_is_told_with_the_choices() {
        for (from, to, words) in [
            (
                "ch09-close",
                "ch08-close",
                "no chapter is called `ch08-close`; there are `ch01-echo`, `ch09-close`",
            ),
            (
                "[\"one\"]",
                "[\"three\"]",
                "`ch09-close` has no note of the teacher's `three`; there are `one`, `two`",
            ),
            (
                "teach = [\"one\"]",
                "lab = [\"xe\"]",
                "has no exercise `xe`; there are `ex`",
            ),
            ("\"all\"", "\"most\"", "`most` is neither \"all\" nor a list"),
            (
                "ch01-echo:two",
                "ch09-close:two",
                "`cut` names `ch09-close:two`, which `talk` does not teach",
            ),
        ] {
            let told = made(&TALK.replace(from, to)).unwrap_err().join("\n");
            assert!(told.contains(words), "{words}: {told}");
        }
        for (from, to) in [
            ("minutes = 5, ", ""),
            ("{ minutes = 5,", "{ minutes = 0,"),
            ("teach = \"all\" }", "teach = \"all\", minutes = 5 }"),
            ("teach = \"all\" }", "teach = \"all\", lab = \"all\" }"),
        ] {
            let fault = Schedule::parse(&TALK.replace(from, to)).unwrap_err();
            assert!(
                fault.line > 0 && fault.message.starts_with("a part is"),
                "{from}: {}",
                fault.message
            );
        }
    }
}
