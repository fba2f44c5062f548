//! The sheets for a class: no answer on what students get, as many pages as were promised, fit for a copier.

use std::collections::BTreeSet;
use std::path::Path;

use book::{
    chromium::Tab,
    handout::{
        Kind, Press, Sheet,
        lesson::Lesson,
        tasks::{Row, Tasks},
    },
    print::{Paper, print},
};
use libtest_mimic::Failed;
use scraper::{Html, Selector};

use crate::world::{World, none, strings};

/// Several, for each is another lab sheet.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// A sheet without its style: what is read, and what a curious student finds in the file.
struct Read {
    name: String,
    html: Html,
    source: String,
    /// Its text, with single spaces.
    text: String,
}

impl Read {
    fn of(sheet: &Sheet) -> Read {
        let source = sheet.html();
        let html = Html::parse_document(&source);
        let body = select("body");
        let text = html
            .select(&body)
            .map(|body| body.text().collect::<String>())
            .collect::<String>();
        Read {
            name: sheet.name.clone(),
            source: source
                .split_once("<body")
                .map(|(_, body)| body.to_owned())
                .unwrap_or_default(),
            text: squeezed(&text),
            html,
        }
    }

    /// The text of each thing that is selected.
    fn all(&self, what: &str) -> Vec<String> {
        let texts = self
            .html
            .select(&select(what))
            .map(|it| it.text().collect::<String>())
            .collect::<Vec<_>>();
        texts.iter().map(|text| squeezed(text)).collect()
    }
}

#[expect(clippy::unwrap_used, reason = "the selectors stand in this file")]
fn select(what: &str) -> Selector {
    Selector::parse(what).unwrap()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a piece of HTML.
fn plain(html: &str) -> String {
    squeezed(
        &Html::parse_fragment(html)
            .root_element()
            .text()
            .collect::<String>(),
    )
}

/// Everything that a student is not to read before class is over, each with a word for what it is. `teacher` are those that
/// the teacher's edition must have.
fn secrets(lesson: &Lesson) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for asked in &lesson.questions {
        for answer in &asked.answers {
            secrets.push(("why an answer is right or wrong".to_owned(), plain(&answer.why)));
        }
        secrets.push((
            "a right answer's letter".to_owned(),
            format!("{} is right", asked.letter),
        ));
    }
    for task in lesson.exercises.iter().filter(|task| !task.answer.is_empty()) {
        secrets.push(("an exercise's answer".to_owned(), plain(&task.answer)));
    }
    for note in &lesson.notes {
        secrets.push(("what a teacher expects".to_owned(), plain(&note.expect)));
    }
    secrets
}

/// Whether the cells of a lab sheet's table are those of a recording, with holes where they belong.
fn cells(
    sheet: &Read,
    table: &str,
    rows: &[&Row],
    holes: &[(usize, book::handout::tasks::Field)],
) -> Result<(), String> {
    let found = sheet.all(&format!("{table} tbody td"));
    let mut expected = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        expected.push(row.side.to_string());
        for field in book::handout::tasks::FIELDS {
            let hole = holes.contains(&(index, field));
            expected.push(if hole { String::new() } else { row.field(field) });
        }
    }
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "{}: {table} says {found:?}, expected {expected:?}",
            sheet.name
        )),
    }
}

