//! Where labels stand that are written along falling arrows: clear of one another, of other texts, and of other arrows, as
//! far as there is room.

/// A text's rectangle, turned about a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The point, and the direction in which the text runs, of length 1.
    pub at: (f64, f64),
    pub along: (f64, f64),
    /// From the point to the edges: along the text, and across it, where down is positive.
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Area {
    /// Of a text that runs level, from its left edge, around the middle of its line.
    pub fn level(left: f64, width: f64, middle: f64, height: f64) -> Area {
        Area {
            at: (left, middle),
            along: (1.0, 0.0),
            left: 0.0,
            right: width,
            top: -height / 2.0,
            bottom: height / 2.0,
        }
    }

    fn covers(&self, (x, y): (f64, f64)) -> bool {
        let (dx, dy) = (x - self.at.0, y - self.at.1);
        let (ux, uy) = self.along;
        let (right, down) = (dx * ux + dy * uy, dy * ux - dx * uy);
        (self.left..=self.right).contains(&right) && (self.top..=self.bottom).contains(&down)
    }

    fn point(&self, right: f64, down: f64) -> (f64, f64) {
        let (ux, uy) = self.along;
        (
            self.at.0 + right * ux - down * uy,
            self.at.1 + right * uy + down * ux,
        )
    }

    /// Points all over it, no further apart than the strokes of its letters are thick and wide.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        const APART: f64 = 4.0;
        let steps = |from: f64, to: f64| {
            let count = ((to - from) / APART).ceil().max(1.0);
            (0..=count as usize).map(move |step| from + (to - from) * step as f64 / count)
        };
        steps(self.left, self.right)
            .flat_map(move |right| steps(self.top, self.bottom).map(move |down| self.point(right, down)))
    }
}

/// A straight line from one point to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub from: (f64, f64),
    pub to: (f64, f64),
}

impl Line {
    fn distance(&self, (x, y): (f64, f64)) -> f64 {
        let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let length = (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
        let share = ((x - self.from.0) * dx + (y - self.from.1) * dy) / length;
        let share = share.clamp(0.0, 1.0);
        (x - self.from.0 - share * dx).hypot(y - self.from.1 - share * dy)
    }
}

/// A label that can be moved along its arrow.
#[derive(Clone, Debug)]
pub struct Label {
    /// What is drawn of its arrow.
    pub arrow: Line,
    /// Where it may stand, what it likes best first: the areas it would take.
    pub choices: Vec<Area>,
}

/// How close a text may come to a line that is not its own.
const CLOSE: f64 = 2.0;

/// What it costs where a point of a label lies on another text, or close to another arrow, and for each choice that is
/// passed over. A text over a text can be read no more; a line through a text can be endured.
const ON_A_TEXT: f64 = 20.0;
const ON_A_LINE: f64 = 2.0;
const ANOTHER_CHOICE: f64 = 0.5;

/// Which choice each label takes. One after another takes the best that the others leave it, and all do so again, since
/// those behind had not been there yet.
pub fn choose(labels: &[Label], texts: &[Area]) -> Vec<usize> {
    const ROUNDS: usize = 3;
    let mut taken: Vec<Option<usize>> = vec![None; labels.len()];
    // What does not depend on other labels is computed once.
    let fixed: Vec<Vec<f64>> = labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            let others = || labels.iter().enumerate().filter(|(other, _)| *other != index);
            let choices = label.choices.iter().enumerate();
            choices
                .map(|(choice, area)| {
                    let points = area.points().map(|point| {
                        let on_a_text = texts.iter().filter(|text| text.covers(point)).count();
                        let on_a_line = others()
                            .filter(|(_, other)| other.arrow.distance(point) < CLOSE)
                            .count();
                        ON_A_TEXT * on_a_text as f64 + ON_A_LINE * on_a_line as f64
                    });
                    ANOTHER_CHOICE * choice as f64 + points.sum::<f64>()
                })
                .collect()
        })
        .collect();
    for _ in 0..ROUNDS {
        for (index, label) in labels.iter().enumerate() {
            let others: Vec<Area> = (0..labels.len())
                .filter(|other| *other != index)
                .filter_map(|other| labels[other].choices.get(taken[other]?).copied())
                .collect();
            let cost = |choice: usize| {
                let area = &label.choices[choice];
                let covered = area
                    .points()
                    .map(|point| others.iter().filter(|other| other.covers(point)).count())
                    .sum::<usize>();
                fixed[index][choice] + ON_A_TEXT * covered as f64
            };
            taken[index] = (0..label.choices.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        }
    }
    taken.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A label 40 wide over a level arrow 100 long, which likes the middle best.
    fn label(y: f64) -> Label {
        let area = |left| Area::level(left, 40.0, y - 7.0, 12.0);
        Label {
            arrow: Line {
                from: (0.0, y),
                to: (100.0, y),
            },
            choices: vec![area(30.0), area(0.0), area(60.0)],
        }
    }

    #[test]
    fn with_room_everybody_has_its_first_choice() {
        assert_eq!(choose(&[label(0.0), label(30.0)], &[]), [0, 0]);
    }

    #[test]
    fn a_text_is_avoided() {
        let text = Area::level(45.0, 10.0, -7.0, 12.0);
        assert_eq!(choose(&[label(0.0)], &[text]), [1]);
    }

    #[test]
    fn labels_part_and_none_is_hidden() {
        let labels = [label(0.0), label(3.0)];
        let [a, b] = choose(&labels, &[])[..] else {
            panic!("two labels")
        };
        assert_ne!(a, b);
        let (a, b) = (&labels[0].choices[a], &labels[1].choices[b]);
        assert!(!a.points().any(|point| b.covers(point)), "{a:?} {b:?}");
    }

    #[test]
    fn a_crossing_arrow_is_avoided() {
        let mut crossing = label(0.0);
        crossing.arrow = Line {
            from: (50.0, -50.0),
            to: (50.0, 50.0),
        };
        crossing.choices = vec![Area::level(200.0, 1.0, 0.0, 1.0)];
        assert_eq!(choose(&[label(0.0), crossing], &[]), [1, 0]);
    }

    #[test]
    fn an_area_is_turned_with_its_text() {
        // Downwards: what was on the right is below, what was above is on the right.
        let area = Area {
            at: (10.0, 10.0),
            along: (0.0, 1.0),
            left: 0.0,
            right: 20.0,
            top: -5.0,
            bottom: -1.0,
        };
        assert!(area.covers((13.0, 25.0)) && !area.covers((7.0, 25.0)) && !area.covers((13.0, 35.0)));
        assert!(area.points().all(|point| area.covers(point)));
    }
}
