//! Listens to mdBook's log while it builds.
//!
//! mdBook goes on after some errors (an included file that is not there, a setting it does not know) and only logs
//! them. A book with such a page in it is not built, so the log is read here.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What was logged during a build, message by message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Errors, each followed by its causes in the same string.
    pub errors: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Runs `work` and returns what it logged on this thread at the levels error and warning.
pub fn listen<T>(work: impl FnOnce() -> T) -> (T, Heard) {
    let heard = Arc::new(Mutex::new(Heard::default()));
    let result = tracing::subscriber::with_default(
        Listener {
            heard: Arc::clone(&heard),
        },
        work,
    );
    let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    (result, heard)
}

struct Listener {
    heard: Arc<Mutex<Heard>>,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if *event.metadata().level() == Level::ERROR {
            heard.errors.push(message.0);
        } else if let (Some(cause), Some(error)) =
            (message.0.strip_prefix("Caused By: "), heard.errors.last_mut())
        {
            error.push_str(": ");
            error.push_str(cause);
        } else {
            heard.warnings.push(message.0);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_heard_with_their_causes_and_warnings_apart() {
        let (result, heard) = listen(|| {
            tracing::warn!("Caused By: nothing yet");
            tracing::error!("no {}", "cheese");
            tracing::warn!("Caused By: the mouse");
            tracing::warn!("careful");
            tracing::info!("not asked for");
            7
        });
        assert_eq!(result, 7);
        assert_eq!(heard.errors, ["no cheese: the mouse"]);
        assert_eq!(heard.warnings, ["Caused By: nothing yet", "careful"]);
    }
}
