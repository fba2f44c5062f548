//! What becomes of tasks: at the edge of the drawing a line for each as long as it lives, thick while it is polled.

use std::fmt::Write as _;

use super::{
    Did, Event, Ladder, Side, Task,
    draw::Drawing,
    layout::{ASIDE, Columns, Lanes, SIZE_CODE, TASK, fitting},
    text::{cut, escape, n},
};

/// Half the height of the bar of a poll that is over in one row; it fits between the marks of its neighbours.
const HALF_BAR: f64 = 5.0;

/// The tasks of one side, each once, in the order in which they are first spoken of.
pub fn names(ladder: &Ladder, side: Side) -> Vec<&str> {
    let mut names = Vec::new();
    for row in &ladder.rows {
        if let Event::Task(task) = &row.event
            && ladder.side(task.at) == side
            && !names.contains(&task.name.as_str())
        {
            names.push(task.name.as_str());
        }
    }
    names
}

/// What becomes of a task, as a sentence without its full stop.
pub fn sentence(task: &Task, side: Side) -> String {
    let what = match (&task.did[..], &task.by) {
        ([Did::Polled, answer], _) => format!("is polled and {answer}"),
        ([Did::Woken], Some(by)) if *by == task.name => "wakes itself".into(),
        ([Did::Woken], Some(by)) => format!("is woken by {by}"),
        ([Did::Dropped], _) => "is dropped before it is ready".into(),
        (did, _) => {
            let words: Vec<&str> = did.iter().map(|did| did.as_str()).collect();
            format!("is {}", words.join(" and "))
        }
    };
    format!("the {side}’s task {} {what}", task.name)
}

/// Where the line of a side's task stands.
fn place(columns: &Columns, side: Side, index: usize) -> f64 {
    let inwards = TASK * (index as f64 + 0.5);
    match side {
        Side::Client => inwards,
        Side::Server => columns.width - inwards,
    }
}

impl Drawing<'_> {
    /// The lines of all tasks.
    pub fn tasks(&self, out: &mut String) {
        for side in Side::BOTH {
            for (index, name) in names(self.ladder, side).into_iter().enumerate() {
                self.life(out, place(self.columns, side, index), side, name);
                out.push('\n');
            }
        }
    }

    /// The life of one task. Of several of the same name it is one line, for as long as any of them lives.
    fn life(&self, out: &mut String, x: f64, side: Side, name: &str) {
        let (top, bottom) = (self.columns.head - 4.0, self.height - 4.0);
        let (mut lines, mut marks) = (String::new(), String::new());
        // Where it began to live, and where its poll began; before the first row where that is not shown.
        let (mut born, mut polled, mut alive, mut over) = (None, None, 0_usize, false);
        let line = |lines: &mut String, from: f64, to: f64| {
            let _ = write!(
                lines,
                r#"<path class="life" d="M{} {}V{}"/>"#,
                n(x),
                n(from),
                n(to)
            );
        };
        let bar = |marks: &mut String, row: usize, from: f64, to: f64| {
            let _ = write!(
                marks,
                r#"<rect class="dot" data-row="{row}" x="{}" y="{}" width="5" height="{}"/>"#,
                n(x - 2.5),
                n(from),
                n(to - from)
            );
        };
        let mut last = 0;
        for (row, (event, place)) in self.ladder.rows.iter().zip(self.places).enumerate() {
            let (Event::Task(task), y) = (&event.event, place.y) else {
                continue;
            };
            if task.name != name || self.ladder.side(task.at) != side {
                continue;
            }
            last = row;
            for did in &task.did {
                if *did == Did::Made {
                    born.get_or_insert(y);
                    (alive, over) = (alive + 1, false);
                } else if !over {
                    born.get_or_insert(top);
                }
                match did {
                    Did::Polled => polled = Some(y - HALF_BAR),
                    Did::Pending | Did::Ready => {
                        bar(&mut marks, row, polled.take().unwrap_or(top), y + HALF_BAR);
                    }
                    Did::Woken => {
                        let _ = write!(
                            marks,
                            r#"<circle class="ring" data-row="{row}" cx="{}" cy="{}" r="3.2"/>"#,
                            n(x),
                            n(y)
                        );
                    }
                    Did::Dropped => {
                        if let Some(from) = polled.take() {
                            bar(&mut marks, row, from, y);
                        }
                        let _ = write!(
                            marks,
                            r#"<path class="cross" data-row="{row}" d="M{} {}l8 8m0 -8l-8 8"/>"#,
                            n(x - 4.0),
                            n(y - 4.0)
                        );
                    }
                    Did::Made => {}
                }
                let end = match did {
                    Did::Ready => y + HALF_BAR,
                    _ => y,
                };
                // A line across is where it begins, and where it ends well.
                if matches!(did, Did::Made | Did::Ready) {
                    let _ = write!(
                        marks,
                        r#"<path data-row="{row}" d="M{} {}h9"/>"#,
                        n(x - 4.5),
                        n(end)
                    );
                }
                if matches!(did, Did::Ready | Did::Dropped) {
                    alive = alive.saturating_sub(1);
                    if alive == 0 {
                        line(&mut lines, born.take().unwrap_or(top), end);
                        over = true;
                    }
                }
            }
        }
        if let Some(from) = born {
            line(&mut lines, from, bottom);
        }
        if let Some(from) = polled {
            bar(&mut marks, last, from, bottom);
        }
        out.push_str(&lines);
        out.push_str(&marks);
    }

    /// The words for what becomes of a task: beside its line, or where a call would stand.
    pub fn task(&self, out: &mut String, task: &Task, y: f64) {
        let columns = self.columns;
        let side = self.ladder.side(task.at);
        let (x, anchor, room) = match (columns.lanes, side) {
            (Lanes::Columns | Lanes::Paper, Side::Client) => (
                columns.tasks.0 + 2.0,
                "s",
                columns.source_room(side) + columns.call,
            ),
            (Lanes::Columns | Lanes::Paper, Side::Server) => (
                columns.width - columns.tasks.1 - 2.0,
                "e",
                columns.source_room(side) + columns.call,
            ),
            (Lanes::Stacked, Side::Client) => (columns.inner.0 + ASIDE, "s", columns.call),
            (Lanes::Stacked, Side::Server) => (columns.inner.1 - ASIDE, "e", columns.call),
        };
        let _ = write!(
            out,
            r#"<text class="line {anchor}" x="{}" y="{}">{}</text>"#,
            n(x),
            n(y + 3.6),
            escape(&cut(&task.text(), fitting(room, SIZE_CODE)))
        );
    }
}
