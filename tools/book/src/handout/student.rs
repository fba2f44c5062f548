//! The student's handout: at most four pages, and on none of them an answer to what stands on the same page or on a later one.
//!
//! [`arrange`](super::arrange) says what goes on which page. Heights are estimated here, so that the same sheet can be written
//! without a browser; a test prints all of them and counts.

use figures::{
    html::escape,
    ladder::{Ladder, Room, paper_height, paper_svg},
};

use super::{
    Kind,
    arrange::{Blocks, arrange},
    blank,
    lesson::{Asked, Figure, Lesson, Quoted},
    text::{self, words},
};

/// How many pages there may be.
const MOST_PAGES: usize = match Kind::Handout.most_pages() {
    Some(most) => most,
    None => 4,
};
/// The height of a page's text, in points.
const PAGE: f64 = 752.0;
/// The height of a line of text, and about how many characters stand in it.
const LINE: f64 = 13.2;
const CHARACTERS: usize = 100;
const CODE_LINE: f64 = 12.0;
const CODE_CHARACTERS: usize = 80;
/// The least height of a ladder to be drawn on.
const BLANK: f64 = 112.0;

/// Something that stands together, and about how high it is.
#[derive(Default)]
struct Block {
    html: String,
    points: f64,
}

/// The pages, as HTML.
pub fn pages(lesson: &Lesson) -> Vec<String> {
    let head = head(lesson);
    let excerpts: Vec<Block> = lesson.excerpts.iter().map(quoted).collect();
    let numbered = || lesson.figures.iter().zip(1..);
    let questions: Vec<Block> = numbered()
        .map(|(figure, number)| predict(figure, number))
        .collect();
    let figures: Vec<Vec<Block>> = numbered()
        .map(|(figure, number)| drawings(figure, number))
        .collect();
    let (exit, keep) = (exit(lesson), keep(lesson));
    let points = |block: &Block| block.points;
    let places = arrange(
        &Blocks {
            head: head.points,
            questions: questions.iter().map(points).collect(),
            figures: figures
                .iter()
                .map(|drawings| drawings.iter().map(points).collect())
                .collect(),
            excerpts: excerpts.iter().map(points).collect(),
            exit: exit.points,
            keep: keep.points,
        },
        MOST_PAGES,
        PAGE,
    );
    let mut pages = vec![String::new(); places.pages()];
    pages[0].push_str(&head.html);
    for (drawings, &(page, drawing)) in figures.iter().zip(&places.figures) {
        pages[page].push_str(&drawings[drawing].html);
    }
    // The ladder of a question takes what is left of its page, so code stands above it.
    let below = excerpts
        .iter()
        .zip(&places.excerpts)
        .chain(questions.iter().zip(&places.questions));
    for (block, &page) in below.chain([(&exit, &places.exit), (&keep, &places.keep)]) {
        pages[page].push_str(&block.html);
    }
    for (page, html) in pages.iter_mut().enumerate() {
        if !places.questions.contains(&page) {
            html.push_str(OWN_WORDS);
        }
    }
    pages
}

/// What is left of a page is for the reader's own words; the style sheet leaves it out where that is too little.
const OWN_WORDS: &str = "<div class=\"own\"><div><p>Your notes</p></div></div>\n";

/// About how high a text is, in points.
fn height(html: &str, characters: usize) -> f64 {
    let written = words(html).chars().count();
    LINE * written.div_ceil(characters).max(1) as f64
}

fn head(lesson: &Lesson) -> Block {
    let mut out = format!(
        "<header><p class=\"kicker\">From fork to await · chapter {} · handout</p>\n<p class=\"name\">Name <i></i></p>\n<h1>{}</h1>\n</header>\n<section class=\"box\" aria-label=\"At a glance\">\n<p>You will be able to</p>\n<ul>\n",
        lesson.number,
        escape(&lesson.title)
    );
    let mut points = 78.0;
    for able in &lesson.able {
        out.push_str(&format!("<li>{able}</li>\n"));
        points += height(able, CHARACTERS - 8);
    }
    out.push_str("</ul>\n<dl>\n");
    let minutes = lesson.minutes;
    let times: Vec<String> = [
        (minutes.teach, "in class"),
        (minutes.lab, "in the lab"),
        (minutes.home, "at home"),
    ]
    .into_iter()
    .filter(|(minutes, _)| *minutes > 0)
    .map(|(minutes, what)| format!("{minutes} {what}"))
    .collect();
    let mut rows = vec![("Minutes", times.join(", "))];
    if !lesson.needs.is_empty() {
        rows.push(("Read first", lesson.needs.join(", ")));
    }
    rows.push(("Programs", programs(lesson)));
    if let Some(figure) = lesson.figures.first() {
        rows.push((
            "To see it",
            format!(
                "<code>cargo book run {0}</code>; without rights, or on another system, <code>cargo book show {0}</code>",
                figure.name
            ),
        ));
    }
    for (term, what) in rows {
        points += height(&what, CHARACTERS - 20) + 1.0;
        out.push_str(&format!("<dt>{term}</dt><dd>{what}</dd>\n"));
    }
    out.push_str("</dl>\n</section>\n");
    Block { html: out, points }
}

