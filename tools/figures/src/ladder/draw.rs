//! The drawing: lines of SVG, one row of the ladder on each, without an id, a marker or a style of its own, so that any
//! number of drawings may stand on one page.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    Call, Cause, Event, Fate, Folded, Ladder, Mark, Row, Segment, Side, State, Task,
    clear::{self, Area},
    label,
    label::Stroke,
    layout::{
        ASIDE, CHIP, Columns, FALL, Lanes, PAPER_LINE, Place, SIZE_CODE, SIZE_LABEL, SIZE_PAPER, SIZE_STATE,
        SIZE_TIME, aside, chip_top, fitting, width,
    },
    text::{Clock, counted, cut, cut_source, escape, n},
};

/// A drawing in the making.
pub struct Drawing<'a> {
    pub ladder: &'a Ladder,
    pub columns: &'a Columns,
    pub places: &'a [Place],
    pub clock: Clock,
    /// For each row, what a comparison has to say of it; empty where nothing is compared.
    pub verdicts: &'a [Verdict],
    pub height: f64,
}

/// What a comparison says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which row of the other ladder stands beside it, or which gap: equal numbers stand at equal height.
    pub pair: usize,
    /// Whether the two differ.
    pub differs: bool,
}

impl Drawing<'_> {
    /// Everything inside the `<svg>`.
    pub fn draw(&self) -> String {
        let mut out = String::new();
        let labels = self.labels();
        self.head(&mut out);
        self.lifelines(&mut out);
        self.tasks(&mut out);
        // Under the rows, so that a bar never covers a state.
        for (index, (row, place)) in self.ladder.rows.iter().zip(self.places).enumerate() {
            self.wait(&mut out, index, row, place);
        }
        let rows = self.ladder.rows.iter().zip(self.places).zip(&labels);
        for (index, ((row, place), falling)) in rows.enumerate() {
            self.row(&mut out, index, row, place, falling.as_ref());
        }
        for (index, (row, place)) in self.ladder.rows.iter().zip(self.places).enumerate() {
            self.cross(&mut out, index, row, place);
        }
        out
    }

    /// Who stands where, and what each lane holds.
    fn head(&self, out: &mut String) {
        let columns = self.columns;
        for side in [Side::Client, Side::Server] {
            self.who(out, side);
        }
        let unit = match self.clock {
            Clock::Hidden => String::new(),
            clock => format!("time in {}", clock.unit()),
        };
        match columns.lanes {
            Lanes::Columns => {
                let (left, right) = columns.outer;
                let mut captions = vec![(columns.middle(), "m", unit.as_str())];
                // Where no call was recorded there is nothing to say over these lanes.
                if self.ladder.rows.iter().any(|row| row.event.call().is_some()) {
                    captions.extend([
                        (columns.source, "e", "source line"),
                        (left - ASIDE, "e", "call"),
                        (right + ASIDE, "s", "call"),
                        (columns.width - columns.source, "s", "source line"),
                    ]);
                }
                if columns.tasks.0 > 0.0 {
                    captions.push((0.0, "s", "task"));
                }
                if columns.tasks.1 > 0.0 {
                    captions.push((columns.width, "e", "task"));
                }
                for (x, anchor, words) in captions {
                    let _ = writeln!(
                        out,
                        r#"<text class="sub {anchor}" x="{}" y="31">{words}</text>"#,
                        n(x)
                    );
                }
                let _ = writeln!(
                    out,
                    r#"<text class="who m" x="{}" y="14">wire</text>"#,
                    n(columns.middle())
                );
                let _ = writeln!(out, r#"<path class="rule" d="M0 38.5H{}"/>"#, n(columns.width));
            }
            Lanes::Paper => {
                let _ = writeln!(
                    out,
                    r#"<text class="who m" x="{0}" y="14">wire</text><text class="sub m" x="{0}" y="31">{unit}</text>"#,
                    n(columns.middle())
                );
                let _ = writeln!(out, r#"<path class="rule" d="M0 38.5H{}"/>"#, n(columns.width));
            }
            Lanes::Stacked => {
                let _ = writeln!(
                    out,
                    r#"<text class="sub m" x="{}" y="14">{unit}</text>"#,
                    n(columns.middle())
                );
                let _ = writeln!(out, r#"<path class="rule" d="M0 37.5H{}"/>"#, n(columns.width));
            }
        }
    }

    /// The name of one end and of its programs.
    fn who(&self, out: &mut String, side: Side) {
        let columns = self.columns;
        let lifelines: Vec<usize> = self.ladder.on(side).collect();
        let Some(&first) = lifelines.first() else { return };
        let several = lifelines.len() > 1;
        let name = match (several, side) {
            (false, _) => self.ladder.lifelines[first].name.as_str(),
            (true, Side::Client) => "clients",
            (true, Side::Server) => "servers",
        };
        let mut programs: Vec<&str> = Vec::new();
        for &at in &lifelines {
            let program = self.ladder.lifelines[at].program.as_str();
            if !programs.contains(&program) {
                programs.push(program);
            }
        }
        let mut words = programs.join(", ");
        if let Some(reason) = &self.ladder.lifelines[first].untapped {
            let _ = write!(words, " (calls not seen: {reason})");
        }
        let class = side_class(side);
        let (name, x, y, anchor) = (escape(name), columns.outer, "14", ["e", "s"]);
        match columns.lanes {
            Lanes::Columns => {
                // The name over its lifeline, the program outwards of it.
                let room = if several { 64.0 } else { 54.0 };
                let (x, gap, anchor) = match side {
                    Side::Client => (x.0 + 4.0, -room, anchor[0]),
                    Side::Server => (x.1 - 4.0, room, anchor[1]),
                };
                let words = cut(&words, fitting(columns.outer.0 - room, SIZE_TIME));
                let _ = writeln!(
                    out,
                    r#"<text class="who {class} {anchor}" x="{}" y="{y}">{name}</text><text class="sub {anchor}" x="{}" y="{y}">{}</text>"#,
                    n(x),
                    n(x + gap),
                    escape(&words)
                );
            }
            Lanes::Paper => {
                // The name over its lifeline, the program below it and outwards.
                let (x, gap, anchor) = match side {
                    Side::Client => (x.0 + 4.0, 4.0 + ASIDE, anchor[0]),
                    Side::Server => (x.1 - 4.0, -4.0 - ASIDE, anchor[1]),
                };
                let words = cut(&words, fitting(columns.call, SIZE_PAPER));
                let _ = writeln!(
                    out,
                    r#"<text class="who {class} {anchor}" x="{}" y="{y}">{name}</text><text class="sub {anchor}" x="{}" y="31">{}</text>"#,
                    n(x),
                    n(x - gap),
                    escape(&words)
                );
            }
            Lanes::Stacked => {
                // At the edge of the drawing there is room only inwards.
                let (x, anchor) = match side {
                    Side::Client => (0.0, anchor[1]),
                    Side::Server => (columns.width, anchor[0]),
                };
                let words = cut(&words, fitting(columns.width / 2.0 - 6.0, SIZE_TIME));
                let _ = writeln!(
                    out,
                    r#"<text class="who {class} {anchor}" x="{}" y="{y}">{name}</text><text class="sub {anchor}" x="{}" y="30">{}</text>"#,
                    n(x),
                    n(x),
                    escape(&words)
                );
            }
        }
        if several {
            for (index, &at) in lifelines.iter().enumerate() {
                let _ = writeln!(
                    out,
                    r#"<text class="sub m" x="{}" y="{}">{}</text>"#,
                    n(columns.x(at)),
                    n(columns.head - 8.0),
                    index + 1
                );
            }
        }
    }

    fn lifelines(&self, out: &mut String) {
        for (at, &x) in self.columns.lifelines.iter().enumerate() {
            let _ = writeln!(
                out,
                r#"<path class="life {}" d="M{} {}V{}"/>"#,
                side_class(self.ladder.side(at)),
                n(x),
                n(self.columns.head - 4.0),
                n(self.height - 4.0)
            );
        }
    }

    fn row(&self, out: &mut String, index: usize, row: &Row, place: &Place, falling: Option<&Falling>) {
        let verdict = self.verdicts.get(index);
        let mut class = String::from("row");
        for word in [
            match &row.event {
                Event::Call(_) => "calls",
                Event::Segment(_) => "segment",
                Event::Arrival { .. } => "arrival",
                Event::Silence { .. } => "silence",
                Event::Folded(_) => "fold",
                Event::Task(_) => "task",
            },
            match &row.event {
                Event::Call(call) => side_class(self.ladder.side(call.at)),
                Event::Segment(segment) => side_class(self.ladder.side(segment.from)),
                Event::Arrival { at, .. } => side_class(self.ladder.side(*at)),
                Event::Task(task) => side_class(self.ladder.side(task.at)),
                _ => "",
            },
            if verdict.is_some_and(|verdict| verdict.differs) {
                "differs"
            } else {
                ""
            },
        ] {
            if !word.is_empty() {
                class.push(' ');
                class.push_str(word);
            }
        }
        let _ = write!(out, r#"<g class="{class}" data-row="{index}""#);
        if let Some(verdict) = verdict {
            let _ = write!(out, r#" data-pair="{}""#, verdict.pair);
        }
        out.push('>');
        let (top, height) = (
            place.y - place.extent.above,
            place.extent.above + place.extent.below,
        );
        let _ = write!(
            out,
            r#"<rect class="hit" x="0" y="{}" width="{}" height="{}" rx="4"/>"#,
            n(top),
            n(self.columns.width),
            n(height)
        );
        if verdict.is_some_and(|verdict| verdict.differs) {
            let _ = write!(
                out,
                r#"<path class="mark" d="M1.5 {}v{}"/>"#,
                n(top + 2.0),
                n(height - 4.0)
            );
        }
        match &row.event {
            Event::Call(call) => self.call(out, row, call, place.y, place.y),
            Event::Segment(segment) => self.segment(out, row, segment, place, falling),
            Event::Arrival { .. } => {}
            Event::Silence { lasts, asked } => {
                self.silence(out, &self.clock.silence(*lasts, *asked), place.y)
            }
            Event::Folded(folded) => self.fold(out, folded, place.y),
            Event::Task(task) => self.task(out, task, place.y),
        }
        self.states(out, row, place.y);
        self.notes(out, row, place.y);
        out.push_str("</g>\n");
    }

    /// How long a call lasted, where it lasted visibly: a bar beside the lifeline, outwards, where no arrow passes.
    fn wait(&self, out: &mut String, index: usize, row: &Row, place: &Place) {
        let Some(call) = row.event.call() else { return };
        let y = |row: Option<usize>| row.and_then(|row| self.places.get(row)).map(|place| place.y);
        // It began and returned between two rows: a little below the first of them.
        let top = y(call.since).map_or(place.y, |y| y + FALL + 4.0);
        let bottom = y(call.until).map_or(place.y, |y| y + FALL + 4.0);
        if bottom <= top {
            return;
        }
        let side = self.ladder.side(call.at);
        let x = match side {
            Side::Client => self.columns.x(call.at) - 5.5,
            Side::Server => self.columns.x(call.at) + 2.5,
        };
        let _ = writeln!(
            out,
            r#"<rect class="wait {}" data-row="{index}" x="{}" y="{}" width="3" height="{}" rx="1.5"/>"#,
            side_class(side),
            n(x),
            n(top),
            n(bottom - top)
        );
    }

    /// A call: its dot on the lifeline, its text and its source line in their lanes. `text_y` is the middle of the text,
    /// which stands above the arrow where lanes are stacked.
    fn call(&self, out: &mut String, row: &Row, call: &Call, y: f64, text_y: f64) {
        let columns = self.columns;
        let side = self.ladder.side(call.at);
        let x = columns.x(call.at);
        let outer = if side == Side::Client {
            columns.outer.0
        } else {
            columns.outer.1
        };
        if columns.lanes != Lanes::Stacked && outer != x {
            let outer = if side == Side::Client {
                outer - 6.0
            } else {
                outer + 6.0
            };
            let _ = write!(out, r#"<path class="lead" d="M{} {}H{}"/>"#, n(outer), n(y), n(x));
        }
        let _ = write!(
            out,
            r#"<circle class="dot" cx="{}" cy="{}" r="3.2"/>"#,
            n(x),
            n(y)
        );
        let baseline = n(text_y + 3.6);
        match columns.lanes {
            Lanes::Columns => {
                let text = self.numbered(
                    self.whose(call),
                    &call.text,
                    side,
                    fitting(columns.call + columns.source_room(side), SIZE_CODE),
                );
                // A call longer than its lane takes of its source line's.
                let written = call.text.chars().count() + if self.whose(call).is_some() { 2 } else { 0 };
                let over = (width(written, SIZE_CODE) - columns.call).max(0.0);
                let (x, source_x, anchor) = match side {
                    Side::Client => (outer - ASIDE, columns.source - over, "e"),
                    Side::Server => (outer + ASIDE, columns.width - columns.source + over, "s"),
                };
                let _ = write!(
                    out,
                    r#"<text class="call {anchor}" x="{}" y="{baseline}">{text}</text>"#,
                    n(x)
                );
                let room = fitting(columns.source_room(side) - over, SIZE_CODE);
                if let Some(source) = call.source.as_ref().filter(|_| room > 8) {
                    let _ = write!(
                        out,
                        r#"<text class="line {anchor}" x="{}" y="{baseline}">{}</text>"#,
                        n(source_x),
                        escape(&cut_source(&source.text, room))
                    );
                }
            }
            Lanes::Paper => {
                let (x, anchor) = match side {
                    Side::Client => (outer - ASIDE, "e"),
                    Side::Server => (outer + ASIDE, "s"),
                };
                let room = fitting(columns.call + columns.source_room(side), SIZE_PAPER);
                let text = self.numbered(self.whose(call), &call.text, side, room);
                let two_lines = columns.two_lines(row, call);
                let rest = room.saturating_sub(call.text.chars().count() + 2);
                let beside = call.source.as_ref().filter(|_| !two_lines && rest > 8);
                let beside = beside.map(|source| escape(&cut_source(&source.text, rest)));
                let text = format!(r#"<tspan class="call">{text}</tspan>"#);
                let text = match (beside, side) {
                    (None, _) => text,
                    (Some(source), Side::Client) => format!("{source} \u{a0}{text}"),
                    (Some(source), Side::Server) => format!("{text}\u{a0} {source}"),
                };
                let over = if two_lines { PAPER_LINE } else { 0.0 };
                let _ = write!(
                    out,
                    r#"<text class="line {anchor}" x="{}" y="{}">{text}</text>"#,
                    n(x),
                    n(text_y + 3.6 - over)
                );
                if let Some(source) = call.source.as_ref().filter(|_| two_lines) {
                    let _ = write!(
                        out,
                        r#"<text class="line {anchor}" x="{}" y="{baseline}">{}</text>"#,
                        n(x),
                        escape(&cut_source(&source.text, room))
                    );
                }
            }
            Lanes::Stacked => {
                let (x, anchor) = match side {
                    Side::Client => (columns.inner.0 + ASIDE, "s"),
                    Side::Server => (columns.inner.1 - ASIDE, "e"),
                };
                let _ = write!(
                    out,
                    r#"<text class="line {anchor}" x="{}" y="{baseline}">{}</text>"#,
                    n(x),
                    self.stacked(row, call).text
                );
            }
        }
    }

    /// A call and as much of its source line as fits, where lanes are stacked.
    fn stacked(&self, row: &Row, call: &Call) -> Stacked {
        let side = self.ladder.side(call.at);
        // A segment's marks stand with its label, a call's at the far end of its line.
        let marks = match row.event {
            Event::Segment(_) => 0.0,
            _ => MARK * row.notes.len() as f64,
        };
        let all = fitting(self.columns.call - marks, SIZE_CODE);
        let whose = self.whose(call);
        let numbered = if whose.is_some() { 2 } else { 0 };
        let written = call.text.chars().count() + numbered;
        let rest = all.saturating_sub(written + 2);
        let source = call.source.as_ref().filter(|_| rest > 8);
        let source = source.map(|source| cut_source(&source.text, rest));
        let text = self.numbered(whose, &call.text, side, all);
        let text = format!(r#"<tspan class="call">{text}</tspan>"#);
        let characters = source.as_ref().map_or(0, |source| 2 + source.chars().count());
        Stacked {
            characters: characters + written,
            text: match (source, side) {
                (None, _) => text,
                (Some(source), Side::Client) => format!("{text}\u{a0} {}", escape(&source)),
                (Some(source), Side::Server) => format!("{} \u{a0}{text}", escape(&source)),
            },
        }
    }

    /// Where several lifelines stand on a side: which of them, from 1.
    fn ordinal(&self, at: usize) -> Option<usize> {
        let lifelines: Vec<usize> = self.ladder.on(self.ladder.side(at)).collect();
        let place = lifelines.iter().position(|other| *other == at)?;
        (lifelines.len() > 1).then_some(place + 1)
    }

    /// Where several lifelines share a lane, a call says whose it is, unless it is nobody's in particular.
    fn whose(&self, call: &Call) -> Option<usize> {
        self.ordinal(call.at).filter(|_| !call.shared)
    }

    /// A text of so many characters at most, with the number of its lifeline towards the wire.
    fn numbered(&self, whose: Option<usize>, text: &str, side: Side, most: usize) -> String {
        let Some(number) = whose else {
            return escape(&cut(text, most));
        };
        let text = escape(&cut(text, most.saturating_sub(2)));
        match side {
            Side::Client => format!(r#"{text} <tspan class="whose">{number}</tspan>"#),
            Side::Server => format!(r#"<tspan class="whose">{number}</tspan> {text}"#),
        }
    }

    fn segment(
        &self,
        out: &mut String,
        row: &Row,
        segment: &Segment,
        place: &Place,
        falling: Option<&Falling>,
    ) {
        let columns = self.columns;
        let y = place.y;
        let over = match columns.lanes {
            Lanes::Columns | Lanes::Paper => y,
            Lanes::Stacked => y - OVER,
        };
        match &segment.cause {
            Cause::Call(call) => self.call(out, row, call, y, over),
            _ => self.kernel(out, segment, y, over),
        }
        let arrow = self.arrow(segment, place);
        self.draw_arrow(out, segment, &arrow);
        if let Some(falling) = falling {
            self.along(out, row, falling);
        } else {
            let label = label::label(segment);
            let time = self.time(row, segment);
            let x = columns.middle();
            let room = columns.inner.1 - columns.inner.0 - 4.0;
            let _ = write!(
                out,
                r#"<text class="word m" x="{}" y="{}">{}</text>"#,
                n(x),
                n(y + FALL / 2.0 - 7.5),
                escape(&cut(&label, fitting(room, SIZE_LABEL)))
            );
            if !time.is_empty() {
                let _ = write!(
                    out,
                    r#"<text class="time m" x="{}" y="{}">{}</text>"#,
                    n(x),
                    n(y + FALL / 2.0 + if columns.lanes == Lanes::Paper { 11.5 } else { 12.5 }),
                    escape(&cut(&time, fitting(room, SIZE_TIME)))
                );
            }
        }
    }

    /// Label and time along a falling arrow: on one line, for between two such arrows there is no room for two, unless that
    /// line would be longer than the arrow.
    fn falling(&self, row: &Row, segment: &Segment, place: &Place) -> Falling {
        let arrow = self.arrow(segment, place);
        let time = self.time(row, segment);
        let ahead = 4.0 + MARK * self.marks(row).len() as f64;
        let mut written = self.written(&arrow, label::label(segment), &time, ahead);
        let short = label::short(segment);
        if written.iter().all(|written| written.label != short) {
            written.extend(self.written(&arrow, short, &time, ahead));
        }
        Falling { arrow, time, written }
    }

    /// A text along an arrow, in each place it may take, what it likes best first.
    fn written(&self, arrow: &Arrow, label: String, time: &str, ahead: f64) -> Vec<Written> {
        let whole = (arrow.x1 - arrow.x0).hypot(arrow.y1 - arrow.y0);
        let room = |part: f64| whole * part - 10.0;
        let both = width(label.chars().count() + 2 + time.chars().count(), SIZE_TIME);
        let on_one_line = both + ahead < room(1.0);
        let wide = match on_one_line {
            true => both,
            false => width(label.chars().count(), SIZE_TIME),
        };
        // Along what is drawn, where there is room for it.
        let (begin, end) = match wide + ahead < room(arrow.end - arrow.begin) {
            true => (arrow.begin, arrow.end),
            false => (0.0, 1.0),
        };
        // In its middle, a little towards its tail. The marks stand to the left, whichever way the arrow points.
        const WISH: f64 = 0.48;
        let rightwards = arrow.x1 > arrow.x0;
        let wish = if rightwards { WISH } else { 1.0 - WISH };
        let length = whole * (end - begin);
        let half = ((wide + ahead) / 2.0 / length).min(0.5);
        let wish = wish.clamp(half, 1.0 - half);
        let angle = arrow.slope().to_radians();
        let at = |middle: f64| {
            let middle = middle + ahead / 2.0 / length;
            let share = if rightwards { middle } else { 1.0 - middle };
            let area = Area {
                at: arrow.at(begin + (end - begin) * share),
                along: (angle.cos(), angle.sin()),
                left: -wide / 2.0 - ahead,
                right: wide / 2.0,
                top: -13.0,
                bottom: if on_one_line { -1.0 } else { 14.0 },
            };
            Written {
                label: label.clone(),
                on_one_line,
                wide,
                area,
            }
        };
        // From there a little to either side, and more.
        const APART: f64 = 8.0;
        let steps = (1..).map(|step| f64::from(step) * APART / length);
        let moved = steps
            .take_while(|step| *step < 1.0)
            .flat_map(|step| [wish - step, wish + step])
            .filter(|middle| (half..=1.0 - half).contains(middle));
        std::iter::once(wish).chain(moved).map(at).collect()
    }

    /// What is written along the arrow of each row, and where, see [`clear`].
    fn labels(&self) -> Vec<Option<Falling>> {
        let rows = || self.ladder.rows.iter().zip(self.places);
        if !self.columns.slow {
            return rows().map(|_| None).collect();
        }
        let mut falling: Vec<Option<Falling>> = rows()
            .map(|(row, place)| match &row.event {
                Event::Segment(segment) => Some(self.falling(row, segment, place)),
                _ => None,
            })
            .collect();
        let movable = |falling: &Falling| clear::Label {
            arrow: clear::Line {
                from: falling.arrow.at(falling.arrow.begin),
                to: falling.arrow.at(falling.arrow.end),
            },
            choices: falling.written.iter().map(|written| written.area).collect(),
        };
        let movable: Vec<clear::Label> = falling.iter().flatten().map(movable).collect();
        let chosen = clear::choose(&movable, &self.texts_between());
        for (falling, choice) in falling.iter_mut().flatten().zip(chosen) {
            falling.written.swap(0, choice);
        }
        falling
    }

    /// The texts that stand between the lifelines, where arrows fall.
    fn texts_between(&self) -> Vec<Area> {
        const HEIGHT: f64 = 12.0;
        let columns = self.columns;
        let stacked = columns.lanes == Lanes::Stacked;
        let mut texts = Vec::new();
        for (row, place) in self.ladder.rows.iter().zip(self.places) {
            if let (Some(call), true) = (row.event.call(), stacked) {
                let line = self.stacked(row, call);
                let y = match row.event {
                    Event::Segment(_) => place.y - OVER,
                    _ => place.y,
                };
                let wide = width(line.characters, SIZE_CODE);
                let left = match self.ladder.side(call.at) {
                    Side::Client => columns.inner.0 + ASIDE,
                    Side::Server => columns.inner.1 - ASIDE - wide,
                };
                texts.push(Area::level(left, wide, y, HEIGHT));
            }
            if let Event::Silence { lasts, asked } = row.event {
                let wide = width(self.clock.silence(lasts, asked).chars().count(), SIZE_TIME);
                let (x, anchor) = self.silent_at(place.y);
                let left = match anchor {
                    "s" => x,
                    "e" => x - wide,
                    _ => x - wide / 2.0,
                };
                texts.push(Area::level(left, wide, place.y, HEIGHT));
            }
            if let Event::Folded(folded) = &row.event {
                // Two lines; the upper one counts, and is about so long.
                let wide = width(folded.text.chars().count().max(22), SIZE_LABEL);
                let wide = wide.min(columns.inner.1 - columns.inner.0);
                texts.push(Area::level(
                    columns.middle() - wide / 2.0,
                    wide,
                    place.y,
                    2.5 * HEIGHT,
                ));
            }
            for chip in self.chips(row, place.y) {
                texts.push(Area::level(chip.left, chip.wide, chip.top + CHIP / 2.0, CHIP));
            }
        }
        texts
    }

    fn along(&self, out: &mut String, row: &Row, falling: &Falling) {
        let Some(written) = falling.written.first() else {
            return;
        };
        let _ = write!(
            out,
            r#"<g transform="translate({} {}) rotate({})">"#,
            n(written.area.at.0),
            n(written.area.at.1),
            n(falling.arrow.slope())
        );
        let (label, time) = (escape(&written.label), escape(&falling.time));
        let _ = if written.on_one_line {
            write!(
                out,
                r#"<text class="along m" y="-4">{label} <tspan class="time"> {time}</tspan></text>"#
            )
        } else {
            write!(
                out,
                r#"<text class="along m" y="-4">{label}</text><text class="along time m" y="11">{time}</text>"#
            )
        };
        for (index, (mark, strong)) in self.marks(row).iter().enumerate() {
            bubble(
                out,
                mark,
                *strong,
                -written.wide / 2.0 - 10.0 - MARK * index as f64,
                -8.0,
            );
        }
        out.push_str("</g>");
    }

    /// The lifeline that a segment has left which is under way at this height, if one is.
    fn passing(&self, y: f64) -> Option<usize> {
        let mut rows = self.ladder.rows.iter().zip(self.places);
        rows.find_map(|(row, place)| match &row.event {
            Event::Segment(Segment {
                from,
                fate: Fate::ArrivesIn(to),
                ..
            }) if place.y < y && self.places.get(*to).is_some_and(|place| place.y > y) => Some(*from),
            _ => None,
        })
    }

    /// A segment that no call of its own side sent: the kernel's own reason, where it has more than an answer to give.
    fn kernel(&self, out: &mut String, segment: &Segment, y: f64, text_y: f64) {
        let columns = self.columns;
        let side = self.ladder.side(segment.from);
        let Some(words) = aside(segment) else { return };
        let x = columns.x(segment.from);
        let _ = write!(
            out,
            r#"<circle class="ring" cx="{}" cy="{}" r="3.2"/>"#,
            n(x),
            n(y)
        );
        let (x, anchor) = match (columns.lanes, side) {
            (Lanes::Columns | Lanes::Paper, Side::Client) => (columns.outer.0 - ASIDE, "e"),
            (Lanes::Columns | Lanes::Paper, Side::Server) => (columns.outer.1 + ASIDE, "s"),
            (Lanes::Stacked, Side::Client) => (columns.inner.0 + ASIDE, "s"),
            (Lanes::Stacked, Side::Server) => (columns.inner.1 - ASIDE, "e"),
        };
        let room = match columns.lanes {
            Lanes::Columns | Lanes::Paper => columns.call + columns.source,
            Lanes::Stacked => columns.call,
        };
        let _ = write!(
            out,
            r#"<text class="kernel {anchor}" x="{}" y="{}">{}</text>"#,
            n(x),
            n(text_y + 3.6),
            self.numbered(self.ordinal(segment.from), words, side, fitting(room, SIZE_CODE))
        );
    }

    fn arrow(&self, segment: &Segment, place: &Place) -> Arrow {
        let (columns, y) = (self.columns, place.y);
        let (from, to) = (columns.x(segment.from), columns.x(segment.to));
        let towards = if to > from { 1.0 } else { -1.0 };
        let dotted = !matches!(segment.cause, Cause::Kernel(_) | Cause::Unknown(_));
        let (begin, end) = match (segment.fate, segment.mark) {
            (Fate::Lost, _) => (0.0, 0.56),
            (_, Some(Mark::Copy)) => (0.5, 1.0),
            _ => (0.0, 1.0),
        };
        Arrow {
            x0: from + towards * if dotted { 4.5 } else { 1.0 },
            y0: y,
            x1: to - towards * 1.5,
            y1: match segment.fate {
                Fate::Arrives => y + FALL,
                Fate::ArrivesIn(row) => self.places.get(row).map_or(y + FALL, |place| place.y),
                Fate::Lost => y + self.fall_near(segment.from, y),
            },
            begin,
            end,
        }
    }

    /// A lost segment falls as the nearest one that went the same way.
    fn fall_near(&self, from: usize, y: f64) -> f64 {
        let nearest = self
            .ladder
            .rows
            .iter()
            .zip(self.places)
            .filter_map(|(row, place)| match &row.event {
                Event::Segment(other) if other.from == from => match other.fate {
                    Fate::ArrivesIn(to) => Some((place.y, self.places.get(to)?.y - place.y)),
                    _ => None,
                },
                _ => None,
            })
            .min_by(|a, b| (a.0 - y).abs().total_cmp(&(b.0 - y).abs()));
        nearest.map_or(FALL, |(_, fall)| fall)
    }

    fn draw_arrow(&self, out: &mut String, segment: &Segment, arrow: &Arrow) {
        let stroke = Stroke::of(segment);
        let mut class = String::from("arrow");
        if segment.bytes > 0 {
            class.push_str(" data");
        }
        match stroke {
            Stroke::Fin => class.push_str(" fin"),
            Stroke::Rst => class.push_str(" rst"),
            Stroke::Plain | Stroke::Data => {}
        }
        if segment.mark == Some(Mark::Again) {
            class.push_str(" again");
        }
        let (dx, dy) = (arrow.x1 - arrow.x0, arrow.y1 - arrow.y0);
        let length = dx.hypot(dy).max(1.0);
        // Unit vectors along and across.
        let (ux, uy) = (dx / length, dy / length);
        let (vx, vy) = (-uy, ux);
        let lost = segment.fate == Fate::Lost;
        let head = if lost { 0.0 } else { 8.0 };
        let ((x0, y0), (x1, y1)) = (arrow.at(arrow.begin), arrow.at(arrow.end));
        let _ = write!(
            out,
            r#"<path class="{class}" d="M{} {}L{} {}"/>"#,
            n(x0),
            n(y0),
            n(x1 - ux * head),
            n(y1 - uy * head)
        );
        if segment.mark == Some(Mark::Copy) {
            let _ = write!(
                out,
                r#"<circle class="ring" cx="{}" cy="{}" r="3.2"/>"#,
                n(x0),
                n(y0)
            );
        }
        if lost {
            return;
        }
        let (bx, by) = (x1 - ux * 9.0, y1 - uy * 9.0);
        let half = 3.8;
        let _ = write!(
            out,
            r#"<path class="tip" d="M{} {}L{} {}L{} {}z"/>"#,
            n(x1),
            n(y1),
            n(bx + vx * half),
            n(by + vy * half),
            n(bx - vx * half),
            n(by - vy * half)
        );
        if stroke == Stroke::Rst {
            let (x, y) = (x1 - ux * 0.5, y1 - uy * 0.5);
            let _ = write!(
                out,
                r#"<path class="bar" d="M{} {}L{} {}"/>"#,
                n(x + vx * 7.0),
                n(y + vy * 7.0),
                n(x - vx * 7.0),
                n(y - vy * 7.0)
            );
        }
    }

    /// Where a lost segment ends: over everything else, for the label of the next one may pass there.
    fn cross(&self, out: &mut String, index: usize, row: &Row, place: &Place) {
        let Event::Segment(segment) = &row.event else {
            return;
        };
        if segment.fate != Fate::Lost {
            return;
        }
        let arrow = self.arrow(segment, place);
        let (x, y) = arrow.at(arrow.end);
        let _ = writeln!(
            out,
            r#"<path class="cross" data-row="{index}" d="M{} {}l10 10m0 -10l-10 10"/>"#,
            n(x - 5.0),
            n(y - 5.0)
        );
    }

    fn silence(&self, out: &mut String, words: &str, y: f64) {
        for &x in &self.columns.lifelines {
            let _ = write!(
                out,
                r#"<path class="gap" d="M{} {}l14 -7"/><path class="break" d="M{} {}l14 -7m-14 7l14 -7"/>"#,
                n(x - 7.0),
                n(y + 3.5),
                n(x - 7.0),
                n(y + 0.5),
            );
            let _ = write!(
                out,
                r#"<path class="break" d="M{} {}l14 -7"/>"#,
                n(x - 7.0),
                n(y + 6.5)
            );
        }
        let (x, anchor) = self.silent_at(y);
        let _ = write!(
            out,
            r#"<text class="pause {anchor}" x="{}" y="{}">{}</text>"#,
            n(x),
            n(y + 3.6),
            escape(words)
        );
    }

    /// Where the words about a silence stand. Where something is under way meanwhile, its arrow passes through the middle.
    /// The lanes beside are free; where there are none, the side is that it came from.
    fn silent_at(&self, y: f64) -> (f64, &'static str) {
        match (self.passing(y), self.columns.lanes) {
            (None, _) => (self.columns.middle(), "m"),
            (Some(_), Lanes::Columns | Lanes::Paper) => (self.columns.outer.0 - ASIDE - 4.0, "e"),
            (Some(from), Lanes::Stacked) if self.columns.x(from) < self.columns.middle() => {
                (self.columns.inner.0 + 12.0, "s")
            }
            (Some(_), Lanes::Stacked) => (self.columns.inner.1 - 12.0, "e"),
        }
    }

    fn fold(&self, out: &mut String, folded: &Folded, y: f64) {
        let columns = self.columns;
        for &x in &columns.lifelines {
            let _ = write!(
                out,
                r#"<path class="gap" d="M{} {}v34"/><path class="dots" d="M{} {}v34"/>"#,
                n(x),
                n(y - 17.0),
                n(x),
                n(y - 17.0)
            );
        }
        let room = fitting(columns.inner.1 - columns.inner.0 - 16.0, SIZE_TIME);
        if columns.lanes == Lanes::Paper {
            return self.fold_on_paper(out, folded, y, room);
        }
        let _ = write!(
            out,
            r#"<text class="word m" x="{}" y="{}">⋮ {}{}</text><text class="time m" x="{}" y="{}">{}</text>"#,
            n(columns.middle()),
            n(y - 3.0),
            counted(folded.segments as u64, "segment", "segments"),
            escape(&match self.clock {
                Clock::Hidden => String::new(),
                clock => format!(", {}", clock.lasting(folded.lasts)),
            }),
            n(columns.middle()),
            n(y + 11.0),
            escape(&cut(&folded.text, room))
        );
        if columns.lanes != Lanes::Stacked {
            let room = fitting(columns.call + columns.source, SIZE_CODE);
            for (words, x, anchor) in [
                (&folded.client, columns.outer.0 - ASIDE, "e"),
                (&folded.server, columns.outer.1 + ASIDE, "s"),
            ] {
                if !words.is_empty() {
                    let _ = write!(
                        out,
                        r#"<text class="kernel {anchor}" x="{}" y="{}">{}</text>"#,
                        n(x),
                        n(y + 3.6),
                        escape(&cut(words, room))
                    );
                }
            }
        }
    }

    /// What is folded, in words that fit between the lifelines.
    fn fold_on_paper(&self, out: &mut String, folded: &Folded, y: f64, room: usize) {
        let x = n(self.columns.middle());
        let short = match folded.text.split_once(", ") {
            Some((first, _)) if folded.outside && folded.text.chars().count() > room => first,
            _ => &folded.text,
        };
        let lines = match folded.segments {
            0 => [String::from("⋮"), short.to_owned()],
            segments => {
                let counted = counted(segments as u64, "segment", "segments");
                let lasts = match self.clock {
                    Clock::Hidden => String::new(),
                    clock => format!(", {}", clock.lasting(folded.lasts)),
                };
                let whole = format!("⋮ {counted}{lasts}");
                let fits = whole.chars().count() <= room;
                [
                    if fits { whole } else { format!("⋮ {counted}") },
                    short.to_owned(),
                ]
            }
        };
        for (line, y) in lines.iter().zip([y - 3.0, y + 10.0]) {
            let _ = write!(
                out,
                r#"<text class="time m" x="{x}" y="{}">{}</text>"#,
                n(y),
                escape(&cut(line, room + 2))
            );
        }
    }

    /// The chips of the states entered in a row.
    fn chips(&self, row: &Row, y: f64) -> Vec<Chip> {
        let columns = self.columns;
        let mut drawn = [0.0, 0.0];
        let chip = |state: &State| {
            let side = self.ladder.side(state.at);
            let several = self.ladder.on(side).count() > 1;
            let shared = row.event.call().is_some_and(|call| call.shared);
            let name = match self.ordinal(state.at).filter(|_| !shared) {
                Some(number) => format!("{number} {}", state.name),
                None => state.name.clone(),
            };
            let wide = width(name.chars().count(), SIZE_STATE) + 10.0;
            let slot = &mut drawn[usize::from(side == Side::Server)];
            let top = y + chip_top(self.ladder, columns, row, state.at) + *slot;
            *slot += CHIP + 2.0;
            let x = columns.x(state.at);
            // On the lifeline, unless that would cover a neighbour or the tip of the next arrow.
            let aside =
                several || columns.lanes == Lanes::Paper || columns.slow && columns.lanes == Lanes::Columns;
            let left = match (columns.lanes, aside, side) {
                (Lanes::Columns | Lanes::Paper, false, _) => x - wide / 2.0,
                (Lanes::Columns | Lanes::Paper, true, Side::Client) => columns.outer.0 - 8.0 - wide,
                (Lanes::Columns | Lanes::Paper, true, Side::Server) => columns.outer.1 + 8.0,
                (Lanes::Stacked, false, Side::Client) => columns.tasks.0 + 1.0,
                (Lanes::Stacked, false, Side::Server) => columns.width - columns.tasks.1 - 1.0 - wide,
                (Lanes::Stacked, true, Side::Client) => columns.inner.0 + 7.0,
                (Lanes::Stacked, true, Side::Server) => columns.inner.1 - 7.0 - wide,
            };
            Chip {
                side,
                name,
                left,
                top,
                wide,
            }
        };
        row.states.iter().map(chip).collect()
    }

    fn states(&self, out: &mut String, row: &Row, y: f64) {
        for chip in self.chips(row, y) {
            let _ = write!(
                out,
                r#"<rect class="chip {}" x="{}" y="{}" width="{}" height="{}" rx="7"/><text class="state m" x="{}" y="{}">{}</text>"#,
                side_class(chip.side),
                n(chip.left),
                n(chip.top),
                n(chip.wide),
                n(CHIP),
                n(chip.left + chip.wide / 2.0),
                n(chip.top + 10.2),
                escape(&chip.name)
            );
        }
    }

    /// The marks of a row: a segment's number, and what annotations call it.
    fn marks<'r>(&self, row: &'r Row) -> Vec<(Cow<'r, str>, bool)> {
        let mut marks: Vec<(Cow<str>, bool)> = row
            .notes
            .iter()
            .map(|note| (Cow::Borrowed(note.as_str()), true))
            .collect();
        if let Event::Segment(segment) = &row.event {
            let number = segment.number.to_string();
            if segment.number > 0 && !row.notes.contains(&number) {
                marks.insert(0, (Cow::Owned(number), false));
            }
        }
        marks
    }

    /// The marks, beside what they speak of. (Along a falling arrow they are drawn with its label.)
    fn notes(&self, out: &mut String, row: &Row, y: f64) {
        let columns = self.columns;
        let inwards = |at| {
            if self.ladder.side(at) == Side::Client {
                1.0
            } else {
                -1.0
            }
        };
        let beside =
            |words: &str, size: f64| columns.middle() - width(words.chars().count(), size) / 2.0 - 12.0;
        let (mut x, y, step) = match &row.event {
            Event::Segment(_) if columns.slow => return,
            Event::Segment(segment) => {
                let x = beside(&label::label(segment), SIZE_LABEL);
                if x > columns.inner.0 + 12.0 {
                    (x, y + FALL / 2.0 - 11.0, -MARK)
                } else {
                    // A label as wide as the wire leaves no room; beside the time there is some.
                    (
                        beside(&self.time(row, segment), SIZE_TIME),
                        y + FALL / 2.0 + 9.5,
                        -MARK,
                    )
                }
            }
            Event::Call(Call { at, .. }) | Event::Task(Task { at, .. }) => match columns.lanes {
                Lanes::Columns | Lanes::Paper => {
                    (columns.x(*at) + inwards(*at) * 14.0, y, inwards(*at) * MARK)
                }
                // The text stands there; the far end of its line is free.
                Lanes::Stacked if inwards(*at) > 0.0 => (columns.inner.1 - 14.0, y, -MARK),
                Lanes::Stacked => (columns.inner.0 + 14.0, y, MARK),
            },
            Event::Arrival { at, .. } => (columns.x(*at) - inwards(*at) * 14.0, y, -inwards(*at) * MARK),
            Event::Silence { lasts, asked } => {
                (beside(&self.clock.silence(*lasts, *asked), SIZE_TIME), y, -MARK)
            }
            Event::Folded(_) => (columns.inner.0 + 12.0, y, MARK),
        };
        for (mark, strong) in self.marks(row) {
            bubble(out, &mark, strong, x, y);
            x += step;
        }
    }

    /// A segment's time and what is unusual about it.
    fn time(&self, row: &Row, segment: &Segment) -> String {
        let mut words = vec![self.clock.time(row.time)];
        words.extend(label::remarks(segment).into_iter().map(str::to_owned));
        words.retain(|word| !word.is_empty());
        words.join(" · ")
    }
}

/// A mark in its bubble: white on black where an annotation speaks of it, else no more than a number.
fn bubble(out: &mut String, mark: &str, strong: bool, x: f64, y: f64) {
    let wide = 13.6f64.max(width(mark.chars().count(), SIZE_STATE) + 5.0);
    let class = if strong { "note" } else { "plain" };
    let _ = write!(
        out,
        r#"<rect class="{class}" x="{}" y="{}" width="{}" height="13.6" rx="6.8"/><text class="{class} m" x="{}" y="{}">{}</text>"#,
        n(x - wide / 2.0),
        n(y - 6.8),
        n(wide),
        n(x),
        n(y + 3.4),
        escape(mark)
    );
}

/// How far a call's text stands over its arrow, where lanes are stacked.
const OVER: f64 = 24.0;

/// From one mark of a label to the next.
const MARK: f64 = 15.0;

/// A call's text where lanes are stacked, as SVG, and how many characters it has.
struct Stacked {
    text: String,
    characters: usize,
}

/// A state's chip in its place.
struct Chip {
    side: Side,
    name: String,
    left: f64,
    top: f64,
    wide: f64,
}

/// A falling arrow, and what is written along it.
struct Falling {
    arrow: Arrow,
    time: String,
    /// What may be written, and where; the first is taken.
    written: Vec<Written>,
}

/// A label and a time along an arrow.
struct Written {
    label: String,
    on_one_line: bool,
    /// The width of the text, without its marks.
    wide: f64,
    area: Area,
}

/// The way of a segment from one end to the other, and the share of it that is drawn.
struct Arrow {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    /// Where the drawn part begins and ends, from 0 to 1: a copy begins and a lost segment ends in mid-wire.
    begin: f64,
    end: f64,
}

impl Arrow {
    /// The point at a share of the way.
    fn at(&self, share: f64) -> (f64, f64) {
        (
            self.x0 + (self.x1 - self.x0) * share,
            self.y0 + (self.y1 - self.y0) * share,
        )
    }

    /// The angle by which a text along it is turned, in degrees: upright, whichever way the arrow points.
    fn slope(&self) -> f64 {
        ((self.y1 - self.y0) / (self.x1 - self.x0)).atan().to_degrees()
    }
}

pub fn side_class(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}
