//! Bounded waiting: nothing in this crate waits without one of these.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a case may take, and how long it waits for any one thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    end: Instant,
    patience: Duration,
}

impl Clock {
    pub(crate) fn start(limit: Duration, patience: Duration) -> Self {
        Self {
            end: Instant::now() + limit,
            patience,
        }
    }

    /// How long to wait for the next thing; zero once the case's time is up.
    pub(crate) fn patience(&self) -> Duration {
        self.at_most(self.patience)
    }

    /// So long, or what is left.
    pub(crate) fn at_most(&self, wanted: Duration) -> Duration {
        wanted.min(self.end.saturating_duration_since(Instant::now()))
    }

    /// Asks again and again until there is an answer; `None` when the clock's patience is at its end.
    pub(crate) fn until<T>(&self, answer: impl FnMut() -> Option<T>) -> Option<T> {
        until(self.patience(), answer)
    }
}

/// Asks again and again until there is an answer; `None` when `limit` has passed. Asks at least once.
pub(crate) fn until<T>(limit: Duration, mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(answer) = answer() {
            return Some(answer);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// A duration as a message says it: `5 s`, `1.25 s`, `200 ms`.
pub(crate) fn said(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1000 {
        format!("{ms} ms")
    } else if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_never_comes_is_waited_for_no_longer_than_the_limit() {
        let before = Instant::now();
        assert_eq!(until(Duration::from_millis(20), || None::<()>), None);
        assert!(before.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_case_whose_time_is_up_asks_once_and_waits_no_more() {
        let clock = Clock::start(Duration::ZERO, Duration::from_secs(60));
        assert_eq!(clock.patience(), Duration::ZERO);
        assert_eq!(clock.until(|| Some(1)), Some(1));
        assert_eq!(clock.until(|| None::<()>), None);
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        assert_eq!(said(Duration::from_millis(200)), "200 ms");
        assert_eq!(said(Duration::from_secs(5)), "5 s");
        assert_eq!(said(Duration::from_millis(1250)), "1.25 s");
    }
}
