//! What every figure owes its page and its reader, whatever it shows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod sample;

use std::{collections::BTreeMap, fs, path::Path};

use figures::ladder::{
    Cause, Detail, Did, Event, Fate, Ladder, Mark, Mode, Note, Options, Recorded, Row, Segment, Side, html,
    ladder, pair_html, standalone_svg,
};
use pulldown_cmark::{Event as Markdown, Parser, Tag, TagEnd};
use wire::{
    call::Record,
    capture::Capture,
    conversation::{Conversation, Sides, Turn},
    event::Found,
    state::states,
};

fn options(id: &str) -> Options {
    Options {
        id: id.into(),
        mode: Mode::Explore,
    }
}

fn samples() -> Vec<(&'static str, Ladder)> {
    vec![
        ("one echo", sample::one_echo()),
        ("async", sample::one_echo_async()),
        ("tasks", sample::tasks()),
        ("refused", sample::refused()),
        ("loss", sample::loss()),
        ("stream", sample::stream().folded(12)),
        ("three clients", sample::three_clients()),
    ]
}

/// The elements of some HTML or SVG by name and attributes, in order; fails where they are not properly nested.
fn elements(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "in {piece}");
            continue;
        }
        let (tag, closed) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while let Some((key, after)) = rest.trim_start().split_once("=\"") {
            let (value, after) = after.split_once('"').expect("a value ends");
            assert!(
                attributes.insert(key.into(), value.into()).is_none(),
                "{key} twice in {tag}"
            );
            rest = after;
        }
        assert_eq!(rest.trim(), "", "in {tag}");
        if !closed {
            open.push(name.into());
        }
        found.push((name.into(), attributes));
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    found
}

fn drawings(html: &str) -> Vec<&str> {
    html.split("<svg ")
        .skip(1)
        .map(|rest| rest.split_once("</svg>").expect("a drawing ends").0)
        .collect()
}

#[test]
fn a_figure_is_one_block_of_html_and_the_text_around_it_stays_text() {
    for (name, ladder) in samples() {
        for figure in [
            html(&ladder, &options("a")),
            pair_html(&ladder, &sample::one_echo(), &options("b")),
        ] {
            assert!(!figure.contains("\n\n"), "{name} holds an empty line");
            let page = format!("Before.\n\n{figure}\nAfter *it*.\n");
            let mut blocks = 0;
            let mut paragraphs = 0;
            for event in Parser::new(&page) {
                match event {
                    Markdown::End(TagEnd::HtmlBlock) => blocks += 1,
                    Markdown::Start(Tag::Paragraph) => paragraphs += 1,
                    Markdown::Start(Tag::HtmlBlock | Tag::Emphasis) | Markdown::Html(_) => {}
                    Markdown::End(_) | Markdown::Text(_) => {}
                    other => panic!("{name}: {other:?}"),
                }
            }
            assert_eq!((blocks, paragraphs), (1, 2), "{name}");
        }
    }
}

#[test]
fn every_element_is_closed_and_no_attribute_but_view_box_has_a_capital() {
    for (name, ladder) in samples() {
        for figure in [
            html(&ladder, &options("a")),
            pair_html(&ladder, &sample::one_echo(), &options("b")),
            standalone_svg(&ladder),
        ] {
            for (element, attributes) in elements(&figure) {
                assert_eq!(element, element.to_lowercase(), "{name}");
                for key in attributes.keys().filter(|key| *key != "viewBox") {
                    assert_eq!(*key, key.to_lowercase(), "{name}");
                }
                assert!(!attributes.contains_key("style"), "{name}: a style of its own");
            }
        }
    }
}

#[test]
fn ids_begin_with_the_figures_own_and_never_meet() {
    let (one, two) = (
        html(&sample::one_echo(), &options("ch01-1")),
        html(&sample::one_echo(), &options("ch01-2")),
    );
    let page = format!(
        "{one}{two}{}",
        pair_html(&sample::one_echo(), &sample::one_echo_async(), &options("ch01-3"))
    );
    let mut ids: Vec<String> = Vec::new();
    let mut named: Vec<String> = Vec::new();
    for (_, attributes) in elements(&page) {
        ids.extend(attributes.get("id").cloned());
        for key in ["aria-labelledby", "aria-describedby"] {
            named.extend(
                attributes
                    .get(key)
                    .into_iter()
                    .flat_map(|ids| ids.split(' ').map(str::to_owned)),
            );
        }
    }
    assert!(ids.iter().all(|id| id.starts_with("ch01-")), "{ids:?}");
    assert!(
        named.iter().all(|name| ids.contains(name)),
        "{named:?} in {ids:?}"
    );
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");
}

