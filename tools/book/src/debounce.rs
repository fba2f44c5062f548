//! When to build after a change: a save is several events (a temporary file, a rename, a write in two parts), and a
//! change of branch is hundreds.

use std::time::{Duration, Instant};

/// No event for this long and the save is taken to be over. Editors finish one within a few milliseconds.
pub const QUIET: Duration = Duration::from_millis(30);

/// A stream of events that does not end is not waited for longer than this.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// The changes not built yet.
#[derive(Debug, Default)]
pub struct Debounce {
    span: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Notes a change.
    pub fn note(&mut self, now: Instant) {
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// How long to wait still, zero when it is time to build; `None` when nothing changed.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let (first, last) = self.span?;
        let due = (last + QUIET).min(first + PATIENCE);
        Some(due.saturating_duration_since(now))
    }

    /// Forgets the changes, since a build takes them up.
    pub fn clear(&mut self) {
        self.span = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_changed_nothing_to_wait_for() {
        assert_eq!(Debounce::default().wait(Instant::now()), None);
    }

    #[test]
    fn each_change_starts_the_quiet_time_again() {
        let start = Instant::now();
        let mut changes = Debounce::default();
        changes.note(start);
        changes.note(start + 20 * MS);
        assert_eq!(changes.wait(start + 20 * MS), Some(QUIET));
        assert_eq!(changes.wait(start + 20 * MS + QUIET), Some(Duration::ZERO));
    }

    #[test]
    fn changes_that_never_stop_are_built_all_the_same() {
        let start = Instant::now();
        let mut changes = Debounce::default();
        let mut now = start;
        while now < start + PATIENCE {
            changes.note(now);
            now += 10 * MS;
        }
        assert_eq!(changes.wait(now), Some(Duration::ZERO));
        changes.clear();
        assert_eq!(changes.wait(now), None);
    }
}
