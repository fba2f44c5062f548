//! Where everything stands: columns from the number of lifelines, rows from what each event needs above and below it.

use super::{Call, Event, Fate, Ladder, Row, Segment, Side, tasks};

/// The ways to arrange the five lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// Five columns side by side, 750 units wide.
    Columns,
    /// The wire takes the whole width; call and source line stand above the arrow they cause.
    Stacked,
    /// For paper: three columns, on either side the call above its source line. A unit is a point, no text is smaller than
    /// ten of them.
    Paper,
}

/// The advance of one character of the monospaced font, in units of its size. Source Code Pro, Menlo and DejaVu Sans
/// Mono are within half a percent of it.
const ADVANCE: f64 = 0.602;

/// Sizes of text: of source lines and calls, of a segment's label, of times, of states.
pub const SIZE_CODE: f64 = 11.0;
pub const SIZE_LABEL: f64 = 11.5;
pub const SIZE_TIME: f64 = 10.5;
pub const SIZE_STATE: f64 = 9.5;
/// On paper source lines and calls take no more than they need.
pub const SIZE_PAPER: f64 = 10.0;

/// How far an arrow falls from one end to the other where its way takes no time that can be seen.
pub const FALL: f64 = 6.0;
/// Half the distance of two departures where arrows fall over several rows.
const STEP: f64 = 12.5;
/// Half the distance of an arrival and the answer that leaves at once.
const ANSWERED: f64 = 3.0;
/// The height of a state's chip, and of the room it takes.
pub const CHIP: f64 = 14.0;
const CHIP_ROOM: f64 = 16.0;
/// From the end of an arrow to the chip of the state entered there.
pub const CHIP_GAP: f64 = 7.0;

/// The width of a text of so many characters.
pub fn width(characters: usize, size: f64) -> f64 {
    characters as f64 * size * ADVANCE
}

/// How many characters fit.
pub fn fitting(room: f64, size: f64) -> usize {
    (room / (size * ADVANCE)).max(0.0) as usize
}

/// The columns of one drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    pub lanes: Lanes,
    /// The whole width.
    pub width: f64,
    /// The place of each lifeline.
    pub lifelines: Vec<f64>,
    /// The outermost lifelines, client's and server's.
    pub outer: (f64, f64),
    /// The innermost ones: between them stand the labels.
    pub inner: (f64, f64),
    /// The width of the lanes of calls and of source lines; in [`Lanes::Stacked`] they share the width of the wire, in
    /// [`Lanes::Paper`] both have that of the first.
    pub call: f64,
    pub source: f64,
    /// Where the first row may begin.
    pub head: f64,
    /// Whether segments take long enough on their way for their arrows to fall over several rows.
    pub slow: bool,
    /// How wide the lanes of tasks are at either edge; 0 where nothing is said of tasks.
    pub tasks: (f64, f64),
    /// How much room there is on [`Lanes::Paper`].
    pub room: Room,
}

/// How much room a drawing for paper takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// Every call stands above its source line.
    #[default]
    Ample,
    /// A call that sends nothing shares a line with as much of its source line as fits.
    Tight,
}

/// How far the lines of tasks stand apart.
pub const TASK: f64 = 11.0;

/// From a lifeline to the text beside it.
pub const ASIDE: f64 = 10.0;
/// The lane of calls is as wide as its longest call, within these bounds; the source lines take the rest.
const CALL_LANE: (f64, f64) = (52.0, 78.0);
const BETWEEN_LANES: f64 = 9.0;
const HALF_WIRE: f64 = 92.0;
/// Where arrows fall over several rows they fall less steeply.
const SLOW_HALF_WIRE: f64 = 112.0;
const BETWEEN_LIFELINES: f64 = 22.0;
/// The same on paper.
const PAPER_HALF_WIRE: f64 = 81.0;
const PAPER_SLOW_HALF_WIRE: f64 = 104.0;
/// From a call to the source line below it.
pub const PAPER_LINE: f64 = 12.0;

