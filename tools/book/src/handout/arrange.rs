//! Which block goes on which page of a handout: of all arrangements the one with the least against it.
//!
//! A question stands on an earlier page than its figure, and figures stand in their order, always. Everything else is a wish: code before the question that it
//! helps with, a figure on the page after its question, what ends the lesson at its end, *What to keep* behind what it would
//! give away, figures as large as they are drawn, few pages.

/// The heights of a handout's blocks, in points.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// The head, on the first page.
    pub head: f64,
    /// The questions before the figures.
    pub questions: Vec<f64>,
    /// For each figure the heights that it can have, the best drawing first.
    pub figures: Vec<Vec<f64>>,
    /// The excerpts.
    pub excerpts: Vec<f64>,
    /// The exit questions; 0 for none.
    pub exit: f64,
    /// *What to keep*; 0 for none.
    pub keep: f64,
}

/// The pages of the blocks, counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// Of the questions.
    pub questions: Vec<usize>,
    /// Of the figures, each with the drawing that was chosen.
    pub figures: Vec<(usize, usize)>,
    /// Of the excerpts.
    pub excerpts: Vec<usize>,
    /// Of the exit questions.
    pub exit: usize,
    /// Of *What to keep*.
    pub keep: usize,
}

impl Places {
    /// How many pages there are.
    pub fn pages(&self) -> usize {
        let figures = self.figures.iter().map(|(page, _)| *page);
        let all = self
            .questions
            .iter()
            .copied()
            .chain(figures)
            .chain(self.excerpts.iter().copied());
        all.chain([self.exit, self.keep]).max().unwrap_or(0) + 1
    }

    fn last_figure(&self) -> usize {
        self.figures.last().map_or(0, |(page, _)| *page)
    }
}

/// Arranges blocks on at most so many pages of this height. Where they cannot fit, as little as possible is too much.
pub fn arrange(blocks: &Blocks, most: usize, height: f64) -> Places {
    let mut search = Search {
        blocks,
        most,
        height,
        used: vec![0.0; most],
        best: (f64::INFINITY, Places::default()),
    };
    search.take(
        0,
        blocks.head,
        |search, cost| search.figure(0, cost, Places::default()),
        0.0,
    );
    search.best.1
}

struct Search<'a> {
    blocks: &'a Blocks,
    most: usize,
    height: f64,
    used: Vec<f64>,
    best: (f64, Places),
}

