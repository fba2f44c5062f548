//! A chart as SVG: lines over an axis, with the spread of what was measured.
//!
//! The drawing stands in the page, so that its colours are the page's own variables, light or dark; a line is told from
//! another by its marker and its dashes first. The same numbers are always the same text, so that a change is seen in
//! review. The vertical axis is logarithmic: half and twice are the same distance. Places along the axis stand at equal
//! distances, since the first of them may be 0.

use std::fmt::Write as _;

use figures::{
    html::escape,
    result::{Chart, Measured},
};

/// The size of the drawing, in its own units; on the page it is as wide as there is room, up to this and a little more.
const WIDTH: f64 = 480.0;
/// Where the plot begins and ends.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 250.0;
/// The height of a line of the key.
const KEY: f64 = 20.0;

/// Colours, dashes and markers, one after another for the lines.
const STYLES: [(&str, &str, Marker); 6] = [
    ("--wrong", "", Marker::Square),
    ("--links", "", Marker::Circle),
    ("--keep", "7 4", Marker::Triangle),
    ("--ask", "2 4", Marker::Diamond),
    ("--wastes", "9 3 2 3", Marker::Cross),
    ("--until", "1 3", Marker::Circle),
];

#[derive(Clone, Copy, Debug)]
enum Marker {
    Square,
    Circle,
    Triangle,
    Diamond,
    Cross,
}

/// A logarithmic axis: from the power of ten or its double or half of it below the least to the one above the most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>) -> Axis {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| *value > 0.0) {
            least = least.min(value);
            most = most.max(value);
        }
        if most == 0.0 {
            return Axis {
                least: 1.0,
                most: 10.0,
            };
        }
        let below = ticks(least / 10.0, least).last().copied().unwrap_or(least);
        let above = ticks(most, most * 10.0).first().copied().unwrap_or(most);
        Axis {
            least: below,
            most: if above > below { above } else { below * 10.0 },
        }
    }

    fn y(self, value: f64) -> f64 {
        let part = (value / self.least).ln() / (self.most / self.least).ln();
        BOTTOM - part.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// 1, 2 and 5 times the powers of ten between two values, both included.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    for power in -6..=9 {
        for step in [1.0, 2.0, 5.0] {
            let tick = step * 10_f64.powi(power);
            if tick >= least * 0.999_999 && tick <= most * 1.000_001 {
                ticks.push(tick);
            }
        }
    }
    ticks
}

/// The drawing of what was measured; `name` makes its ids its own: `multiplex/idle`.
pub fn svg(name: &str, measured: &Measured, chart: &Chart) -> String {
    let id = format!("chart-{}", name.replace('/', "-"));
    let all = chart.lines.iter().flat_map(|line| {
        chart
            .at
            .iter()
            .filter_map(|at| measured.at(line, *at))
            .flat_map(|value| {
                [Some(value.value), value.least, value.most]
                    .into_iter()
                    .flatten()
                    .map(|number| number.real())
            })
    });
    let axis = Axis::of(all);
    let height = BOTTOM + 48.0 + KEY * chart.lines.len() as f64;
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         style=\"display:block;width:100%;max-width:64rem;font:13px var(--label,sans-serif);fill:var(--fg,#000)\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        escape(&measured.title),
        escape(&described(measured, chart))
    );
    let _ = writeln!(out, "<text x=\"0\" y=\"14\">{}</text>", escape(&chart.y));
    for tick in ticks(axis.least, axis.most) {
        let y = axis.y(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" style=\"stroke:var(--faint,#ccc)\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 6.0,
            y + 4.5
        );
    }
    let x = |index: usize| {
        let step = (RIGHT - LEFT) / chart.at.len().max(1) as f64;
        LEFT + step * (index as f64 + 0.5)
    };
    for (index, at) in chart.at.iter().enumerate() {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(index),
            BOTTOM + 18.0,
            grouped(*at)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 36.0,
        escape(&chart.x)
    );
    for (index, line) in chart.lines.iter().enumerate() {
        let (colour, dashes, marker) = STYLES[index % STYLES.len()];
        // Side by side, so that one does not hide another.
        let aside = (index as f64 - (chart.lines.len() as f64 - 1.0) / 2.0) * 9.0;
        let _ = writeln!(
            out,
            "<g style=\"stroke:var({colour},currentcolor);fill:none;stroke-width:1.8\">"
        );
        let mut path = String::new();
        let mut marks = String::new();
        for (place, at) in chart.at.iter().enumerate() {
            let Some(value) = measured.at(line, *at) else {
                continue;
            };
            let (px, py) = (x(place) + aside, axis.y(value.value.real()));
            let _ = write!(path, "{}{px:.1} {py:.1}", if path.is_empty() { "M" } else { "L" });
            if let (Some(least), Some(most)) = (value.least, value.most) {
                let (low, high) = (axis.y(least.real()), axis.y(most.real()));
                let (left, right) = (px - 3.5, px + 3.5);
                let _ = writeln!(
                    marks,
                    "<path d=\"M{px:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}\" style=\"stroke-width:1\"/>"
                );
            }
            let _ = writeln!(marks, "{}", marked(marker, px, py));
        }
        let _ = writeln!(
            out,
            "<path d=\"{path}\" style=\"stroke-dasharray:{}\"/>",
            dash(dashes)
        );
        out.push_str(&marks);
        let y = BOTTOM + 56.0 + KEY * index as f64;
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}h34\" style=\"stroke-dasharray:{}\"/>{}\n</g><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            dash(dashes),
            marked(marker, LEFT + 17.0, y),
            LEFT + 44.0,
            y + 4.5,
            escape(&line.label.replace('`', ""))
        );
    }
    out.push_str("</svg>\n");
    out
}