/// The programs of the figures, each once.
fn programs(lesson: &Lesson) -> String {
    let mut names: Vec<&str> = Vec::new();
    for figure in &lesson.figures {
        for program in &figure.programs {
            for name in program.split(", ").filter(|name| !name.is_empty()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    let names: Vec<String> = names
        .into_iter()
        .map(|name| format!("<code>{}</code>", escape(name)))
        .collect();
    // The comma stays with its name.
    format!(
        "<span class=\"whole\">{}</span>",
        names.join(",</span> <span class=\"whole\">")
    )
}

fn quoted(quoted: &Quoted) -> Block {
    let mut points = 30.0;
    for line in &quoted.lines {
        points += CODE_LINE * line.text.chars().count().div_ceil(CODE_CHARACTERS).max(1) as f64;
    }
    let mut html = format!(
        "<figure class=\"code\">\n<figcaption><code>{}</code>, part <em>{}</em></figcaption>\n{}",
        escape(&quoted.file),
        escape(&quoted.part),
        text::code(&quoted.lines)
    );
    for sentence in &quoted.callouts {
        points += height(sentence, CHARACTERS) + 1.0;
        html.push_str(&format!("<p class=\"says\">{sentence}</p>\n"));
    }
    html.push_str("</figure>\n");
    Block { html, points }
}

fn predict(figure: &Figure, number: usize) -> Block {
    // What the scenario is called may be the answer; only where the page asks nothing it must say what this is about.
    let asked = figure.predict.clone().unwrap_or_else(|| {
        format!(
            "{}. Who sends what, in which order, and which call of which program sends it?",
            text::title(&figure.title)
        )
    });
    let html = format!(
        "<section class=\"predict\">\n<h2>Predict {number}</h2>\n<div class=\"asked\">{asked}</div>\n<p class=\"hint\">Write your answer down and draw the \
         segments, before you turn the page.</p>\n{}</section>\n",
        blank(&figure.programs, "Draw here what you expect.")
    );
    Block {
        html,
        points: 54.0 + height(&asked, CHARACTERS) + BLANK,
    }
}

/// A figure with its annotations, once for each of its drawings.
fn drawings(figure: &Figure, number: usize) -> Vec<Block> {
    let mut rest = 32.0;
    let mut notes = String::new();
    if !figure.notes.is_empty() {
        notes.push_str("<ul class=\"notes\">\n");
        for (about, says) in &figure.notes {
            rest += height(says, CHARACTERS - 6) + 1.0;
            notes.push_str(&format!(
                "<li><b class=\"about\">{}</b> {says}</li>\n",
                escape(about)
            ));
        }
        notes.push_str("</ul>\n");
    }
    let drawn = |(ladder, room): (&Ladder, Room)| Block {
        html: format!(
            "<figure class=\"drawn\">\n<figcaption><h2>Seen {number}: {}</h2> <small><code>{}</code>, {}</small></figcaption>\n{}{notes}</figure>\n",
            text::title(&figure.title),
            escape(&figure.name),
            escape(&figure.made),
            paper_svg(ladder, room, &format!("figure-{number}"))
        ),
        points: rest + paper_height(ladder, room),
    };
    // The whole before a part of it, each with room first.
    let ladders = [Some(&figure.ladder), figure.core.as_ref()].into_iter().flatten();
    ladders
        .flat_map(|ladder| [(ladder, Room::Ample), (ladder, Room::Tight)])
        .map(drawn)
        .collect()
}

fn exit(lesson: &Lesson) -> Block {
    let asked: Vec<&Asked> = lesson.questions.iter().filter(|asked| asked.exit).collect();
    if asked.is_empty() {
        return Block::default();
    }
    let mut points = 28.0;
    let mut html = String::from("<section class=\"exit\">\n<h2>Before you leave</h2>\n<ol>\n");
    for asked in asked {
        points += height(&asked.ask, CHARACTERS - 4) + 4.3;
        html.push_str(&format!("<li><div>{}</div>\n<ul>\n", asked.ask));
        for (answer, letter) in asked.answers.iter().zip('a'..) {
            points += height(&answer.says, CHARACTERS - 7);
            html.push_str(&format!(
                "<li><span class=\"tick\"></span> <b>{letter}</b> {}</li>\n",
                answer.says
            ));
        }
        html.push_str("</ul></li>\n");
    }
    html.push_str("</ol>\n</section>\n");
    Block { html, points }
}

fn keep(lesson: &Lesson) -> Block {
    if lesson.keep.is_empty() {
        return Block::default();
    }
    let mut points = 28.5;
    for item in lesson.keep.split("<li>").skip(1) {
        points += height(item, CHARACTERS - 2);
    }
    let html = format!(
        "<section class=\"keep\">\n<h2>What to keep</h2>\n{}\n</section>\n",
        lesson.keep
    );
    Block { html, points }
}
