use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_types::GoalId;
use uuid::Uuid;

use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::envelope::attribute_checks::InvalidAttribute;
use crate::envelope::attribute_checks::{check_text, check_uri_reference};
use crate::envelope::attributes::Stamp;
use crate::lock::lock;
use crate::sink::DriverEventSink;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

const DEFAULT_GOAL_CAPACITY: usize = 100_000;

/// Decorator that sets the source of each event and numbers the events of each goal, so that readers can detect gaps.
///
/// Sets the [source](Envelope::source) and the [stamp](Envelope::stamp) of each envelope if they are unset, so a retry
/// keeps the number of the first attempt. Make it the outermost decorator: outside a [`FanOut`](crate::FanOut), so that
/// all sinks see the same numbers. Events that an inner [`Filter`](crate::Filter) drops appear as gaps to readers.
///
/// Numbers follow the order of the `send` calls. If the inner sink rejects an event, its number stays unused and readers
/// see a gap. An unknown event without a goal id gets no stamp.
///
/// # Runs and memory
/// Each `Stamped` starts a new run, named by a UUID of version 7. To bound memory, it drops the counters of all goals and
/// starts a new run when there are too many goals: see [`with_goal_capacity`](Self::with_goal_capacity). Readers see a
/// restart of the numbers, not duplicates.
///
/// # Examples
/// ```
/// use driver_events_core::{DriverEventSink, Envelope, MemoryEventSink, Stamped};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = Stamped::new(MemoryEventSink::new(), "urn:example:night-shift")?;
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
/// sink.send(envelope.clone()).await?;
/// assert_eq!(envelope.source(), "urn:example:night-shift");
/// assert_eq!(envelope.stamp().map(|stamp| stamp.sequence), Some(1));
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Stamped<S> {
    inner: S,
    source: Arc<str>,
    goal_capacity: usize,
    counters: Mutex<Counters>,
}

struct Counters {
    run: Arc<str>,
    /// Last number used for each goal.
    last: HashMap<GoalId, u64>,
}

impl<S> Stamped<S> {
    /// Wraps `inner`. `source` identifies the publisher as a URI reference.
    ///
    /// # Errors
    /// Returns an error if the source is empty or not a URI reference
    /// ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986)).
    pub fn new(inner: S, source: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let source = source.into();
        check_uri_reference("source", &source)?;
        Ok(Self {
            inner,
            source,
            goal_capacity: DEFAULT_GOAL_CAPACITY,
            counters: Mutex::new(Counters::new(new_run_name())),
        })
    }

    /// Sets the name of the run, which must be different each time the program starts. Default: a UUID. A later run,
    /// started because of [`with_goal_capacity`](Self::with_goal_capacity), is named by a UUID.
    ///
    /// # Errors
    /// Returns an error if the name is empty or contains a control character or a Unicode noncharacter.
    pub fn with_run(mut self, run: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let run = run.into();
        check_text("producerrun", &run)?;
        self.counters = Mutex::new(Counters::new(run));
        Ok(self)
    }

    /// Sets the maximum number of goals counted in one run, at least 1. Default: 100,000. A goal takes 28 to 56 bytes.
    #[must_use]
    pub fn with_goal_capacity(mut self, goals: usize) -> Self {
        self.goal_capacity = goals.max(1);
        self
    }

    fn stamp(&self, envelope: &Envelope) {
        // Neither fails: the constructors have checked the source and the run.
        let _ = envelope.set_source_if_unset(&self.source);
        if let Some(goal_id) = envelope.goal_id() {
            let _ = envelope.set_stamp_if_unset(|| lock(&self.counters).next(goal_id, self.goal_capacity));
        }
    }
}

impl Counters {
    fn new(run: Arc<str>) -> Self {
        Self {
            run,
            last: HashMap::new(),
        }
    }

    fn next(&mut self, goal_id: GoalId, capacity: usize) -> Stamp {
        if self.last.len() >= capacity && !self.last.contains_key(&goal_id) {
            *self = Self::new(new_run_name());
        }
        let last = self.last.entry(goal_id).or_default();
        *last += 1;
        Stamp {
            run: Arc::clone(&self.run),
            sequence: *last,
        }
    }
}

fn new_run_name() -> Arc<str> {
    Uuid::now_v7().to_string().into()
}

inner_access!(Stamped);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Stamped<S> {
    forward_to_inner!(guarantee, batch_order, name, flush, close, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.stamp(&envelope);
        self.inner.send(envelope).await
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        envelopes.iter().for_each(|envelope| self.stamp(envelope));
        self.inner.send_batch(envelopes).await
    }
}

/// Formats as `Stamped(SOURCE, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Stamped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stamped").field(&self.source).field(&self.inner).finish()
    }
}