fn lab(sheet: &Read, teacher: &Read, tasks: &Tasks, found: &mut Vec<String>) {
    let seed = format!("seed {}", tasks.seed);
    for sheet in [sheet, teacher] {
        if !sheet.text.contains(&seed) {
            found.push(format!("{}: it does not say `{seed}`", sheet.name));
        }
    }
    let cards: Vec<&Row> = tasks
        .order
        .iter()
        .map(|&index| &tasks.shuffled.rows[index])
        .collect();
    let rows: Vec<&Row> = tasks.holed.rows.iter().collect();
    found.extend(cells(sheet, ".cards", &cards, &[]).err());
    found.extend(cells(sheet, ".holed", &rows, &tasks.holes).err());
    let order: BTreeSet<usize> = tasks.order.iter().copied().collect();
    if order.len() != tasks.shuffled.rows.len() || tasks.order.is_sorted() {
        found.push(format!(
            "{}: the segments are not shuffled: {:?}",
            sheet.name, tasks.order
        ));
    }
    // The key puts them right.
    let letters: Vec<char> = tasks.letters().chars().filter(|c| *c != ' ').collect();
    let back: Vec<usize> = letters
        .iter()
        .map(|&letter| tasks.order[letter as usize - 'A' as usize])
        .collect();
    if !back.is_sorted() {
        found.push(format!(
            "{}: its key is wrong: {letters:?} for {:?}",
            sheet.name, tasks.order
        ));
    }
    for (what, secret) in [
        ("the segments' order", tasks.letters()),
        ("the recording that was shuffled", tasks.shuffled.name.clone()),
    ] {
        if sheet.text.contains(&secret) {
            found.push(format!("{}: {what} leaks: {secret}", sheet.name));
        }
        if !teacher.text.contains(&secret) {
            found.push(format!("{}: {what} is missing: {secret}", teacher.name));
        }
    }
    let holes: Vec<String> = tasks
        .holes
        .iter()
        .map(|&(index, field)| tasks.holed.rows[index].field(field))
        .collect();
    if teacher.all(".key .filled") != holes {
        found.push(format!("{}: the key to the holes is not {holes:?}", teacher.name));
    }
    let measured = sheet.all(".measured td");
    if measured.len() != 2 * tasks.measures.len() || measured.iter().any(|cell| !cell.is_empty()) {
        found.push(format!("{}: measured already: {measured:?}", sheet.name));
    }
    let values: Vec<String> = tasks.measures.iter().map(|(_, value)| squeezed(value)).collect();
    if teacher.all(".key .measured td") != values {
        found.push(format!(
            "{}: the key to the numbers is not {values:?}",
            teacher.name
        ));
    }
}

/// Nothing that a sheet asks is answered on a sheet for students, neither in its text nor in its file, and the teacher's edition
/// has all of it.
pub fn no_answer_leaks(root: &Path) -> Result<(), Failed> {
    let press = Press::open(root)?;
    let mut found = Vec::new();
    let stems: Vec<String> = press.chapters().map(str::to_owned).collect();
    for stem in &stems {
        let lesson = press.lesson(stem)?;
        let shown: Vec<Vec<Row>> = lesson
            .figures
            .iter()
            .flat_map(|figure| figure.rows.clone())
            .collect();
        for seed in SEEDS {
            let sheets = press.sheets(stem, seed, true)?;
            let read: Vec<Read> = sheets.iter().map(Read::of).collect();
            let [handout, sheet, teacher] = read.as_slice() else {
                return Err(format!("{stem} has {} sheets", read.len()).into());
            };
            let Some(tasks) = press.tasks(&lesson, seed)? else {
                return Err(format!("{stem} has no recordings for its lab sheet").into());
            };
            lab(sheet, teacher, &tasks, &mut found);
            for source in [&tasks.shuffled, &tasks.holed] {
                if shown.contains(&source.rows) {
                    found.push(format!(
                        "{}: the handout shows the segments of {} in order",
                        handout.name, source.name
                    ));
                }
            }
            for (what, secret) in secrets(&lesson) {
                for student in [handout, sheet] {
                    if student.text.contains(&secret) || student.source.contains(&secret) {
                        found.push(format!("{}: {what} leaks: {secret}", student.name));
                    }
                }
                if !teacher.text.contains(&secret) {
                    found.push(format!("{}: {what} is missing: {secret}", teacher.name));
                }
            }
            for student in [handout, sheet] {
                for trace in ["<!--", " data-", "belief", "solutions/"] {
                    // The rows of a drawing are counted; nothing else says more than is read.
                    if student.source.replace(" data-row=", " ").contains(trace) {
                        found.push(format!("{}: the file holds `{trace}`", student.name));
                    }
                }
            }
        }
    }
    found.dedup();
    none(found)
}

