//! Captures `tracing` events, to assert what is logged, and that no secret is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, ThreadId};

use anyhow::{Context, Result};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Captures `tracing` events, at every level, with their targets and fields.
///
/// All captures of a process share one global subscriber. `tracing` keeps for the whole process whether a callsite has a
/// subscriber, and asks the thread that reaches the callsite first. With a subscriber of one thread, that may be the thread of
/// another test, which has none.
#[derive(Clone, Debug)]
pub struct CapturedTracing {
    targets: &'static [&'static str],
    part: &'static str,
    thread: Option<ThreadId>,
    events: Arc<Mutex<Vec<(Level, String)>>>,
}

impl CapturedTracing {
    /// Captures, from now on, the events of all threads that contain `part` and whose target starts with one of `targets`.
    /// Client libraries log from threads of their own.
    ///
    /// # Errors
    /// Returns an error if the process has a global subscriber of another type.
    pub fn of_all_threads(targets: &'static [&'static str], part: &'static str) -> Result<Self> {
        Self::start(targets, part, None)
    }

    /// Captures, from now on, the events of the calling thread whose target starts with one of `targets`.
    ///
    /// # Errors
    /// Returns an error if the process has a global subscriber of another type.
    pub fn of_this_thread(targets: &'static [&'static str]) -> Result<Self> {
        Self::start(targets, "", Some(thread::current().id()))
    }

    fn start(targets: &'static [&'static str], part: &'static str, thread: Option<ThreadId>) -> Result<Self> {
        let captured = Self {
            targets,
            part,
            thread,
            events: Arc::default(),
        };
        let mut captures = CAPTURES.write().unwrap_or_else(PoisonError::into_inner);
        if captures.is_empty() {
            tracing::subscriber::set_global_default(AllCaptures)
                .context("the process has a global subscriber of another type")?;
            // Other tests may have reached callsites before.
            tracing::callsite::rebuild_interest_cache();
        }
        captures.push(captured.clone());
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

    fn is_interested(&self, metadata: &Metadata<'_>) -> bool {
        let of_thread = self.thread.is_none_or(|thread| thread == thread::current().id());
        of_thread && self.targets.iter().any(|target| metadata.target().starts_with(target))
    }
}

/// The captures of this process. A test ends with its process, and so does its capture.
static CAPTURES: RwLock<Vec<CapturedTracing>> = RwLock::new(Vec::new());

/// The global subscriber.
struct AllCaptures;

impl Subscriber for AllCaptures {
    /// Asks again for each event: captures are added at any time.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let captures = CAPTURES.read().unwrap_or_else(PoisonError::into_inner);
        captures.iter().any(|captured| captured.is_interested(metadata))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text(metadata.target().to_owned());
        event.record(&mut text);
        let captures = CAPTURES.read().unwrap_or_else(PoisonError::into_inner);
        for captured in captures.iter() {
            if captured.is_interested(metadata) && text.0.contains(captured.part) {
                captured.events().push((*metadata.level(), text.0.clone()));
            }
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
