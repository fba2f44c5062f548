//! The drawing put into a page, or into a file of its own.

use std::fmt::Write as _;

use super::{
    Event, Ladder, align,
    draw::{Drawing, Verdict},
    layout::{self, Columns, Lanes, Place, Room},
    table,
    text::{Clock, counted, escape, n},
};

/// How a figure stands in its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What its ids begin with; no other figure of the book may have the same: `ch01-echo-2`.
    pub id: String,
    /// What a reader is asked to do first.
    pub mode: Mode,
}

/// What a reader is asked to do first. Without JavaScript every figure is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Look, point, step.
    #[default]
    Explore,
    /// Say how many segments there will be, then uncover them one by one.
    Predict,
}

/// The width of the drawing with five columns: that of mdBook's text.
const WIDE: f64 = 750.0;
/// The width of the drawing whose lanes are stacked, on a phone and of each half of a pair.
const NARROW: f64 = 280.0;
const HALF: f64 = 366.0;
/// The width of the drawing on paper, in points: A4 with margins of 15 mm.
pub const PAPER: f64 = 510.0;

/// The figure as one HTML block without an empty line, in two arrangements of which the style sheet shows the one that
/// fits, and as a table.
pub fn html(ladder: &Ladder, options: &Options) -> String {
    let mut out = String::new();
    open(&mut out, options, "ladder-figure");
    unit(&mut out, ladder);
    let id = format!("{}-1", options.id);
    alone(&mut out, ladder, Lanes::Columns, WIDE, &[], "wide", &id);
    alone(&mut out, ladder, Lanes::Stacked, NARROW, &[], "narrow", &id);
    out.push_str(&table::table(ladder, clock(ladder)));
    out.push_str("</div>\n</div>\n");
    out
}

/// Two figures side by side, equal segments at equal height, what differs marked; below each other on a phone.
pub fn pair_html(left: &Ladder, right: &Ladder, options: &Options) -> String {
    let aligned = align::align(left, right);
    let half = |ladder| Columns::new(ladder, Lanes::Stacked, HALF);
    let both = [half(left), half(right)];
    let extents = [layout::extents(left, &both[0]), layout::extents(right, &both[1])];
    let head = both[0].head.max(both[1].head);
    let (at_left, at_right, height) = align::places(&aligned.pairs, &extents[0], &extents[1], head);
    let mut out = String::new();
    open(&mut out, options, "ladder-figure ladder-pair");
    for (index, (ladder, columns, places, verdicts)) in [
        (left, &both[0], &at_left, &aligned.verdicts.0),
        (right, &both[1], &at_right, &aligned.verdicts.1),
    ]
    .into_iter()
    .enumerate()
    {
        unit(&mut out, ladder);
        let id = format!("{}-{}", options.id, index + 1);
        let drawing = Drawing {
            ladder,
            columns,
            places,
            clock: clock(ladder),
            verdicts,
            height,
        };
        svg(&mut out, &drawing, "half", &id, true);
        alone(&mut out, ladder, Lanes::Stacked, NARROW, verdicts, "narrow", &id);
        out.push_str(&table::table(ladder, clock(ladder)));
        out.push_str("</div>\n");
    }
    let _ = writeln!(
        out,
        "<p class=\"ladder-verdict\"><strong>On the wire:</strong> {}. <strong>Calls:</strong> {}.</p>\n</div>",
        match aligned.wire {
            0 => format!(
                "{}, the same in both",
                counted(left.segments() as u64, "segment", "segments")
            ),
            more => format!("{} not the same", counted(more as u64, "row is", "rows are")),
        },
        match aligned.calls {
            0 => "the same in both".to_owned(),
            more => format!(
                "{}, marked at the edge",
                counted(more as u64, "row differs", "rows differ")
            ),
        }
    );
    out
}

/// The drawing as a file of its own, with its style: five columns, light or dark as the reader's system says, black and
/// white on paper.
pub fn standalone_svg(ladder: &Ladder) -> String {
    file(ladder, &standalone_style())
}

