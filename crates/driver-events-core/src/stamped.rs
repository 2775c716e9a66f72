use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_types::GoalId;
use uuid::Uuid;

use crate::attributes::{check_text, check_uri_reference};
use crate::lock::lock;
use crate::{DriverEventSink, Envelope, Guarantee, InvalidAttribute, Receipt, SinkError, Stamp};

const DEFAULT_GOAL_CAPACITY: usize = 100_000;

/// Says who publishes, and numbers the events of each goal, so that readers see gaps.
///
/// It sets the [source](Envelope::source) and the [stamp](Envelope::stamp) of every envelope where they are absent; an
/// envelope that is sent again keeps the number that its first try took. Put it at the top, above every
/// [`FanOut`](crate::FanOut), so that all sinks see the same numbers, and above every [`Filter`](crate::Filter) whose
/// readers know of it: what the filter holds back is a gap to them.
///
/// Numbers are taken in the order in which `send` is called. An event that the inner sink refuses leaves its number
/// unused: to readers it is missing, as it is. An unknown event that does not tell its goal gets no stamp.
///
/// # Runs and memory
/// A run is one life of the counters: a new `Stamped` starts a new run, named by a UUID of version 7. So that memory
/// stays bounded, the counters of all goals are given up when there are too many ([`with_goal_capacity`]); a new run
/// begins then, and readers see a restart, no duplicates.
///
/// [`with_goal_capacity`]: Self::with_goal_capacity
///
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
    /// The number that each goal's last event took.
    last: HashMap<GoalId, u64>,
}

impl<S> Stamped<S> {
    /// Wraps `inner`; `source` says who publishes, as a URI-reference.
    ///
    /// # Errors
    /// The source is no URI-reference ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986)), or empty.
    pub fn new(inner: S, source: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let source = source.into();
        check_uri_reference("source", &source)?;
        Ok(Self {
            inner,
            source,
            goal_capacity: DEFAULT_GOAL_CAPACITY,
            counters: Mutex::new(Counters::new(mint_run())),
        })
    }

    /// Names the run, which must be a new name each time that the program starts. A run that follows it because of
    /// [`with_goal_capacity`](Self::with_goal_capacity) is named by a UUID again.
    ///
    /// # Errors
    /// The name is empty or holds a control character.
    pub fn with_run(mut self, run: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let run = run.into();
        check_text("producerrun", &run)?;
        self.counters = Mutex::new(Counters::new(run));
        Ok(self)
    }

    /// Sets how many goals are counted before a new run begins: 100,000 unless set, and 1 at least. A goal takes some
    /// 50 bytes.
    #[must_use]
    pub fn with_goal_capacity(mut self, goals: usize) -> Self {
        self.goal_capacity = goals.max(1);
        self
    }

    /// The sink that is wrapped.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Gives the sink back that is wrapped.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn stamp(&self, envelope: &Envelope) {
        envelope.source_or_set(&self.source);
        if let Some(goal_id) = envelope.goal_id() {
            envelope.stamp_or_set(|| lock(&self.counters).next(goal_id, self.goal_capacity));
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
            *self = Self::new(mint_run());
        }
        let last = self.last.entry(goal_id).or_default();
        *last += 1;
        Stamp {
            run: Arc::clone(&self.run),
            sequence: *last,
        }
    }
}

fn mint_run() -> Arc<str> {
    Uuid::now_v7().to_string().into()
}

#[async_trait]
impl<S: DriverEventSink> DriverEventSink for Stamped<S> {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.stamp(&envelope);
        self.inner.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        self.inner.guarantee()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        envelopes.iter().for_each(|envelope| self.stamp(envelope));
        self.inner.send_batch(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.inner.close().await
    }
}

/// `Stamped(SOURCE, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Stamped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stamped").field(&self.source).field(&self.inner).finish()
    }
}