impl Columns {
    pub fn new(ladder: &Ladder, lanes: Lanes, width: f64) -> Columns {
        let count = |side| ladder.on(side).count().max(1);
        let most = count(Side::Client).max(count(Side::Server));
        let slow = ladder.rows.iter().any(
            |row| matches!(&row.event, Event::Segment(segment) if matches!(segment.fate, Fate::ArrivesIn(_))),
        );
        let band = |side| match tasks::names(ladder, side).len() {
            0 => 0.0,
            count => TASK * count as f64 + 4.0,
        };
        let tasks = (band(Side::Client), band(Side::Server));
        let (left, right, call, source, gap) = match lanes {
            Lanes::Columns => {
                let half = if slow { SLOW_HALF_WIRE } else { HALF_WIRE } + 16.0 * (most - 1) as f64;
                let (left, right) = (width / 2.0 - half, width / 2.0 + half);
                let call = call_lane(ladder, most > 1);
                let source = left - ASIDE - call - BETWEEN_LANES;
                (left, right, call, source, BETWEEN_LIFELINES)
            }
            Lanes::Paper => {
                let half = if slow {
                    PAPER_SLOW_HALF_WIRE
                } else {
                    PAPER_HALF_WIRE
                } + 9.0 * (most - 1) as f64;
                let (left, right) = (width / 2.0 - half, width / 2.0 + half);
                (left, right, left - ASIDE, 0.0, 18.0)
            }
            Lanes::Stacked => {
                let gap = 14.0;
                let (left, right) = (9.0 + tasks.0, width - 9.0 - tasks.1);
                let room = right - left - 2.0 * (gap * (most - 1) as f64 + ASIDE);
                (left, right, room, room, gap)
            }
        };
        let mut seen = (0, 0);
        let lifelines = ladder
            .lifelines
            .iter()
            .map(|line| match line.side {
                Side::Client => {
                    seen.0 += 1;
                    left + gap * f64::from(seen.0 - 1)
                }
                Side::Server => {
                    seen.1 += 1;
                    right - gap * f64::from(seen.1 - 1)
                }
            })
            .collect();
        Columns {
            lanes,
            width,
            lifelines,
            outer: (left, right),
            inner: (
                left + gap * (count(Side::Client) - 1) as f64,
                right - gap * (count(Side::Server) - 1) as f64,
            ),
            call,
            source,
            slow,
            tasks,
            room: Room::default(),
            head: match lanes {
                Lanes::Paper if most > 1 => 58.0,
                Lanes::Paper => 43.0,
                _ if most > 1 => 62.0,
                _ => 46.0,
            },
        }
    }

    /// How wide the lane of source lines is on one side, where the lane of tasks takes of it.
    pub fn source_room(&self, side: Side) -> f64 {
        match (self.lanes, side) {
            (Lanes::Stacked, _) => self.source,
            (Lanes::Columns | Lanes::Paper, Side::Client) => self.source - self.tasks.0,
            (Lanes::Columns | Lanes::Paper, Side::Server) => self.source - self.tasks.1,
        }
    }

    pub fn x(&self, at: usize) -> f64 {
        self.lifelines.get(at).copied().unwrap_or(self.outer.0)
    }

    /// Whether a call of this row stands above its source line.
    pub fn two_lines(&self, row: &Row, call: &Call) -> bool {
        let sends = matches!(row.event, Event::Segment(_));
        self.lanes == Lanes::Paper && call.source.is_some() && (sends || self.room == Room::Ample)
    }

    /// The middle of the wire.
    pub fn middle(&self) -> f64 {
        (self.inner.0 + self.inner.1) / 2.0
    }
}

/// The width of the lane of calls. A call without a source line may run on into the lane beside it, so it does not count.
fn call_lane(ladder: &Ladder, numbered: bool) -> f64 {
    let longest = ladder
        .rows
        .iter()
        .filter_map(|row| row.event.call())
        .filter(|call| call.source.is_some())
        .map(|call| call.text.chars().count() + if numbered { 3 } else { 0 })
        .max()
        .unwrap_or(0);
    // Some room to spare, so that rounding never cuts the longest.
    (width(longest, SIZE_CODE) + 3.0).clamp(CALL_LANE.0, CALL_LANE.1)
}

/// The room one row takes above and below the line on which its event lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    pub above: f64,
    pub below: f64,
}

impl Extent {
    /// Room for either.
    pub fn max(self, other: Extent) -> Extent {
        Extent {
            above: self.above.max(other.above),
            below: self.below.max(other.below),
        }
    }
}

/// One row in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// The line of its event: where an arrow begins, where a call's dot lies.
    pub y: f64,
    pub extent: Extent,
}

/// The places of all rows, and the height of the whole drawing.
pub fn places(columns: &Columns, extents: &[Extent]) -> (Vec<Place>, f64) {
    let mut y = columns.head;
    let places = extents
        .iter()
        .map(|&extent| {
            y += extent.above;
            let place = Place { y, extent };
            y += extent.below;
            place
        })
        .collect();
    let rest = if columns.lanes == Lanes::Paper { 3.0 } else { 10.0 };
    (places, y + rest)
}