fn dash(dashes: &str) -> &str {
    if dashes.is_empty() { "none" } else { dashes }
}

/// A marker, filled with the page's ground so that a line behind it does not show.
fn marked(marker: Marker, x: f64, y: f64) -> String {
    let path = match marker {
        Marker::Square => format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0),
        Marker::Circle => format!("M{:.1} {y:.1}a4.3 4.3 0 1 0 8.6 0a4.3 4.3 0 1 0 -8.6 0z", x - 4.3),
        Marker::Triangle => format!("M{x:.1} {:.1}l5 9h-10z", y - 5.5),
        Marker::Diamond => format!("M{x:.1} {:.1}l5.5 5.5l-5.5 5.5l-5.5 -5.5z", y - 5.5),
        Marker::Cross => format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0),
    };
    format!("<path d=\"{path}\" style=\"fill:var(--bg,#fff)\"/>")
}

/// What the drawing shows, in words: where each line begins and ends.
fn described(measured: &Measured, chart: &Chart) -> String {
    let (Some(first), Some(last)) = (chart.at.first(), chart.at.last()) else {
        return String::new();
    };
    let lines: Vec<String> = chart
        .lines
        .iter()
        .filter_map(|line| {
            let (from, to) = (measured.at(line, *first)?, measured.at(line, *last)?);
            Some(format!(
                "{}: from {} at {} to {} at {}",
                line.label.replace('`', ""),
                from.text(),
                grouped(*first),
                to.text(),
                grouped(*last)
            ))
        })
        .collect();
    format!("{} by {}. {}.", chart.y, chart.x, lines.join("; "))
}

/// `5,000`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use figures::result::{Line, Value};

    use super::*;

    fn measured() -> (Measured, Chart) {
        let line = |name: &str| Line {
            name: name.into(),
            label: format!("`{name}`"),
        };
        let chart = Chart {
            x: "idle".into(),
            y: "µs".into(),
            at: vec![0, 5000],
            lines: vec![line("poll"), line("epoll")],
        };
        let value = |x: f64| Value::real(x, 1, "µs").between(x * 0.9, x * 1.1, 1);
        let measured = Measured {
            title: "CPU <time>".into(),
            command: "c".into(),
            machine: "m".into(),
            kernel: "6.18".into(),
            date: "d".into(),
            rounds: Some(8),
            conditions: None,
            values: BTreeMap::from([
                ("poll.0".into(), value(7.5)),
                ("poll.5000".into(), value(139.0)),
                ("epoll.0".into(), value(7.5)),
                ("epoll.5000".into(), value(7.6)),
            ]),
            chart: Some(chart.clone()),
        };
        (measured, chart)
    }

    #[test]
    fn an_axis_goes_from_the_round_number_below_to_the_one_above() {
        let axis = Axis::of([7.0, 152.9].into_iter());
        assert_eq!((axis.least, axis.most), (5.0, 200.0));
        assert_eq!(ticks(5.0, 200.0), [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        assert!((axis.y(5.0) - BOTTOM).abs() < 1e-9 && (axis.y(200.0) - TOP).abs() < 1e-9);
        // Half and twice are the same distance.
        assert!((axis.y(10.0) - axis.y(20.0) - (axis.y(20.0) - axis.y(40.0))).abs() < 1e-9);
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows_and_is_the_same_every_time() {
        let (measured, chart) = measured();
        let drawn = svg("multiplex/idle", &measured, &chart);
        assert_eq!(drawn, svg("multiplex/idle", &measured, &chart));
        for part in [
            "<title id=\"chart-multiplex-idle-title\">CPU &lt;time&gt;</title>",
            "poll: from 7.5\u{a0}µs at 0 to 139\u{a0}µs at 5,000; epoll: from 7.5\u{a0}µs at 0 to 7.6",
            ">5,000</text>",
        ] {
            assert!(drawn.contains(part), "{part} is not in\n{drawn}");
        }
        assert!(!drawn.contains("\n\n"), "an empty line ends the HTML");
    }

    #[test]
    fn lines_differ_by_more_than_their_colour() {
        let (measured, chart) = measured();
        let drawn = svg("x/y", &measured, &chart);
        let markers: Vec<&str> = drawn.lines().filter(|line| line.contains("--bg")).collect();
        assert_eq!(markers.len(), 2 * 2 + 2, "one a place, and one in the key");
        assert!(drawn.contains("h8v8h-8z") && drawn.contains("a4.3"));
    }

    #[test]
    fn every_stored_chart_is_drawn_as_its_numbers_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for listing in fs::read_dir(root.join("listings")).unwrap().flatten() {
            for file in fs::read_dir(listing.path().join("results"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let path = file.path();
                if path.extension().is_none_or(|it| it != "toml") {
                    continue;
                }
                let measured: Measured = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
                let Some(chart) = &measured.chart else { continue };
                let package = listing.file_name().to_string_lossy().into_owned();
                let name = format!(
                    "{}/{}",
                    stage::catalogue::slug(&package).unwrap(),
                    path.file_stem().unwrap().to_string_lossy()
                );
                let stored = fs::read_to_string(path.with_extension("svg")).unwrap_or_default();
                assert!(
                    stored == svg(&name, &measured, chart),
                    "{name} is not drawn as its numbers say; draw it with `cargo book measure {name} --draw`"
                );
            }
        }
    }
}
