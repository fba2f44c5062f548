//! What a chapter brings to class, read from its page: declaration, teacher's notes, questions, exercises, the excerpts and
//! figures that it names, the questions before the figures, and what to keep. Nothing of it is written for the handout.

use std::collections::BTreeSet;
use std::path::Path;

use figures::{
    chapter::Label,
    check::Question,
    declaration::{Declaration, Minutes},
    excerpt::{self, Excerpt},
    exercise::{Exercise, Place},
    forms::Forms,
    ladder::{Ladder, Side},
    make::Workshop,
    page::{self, Page},
    problem::Problem,
    recording::{self, Shown, Told},
    seen::Seen,
};

use super::tasks::{self, Row};
use super::text;

/// A chapter, ready to be taught. All texts are HTML, unless they say otherwise.
#[derive(Debug)]
pub struct Lesson {
    /// Its file's name: `ch09-close`.
    pub stem: String,
    /// What commands call it: `close`.
    pub slug: String,
    /// Its number: `9`.
    pub number: String,
    /// Its title, as text.
    pub title: String,
    /// What the reader will be able to do.
    pub able: Vec<String>,
    /// How long it takes.
    pub minutes: Minutes,
    /// What to read first, as text: `chapter 1`.
    pub needs: Vec<String>,
    /// The excerpts that go on the handout.
    pub excerpts: Vec<Quoted>,
    /// The figures that go there.
    pub figures: Vec<Figure>,
    /// *What to keep*, as a list.
    pub keep: String,
    /// Every question of *Check yourself*.
    pub questions: Vec<Asked>,
    /// The teacher's notes.
    pub notes: Vec<Noted>,
    /// The exercises.
    pub exercises: Vec<Task>,
    /// The kernels that the recordings were made on, as text.
    pub kernels: BTreeSet<String>,
}

/// An excerpt, and what the page says of its marks.
#[derive(Debug)]
pub struct Quoted {
    /// The file, relative to the workspace, as text.
    pub file: String,
    /// Its anchors, as text.
    pub part: String,
    /// Its lines.
    pub lines: Vec<excerpt::Line>,
    /// The sentences that speak of its marks.
    pub callouts: Vec<String>,
}

/// A figure, and the question before it.
#[derive(Debug)]
pub struct Figure {
    /// What commands call the recording, as text.
    pub name: String,
    /// What happens, as text.
    pub title: String,
    /// The system that it was recorded on, and the day, as text.
    pub made: String,
    /// The drawing, whole.
    pub ladder: Ladder,
    /// The part that the annotations speak of, where that is a part.
    pub core: Option<Ladder>,
    /// What the page asks before it shows the figure, where it asks anything.
    pub predict: Option<String>,
    /// The annotations: what they are about as text, and what they say.
    pub notes: Vec<(String, String)>,
    /// What ran at either end, as text.
    pub programs: [String; 2],
    /// The segments of each of its conversations, in order.
    pub rows: Vec<Vec<Row>>,
}

/// A question.
#[derive(Debug)]
pub struct Asked {
    /// Whether it ends the lesson.
    pub exit: bool,
    /// What is asked.
    pub ask: String,
    /// The answers to choose from.
    pub answers: Vec<Choice>,
    /// The letter of the right one.
    pub letter: char,
}

/// An answer to choose.
#[derive(Debug)]
pub struct Choice {
    /// What it says.
    pub says: String,
    /// Whether it is right.
    pub right: bool,
    /// Why it is right or wrong.
    pub why: String,
    /// The belief that leads to it, by its number in `beliefs.toml`.
    pub belief: Option<u32>,
}

/// What the teacher does at one place.
#[derive(Debug)]
pub struct Noted {
    /// The heading of the page, as text.
    pub heading: String,
    /// How long it takes.
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
    pub if_it_fails: Option<String>,
}

/// An exercise.
#[derive(Debug)]
pub struct Task {
    /// Its title, as text.
    pub title: String,
    /// What kind of work it is, how long it takes and how hard it is, as text.
    pub facts: String,
    /// Whether it is done in the lab.
    pub in_lab: bool,
    /// The command that judges it, or that there is to type, as text.
    pub command: Option<String>,
    /// What to do.
    pub task: String,
    /// What comes of it, or where the solution is.
    pub answer: String,
}