/// The drawing as a file of its own for viewers that are no browsers: light, and every colour a plain one, since many of them know
/// no variables.
pub fn plain_svg(ladder: &Ladder) -> String {
    // Of a height that follows from the width they make nothing.
    let svg = file(ladder, &plain_style());
    let height = svg
        .split_once("viewBox=\"")
        .and_then(|(_, rest)| rest.split(['"', ' ']).nth(3));
    match height {
        Some(height) => svg.replacen(" role=\"img\"", &format!(" height=\"{height}\" role=\"img\""), 1),
        None => svg,
    }
}

fn file(ladder: &Ladder, style: &str) -> String {
    let columns = Columns::new(ladder, Lanes::Columns, WIDE);
    let (places, height) = layout::places(&columns, &layout::extents(ladder, &columns));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"-12 -8 {} {}\" width=\"{}\" role=\"img\" \
         aria-labelledby=\"t d\">\n<title id=\"t\">{}</title>\n<desc id=\"d\">{}</desc>\n<style>\n{}</style>\n",
        WIDE + 24.0,
        n(height + 16.0),
        WIDE + 24.0,
        escape(&ladder.title),
        escape(&ladder.description),
        style
    );
    let drawing = Drawing {
        ladder,
        columns: &columns,
        places: &places,
        clock: clock(ladder),
        verdicts: &[],
        height,
    };
    let _ = writeln!(
        out,
        "<rect class=\"paper\" x=\"-12\" y=\"-8\" width=\"{}\" height=\"{}\"/>",
        WIDE + 24.0,
        n(height + 16.0)
    );
    out.push_str(&drawing.draw());
    out.push_str("</svg>\n");
    out
}

/// The drawing for paper, [`PAPER`] points wide, as one element without a style: a page with [`drawing_style`] shows it.
/// `id` is what its ids begin with.
pub fn paper_svg(ladder: &Ladder, room: Room, id: &str) -> String {
    let (columns, places, height) = on_paper(ladder, room);
    let drawing = Drawing {
        ladder,
        columns: &columns,
        places: &places,
        clock: clock(ladder),
        verdicts: &[],
        height,
    };
    let mut out = String::new();
    svg(&mut out, &drawing, "paper", id, true);
    out
}

/// How high the drawing for paper is, in points.
pub fn paper_height(ladder: &Ladder, room: Room) -> f64 {
    on_paper(ladder, room).2
}

fn on_paper(ladder: &Ladder, room: Room) -> (Columns, Vec<Place>, f64) {
    let columns = Columns {
        room,
        ..Columns::new(ladder, Lanes::Paper, PAPER)
    };
    let (places, height) = layout::places(&columns, &layout::extents(ladder, &columns));
    (columns, places, height)
}

/// The part of the page's style sheet that draws, without the variables it is in need of.
pub fn drawing_style() -> String {
    let sheet = include_str!("../../../../theme/figure.css");
    between(sheet, "/* drawing: begin */", "/* drawing: end */")
}

/// The part of the page's style sheet that speaks of the drawing, with the variables it is in need of outside a page.
fn standalone_style() -> String {
    let sheet = include_str!("../../../../theme/figure.css");
    let drawing = between(sheet, "/* drawing: begin */", "/* drawing: end */");
    let light = between(sheet, "/* light: begin */", "/* light: end */");
    let dark = between(sheet, "/* dark: begin */", "/* dark: end */");
    let print = between(sheet, "/* print: begin */", "/* print: end */");
    let mono = "ui-monospace, \"Source Code Pro\", Consolas, Menlo, \"DejaVu Sans Mono\", monospace";
    format!(
        ".ladder{{--bg:#fff;--mono-font:{mono};font-family:system-ui,sans-serif;{light}}}\n\
         @media (prefers-color-scheme:dark){{.ladder{{--bg:#14171d;{dark}}}}}\n\
         @media print{{.ladder{{--bg:#fff;{print}}}}}\n\
         .paper{{fill:var(--bg)}}\n{}\n",
        drawing.trim()
    )
}