impl Search<'_> {
    /// Puts a block on a page, and goes on; a page that is too full costs more than any wish.
    fn take(&mut self, page: usize, points: f64, then: impl FnOnce(&mut Self, f64), cost: f64) {
        let before = (self.used[page] - self.height).max(0.0);
        self.used[page] += points;
        let after = (self.used[page] - self.height).max(0.0);
        let cost = cost + (after - before) * 100.0;
        if cost < self.best.0 {
            then(self, cost);
        }
        self.used[page] -= points;
    }

    /// The question and the figure of this number, and all that follows.
    fn figure(&mut self, index: usize, cost: f64, places: Places) {
        let (Some(&question), Some(drawings)) =
            (self.blocks.questions.get(index), self.blocks.figures.get(index))
        else {
            return self.excerpt(0, cost, places);
        };
        let before = places.last_figure();
        let first = places.questions.last().copied().unwrap_or(0);
        for asked in first..self.most - 1 {
            let early = if asked < before { 3.0 } else { 0.0 };
            let mut places = places.clone();
            places.questions.push(asked);
            let next = |search: &mut Self, cost: f64| {
                for page in before.max(asked + 1)..search.most {
                    for (drawing, &points) in drawings.iter().enumerate() {
                        let mut places = places.clone();
                        places.figures.push((page, drawing));
                        let wish = (page - asked - 1) as f64 + drawing as f64;
                        search.take(
                            page,
                            points,
                            |search, cost| search.figure(index + 1, cost, places),
                            cost + wish,
                        );
                    }
                }
            };
            self.take(asked, question, next, cost + early);
        }
    }

    fn excerpt(&mut self, index: usize, cost: f64, places: Places) {
        let Some(&points) = self.blocks.excerpts.get(index) else {
            return self.end(cost, places);
        };
        let helps = places
            .questions
            .get(index)
            .or(places.questions.last())
            .copied()
            .unwrap_or(0);
        for page in 0..self.most {
            let late = page.saturating_sub(helps) as f64 * 2.0;
            let disorder = if places.excerpts.iter().any(|&other| other > page) {
                1.0
            } else {
                0.0
            };
            let mut places = places.clone();
            places.excerpts.push(page);
            self.take(
                page,
                points,
                |search, cost| search.excerpt(index + 1, cost, places),
                cost + late + disorder,
            );
        }
    }

    fn end(&mut self, cost: f64, places: Places) {
        let (exit, keep) = (self.blocks.exit, self.blocks.keep);
        let end = places.last_figure();
        for exit_page in 0..self.most {
            let early = end.saturating_sub(exit_page) as f64;
            let mut places = places.clone();
            places.exit = exit_page;
            let next = |search: &mut Self, cost: f64| {
                for page in 0..search.most {
                    let asked = places.questions.iter().filter(|&&asked| asked >= page).count();
                    let early = if page < end { 1.0 } else { 0.0 };
                    let mut places = places.clone();
                    places.keep = page;
                    let wish = 3.0 * asked as f64 + early;
                    search.take(page, keep, |search, cost| search.done(cost, places), cost + wish);
                }
            };
            self.take(exit_page, exit, next, cost + early);
        }
    }

    fn done(&mut self, cost: f64, places: Places) {
        let cost = cost + 0.5 * places.pages() as f64;
        if cost < self.best.0 {
            self.best = (cost, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> Blocks {
        Blocks {
            head: 20.0,
            questions: vec![20.0, 20.0],
            figures: vec![vec![60.0, 40.0], vec![60.0]],
            excerpts: vec![20.0, 20.0],
            exit: 30.0,
            keep: 10.0,
        }
    }

    #[test]
    fn what_has_room_stands_in_the_order_of_the_lesson() {
        let places = arrange(&lesson(), 4, 100.0);
        assert_eq!(places.questions, [0, 1]);
        assert_eq!(places.figures, [(1, 0), (2, 0)]);
        assert_eq!(places.excerpts, [0, 0]);
        assert_eq!((places.exit, places.keep), (2, 2));
    }

    #[test]
    fn a_question_is_never_on_the_page_of_its_figure_however_little_there_is() {
        let mut blocks = lesson();
        blocks.figures = vec![vec![1.0], vec![1.0]];
        let places = arrange(&blocks, 4, 1000.0);
        for (question, (figure, _)) in places.questions.iter().zip(&places.figures) {
            assert!(question < figure, "{places:?}");
        }
    }

    #[test]
    fn a_smaller_drawing_is_taken_only_where_the_best_does_not_fit() {
        let mut blocks = lesson();
        blocks.figures[0] = vec![130.0, 60.0];
        assert_eq!(arrange(&blocks, 4, 100.0).figures[0].1, 1);
    }

    #[test]
    fn figures_stay_in_their_order() {
        let mut blocks = lesson();
        blocks.figures = vec![vec![90.0], vec![50.0]];
        blocks.head = 60.0;
        let places = arrange(&blocks, 4, 100.0);
        assert!(places.figures[0].0 <= places.figures[1].0, "{places:?}");
    }

    #[test]
    fn what_cannot_fit_is_too_much_by_as_little_as_possible() {
        let mut blocks = lesson();
        blocks.figures[1] = vec![150.0];
        let places = arrange(&blocks, 4, 100.0);
        let page = places.figures[1].0;
        let alone = !places.excerpts.contains(&page) && places.exit != page && places.keep != page;
        assert!(alone, "{places:?}");
    }
}