/// A run of more ordinary segments than these is folded on paper.
const LONGEST: usize = 8;

/// The furthest that a question may stand before its figure, in bytes of the page: the command and a line or two.
const FURTHEST: usize = 420;

/// Reads a chapter. `path` is its file, relative to the prose.
///
/// # Errors
/// Whatever keeps its page from being built, and a declaration that is missing.
pub fn read(workshop: &Workshop<'_>, path: &Path, title: &str, source: &str) -> Result<Lesson, Vec<Problem>> {
    let page = Page::parse(source);
    let stem = figures::chapter::stem(path);
    let reading = Reading {
        workshop,
        path,
        page: &page,
        stem: &stem,
    };
    let forms = Forms::of(&page).map_err(|told| {
        told.into_iter()
            .map(|(line, message)| reading.problem(line, message))
            .collect::<Vec<_>>()
    })?;
    let Some((line, declaration)) = &forms.declaration else {
        return Err(vec![reading.problem(
            1,
            "the page declares nothing; give it a ```declaration fence at its top",
        )]);
    };
    reading.lesson(title, *line, declaration, &forms)
}

struct Reading<'a> {
    workshop: &'a Workshop<'a>,
    path: &'a Path,
    page: &'a Page<'a>,
    stem: &'a str,
}

impl Reading<'_> {
    fn problem(&self, line: usize, message: impl Into<String>) -> Problem {
        Problem {
            file: self.workshop.file(self.path),
            line,
            message: message.into(),
        }
    }

    /// Markdown of the page as HTML for paper, its directives replaced. `line` is where it stands.
    fn html(&self, markdown: &str, line: usize) -> Result<String, Vec<Problem>> {
        let made = self
            .workshop
            .page(self.path, &text::with_callouts(markdown))
            .map_err(|problems| {
                let moved = |problem: Problem| Problem {
                    line: problem.line + line - 1,
                    ..problem
                };
                problems.into_iter().map(moved).collect::<Vec<_>>()
            })?;
        Ok(text::inline(&text::html(made.trim())).to_owned())
    }

    fn lesson(
        &self,
        title: &str,
        line: usize,
        declaration: &Declaration,
        forms: &Forms,
    ) -> Result<Lesson, Vec<Problem>> {
        let slug = self.stem.split_once('-').map_or(self.stem, |(_, slug)| slug);
        let needs = declaration
            .needs
            .iter()
            .map(|need| Label::of(need).map_or_else(|| need.clone(), |label| label.long(false)));
        let mut kernels = BTreeSet::new();
        let mut figures = Vec::new();
        for name in &declaration.handout.figures {
            let shown = forms.recordings.iter().find(|(_, shown)| shown.show == *name);
            let Some((line, shown)) = shown else { continue };
            let seen = self.seen(*line, name)?;
            kernels.insert(seen.kernel());
            figures.push(self.figure(*line, shown, &seen)?);
        }
        let names = forms.excerpt_names();
        let mut excerpts = Vec::new();
        for name in &declaration.handout.excerpts {
            let Some(line) = names.get(name) else { continue };
            excerpts.extend(self.quoted(*line, forms)?);
        }
        Ok(Lesson {
            slug: slug.to_owned(),
            number: Label::of(self.stem).map_or_else(String::new, Label::short),
            title: title.to_owned(),
            able: self.each(&declaration.able, line)?,
            minutes: declaration.minutes,
            needs: needs.collect(),
            excerpts,
            figures,
            keep: self.keep()?,
            questions: self.questions(forms)?,
            notes: self.notes(forms)?,
            exercises: self.exercises(slug, forms)?,
            kernels,
            stem: self.stem.to_owned(),
        })
    }

    fn each(&self, texts: &[String], line: usize) -> Result<Vec<String>, Vec<Problem>> {
        texts.iter().map(|text| self.html(text, line)).collect()
    }

    fn seen(&self, line: usize, name: &str) -> Result<std::rc::Rc<Seen>, Vec<Problem>> {
        self.workshop
            .shelf
            .get(name)
            .map_err(|message| vec![self.problem(line, message)])
    }

    fn figure(&self, line: usize, shown: &Shown, seen: &Seen) -> Result<Figure, Vec<Problem>> {
        let mut told = Vec::new();
        for note in &shown.notes {
            let at = line + 1 + note.line;
            let place = seen
                .found(&note.event)
                .map_err(|message| vec![self.problem(at, message)])?;
            told.push(Told {
                place,
                text: self.html(note.text.trim(), at)?,
            });
        }
        let fault = |fault: figures::toml_at::Fault| vec![self.problem(line + 1 + fault.line, fault.message)];
        let (ladder, marks) = shown.ladder(seen, &told).map_err(fault)?;
        // From the first annotation to the last.
        let mut order: Vec<usize> = (0..told.len()).collect();
        order.sort_by_key(|&index| seen.time(told[index].place));
        let core = match (shown.span.is_none(), order.first(), order.last()) {
            (true, Some(&first), Some(&last)) if first != last => {
                let event = |index: usize| shown.notes[index].event.clone();
                let narrow = Shown {
                    span: Some((event(first), event(last), shown.notes[first].line)),
                    ..shown.clone()
                };
                Some(narrow.ladder(seen, &told).map_err(fault)?.0.folded(LONGEST))
            }
            _ => None,
        };
        let notes = order
            .iter()
            .map(|&index| (marks[index].clone(), told[index].text.clone()));
        let programs = [Side::Client, Side::Server].map(|side| {
            let first = ladder.on(side).next();
            first.map_or_else(String::new, |at| ladder.lifelines[at].program.clone())
        });
        Ok(Figure {
            name: seen.name().to_owned(),
            title: seen.title().to_owned(),
            made: format!("{}, {}", seen.kernel(), seen.date()),
            predict: self.predict(line)?,
            notes: notes.collect(),
            ladder: ladder.folded(LONGEST),
            core,
            programs,
            rows: tasks::rows(seen),
        })
    }

    /// What the page asks before the figure whose fence stands on this line: the last question behind any other figure, where
    /// it stands near.
    fn predict(&self, line: usize) -> Result<Option<String>, Vec<Problem>> {
        const QUESTION: &str = "**Predict.**";
        let fences = &self.page.fences;
        let Some(fence) = fences.iter().find(|fence| fence.line == line) else {
            return Ok(None);
        };
        let before = fences
            .iter()
            .rfind(|other| other.kind() == recording::FENCE && other.line < line);
        let begin = before.map_or(0, |other| other.range.end);
        let Some(at) = self.page.text[begin..fence.range.start].rfind(QUESTION) else {
            return Ok(None);
        };
        let (quoted, end) = text::quote(self.page, begin + at);
        if fence.range.start.saturating_sub(end) > FURTHEST {
            return Ok(None);
        }
        let question = quoted.trim_start().trim_start_matches(QUESTION).trim();
        self.html(question, self.page.line(begin + at)).map(Some)
    }

    fn quoted(&self, line: usize, forms: &Forms) -> Result<Option<Quoted>, Vec<Problem>> {
        let fences = &self.page.fences;
        let found = fences.iter().find(|fence| fence.line == line);
        let includes = forms.excerpts.iter().find(|(at, _)| *at == line);
        let (Some(fence), Some((_, includes))) = (found, includes) else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        let mut file = String::new();
        for include in includes {
            let tell = |message: String| vec![self.problem(include.line, message)];
            file = excerpt::in_workspace(self.workshop.prose, &include.path)
                .ok_or_else(|| tell(format!("`{}` lies outside of the workspace", include.path)))?;
            let source = std::fs::read_to_string(self.workshop.root.join(&file))
                .map_err(|error| tell(format!("`{file}`: {error}")))?;
            parts.push(excerpt::lines(&source, include.anchor.as_deref(), fence.kind()).map_err(tell)?);
        }
        // Comments for who calls it; on paper the sentences on its marks stand below it.
        for part in &mut parts {
            part.retain(|line| !line.text.trim_start().starts_with("///"));
        }
        let lines = Excerpt::join(parts);
        let marks: BTreeSet<usize> = lines.iter().flat_map(|line| line.marks.iter().copied()).collect();
        let anchors: Vec<&str> = includes
            .iter()
            .filter_map(|include| include.anchor.as_deref())
            .collect();
        Ok(Some(Quoted {
            file,
            part: anchors.join(", "),
            callouts: self.callouts(fence, &marks)?,
            lines,
        }))
    }

    /// The sentences behind an excerpt that speak of its marks: of each the first.
    fn callouts(&self, fence: &page::Fence, marks: &BTreeSet<usize>) -> Result<Vec<String>, Vec<Problem>> {
        let mut missing = marks.clone();
        let mut told = Vec::new();
        let mut at = fence.range.end;
        for paragraph in self.page.text[fence.range.end..].split("\n\n") {
            let begin = at;
            at += paragraph.len() + 2;
            if missing.is_empty() {
                break;
            }
            if self.page.fence_at(begin).is_some() {
                continue;
            }
            let items = format!("\n{paragraph}").replace("\n- ", "\n\n");
            for sentence in items.split("\n\n").flat_map(text::sentences) {
                let spoken: BTreeSet<usize> = sentence.chars().filter_map(excerpt::mark_number).collect();
                if spoken.intersection(&missing).next().is_some() {
                    missing.retain(|mark| !spoken.contains(mark));
                    // It leads to what stands below it on the page, and not here.
                    let sentence = sentence
                        .strip_suffix(':')
                        .map_or(sentence.to_owned(), |led| format!("{led}."));
                    told.push(self.html(&sentence, self.page.line(begin))?);
                }
            }
        }
        Ok(told)
    }

    /// The list below the heading `{#keep}`.
    fn keep(&self) -> Result<String, Vec<Problem>> {
        let Some(heading) = self
            .page
            .headings
            .iter()
            .find(|heading| heading.id.as_deref() == Some("keep"))
        else {
            return Ok(String::new());
        };
        let below = self.page.text.lines().skip(heading.line);
        let list: Vec<&str> = below
            .skip_while(|line| !line.starts_with("- "))
            .take_while(|line| !line.trim().is_empty())
            .collect();
        self.html(&list.join("\n"), heading.line + 1)
    }

    fn questions(&self, forms: &Forms) -> Result<Vec<Asked>, Vec<Problem>> {
        let asked = |(line, question): &(usize, Question)| {
            let mut answers = Vec::new();
            for answer in &question.answers {
                answers.push(Choice {
                    says: self.html(&answer.says, *line)?,
                    right: answer.right,
                    why: self.html(&answer.why, *line)?,
                    belief: answer.belief,
                });
            }
            Ok(Asked {
                exit: question.exit,
                ask: self.html(&question.ask, *line)?,
                letter: question.letter(),
                answers,
            })
        };
        forms.questions.iter().map(asked).collect()
    }

    fn notes(&self, forms: &Forms) -> Result<Vec<Noted>, Vec<Problem>> {
        let Some((line, notes)) = &forms.notes else {
            return Ok(Vec::new());
        };
        let some = |text: &Option<String>| text.as_ref().map(|text| self.html(text, *line)).transpose();
        notes
            .notes
            .iter()
            .map(|note| {
                let heading = self
                    .page
                    .headings
                    .iter()
                    .find(|heading| heading.id.as_deref() == Some(&note.at));
                Ok(Noted {
                    heading: heading.map_or_else(|| note.at.clone(), |heading| heading.text.clone()),
                    minutes: note.minutes,
                    ask: self.html(&note.ask, *line)?,
                    show: some(&note.show)?,
                    expect: self.html(&note.expect, *line)?,
                    right: self.html(&note.right, *line)?,
                    if_it_fails: some(&note.if_it_fails)?,
                })
            })
            .collect()
    }

    fn exercises(&self, slug: &str, forms: &Forms) -> Result<Vec<Task>, Vec<Problem>> {
        let task = |(line, exercise): &(usize, Exercise)| {
            let program = format!("listings/{}/solutions/{}.rs", self.stem, exercise.name);
            let judged = self.workshop.root.join(&program).is_file();
            let answer = match &exercise.answer {
                Some(answer) => self.html(answer, *line)?,
                None if judged => format!("<code>{program}</code>"),
                None => String::new(),
            };
            Ok(Task {
                title: exercise.title.clone(),
                facts: format!(
                    "{}, {} minutes, difficulty {} of 3",
                    exercise.kind, exercise.minutes, exercise.difficulty
                ),
                in_lab: exercise.place == Place::Lab,
                command: match &exercise.command {
                    Some(command) => Some(command.trim().to_owned()),
                    None => judged.then(|| format!("cargo book exercise {slug}/{}", exercise.name)),
                },
                task: self.html(&exercise.task, *line)?,
                answer,
            })
        };
        forms.exercises.iter().map(task).collect()
    }
}