/// The same in the light colours alone, without a variable: for viewers that are no browsers, and for e-books.
pub fn plain_style() -> String {
    let sheet = include_str!("../../../../theme/figure.css");
    let light = between(sheet, "/* light: begin */", "/* light: end */");
    let mut style = format!(
        ".ladder{{font-family:sans-serif}}\n.paper{{fill:var(--bg)}}\n{}\n",
        between(sheet, "/* drawing: begin */", "/* drawing: end */").trim()
    );
    let named = light.split(';').filter_map(|pair| pair.trim().split_once(':'));
    for (name, value) in named.chain([
        ("--bg", "#ffffff"),
        ("--mono-font", "\"DejaVu Sans Mono\", Menlo, Consolas, monospace"),
    ]) {
        style = style.replace(&format!("var({name})"), value);
    }
    // The page's, and some viewers take it for the drawing's; and who does not know `transparent` draws it black.
    let lines = style
        .lines()
        .filter(|line| !line.starts_with(".ladder { display:"));
    let style: String = lines.flat_map(|line| [line, "\n"]).collect();
    style.replace("transparent", "none")
}

/// What stands between two marks of the style sheet, without its line breaks' indentation.
fn between(sheet: &str, begin: &str, end: &str) -> String {
    sheet
        .split_once(begin)
        .and_then(|(_, rest)| rest.split_once(end))
        .map(|(part, _)| part.lines().map(str::trim).filter(|line| !line.is_empty()))
        .map(|lines| lines.collect::<Vec<_>>().join("\n"))
        .unwrap_or_default()
}

fn open(out: &mut String, options: &Options, class: &str) {
    let _ = write!(out, "<div class=\"{class}\" id=\"{}\"", escape(&options.id));
    if options.mode == Mode::Predict {
        out.push_str(" data-mode=\"predict\"");
    }
    out.push_str(">\n");
}

/// The beginning of one ladder, with what the script has to know of it.
fn unit(out: &mut String, ladder: &Ladder) {
    let _ = writeln!(
        out,
        "<div class=\"ladder-one\" data-recording=\"{}\" data-unit=\"{}\" data-segments=\"{}\">",
        escape(&ladder.recording),
        clock(ladder).unit(),
        ladder.segments()
    );
}

/// A drawing whose rows stand where nobody else wants them. The narrow ones name themselves after the other one.
fn alone(
    out: &mut String,
    ladder: &Ladder,
    lanes: Lanes,
    width: f64,
    verdicts: &[Verdict],
    class: &str,
    id: &str,
) {
    let columns = Columns::new(ladder, lanes, width);
    let (places, height) = layout::places(&columns, &layout::extents(ladder, &columns));
    let drawing = Drawing {
        ladder,
        columns: &columns,
        places: &places,
        clock: clock(ladder),
        verdicts,
        height,
    };
    svg(out, &drawing, class, id, class != "narrow");
}

/// One drawing. Only the first of a ladder's drawings says its title and description, the other refers to them: a
/// reference may point at what is not shown.
fn svg(out: &mut String, drawing: &Drawing<'_>, class: &str, id: &str, named: bool) {
    let _ = writeln!(
        out,
        "<svg class=\"ladder {class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-t\" aria-describedby=\"{id}-d\">",
        n(drawing.columns.width),
        n(drawing.height)
    );
    if named {
        let _ = writeln!(
            out,
            "<title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>",
            escape(&drawing.ladder.title),
            escape(&drawing.ladder.description)
        );
    }
    out.push_str(&drawing.draw());
    out.push_str("</svg>\n");
}

/// The unit of a figure's times, from its last segment's.
pub fn clock(ladder: &Ladder) -> Clock {
    if ladder.untimed {
        return Clock::Hidden;
    }
    let last = ladder
        .rows
        .iter()
        .filter(|row| matches!(row.event, Event::Segment(_) | Event::Arrival { .. }))
        .map(|row| row.time)
        .max();
    Clock::spanning(last.unwrap_or(0))
}