#[test]
fn what_a_program_says_cannot_become_markup() {
    let mut ladder = sample::one_echo();
    let evil = "</svg><script>alert(\"1\") & 'x'\n\n<b";
    ladder.title = evil.into();
    ladder.description = evil.into();
    ladder.recording = evil.into();
    for line in &mut ladder.lifelines {
        line.name = evil.into();
        line.program = evil.into();
        line.untapped = Some(evil.into());
    }
    for row in &mut ladder.rows {
        row.notes = vec![evil.into()];
        for state in &mut row.states {
            state.name = evil.into();
        }
        let call = match &mut row.event {
            Event::Call(call) => Some(call),
            Event::Segment(segment) => {
                segment.remark = Some(evil.into());
                segment.fields[0].name = evil.into();
                match &mut segment.cause {
                    Cause::Call(call) => Some(call),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(call) = call {
            call.text = evil.into();
            if let Some(source) = &mut call.source {
                source.text = evil.into();
                source.file = evil.into();
            }
        }
    }
    let figure = format!(
        "{}{}",
        html(&ladder, &options("a")),
        pair_html(&ladder, &ladder, &options("b"))
    );
    assert!(!figure.contains("\n\n"));
    assert!(
        elements(&figure)
            .iter()
            .all(|(name, _)| name != "script" && name != "b")
    );
}

#[test]
fn every_row_stands_in_both_arrangements_and_in_the_table() {
    for (name, ladder) in samples() {
        let figure = html(&ladder, &options("a"));
        let rows = |text: &str, element: &str| {
            elements(&format!("<svg {text}</svg>"))
                .iter()
                .filter(|(name, attributes)| name == element && attributes.contains_key("data-row"))
                .count()
        };
        let drawn: Vec<usize> = drawings(&figure).iter().map(|svg| rows(svg, "g")).collect();
        assert_eq!(drawn, [ladder.rows.len(); 2], "{name}");
        let in_table = elements(&figure)
            .iter()
            .filter(|(name, attributes)| name == "tr" && attributes.contains_key("data-row"))
            .count();
        assert_eq!(in_table, ladder.rows.len(), "{name}");
    }
}

#[test]
fn rows_follow_one_another_without_a_gap_or_an_overlap() {
    let number = |line: &str, key: &str| -> f64 {
        let (_, rest) = line.split_once(key).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    for (name, ladder) in samples() {
        let alone = html(&ladder, &options("a"));
        let pair = pair_html(&ladder, &sample::one_echo_async(), &options("b"));
        for (svg, gaps) in drawings(&alone)
            .into_iter()
            .map(|svg| (svg, false))
            .chain(drawings(&pair).into_iter().map(|svg| (svg, true)))
        {
            let mut end: Option<f64> = None;
            for line in svg.lines().filter(|line| line.starts_with("<g ")) {
                let (top, height) = (number(line, " y=\""), number(line, " height=\""));
                if let Some(end) = end {
                    assert!(top > end - 0.2, "{name}: {top} after {end}");
                    assert!(gaps || top < end + 0.2, "{name}: {top} after {end}");
                }
                end = Some(top + height);
            }
            let height: f64 = svg
                .split_once('"')
                .unwrap()
                .1
                .split_once("viewBox=\"")
                .unwrap()
                .1
                .split('"')
                .next()
                .unwrap()
                .split(' ')
                .next_back()
                .unwrap()
                .parse()
                .unwrap();
            assert!(
                end.unwrap() < height,
                "{name}: the last row ends at {end:?} of {height}"
            );
        }
    }
}

#[test]
fn a_row_of_the_table_holds_what_the_script_shows_of_it() {
    let figure = html(&sample::one_echo(), &options("a"));
    let rows: Vec<BTreeMap<String, String>> = elements(&figure)
        .into_iter()
        .filter(|(name, attributes)| name == "tr" && attributes.contains_key("data-row"))
        .map(|(_, attributes)| attributes)
        .collect();
    let data = &rows[5];
    assert_eq!(data["data-segment"], "4");
    assert_eq!(
        data["data-file"],
        "listings/ch01-echo/src/bin/echo-blocking-client.rs"
    );
    assert_eq!(data["data-line"], "26");
    assert_eq!(data["data-code"], ".write_all(MESSAGE)");
    let fields: Vec<Vec<String>> =
        serde_json::from_str(&data["data-fields"].replace("&quot;", "\"")).unwrap();
    assert!(
        fields.contains(&vec!["seq".into(), "1".into(), "2735928560".into()]),
        "{fields:?}"
    );
    assert!(
        fields.contains(&vec!["thread".into(), "4711".into()]),
        "{fields:?}"
    );
    let numbered = |row: &&BTreeMap<String, String>| {
        row.get("data-segment")
            .is_some_and(|key| key.parse::<u32>().is_ok())
    };
    assert_eq!(rows.iter().filter(numbered).count(), 10);
}

/// Every text of a drawing with the room it takes: text, left, right, size.
fn texts(svg: &str) -> Vec<(String, f64, f64)> {
    let sizes = [
        ("who", 13.0),
        ("word", 11.5),
        ("time", 10.5),
        ("sub", 10.5),
        ("state", 9.5),
        ("note", 9.5),
        ("plain", 9.5),
        ("pause", 10.5),
        ("line", 11.0),
        ("call", 11.0),
        ("kernel", 11.0),
    ];
    // What stands along a falling arrow is placed by its group.
    let level: String = svg
        .split("<g transform")
        .enumerate()
        .map(|(index, part)| match (index, part.split_once("</g>")) {
            (1.., Some((_, after))) => after,
            _ => part,
        })
        .collect();
    level
        .split("<text ")
        .skip(1)
        .filter_map(|piece| {
            let (tag, rest) = piece.split_once('>')?;
            let text = rest.split_once("</text>")?.0;
            let text = text
                .split('<')
                .map(|part| part.split_once('>').map_or(part, |(_, after)| after))
                .collect::<String>()
                .replace("&amp;", "&")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"");
            let value = |key: &str| {
                let (_, rest) = tag.split_once(&format!("{key}=\""))?;
                Some(rest.split_once('"')?.0.to_owned())
            };
            let x: f64 = value("x")?.parse().ok()?;
            let class = value("class")?;
            let words: Vec<&str> = class.split(' ').collect();
            let size = sizes.iter().find(|(name, _)| words.contains(name))?.1;
            let wide = text.chars().count() as f64 * size * 0.602;
            let left = match () {
                () if words.contains(&"m") => x - wide / 2.0,
                () if words.contains(&"e") => x - wide,
                () => x,
            };
            Some((text, left, left + wide))
        })
        .collect()
}

#[test]
fn no_text_leaves_the_drawing() {
    for (name, ladder) in samples() {
        for (svg, wide) in drawings(&html(&ladder, &options("a")))
            .into_iter()
            .zip([750.0, 280.0])
        {
            let texts = texts(svg);
            assert!(texts.len() >= 12, "{name}: {} texts", texts.len());
            for (text, left, right) in texts {
                assert!(
                    left > -1.0 && right < wide + 1.0,
                    "{name}: {text:?} from {left:.0} to {right:.0} of {wide}"
                );
            }
        }
    }
}

#[test]
fn data_fin_and_rst_differ_by_their_stroke_and_by_a_word() {
    let echo = html(&sample::one_echo(), &options("a"));
    assert!(echo.contains(r#"class="arrow data""#) && echo.contains(">11 bytes · 1:12<"));
    assert!(echo.contains(r#"class="arrow fin""#) && echo.contains(">FIN 12 · ACK 13<"));
    let refused = html(&sample::refused(), &options("a"));
    assert!(refused.contains(r#"class="arrow rst""#) && refused.contains(">RST 0 · ACK 1<"));
    assert!(refused.contains(r#"class="bar""#), "an RST ends in a bar");
    assert!(!echo.contains(r#"class="bar""#));
}

/// The row's own part of a drawing.
fn row(svg: &str, index: usize) -> &str {
    let begin = format!("data-row=\"{index}\"");
    svg.lines()
        .find(|line| line.starts_with("<g ") && line.contains(&begin))
        .expect("the row is drawn")
}

#[test]
fn a_lost_segment_ends_in_mid_wire_with_a_cross_and_without_a_tip() {
    let ladder = sample::loss();
    let lost = ladder
        .rows
        .iter()
        .position(|row| matches!(&row.event, Event::Segment(segment) if segment.fate == Fate::Lost))
        .unwrap();
    for svg in drawings(&html(&ladder, &options("a"))) {
        let row = row(svg, lost);
        assert!(!row.contains(r#"class="tip""#), "{row}");
        assert!(row.contains("lost"), "the word stands beside it: {row}");
        let cross = format!(r#"<path class="cross" data-row="{lost}" d="M"#);
        assert_eq!(
            svg.matches(&cross).count(),
            1,
            "in the row's own name, so that it can be covered"
        );
        let (_, at) = svg.split_once(&cross).unwrap();
        let x: f64 = at.split(' ').next().unwrap().parse().unwrap();
        let wide: f64 = svg
            .split_once("viewBox=\"0 0 ")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((x / wide - 0.5).abs() < 0.1, "{x} of {wide}");
    }
}

#[test]
fn a_segment_that_takes_its_time_falls_to_the_row_in_which_it_arrives() {
    let ladder = sample::loss();
    let figure = html(&ladder, &options("a"));
    let svg = drawings(&figure)[0];
    let number = |text: &str, key: &str| -> f64 {
        let (_, rest) = text.split_once(key).unwrap();
        rest.split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let mut seen = 0;
    for (index, event) in ladder.rows.iter().map(|row| &row.event).enumerate() {
        let Event::Segment(Segment {
            fate: Fate::ArrivesIn(to),
            ..
        }) = event
        else {
            continue;
        };
        let tip = row(svg, index).split_once(r#"class="tip" d="M"#).unwrap().1;
        let tip_y = number(tip, " ");
        let arrival = row(svg, *to);
        let (top, height) = (number(arrival, " y=\""), number(arrival, " height=\""));
        assert!(
            tip_y > top && tip_y < top + height,
            "row {index}: {tip_y} in {top} + {height}"
        );
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn a_retransmission_has_a_stroke_and_words_of_its_own() {
    let figure = html(&sample::loss(), &options("a"));
    assert!(figure.contains(r#"class="arrow data again""#));
    assert!(figure.contains("sent again"));
    assert!(figure.contains("fast retransmit"));
}

#[test]
fn a_silence_is_said_in_words() {
    let figure = html(&sample::one_echo(), &options("a"));
    assert!(figure.contains(">nothing for 1.000 s<"));
}

#[test]
fn a_long_run_is_folded_and_nothing_is_lost_of_the_count() {
    let whole = sample::stream();
    let folded = whole.clone().folded(12);
    assert_eq!(whole.segments(), 60);
    assert_eq!(folded.segments(), 60);
    assert!(folded.rows.len() < 40, "{} rows", folded.rows.len());
    let folds: Vec<String> = folded
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Folded(folded) => Some(format!(
                "{}: {} / {} / {}",
                folded.segments, folded.text, folded.client, folded.server
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        folds,
        [
            "34: 17 × data →, 17 × ACK ← / 17 × send / 17 × recv",
            "7: 4 × ACK ←, 3 × data → / 3 × send / 4 × recv"
        ]
    );
    // What is annotated, or enters a state, stays.
    assert!(folded.rows.iter().any(|row| row.notes == ["44"]));
    assert_eq!(
        folded.rows.iter().map(|row| row.states.len()).sum::<usize>(),
        whole.rows.iter().map(|row| row.states.len()).sum::<usize>()
    );
    // A call that waited since a row that is folded points at the fold, and at no row that is not there.
    for (index, row) in folded.rows.iter().enumerate() {
        if let Some(since) = row.event.call().and_then(|call| call.since) {
            assert!(since < index, "row {index} waits since {since}");
        }
    }
}

#[test]
fn a_short_conversation_is_not_folded() {
    assert_eq!(sample::one_echo().folded(12), sample::one_echo());
}

#[test]
fn the_description_says_what_answers_what_and_when() {
    assert_eq!(
        sample::one_echo().description,
        "The client sends a SYN. 11 µs later the server answers with SYN and ACK. The client sends 11 bytes. The server \
         sends 11 bytes. Nothing happens for 1.000 s. The client sends a FIN. 52 µs later the server answers with one \
         segment that carries both ACK and FIN. The client acknowledges that FIN 9 µs after it. 10 segments in all; at \
         the end the client is in TIME-WAIT and the server is in CLOSED."
    );
    let loss = sample::loss().description;
    assert!(
        loss.contains("A segment of the client (1448 bytes · 2897:4345) is lost on its way."),
        "{loss}"
    );
    assert!(
        loss.contains("The client sends 1448 bytes · 2897:4345 again."),
        "{loss}"
    );
}

#[test]
fn in_a_pair_equal_segments_stand_at_equal_height_and_differences_are_marked() {
    let (left, right) = (sample::one_echo(), sample::one_echo_async());
    let figure = pair_html(&left, &right, &options("a"));
    let heights = |svg: &str| -> BTreeMap<String, (String, bool)> {
        svg.lines()
            .filter_map(|line| {
                let pair = line
                    .strip_prefix("<g ")?
                    .split_once("data-pair=\"")?
                    .1
                    .split_once('"')?
                    .0;
                let y = line.split_once(" y=\"")?.1.split_once('"')?.0;
                Some((pair.to_owned(), (y.to_owned(), line.contains("differs"))))
            })
            .collect()
    };
    // Each ladder is drawn twice: beside the other, and alone for a phone.
    let svgs = drawings(&figure);
    let (one, two) = (heights(svgs[0]), heights(svgs[2]));
    assert_eq!((one.len(), two.len()), (left.rows.len(), right.rows.len()));
    let mut shared = 0;
    for (pair, there) in &two {
        match one.get(pair) {
            Some(here) => {
                assert_eq!(here, there, "row {pair}");
                shared += 1;
            }
            None => assert!(there.1, "row {pair} stands alone and is not marked"),
        }
    }
    assert_eq!(shared, left.rows.len());
    assert!(figure.contains("<strong>On the wire:</strong> 10 segments, the same in both."));
    assert!(figure.contains("<strong>Calls:</strong> 3 rows differ, marked at the edge."));
}

#[test]
fn a_pair_whose_wire_differs_says_so() {
    let mut other = sample::one_echo();
    let fin = other
        .rows
        .iter_mut()
        .rev()
        .find_map(|row| match &mut row.event {
            Event::Segment(segment) if segment.flags.fin => Some(segment),
            _ => None,
        })
        .unwrap();
    fin.flags.fin = false;
    let figure = pair_html(&sample::one_echo(), &other, &options("a"));
    assert!(
        figure.contains("<strong>On the wire:</strong> 1 row is not the same."),
        "{figure}"
    );
}

#[test]
fn with_several_connections_every_call_and_state_says_whose_it_is() {
    let figure = html(&sample::three_clients(), &options("a"));
    assert!(figure.contains(">1 ESTABLISHED<") && figure.contains(">3 SYN-SENT<"));
    assert!(figure.contains(r#"connect = 0 <tspan class="whose">2</tspan>"#));
    assert!(figure.contains("client 2: connect = 0"), "in the table");
}

#[test]
fn the_same_ladder_gives_the_same_text_and_the_stored_drawing_is_what_is_drawn() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladder");
    for (name, ladder) in [("one-echo", sample::one_echo()), ("loss", sample::loss())] {
        let drawn = standalone_svg(&ladder);
        assert_eq!(drawn, standalone_svg(&ladder.clone()));
        let file = folder.join(format!("{name}.svg"));
        if std::env::var_os("BOOK_UPDATE").is_some() {
            fs::write(&file, &drawn).unwrap();
        }
        let stored = fs::read_to_string(&file).unwrap_or_default();
        let differs = drawn
            .lines()
            .zip(stored.lines())
            .find(|(drawn, stored)| drawn != stored);
        assert!(
            drawn == stored,
            "{} is not what is drawn now; look at both, then `BOOK_UPDATE=1 cargo test -p figures --test ladder`\n{differs:#?}",
            file.display()
        );
    }
}

#[test]
fn a_drawing_of_its_own_brings_its_style_and_needs_nothing_else() {
    let svg = standalone_svg(&sample::one_echo());
    for needed in [
        "<style>",
        "prefers-color-scheme:dark",
        "@media print",
        ".ladder .data",
        "--lad-fg",
        "--bg:#fff",
    ] {
        assert!(svg.contains(needed), "{needed} is missing");
    }
    assert_eq!(
        svg.matches("http").count(),
        1,
        "the namespace, and no other address"
    );
}

#[test]
fn style_and_script_together_stay_under_twenty_kilobytes_and_ask_the_network_for_nothing() {
    let theme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../theme");
    let both: Vec<String> = ["figure.css", "figure.js"]
        .iter()
        .map(|name| fs::read_to_string(theme.join(name)).unwrap())
        .collect();
    let bytes: usize = both.iter().map(String::len).sum();
    assert!(bytes <= 20 * 1024, "{bytes} bytes");
    for text in &both {
        for word in ["http:", "https:", "fetch(", "import(", "url(", "XMLHttpRequest"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

// From recordings that were really made.

fn conversations(name: &str) -> Vec<Conversation> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../listings/ch01-echo/recordings")
        .join(name)
        .join("capture.pcap");
    Capture::parse(&fs::read(file).unwrap())
        .unwrap()
        .conversations()
        .unwrap()
}

fn recorded<'a>(conversations: &'a [Conversation], far: Option<&'a [Conversation]>) -> Recorded<'a> {
    Recorded {
        far,
        programs: Sides {
            client: "echo-blocking-client",
            server: "echo-blocking-server",
        },
        ..Recorded::new(
            "echo/one-echo.blocking",
            "One echo; the client closes first",
            conversations,
        )
    }
}

fn segments(ladder: &Ladder) -> Vec<&Segment> {
    ladder
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Segment(segment) => Some(segment),
            _ => None,
        })
        .collect()
}

#[test]
fn a_recording_is_drawn_segment_by_segment_with_the_states_that_wire_derives() {
    for name in ["one-echo.blocking", "one-echo.async", "whole-buffer.blocking"] {
        let conversations = conversations(name);
        let ladder = ladder(&recorded(&conversations, None));
        let turns = &conversations[0].turns;
        assert_eq!(segments(&ladder).len(), turns.len(), "{name}");
        for (index, (segment, turn)) in segments(&ladder).iter().zip(turns).enumerate() {
            assert_eq!(segment.number as usize, index + 1);
            assert_eq!(ladder.side(segment.from), turn.side);
            assert_eq!(segment.bytes, u64::from(turn.segment.length));
            assert!(
                segment
                    .fields
                    .iter()
                    .any(|field| field.name == "seq" && field.raw == Some(turn.segment.sequence.to_string()))
            );
        }
        let drawn: Vec<(Side, &str)> = ladder
            .rows
            .iter()
            .flat_map(|row| &row.states)
            .map(|state| (ladder.side(state.at), state.name.as_str()))
            .collect();
        let states = states(&conversations[0]);
        let derived: Vec<(Side, &str)> = states
            .changes
            .iter()
            .map(|change| (change.side, change.to.as_str()))
            .collect();
        assert_eq!(drawn, derived, "{name}");
        assert!(ladder.description.ends_with(&format!(
            "at the end the client is in {} and the server is in {}.",
            states.last.client.as_str(),
            states.last.server.as_str()
        )));
        let silences = ladder
            .rows
            .iter()
            .filter(|row| matches!(row.event, Event::Silence { .. }))
            .count();
        assert!(silences > 0, "{name}: the second in which the client waits");
    }
}

#[test]
fn an_annotation_is_marked_at_the_segment_it_speaks_of() {
    let conversations = conversations("one-echo.blocking");
    let notes = vec![Note {
        place: Found::Segment {
            conversation: 0,
            turn: 3,
        },
        mark: "4".into(),
    }];
    let ladder = ladder(&Recorded {
        notes,
        ..recorded(&conversations, None)
    });
    let marked: Vec<u32> = ladder
        .rows
        .iter()
        .filter(|row| !row.notes.is_empty())
        .filter_map(|row| match &row.event {
            Event::Segment(segment) => Some(segment.number),
            _ => None,
        })
        .collect();
    assert_eq!(marked, [4]);
    let figure = html(&ladder, &options("a"));
    assert_eq!(
        figure.matches(r#"<rect class="note""#).count(),
        2,
        "once in each arrangement"
    );
}

/// The same conversation seen five milliseconds away: what the client sends arrives later, what the server sends left
/// earlier.
fn far_away(near: &[Conversation]) -> Vec<Conversation> {
    let mut far = near.to_vec();
    for turn in far.iter_mut().flat_map(|conversation| &mut conversation.turns) {
        match turn.side {
            Side::Client => turn.segment.time += 5_000_000,
            Side::Server => turn.segment.time -= 5_000_000,
        }
    }
    far
}

#[test]
fn between_two_hosts_every_segment_leaves_in_one_row_and_arrives_in_a_later_one() {
    let near = conversations("one-echo.blocking");
    let far = far_away(&near);
    let ladder = ladder(&recorded(&near, Some(&far)));
    assert_eq!(segments(&ladder).len(), near[0].turns.len());
    for (index, row) in ladder.rows.iter().enumerate() {
        let Event::Segment(segment) = &row.event else {
            continue;
        };
        let Fate::ArrivesIn(to) = segment.fate else {
            panic!("segment {} does not arrive", segment.number)
        };
        assert!(to > index);
        assert_eq!(ladder.rows[to].time - row.time, 5_000_000);
        assert_eq!(
            ladder.rows[to].event,
            Event::Arrival {
                at: segment.to,
                number: segment.number
            }
        );
    }
}

#[test]
fn what_only_the_sender_saw_is_lost_and_what_only_the_receiver_saw_is_a_copy() {
    let near = conversations("one-echo.blocking");
    let mut far = far_away(&near);
    let mut near = near.clone();
    // The client's data never arrives; the server's data is lost as well; either FIN arrives twice.
    let data = |side| {
        let found = |turn: &Turn| turn.side == side && turn.segment.length > 0;
        near[0].turns.iter().position(found).unwrap()
    };
    let fin = |side| {
        let found = |turn: &Turn| turn.side == side && turn.fin().is_some();
        near[0].turns.iter().position(found).unwrap()
    };
    let (client, server) = (data(Side::Client), data(Side::Server));
    let (client_fin, server_fin) = (fin(Side::Client), fin(Side::Server));
    let copy = far[0].turns[client_fin].clone();
    far[0].turns.insert(client_fin + 1, copy);
    far[0].turns.remove(client);
    let copy = near[0].turns[server_fin].clone();
    near[0].turns.insert(server_fin + 1, copy);
    near[0].turns.remove(server);
    let ladder = ladder(&recorded(&near, Some(&far)));
    let odd: Vec<(Side, u64, bool, bool)> = segments(&ladder)
        .iter()
        .filter(|segment| !matches!(segment.fate, Fate::ArrivesIn(_)))
        .map(|segment| {
            (
                ladder.side(segment.from),
                segment.bytes,
                segment.fate == Fate::Lost,
                segment.mark == Some(Mark::Copy),
            )
        })
        .collect();
    assert_eq!(odd.len(), 4, "{odd:?}");
    for expected in [
        (Side::Client, 11, true, false),
        (Side::Server, 11, true, false),
        (Side::Client, 0, false, true),
        (Side::Server, 0, false, true),
    ] {
        assert!(odd.contains(&expected), "{expected:?} in {odd:?}");
    }
}

#[test]
fn connections_that_are_not_chosen_are_counted_in_one_row() {
    let mut both = conversations("one-echo.blocking");
    let mut second = conversations("one-echo.async").remove(0);
    // Beside each other: the second begins after the first's third segment and ends before its fourth.
    let (from, to) = (both[0].turns[2].segment.time, both[0].turns[3].segment.time);
    for (index, turn) in second.turns.iter_mut().enumerate() {
        turn.segment.time = from + (to - from) * (index as u64 + 1) / 20;
        turn.segment.number += 100;
    }
    second.number = 2;
    both.push(second);
    let drawn = ladder(&Recorded {
        connections: vec![1],
        ..recorded(&both, None)
    });
    assert_eq!(drawn.lifelines.len(), 2);
    let folds: Vec<(usize, &str)> = drawn
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Folded(folded) => Some((folded.segments, folded.text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(folds, [(10, "1 other connection")]);
    let all = ladder(&recorded(&both, None));
    let names: Vec<&str> = all.lifelines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["client 1", "client 2", "server 1", "server 2"]);
    assert_eq!(all.segments(), 20);
}

// With calls: the recordings whose causes `wire` is held to.

struct Called {
    name: String,
    conversations: Vec<Conversation>,
    records: Vec<Record>,
}

impl Called {
    fn read(name: &str) -> Called {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/calls");
        let capture = fs::read(folder.join(format!("{name}.pcap"))).unwrap();
        let calls = fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        Called {
            name: name.into(),
            conversations: Capture::parse(&capture).unwrap().conversations().unwrap(),
            records: wire::call::read(&calls).unwrap(),
        }
    }

    fn all() -> Vec<Called> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/calls");
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert!(names.len() > 15, "the recordings are gone");
        names
            .iter()
            .filter(|name| {
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(format!("../wire/tests/calls/{name}.pcap"))
                    .exists()
            })
            .map(|name| Called::read(name))
            .collect()
    }

    fn recorded(&self) -> Recorded<'_> {
        Recorded {
            records: &self.records,
            programs: Sides {
                client: "client",
                server: "server",
            },
            ..Recorded::new(&self.name, &self.name, &self.conversations)
        }
    }

    fn ladder(&self) -> Ladder {
        ladder(&self.recorded())
    }
}

/// The row of the n-th segment: the reason it left, as the drawing gives it.
fn reasons(ladder: &Ladder) -> Vec<String> {
    segments(ladder)
        .iter()
        .map(|segment| match &segment.cause {
            Cause::Call(call) => call.text.clone(),
            Cause::Kernel(words) | Cause::Timer(words) | Cause::End(words) | Cause::Held(words) => {
                words.clone()
            }
            Cause::Unknown(why) => format!("unknown: {why}"),
        })
        .collect()
}

/// The calls that stand in rows of their own.
fn alone(ladder: &Ladder) -> Vec<&str> {
    ladder
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Call(call) => Some(call.text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_segment_stands_beside_the_call_that_caused_it_and_every_other_call_has_its_row() {
    let blocking = Called::read("blocking").ladder();
    assert_eq!(
        reasons(&blocking),
        [
            "connect = 0",
            "answers 1",
            "answers 2",
            "send = 11",
            "answers 4",
            "send = 11",
            "answers 6",
            "close = 0",
            "close = 0",
            "answers 9"
        ]
    );
    assert_eq!(
        alone(&blocking),
        ["listen = 0", "accept4 = 4", "recv = 11", "recv = 11", "recv = 0"]
    );
    let lines: Vec<(&str, u32)> = blocking
        .rows
        .iter()
        .filter_map(|row| row.event.call()?.source.as_ref())
        .map(|source| (source.file.rsplit_once('/').unwrap().1, source.line))
        .collect();
    let (client, server) = ("echo-blocking-client.rs", "echo-blocking-server.rs");
    assert_eq!(
        lines,
        [
            (server, 21),
            (client, 21),
            (client, 26),
            (server, 27),
            (server, 57),
            (server, 68),
            (client, 47),
            (client, 38),
            (server, 57),
            (server, 70)
        ]
    );
}

#[test]
fn the_server_listens_before_the_first_segment_and_its_accept_waits_until_after_the_handshake() {
    let ladder = Called::read("blocking").ladder();
    let listen = &ladder.rows[0];
    assert!(listen.time < 0);
    assert_eq!(
        listen
            .states
            .iter()
            .map(|state| state.name.as_str())
            .collect::<Vec<_>>(),
        ["LISTEN"]
    );
    let call = |text: &str| {
        let row = ladder
            .rows
            .iter()
            .position(|row| row.event.call().is_some_and(|call| call.text == text))
            .unwrap();
        (row, ladder.rows[row].event.call().unwrap())
    };
    let (_, accept) = call("accept4 = 4");
    assert_eq!(accept.since, Some(0), "since right after listen");
    let (row, connect) = call("connect = 0");
    // SYN, SYN ACK, ACK: connect returns after the third.
    assert_eq!((connect.since, connect.until), (None, Some(row + 2)));
    let (_, close) = call("close = 0");
    assert_eq!(
        (close.since, close.until),
        (None, None),
        "the client slept before it closed, and not in close"
    );
    let (_, end) = call("recv = 0");
    assert!(end.since.is_some(), "the server waited for the end of the stream");
}

#[test]
fn what_held_a_segment_back_or_sent_it_without_a_call_is_said() {
    let said = |name: &str| reasons(&Called::read(name).ladder());
    assert!(said("slow-server").contains(&"delayed-ACK timer".into()));
    assert!(said("zero-window").contains(&"window probe timer".into()));
    assert!(said("zero-window").contains(&"released by window 11".into()));
    assert!(said("cork").contains(&"setsockopt TCP_CORK 0 = 0".into()));
    assert!(said("killed-server").contains(&"process ends: SIGKILL".into()));
    assert!(said("keepalive").contains(&"keepalive timer".into()));
}

#[test]
fn waiting_for_several_sockets_and_being_told_to_come_again_are_drawn_when_asked_for() {
    let called = Called::read("async");
    let story = called.ladder();
    let waits = ladder(&Recorded {
        detail: Detail::Waits,
        ..called.recorded()
    });
    let all = ladder(&Recorded {
        detail: Detail::All,
        ..called.recorded()
    });
    let told = |ladder: &Ladder, word: &str| alone(ladder).iter().any(|call| call.contains(word));
    assert!(!told(&story, "epoll_wait") && !told(&story, "EAGAIN"));
    assert!(told(&waits, "epoll_wait") && told(&waits, "EAGAIN") && !told(&waits, "epoll_ctl"));
    assert!(told(&all, "epoll_ctl"));
    assert_eq!(reasons(&story), reasons(&waits));
}

#[test]
fn every_recording_is_drawn_whole_and_in_the_order_of_time() {
    for called in Called::all() {
        let name = &called.name;
        let ladder = called.ladder();
        let turns: usize = called
            .conversations
            .iter()
            .map(|conversation| conversation.turns.len())
            .sum();
        assert_eq!(segments(&ladder).len(), turns, "{name}");
        assert!(ladder.rows.is_sorted_by_key(|row| row.time), "{name}");
        for (index, row) in ladder.rows.iter().enumerate() {
            if let Some(call) = row.event.call() {
                assert!(
                    call.since.is_none_or(|since| since < index),
                    "{name}, row {index}"
                );
                assert!(
                    call.until
                        .is_none_or(|until| until > index && until < ladder.rows.len()),
                    "{name}, row {index}"
                );
            }
        }
        let unknown: Vec<String> = reasons(&ladder)
            .into_iter()
            .filter(|words| words.starts_with("unknown"))
            .collect();
        assert_eq!(unknown, [""; 0], "{name}");
        elements(&html(&ladder.folded(12), &options("a")));
    }
}

#[test]
fn a_call_can_be_spoken_of_and_is_then_drawn() {
    let called = Called::read("async");
    let record = called
        .records
        .iter()
        .position(|record| matches!(record, Record::Call(call) if call.errno.as_deref() == Some("EAGAIN")))
        .unwrap();
    let ladder = ladder(&Recorded {
        notes: vec![Note {
            place: Found::Call { record },
            mark: "a".into(),
        }],
        ..called.recorded()
    });
    let marked: Vec<&str> = ladder
        .rows
        .iter()
        .filter(|row| row.notes == ["a"])
        .map(|row| row.event.call().unwrap().text.as_str())
        .collect();
    assert_eq!(marked, ["accept4 = EAGAIN"]);
}

/// The recording of an async echo, with what its server might have said of a task around its `recv` that got bytes.
fn with_tasks() -> Called {
    let mut called = Called::read("async");
    let recv = called
        .records
        .iter()
        .find_map(|record| match record {
            Record::Call(call) if call.program == "server" && call.call.receives() && call.moved() > 0 => {
                Some(call)
            }
            _ => None,
        })
        .unwrap()
        .clone();
    let (begun, ended) = (recv.start, recv.end.unwrap());
    let said = [
        (begun - 6, Did::Made, None),
        (begun - 5, Did::Polled, None),
        (begun - 4, Did::Pending, None),
        (begun - 3, Did::Woken, Some("writer")),
        (begun - 2, Did::Polled, None),
        (ended + 1, Did::Dropped, None),
    ];
    called.records.extend(said.map(|(time, did, by)| {
        Record::Task(wire::call::Task {
            time,
            program: recv.program.clone(),
            pid: recv.pid,
            thread: recv.thread,
            task: "reader".into(),
            did,
            by: by.map(str::to_owned),
        })
    }));
    called.records.sort_by_key(Record::time);
    called
}

#[test]
fn a_signal_stands_in_the_lane_of_the_calls_and_has_no_line() {
    let mut called = Called::read("blocking");
    let server = called
        .records
        .iter()
        .rfind(|record| record.program() == "server")
        .unwrap();
    let sent = Record::Signal(wire::call::Signal {
        time: server.time() - 1,
        program: "server".into(),
        pid: server.pid(),
        signal: wire::call::Sent::Sigterm,
    });
    called.records.push(sent);
    called.records.sort_by_key(Record::time);
    let ladder = called.ladder();
    let drawn: Vec<_> = ladder
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Call(call) if call.text == "SIGTERM" => {
                Some((ladder.side(call.at), call.source.is_none()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(drawn, [(Side::Server, true)]);
}

#[test]
fn what_becomes_of_a_task_stands_among_the_calls_of_its_poll_and_a_poll_in_vain_is_one_row() {
    let ladder = with_tasks().ladder();
    let told: Vec<String> = ladder
        .rows
        .iter()
        .filter_map(|row| match &row.event {
            Event::Task(task) => Some(task.text()),
            Event::Call(call) if call.text == "recv = 11" && ladder.side(call.at) == Side::Server => {
                Some(call.text.clone())
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            "reader made",
            "reader polled, pending",
            "reader woken by writer",
            "reader polled",
            "recv = 11",
            "reader dropped"
        ]
    );
    let sentences = [
        "The server’s task reader is polled and pending.",
        "The server’s task reader is woken by writer.",
        "The server’s task reader is dropped before it is ready.",
    ];
    for sentence in sentences {
        assert!(ladder.description.contains(sentence), "{}", ladder.description);
    }
    let figure = html(&ladder, &options("a"));
    assert!(
        figure.contains("<td>task reader polled, pending</td>"),
        "{figure}"
    );
    assert!(figure.contains("server’s source line, task</th>"), "{figure}");
    assert!(figure.contains("client’s source line</th>"), "{figure}");
}

#[test]
fn a_task_s_line_is_thick_from_its_poll_to_its_answer_and_ends_in_a_cross_where_it_is_given_up() {
    let ladder = with_tasks().ladder();
    let row = |wanted: &str| {
        let is = |row: &Row| matches!(&row.event, Event::Task(task) if task.text() == wanted);
        ladder.rows.iter().position(is).unwrap()
    };
    let figure = html(&ladder, &options("a"));
    for drawing in drawings(&figure) {
        let of = |kind: &str, index: usize| {
            let found = elements(&format!("<svg {drawing}</svg>"))
                .into_iter()
                .find(|(name, given)| {
                    name == kind
                        && given.get("data-row").is_some_and(|row| *row == index.to_string())
                        && !given.get("class").is_some_and(|class| class.starts_with("row"))
                })
                .map(|(_, given)| given);
            found.unwrap_or_else(|| panic!("no {kind} of row {index}: {drawing}"))
        };
        let height = |bar: &BTreeMap<String, String>| bar["height"].parse::<f64>().unwrap();
        let (short, long) = (
            of("rect", row("reader polled, pending")),
            of("rect", row("reader dropped")),
        );
        assert_eq!(height(&short), 10.0);
        assert!(height(&long) > 20.0, "{long:?}");
        assert_eq!(of("path", row("reader dropped"))["class"], "cross");
        assert_eq!(of("circle", row("reader woken by writer"))["class"], "ring");
        // It stands at the server's edge, where no arrow is.
        let x: f64 = short["x"].parse().unwrap();
        let all = elements(&format!("<svg {drawing}</svg>"));
        let arrows = all
            .iter()
            .filter(|(_, given)| given.get("class").is_some_and(|class| class.starts_with("life ")));
        for (_, given) in arrows {
            let line: f64 = given["d"][1..].split(' ').next().unwrap().parse().unwrap();
            assert!(line < x, "{line} {x}");
        }
    }
}

#[test]
fn a_recording_without_tasks_has_no_lane_for_them() {
    let figure = html(&Called::read("async").ladder(), &options("a"));
    assert!(!figure.contains("task"), "{figure}");
}

#[test]
fn bytes_on_a_syn_are_counted_from_1_and_the_answer_that_left_them_is_no_fast_retransmit() {
    let called = Called::read("data-on-syn");
    let ladder = ladder(&called.recorded());
    let reasons = reasons(&ladder);
    assert!(
        reasons.contains(&"answers 2, which took the SYN alone".into()),
        "{reasons:?}"
    );
    assert!(!reasons.contains(&"fast retransmit".into()), "{reasons:?}");
    assert_eq!(segments(&ladder)[2].mark, Some(Mark::Again));
    let figure = html(&ladder, &options("a"));
    assert!(figure.contains("SYN · 11 bytes · 1:12"), "{figure}");
    assert!(
        ladder
            .description
            .starts_with("The client sends a SYN, which carries 11 bytes too."),
        "{}",
        ladder.description
    );
}

#[test]
fn a_socket_connected_to_itself_enters_its_states_on_its_own_lifeline() {
    let called = Called::read("myself");
    let ladder = ladder(&called.recorded());
    let states: Vec<&str> = ladder
        .rows
        .iter()
        .flat_map(|row| &row.states)
        .inspect(|state| assert_eq!(state.at, 0))
        .map(|state| state.name.as_str())
        .collect();
    assert!(
        states.starts_with(&["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]),
        "{states:?}"
    );
    assert!(
        ladder
            .description
            .starts_with("The client sends a SYN. The client sends its SYN again, now with an ACK."),
        "{}",
        ladder.description
    );
}

/// Captured at either end of a link that takes five milliseconds and loses the third segment with data of seven; of each
/// packet the first 80 bytes.
#[test]
fn a_segment_lost_between_two_hosts_is_drawn_lost_and_comes_again_by_fast_retransmit() {
    let end = |name: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/ladder/lossy")
            .join(name);
        Capture::parse(&fs::read(file).unwrap())
            .unwrap()
            .conversations()
            .unwrap()
    };
    let (near, far) = (end("client.pcap"), end("server.pcap"));
    let ladder = ladder(&recorded(&near, Some(&far)));
    let data: Vec<(u64, bool, bool)> = segments(&ladder)
        .iter()
        .filter(|segment| segment.bytes > 0)
        .map(|segment| {
            (
                segment.seq,
                segment.fate == Fate::Lost,
                segment.mark == Some(Mark::Again),
            )
        })
        .collect();
    let mut expected: Vec<(u64, bool, bool)> = (0..7).map(|n| (1 + 1000 * n, n == 2, false)).collect();
    expected.push((2001, false, true));
    assert_eq!(data, expected);
    assert!(reasons(&ladder).contains(&"fast retransmit".into()));
    let states: Vec<(Side, &str)> = ladder
        .rows
        .iter()
        .flat_map(|row| &row.states)
        .map(|state| (ladder.side(state.at), state.name.as_str()))
        .take(4)
        .collect();
    assert_eq!(
        states,
        [
            (Side::Client, "SYN-SENT"),
            (Side::Server, "SYN-RECEIVED"),
            (Side::Client, "ESTABLISHED"),
            (Side::Server, "ESTABLISHED")
        ],
        "a state is entered where the segment leaves or arrives"
    );
    assert!(
        ladder
            .description
            .contains("A segment of the client (1000 bytes · 2001:3001) is lost on its way.")
    );
}
