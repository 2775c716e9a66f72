//! Captures `tracing` events, to assert what is logged, and that no secret is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Captures the `tracing` events of this process, at every level, with their targets and fields.
#[derive(Clone, Debug)]
pub struct CapturedTracing {
    targets: &'static [&'static str],
    part: &'static str,
    events: Arc<Mutex<Vec<(Level, String)>>>,
}

impl CapturedTracing {
    /// Installs a global subscriber that captures the events that contain `part` and whose target starts with one of
    /// `targets`. It is global because client libraries log from threads of their own.
    ///
    /// # Errors
    /// Returns an error if the process already has a global subscriber.
    pub fn install(targets: &'static [&'static str], part: &'static str) -> Result<Self> {
        let captured = Self {
            targets,
            part,
            events: Arc::default(),
        };
        tracing::subscriber::set_global_default(captured.clone())
            .context("a global subscriber is already installed")?;
        // Callsites that other tests reached before have cached that nobody is interested.
        tracing::callsite::rebuild_interest_cache();
        Ok(captured)
    }

    /// Returns whether an event of this level contains `part` and its target starts with `target`.
    #[must_use]
    pub fn contains(&self, level: Level, target: &str, part: &str) -> bool {
        let events = self.events();
        let mut of_level = events.iter().filter(|(of, _)| *of == level);
        of_level.any(|(_, text)| text.starts_with(target) && text.contains(part))
    }

    /// Returns all captured events, one per line.
    #[must_use]
    pub fn text(&self) -> String {
        let events = self.events();
        let lines = events.iter().map(|(level, text)| format!("{level} {text}\n"));
        lines.collect()
    }

    fn events(&self) -> MutexGuard<'_, Vec<(Level, String)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for CapturedTracing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.targets.iter().any(|target| metadata.target().starts_with(target))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().target().to_owned());
        event.record(&mut text);
        if text.0.contains(self.part) {
            self.events().push((*event.metadata().level(), text.0));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

/// Returns the `Debug` and `Display` texts of an error and all of its sources.
#[must_use]
pub fn error_report(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error:?} {error}"));
        source = error.source();
    }
    text
}