/// What is too small, coloured, or beside the page, as a list of complaints.
const LOOK: &str = "(() => {
  const found = new Set(), pt = 96 / 72, right = document.body.getBoundingClientRect().right + 1;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const it = walker.currentNode.parentElement, words = walker.currentNode.data.trim().slice(0, 30);
    if (!words || it.closest('title, desc, style')) continue;
    const svg = it.closest('svg'), scale = svg ? svg.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(it).fontSize) * scale / pt;
    if (size < 9.95) found.add(`${size.toFixed(2)} pt: ${words}`);
    const range = document.createRange(); range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (box.right > right + 2 * pt || box.left < -2 * pt) found.add(`beside the page: ${words}`);
  }
  const grey = (color) => { const c = (color.match(/[\\d.]+/g) || []).map(Number); return c.length < 3 || (c[0] === c[1] && c[1] === c[2]); };
  for (const it of document.body.querySelectorAll('*')) {
    const style = getComputedStyle(it);
    for (const key of ['color', 'backgroundColor', 'borderTopColor', 'borderLeftColor', 'fill', 'stroke'])
      if (!grey(style[key])) found.add(`${key} ${style[key]}: ${it.tagName}`);
  }
  return [...found];
})()";

/// How high each page's content is, in points.
const HEIGHTS: &str = "[...document.querySelectorAll('.sheet')].map((it) => (it.getBoundingClientRect().height * 72 / 96).toFixed(0))";

fn shown(tab: &mut Tab<'_>, sheet: &Sheet) -> Result<Vec<String>, Failed> {
    tab.show(&sheet.html())?;
    Ok(strings(&tab.eval(HEIGHTS)?))
}

/// Every sheet has the pages that were promised, whatever the seed, is tagged, has an outline, and can be read from a copier.
pub fn printed(world: &World) -> Result<(), Failed> {
    let press = Press::open(book_tests::root())?;
    let mut tab = world.tab()?;
    tab.call(
        "Emulation.setEmulatedMedia",
        serde_json::json!({ "media": "print" }),
    )?;
    let mut found = Vec::new();
    let stems: Vec<String> = press.chapters().map(str::to_owned).collect();
    for stem in &stems {
        for sheet in press.sheets(stem, 1, true)? {
            let heights = shown(&mut tab, &sheet)?;
            found.extend(
                strings(&tab.eval(LOOK)?)
                    .into_iter()
                    .map(|what| format!("{}: {what}", sheet.name)),
            );
            let pdf = print(&mut tab, &Paper::a4(&sheet.foot))?;
            if let Some(most) = sheet.kind.most_pages().filter(|most| pdf.pages > *most) {
                found.push(format!(
                    "{}: {} pages, at most {most}; they are {heights:?} points high and 754 fit: see `declaration`, [handout]",
                    sheet.name, pdf.pages
                ));
            }
            for part in ["/StructTreeRoot", "/Outlines", "/Marked true"] {
                if !pdf
                    .bytes
                    .windows(part.len())
                    .any(|bytes| bytes == part.as_bytes())
                {
                    found.push(format!("{}: the PDF has no {part}", sheet.name));
                }
            }
        }
        for seed in SEEDS {
            for sheet in press
                .sheets(stem, seed, false)?
                .iter()
                .filter(|sheet| sheet.kind == Kind::Lab)
            {
                let heights = shown(&mut tab, sheet)?;
                let high = |height: &String| height.parse().is_ok_and(|points: f64| points > 755.0);
                if heights.iter().any(high) {
                    found.push(format!(
                        "{} with seed {seed} is {heights:?} points high, and 755 fit on its page",
                        sheet.name
                    ));
                }
            }
        }
    }
    none(found)
}