/// What each row needs.
pub fn extents(ladder: &Ladder, columns: &Columns) -> Vec<Extent> {
    let mut extents: Vec<Extent> = ladder
        .rows
        .iter()
        .map(|row| extent(ladder, columns, row))
        .collect();
    // What arrives and what it sets off belong together; and arrows that leave one after another stay parallel although
    // each is answered.
    for (index, pair) in ladder.rows.windows(2).enumerate() {
        if let [
            Row {
                event: Event::Arrival { at, .. },
                states,
                ..
            },
            Row {
                event: Event::Segment(segment),
                ..
            },
        ] = pair
            && segment.from == *at
            && states.is_empty()
            && extents[index + 1].above <= STEP
        {
            extents[index].below = ANSWERED;
            extents[index + 1].above = ANSWERED;
        }
    }
    extents
}

fn extent(ladder: &Ladder, columns: &Columns, row: &Row) -> Extent {
    let stacked = columns.lanes == Lanes::Stacked;
    // A call above its arrow, where it has no column of its own.
    let over = |row: &Row| match (&row.event, stacked) {
        (Event::Segment(segment), true) if aside(segment).is_some() => 15.0,
        _ => 0.0,
    };
    // A call above its source line.
    let two_lines = row.event.call().is_some_and(|call| columns.two_lines(row, call));
    let mut extent = match &row.event {
        Event::Call(_) | Event::Task(_) if columns.lanes == Lanes::Paper => Extent {
            above: if two_lines { 6.5 + PAPER_LINE } else { 8.0 },
            below: 7.0,
        },
        Event::Call(_) | Event::Task(_) => Extent {
            above: 9.0,
            below: 9.0,
        },
        // As far apart as departures are, so that arrows that leave one after another stay parallel.
        Event::Arrival { .. } => Extent {
            above: STEP,
            below: STEP,
        },
        Event::Segment(segment) => match segment.fate {
            Fate::ArrivesIn(_) => Extent {
                above: if two_lines {
                    6.5 + PAPER_LINE
                } else {
                    STEP + over(row)
                },
                below: STEP,
            },
            Fate::Lost if columns.slow => Extent {
                above: if two_lines {
                    6.5 + PAPER_LINE
                } else {
                    STEP + over(row)
                },
                below: STEP,
            },
            _ if columns.lanes == Lanes::Paper => Extent {
                above: if two_lines { 6.5 + PAPER_LINE } else { 15.0 },
                below: 16.5,
            },
            _ => Extent {
                above: 19.0 + over(row),
                below: 19.0,
            },
        },
        Event::Silence { .. } if columns.lanes == Lanes::Paper => Extent {
            above: 13.0,
            below: 11.0,
        },
        Event::Folded(_) if columns.lanes == Lanes::Paper => Extent {
            above: 17.0,
            below: 17.0,
        },
        Event::Silence { .. } => Extent {
            above: 18.0,
            below: 16.0,
        },
        Event::Folded(_) => Extent {
            above: 22.0,
            below: 24.0,
        },
    };
    for state in &row.states {
        let top = chip_top(ladder, columns, row, state.at);
        let before = row.states.iter().take_while(|other| *other != state);
        let stacked_chips = before
            .filter(|other| ladder.side(other.at) == ladder.side(state.at))
            .count();
        let bottom = top + CHIP_ROOM * (1 + stacked_chips) as f64;
        let gap = if columns.lanes == Lanes::Paper { -1.0 } else { 3.0 };
        extent.below = extent.below.max(bottom + gap);
    }
    extent
}

/// What stands in the call's lane beside a segment: its call, or the kernel's own reason.
pub fn aside(segment: &Segment) -> Option<&str> {
    use super::Cause::{Call, End, Held, Kernel, Timer, Unknown};
    match &segment.cause {
        Call(call) => Some(&call.text),
        Timer(words) | End(words) | Held(words) => Some(words),
        Kernel(_) | Unknown(_) => None,
    }
}

/// How far below the row's line a state's chip begins: below the tail or the tip of the arrow, whichever is at its side.
pub fn chip_top(ladder: &Ladder, columns: &Columns, row: &Row, at: usize) -> f64 {
    // On paper every point counts, and a chip stands in the lane: below the call, or beside the tip, where nothing else is.
    let paper = columns.lanes == Lanes::Paper;
    match &row.event {
        Event::Segment(segment)
            if paper && segment.fate == Fate::Arrives && ladder.side(at) == ladder.side(segment.to) =>
        {
            FALL - CHIP / 2.0
        }
        Event::Arrival { .. } if paper => -CHIP / 2.0,
        // Nor beside the words for what is folded.
        Event::Folded(_) if !paper => 16.0,
        // Between many lifelines on a narrow page two chips leave no room for the time.
        Event::Segment(_) if columns.lanes == Lanes::Stacked && ladder.lifelines.len() > 2 => {
            FALL / 2.0 + 16.0
        }
        Event::Segment(segment)
            if segment.fate == Fate::Arrives && ladder.side(at) == ladder.side(segment.to) =>
        {
            FALL + CHIP_GAP
        }
        _ => CHIP_GAP,
    }
}
