//! A page, made ready for mdBook: fences replaced, directives replaced, every problem found in one go.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    ops::Range,
    path::Path,
};

use crate::{
    chapter::{self, Contents},
    chart,
    check::{self, Question},
    declaration::{self, Declaration},
    directive::{Directive, Name, directives, splice},
    excerpt::{self, Change, Excerpt, Include, Line},
    exercise::{self, Exercise},
    forms::Forms,
    html::{escape, escape_markdown},
    lessons::{self, Lesson},
    number::number,
    page::{Fence, Page, Place},
    prices,
    problem::{Problem, choices},
    recording::{self, Shown, Told},
    result,
    schedule::{self, Schedule},
    shelf::Shelf,
    teacher::{self, Notes},
    toml_at::line_with,
};

/// What a page is made with.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// The folder of `book.toml`.
    pub root: &'a Path,
    /// The folder of the prose within it: `src`.
    pub prose: &'a str,
    /// The pages of the book.
    pub contents: &'a Contents,
    /// The recordings.
    pub shelf: &'a Shelf,
    /// Where the workspace's files can be read, if anywhere: `https://…/blob/main/`.
    pub repository: Option<&'a str>,
}

impl Workshop<'_> {
    /// Makes a page. `path` is its file, relative to the prose.
    ///
    /// # Errors
    /// Everything that is wrong on it, in the order of lines.
    pub fn page(&self, path: &Path, text: &str) -> Result<String, Vec<Problem>> {
        let mut making = Making {
            workshop: self,
            path,
            page: &Page::parse(text),
            changes: Vec::new(),
            problems: Vec::new(),
            recordings: 0,
            declared: None,
            questions: Vec::new(),
            excerpts: Vec::new(),
        };
        making.fences();
        making.marks();
        making.forms();
        making.directives();
        let Making {
            changes,
            mut problems,
            ..
        } = making;
        if problems.is_empty() {
            return Ok(splice(text, changes));
        }
        problems.sort();
        Err(problems)
    }

    /// A page's file as it is told in a problem: `src/ch01-echo.md`.
    pub fn file(&self, path: &Path) -> String {
        format!("{}/{}", self.prose, path.to_string_lossy().replace('\\', "/"))
    }

    /// The text of a file of the workspace.
    fn source(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(self.root.join(file)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("there is no file `{file}`"),
            _ => format!("`{file}`: {error}"),
        })
    }

    /// A listing by its program's name, or by its path below `listings/`: the file and its text.
    fn listing(&self, name: &str) -> Result<(String, String), String> {
        if name.contains('/') {
            let file = format!("listings/{name}");
            return self.source(&file).map(|text| (file, text));
        }
        let listings =
            fs::read_dir(self.root.join("listings")).map_err(|error| format!("`listings`: {error}"))?;
        for crate_folder in listings.flatten() {
            let file = format!(
                "listings/{}/src/bin/{name}.rs",
                crate_folder.file_name().to_string_lossy()
            );
            if let Ok(text) = self.source(&file) {
                return Ok((file, text));
            }
        }
        Err(format!(
            "no listing has a program `{name}`; name one, or a path below `listings/`: `ch01-echo/src/bin/{name}.rs`"
        ))
    }

    /// The folder of a page, relative to the workspace.
    fn folder(&self, path: &Path) -> String {
        let file = self.file(path);
        file.rsplit_once('/')
            .map_or_else(String::new, |(folder, _)| folder.to_owned())
    }
}

/// The fences that are forms of ours.
pub const FORMS: [&str; 6] = [
    declaration::FENCE,
    teacher::FENCE,
    check::FENCE,
    exercise::FENCE,
    recording::FENCE,
    schedule::FENCE,
];

struct Making<'a> {
    workshop: &'a Workshop<'a>,
    path: &'a Path,
    page: &'a Page<'a>,
    changes: Vec<(Range<usize>, String)>,
    problems: Vec<Problem>,
    /// How many recordings the page has shown so far.
    recordings: usize,
    /// The line of the declaration.
    declared: Option<usize>,
    /// The questions so far.
    questions: Vec<Question>,
    /// The excerpts so far, each with its fence.
    excerpts: Vec<(Fence, Excerpt)>,
}

