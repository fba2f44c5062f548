//! The middle of several measurements, and how far they lie apart.

/// Several measurements of one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least of them.
    pub least: f64,
    /// The middle one; between the two in the middle where their number is even.
    pub median: f64,
    /// The most of them.
    pub most: f64,
}

impl Spread {
    /// Of these measurements; of none, all zero.
    pub fn of(mut measured: Vec<f64>) -> Spread {
        measured.sort_by(f64::total_cmp);
        let at = |index: usize| measured.get(index).copied().unwrap_or_default();
        let middle = measured.len() / 2;
        let median = if measured.len() % 2 == 1 {
            at(middle)
        } else {
            (at(middle.saturating_sub(1)) + at(middle)) / 2.0
        };
        Spread {
            least: at(0),
            median,
            most: at(measured.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let of = |measured: &[f64]| Spread::of(measured.to_vec()).median;
        assert_eq!(of(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(of(&[]), 0.0);
    }

    #[test]
    fn the_ends_are_the_least_and_the_most() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.most), (1.0, 3.0));
    }
}