impl Making<'_> {
    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem {
            file: self.workshop.file(self.path),
            line,
            message: message.into(),
        });
    }

    fn fences(&mut self) {
        for fence in &self.page.fences {
            match fence.kind() {
                declaration::FENCE => self.declaration(fence),
                teacher::FENCE => self.teacher(fence),
                check::FENCE => self.check(fence),
                exercise::FENCE => self.exercise(fence),
                recording::FENCE => self.recording(fence),
                schedule::FENCE => self.schedule(fence),
                _ => self.excerpt(fence),
            }
        }
    }

    /// Whether a fence stands where HTML can replace it; a problem if not.
    fn stands_alone(&mut self, fence: &Fence, what: &str) -> bool {
        if !fence.at_margin {
            self.problem(
                fence.line,
                format!("{what} stands in a list or a quote, or is indented; move it to the margin"),
            );
        }
        fence.at_margin
    }

    fn declaration(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "a declaration") {
            return;
        }
        if let Some(first) = self.declared.replace(fence.line) {
            self.problem(
                fence.line,
                format!("the page declares itself on line {first} already; merge the two"),
            );
            return;
        }
        let stem = chapter::stem(self.path);
        if !matches!(chapter::Label::of(&stem), Some(chapter::Label::Chapter(_))) {
            self.problem(
                fence.line,
                "only a chapter declares itself: a file named like `ch09-close.md`",
            );
            return;
        }
        let section = self.page.headings.iter().find(|heading| heading.level > 1);
        if section.is_some_and(|section| section.line < fence.line) {
            self.problem(
                fence.line,
                "the declaration stands below a section's heading; move it to the page's top",
            );
        }
        let declared = match Declaration::parse(&fence.body) {
            Ok(declared) => declared,
            Err(fault) => return self.problem(fence.line + 1 + fault.line, fault.message),
        };
        let mut needs = Vec::new();
        for need in &declared.needs {
            match self
                .workshop
                .contents
                .reference(self.path, need, false, Place::Html)
            {
                Ok(link) => needs.push(link),
                Err(message) => self.problem(fence.line, message),
            }
        }
        let programs = declaration::programs(&self.workshop.root.join("listings").join(stem));
        let glance = declared.at_a_glance(&programs, &needs);
        self.changes.push((fence.range.clone(), glance));
    }

    /// What the forms of the page say together.
    fn forms(&mut self) {
        // What cannot be read was told where it stands.
        let Ok(forms) = Forms::of(self.page) else { return };
        for (line, message) in forms.disagreements() {
            self.problem(line, message);
        }
    }

    /// The teacher's notes: the page does not show them.
    fn teacher(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "the teacher's notes") {
            return;
        }
        if let Err(fault) = Notes::parse(&fence.body) {
            return self.problem(fence.line + 1 + fault.line, fault.message);
        }
        let first = self
            .page
            .fences
            .iter()
            .find(|fence| fence.kind() == teacher::FENCE);
        if let Some(first) = first.filter(|first| first.line != fence.line) {
            let message = format!(
                "the teacher's notes stand on line {} already; merge the two",
                first.line
            );
            return self.problem(fence.line, message);
        }
        self.changes.push((fence.range.clone(), String::new()));
    }

    fn check(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "a question") {
            return;
        }
        let question = match Question::parse(&fence.body) {
            Ok(question) => question,
            Err(fault) => return self.problem(fence.line + 1 + fault.line, fault.message),
        };
        let number = self.questions.len() + 1;
        let id = format!("{}-check-{}", chapter::stem(self.path), question.name);
        let mut html = question.html(&id, number, |text| self.text(text, fence));
        self.questions.push(question);
        let last = self
            .page
            .fences
            .iter()
            .rfind(|fence| fence.kind() == check::FENCE);
        if last.is_some_and(|last| last.line == fence.line) {
            html.push_str(&check::key(&self.questions.iter().collect::<Vec<_>>()));
        }
        self.changes.push((fence.range.clone(), html));
    }

    fn exercise(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "an exercise") {
            return;
        }
        let exercise = match Exercise::parse(&fence.body) {
            Ok(exercise) => exercise,
            Err(fault) => return self.problem(fence.line + 1 + fault.line, fault.message),
        };
        let stem = chapter::stem(self.path);
        let Some((_, slug)) = stem.split_once('-') else {
            return self.problem(
                fence.line,
                "only a chapter has exercises: a file named like `ch09-close.md`",
            );
        };
        let program = format!("listings/{stem}/exercises/{}.rs", exercise.name);
        let there = self.workshop.root.join(&program).is_file();
        let (judged, command) = (exercise.is_judged(), exercise.command.is_some());
        match (judged, there, command) {
            (true, false, _) => self.problem(
                fence.line,
                format!("an exercise to {} needs its program; write `{program}`, its solution and its cases", exercise.kind),
            ),
            (_, true, true) => self.problem(
                fence.line,
                format!("`command` is what to type where there is no program; there is `{program}`, and its command is made"),
            ),
            _ => {}
        }
        let id = format!("{stem}-exercise-{}", exercise.name);
        let html = exercise.html(&id, slug, there.then_some(program.as_str()), |text| {
            self.text(text, fence)
        });
        self.changes.push((fence.range.clone(), html));
    }

    fn schedule(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "a schedule") {
            return;
        }
        let schedule = match Schedule::parse(&fence.body) {
            Ok(schedule) => schedule,
            Err(fault) => return self.problem(fence.line + 1 + fault.line, fault.message),
        };
        match schedule.markdown(&Lesson::all(self.workshop.contents.texts())) {
            Ok(made) => self.changes.push((fence.range.clone(), made)),
            Err(told) => {
                for message in told {
                    self.problem(fence.line, message);
                }
            }
        }
    }

    /// What all chapters say for teachers.
    fn lessons(&mut self, name: Name, line: usize) -> String {
        let lessons = Lesson::all(self.workshop.contents.texts());
        let (root, repository) = (self.workshop.root, self.workshop.repository);
        let solution = |lesson: &Lesson, exercise: &Exercise| {
            let file = format!("listings/{}/solutions/{}.rs", lesson.stem, exercise.name);
            let there = root.join(&file).is_file();
            there.then(|| match repository {
                Some(repository) => format!("[`{file}`]({repository}{file})"),
                None => format!("`{file}`"),
            })
        };
        match name {
            Name::Notes => lessons::notes(&lessons, |text| self.note(text, line)),
            Name::Answers => lessons::answers(&lessons, solution, |text| self.note(text, line)),
            _ => lessons::minutes(&lessons),
        }
    }

    /// A form's Markdown with its directives replaced.
    fn text(&mut self, text: &str, fence: &Fence) -> String {
        let line = fence.line + 1 + line_with(&fence.body, text);
        self.note(text.trim(), line)
    }

    fn recording(&mut self, fence: &Fence) {
        if !self.stands_alone(fence, "a recording") {
            return;
        }
        let shown = match Shown::parse(&fence.body) {
            Ok(shown) => shown,
            Err(fault) => return self.problem(fence.line + 1 + fault.line, fault.message),
        };
        let seen = match self.workshop.shelf.get(&shown.show) {
            Ok(seen) => seen,
            Err(message) => return self.problem(fence.line + 1 + shown.line, message),
        };
        let other = match &shown.compare {
            None => None,
            Some((name, line)) => match self.workshop.shelf.get(name) {
                Ok(other) => Some(other),
                Err(message) => return self.problem(fence.line + 1 + line, message),
            },
        };
        let before = self.problems.len();
        let mut notes = Vec::new();
        for note in &shown.notes {
            let line = fence.line + 1 + note.line;
            let text = self.note(&note.text, line);
            match seen.found(&note.event) {
                Ok(place) => notes.push(Told { place, text }),
                Err(message) => self.problem(line, message),
            }
        }
        self.recordings += 1;
        if self.problems.len() > before {
            return;
        }
        let id = format!("{}-recording-{}", chapter::stem(self.path), self.recordings);
        match shown.figure(&seen, other.as_deref(), &id, &notes) {
            Ok(figure) => self.changes.push((fence.range.clone(), figure)),
            Err(fault) => self.problem(fence.line + 1 + fault.line, fault.message),
        }
    }

    /// A note's Markdown with its directives replaced.
    fn note(&mut self, text: &str, line: usize) -> String {
        let page = Page::parse(text);
        let mut changes = Vec::new();
        for found in directives(text) {
            let directive = match found {
                Ok(directive) => directive,
                Err(misspelt) => {
                    self.problem(line, misspelt.message);
                    continue;
                }
            };
            if let Some(block) = block(directive.name) {
                self.problem(
                    line,
                    format!("`{{{{#{block}` makes a block; it does not stand in a note"),
                );
                continue;
            }
            if let Some(new) = self.inline(&directive, &page, line) {
                changes.push((directive.range, new));
            }
        }
        splice(text, changes)
    }

    fn excerpt(&mut self, fence: &Fence) {
        let Some(includes) = excerpt::includes(fence) else {
            return;
        };
        if !self.stands_alone(fence, "an excerpt") {
            return;
        }
        match self.read_excerpt(fence, &includes) {
            Ok(excerpt) => {
                let html = excerpt.html(self.workshop.repository);
                self.changes.push((fence.range.clone(), html));
                self.excerpts.push((fence.clone(), excerpt));
            }
            Err((line, message)) => self.problem(line, message),
        }
    }

    fn read_excerpt(&self, fence: &Fence, includes: &[Include]) -> Result<Excerpt, (usize, String)> {
        let against = excerpt::against(fence).map_err(|message| (fence.line, message))?;
        let folder = self.workshop.folder(self.path);
        let mut file: Option<(String, String)> = None;
        let mut parts = Vec::new();
        let mut anchors = Vec::new();
        for include in includes {
            let tell = |message| (include.line, message);
            let name = excerpt::in_workspace(&folder, &include.path)
                .ok_or_else(|| tell(format!("`{}` lies outside of the workspace", include.path)))?;
            let (known, text) = match &file {
                Some(file) => file,
                None => {
                    let text = self.workshop.source(&name).map_err(tell)?;
                    file.insert((name.clone(), text))
                }
            };
            if *known != name {
                return Err(tell(format!(
                    "an excerpt shows one file, and this is another than `{known}`; give it a fence of its own"
                )));
            }
            let lines = excerpt::lines(text, include.anchor.as_deref(), fence.kind())
                .map_err(|message| tell(format!("`{name}`: {message}")))?;
            parts.push(lines);
            anchors.extend(include.anchor.clone());
        }
        let (file, text) = file.unwrap_or_default();
        let lines = Excerpt::join(parts);
        let against = match against {
            Some(name) => {
                let compared = self.against(name, &anchors, fence.kind(), &lines);
                Some((
                    name.to_owned(),
                    compared.map_err(|message| (fence.line, message))?,
                ))
            }
            None => None,
        };
        let unfolded = anchors.is_empty() || self.excerpts.iter().any(|(_, other)| other.file == file);
        Ok(Excerpt {
            id: format!("{}-excerpt-{}", chapter::stem(self.path), self.excerpts.len() + 1),
            kind: fence.kind().to_owned(),
            whole: (!unfolded).then(|| excerpt::lines(&text, None, fence.kind()).unwrap_or_default()),
            file,
            anchors,
            lines,
            against,
        })
    }

    /// How lines differ from the same anchors of another listing, or from all of it where it has none of these.
    fn against(
        &self,
        name: &str,
        anchors: &[String],
        kind: &str,
        lines: &[Line],
    ) -> Result<Vec<Change>, String> {
        let (file, text) = self.workshop.listing(name)?;
        let same: Result<Vec<Vec<Line>>, String> = anchors
            .iter()
            .map(|anchor| excerpt::lines(&text, Some(anchor), kind))
            .collect();
        let before = match same {
            Ok(parts) if !parts.is_empty() => Excerpt::join(parts),
            _ => excerpt::lines(&text, None, kind).map_err(|message| format!("`{file}`: {message}"))?,
        };
        Ok(excerpt::changes(&before, lines))
    }

    /// The marks of excerpts, where the prose speaks of them: links to the line.
    fn marks(&mut self) {
        let page = self.page;
        let mut spoken: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (at, sign) in page.text.char_indices() {
            let Some(mark) = excerpt::mark_number(sign).filter(|_| page.place(at) == Place::Prose) else {
                continue;
            };
            let before = self.excerpts.iter().enumerate().rev();
            let mut marked =
                before.filter(|(_, (fence, excerpt))| fence.range.end <= at && !excerpt.marks().is_empty());
            let line = page.line(at);
            match marked.next() {
                Some((index, (_, excerpt))) if excerpt.marks().contains(&mark) => {
                    spoken.insert((index, mark));
                    // A digit in a square, drawn by the style sheet: circles number the segments of figures.
                    let link = format!(
                        "<a class=\"callout\" href=\"#{}\" aria-label=\"mark {mark} in the excerpt\">{mark}</a>",
                        excerpt.mark_id(mark)
                    );
                    self.changes.push((at..at + sign.len_utf8(), link));
                }
                Some((_, (_, excerpt))) => {
                    let known: Vec<char> =
                        excerpt.marks().iter().filter_map(|mark| excerpt::MARKS.get(mark - 1).copied()).collect();
                    self.problem(
                        line,
                        format!(
                            "the excerpt before this has no {sign}, it has {}; end the line that is meant with `// {sign}` in `{}`",
                            choices(known, "none"),
                            excerpt.file
                        ),
                    );
                }
                None => self.problem(
                    line,
                    format!("no excerpt before this has marks; end the line that is meant with `// {sign}` in its listing"),
                ),
            }
        }
        let mut silent = Vec::new();
        for (index, (fence, excerpt)) in self.excerpts.iter().enumerate() {
            for mark in excerpt.marks() {
                if !spoken.contains(&(index, mark)) {
                    let sign = excerpt::MARKS.get(mark - 1).copied().unwrap_or_default();
                    silent.push((
                        fence.line,
                        format!(
                            "the excerpt marks a line {sign} and no sentence behind it speaks of {sign}; write one, or take the mark out of `{}`",
                            excerpt.file
                        ),
                    ));
                }
            }
        }
        for (line, message) in silent {
            self.problem(line, message);
        }
    }

    fn directives(&mut self) {
        let page = self.page;
        for found in directives(page.text) {
            let at = match &found {
                Ok(directive) => directive.range.start,
                Err(misspelt) => misspelt.at,
            };
            let fence = page.fence_at(at);
            // These are read as forms, and the directives in their texts with them.
            if fence.is_some_and(|fence| FORMS.contains(&fence.kind())) {
                continue;
            }
            let line = page.line(at);
            let new = match found {
                Ok(directive) if block(directive.name).is_some() => {
                    let new = self.block(&directive, fence.is_some(), line);
                    new.map(|new| (directive.range, new))
                }
                Ok(directive) => {
                    let new = self.inline(&directive, page, line);
                    new.map(|new| (directive.range, new))
                }
                Err(misspelt) => {
                    self.problem(line, misspelt.message);
                    None
                }
            };
            self.changes.extend(new);
        }
    }

    /// A chapter or a number.
    fn inline(&mut self, directive: &Directive, page: &Page<'_>, line: usize) -> Option<String> {
        let at = directive.range.start;
        let place = page.place(at);
        let made = if directive.name == Name::Chapter {
            let capital = chapter::begins_a_sentence(page.text, at);
            self.workshop
                .contents
                .reference(self.path, &directive.argument, capital, place)
        } else {
            let (name, what) = directive
                .argument
                .split_once(' ')
                .unwrap_or((&directive.argument, ""));
            let told = match (name, what.split_once(' ')) {
                ("result", Some((name, what))) => result::read(self.workshop.root, name)
                    .and_then(|measured| result::number(&measured, what)),
                ("result", None) => {
                    Err("a result has a name and a number: `{{#number result cost/waiting thread}}`".into())
                }
                _ => self.workshop.shelf.get(name).and_then(|seen| number(&seen, what)),
            };
            told.map(|number| match place {
                Place::Prose => escape_markdown(&number),
                Place::Html => escape(&number),
                Place::Code => number.replace('\u{a0}', " "),
            })
        };
        made.map_err(|message| self.problem(line, message)).ok()
    }

    /// What makes a block: it needs a line of its own.
    fn block(&mut self, directive: &Directive, in_fence: bool, line: usize) -> Option<String> {
        let page = self.page;
        let name = block(directive.name).unwrap_or_default();
        let before = page.before_on_line(directive.range.start);
        let after = page.text[directive.range.end..]
            .lines()
            .next()
            .unwrap_or_default();
        if !before.is_empty() || !after.trim().is_empty() {
            self.problem(
                line,
                format!("`{{{{#{name}` makes a block; give it a line of its own, at the margin"),
            );
            return None;
        }
        let made = match directive.name {
            Name::Prices | Name::Chart | Name::Minutes | Name::Notes | Name::Answers if in_fence => {
                Err(format!("`{{{{#{name}` is no text; take it out of the fence"))
            }
            Name::Minutes | Name::Notes | Name::Answers if !directive.argument.is_empty() => Err(format!(
                "`{{{{#{name}}}}}` speaks of all chapters, and takes no name"
            )),
            Name::Minutes | Name::Notes | Name::Answers => Ok(self.lessons(directive.name, line)),
            Name::Chart => chart::figure(self.workshop.root, &directive.argument),
            Name::Prices => prices::table(self.workshop.root, &chapter::stem(self.path), &directive.argument),
            _ => return self.output(directive, in_fence, line),
        };
        made.map_err(|message| self.problem(line, message)).ok()
    }

    /// What a program printed, or the bare lines where it stands in a fence.
    fn output(&mut self, directive: &Directive, in_fence: bool, line: usize) -> Option<String> {
        let printed = self
            .printed(&directive.argument)
            .map_err(|message| self.problem(line, message))
            .ok()?;
        if in_fence {
            return Some(printed.trim_end().to_owned());
        }
        // Longer than any run of backticks in the output.
        let mut longest = 2;
        for run in printed.split(|c| c != '`') {
            longest = longest.max(run.len());
        }
        let fence = "`".repeat(longest + 1);
        Some(format!("{fence}text\n{printed}{fence}\n"))
    }

    fn printed(&self, argument: &str) -> Result<String, String> {
        let Some((name, program)) = argument.split_once(' ') else {
            return Err(
                "`{{#output` needs a recording and a program: `{{#output echo/one-echo server}}`".into(),
            );
        };
        let seen = self.workshop.shelf.get(name)?;
        let mut printed: BTreeMap<&str, String> = BTreeMap::new();
        for line in &seen.output().lines {
            let text = printed.entry(&line.program).or_default();
            text.push_str(&line.text);
            text.push('\n');
        }
        printed.remove(program).ok_or_else(|| {
            format!(
                "no program called `{program}` printed anything in `{}`; the choices are {}",
                seen.name(),
                choices(printed.keys(), "none")
            )
        })
    }
}

/// The name of a directive that makes a block, and cannot stand in a line.
fn block(name: Name) -> Option<&'static str> {
    match name {
        Name::Output => Some("output"),
        Name::Prices => Some("prices"),
        Name::Chart => Some("chart"),
        Name::Minutes => Some("minutes"),
        Name::Notes => Some("notes"),
        Name::Answers => Some("answers"),
        Name::Chapter | Name::Number => None,
    }
}
