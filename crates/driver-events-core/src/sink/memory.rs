use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_types::{DriverEvent, EventKind, GoalId};
use tokio::sync::Notify;

use super::DriverEventSink;
use super::receipt::{Guarantee, Receipt};
use super::sink_error::{SinkError, SinkErrorKind};
use crate::envelope::Envelope;
use crate::lock::lock;

/// Keeps events in memory in the order of their arrival: for tests of drivers.
///
/// Clones share one store: pass one to the driver and read the events through another. Like a transport, it rejects
/// events that cannot be encoded, and all events after [`close`](DriverEventSink::close).
///
/// ```
/// use std::sync::Arc;
/// use driver_events_core::{DriverEventSink, MemoryEventSink};
/// use driver_events_types::{DriverEvent, EventKind, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let events = MemoryEventSink::new();
/// let sink: Arc<dyn DriverEventSink> = Arc::new(events.clone());
///
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
///
/// let first = events.wait_for(1).await;
/// assert_eq!(first[0].kind(), "escalate");
/// assert_eq!(events.of_kind(EventKind::Progress).len(), 0);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryEventSink {
    store: Arc<Store>,
}

struct Store {
    capacity: usize,
    state: Mutex<State>,
    /// Notified of every change that `wait_for` waits for.
    changed: Notify,
}

#[derive(Default)]
struct State {
    envelopes: Vec<Envelope>,
    is_closed: bool,
}

impl MemoryEventSink {
    /// Creates a sink without a capacity limit.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(usize::MAX)
    }

    /// Creates a sink that holds at most `capacity` events and returns [`Full`](SinkErrorKind::Full) for more, until it
    /// is [drained](Self::drain).
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        Self {
            store: Arc::new(Store {
                capacity,
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// Returns all envelopes in the order of their arrival.
    #[must_use]
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.select(|_| true)
    }

    /// Returns all events in the order of their arrival, without those that this version does not know.
    #[must_use]
    pub fn events(&self) -> Vec<DriverEvent> {
        let known = |envelope: &Envelope| envelope.event().cloned();
        lock(&self.store.state).envelopes.iter().filter_map(known).collect()
    }

    /// Returns the envelopes of one goal in the order of their arrival.
    #[must_use]
    pub fn of_goal(&self, goal_id: GoalId) -> Vec<Envelope> {
        self.select(|envelope| envelope.goal_id() == Some(goal_id))
    }

    /// Returns the envelopes of one kind in the order of their arrival.
    #[must_use]
    pub fn of_kind(&self, kind: EventKind) -> Vec<Envelope> {
        self.select(|envelope| envelope.kind() == kind.as_str())
    }

    /// Returns the number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.store.state).envelopes.len()
    }

    /// Returns whether the sink holds no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes and returns all envelopes.
    pub fn drain(&self) -> Vec<Envelope> {
        std::mem::take(&mut lock(&self.store.state).envelopes)
    }

    /// Waits until the sink holds `count` events and returns the first `count`, without removing them. Returns fewer only
    /// if the sink is closed.
    ///
    /// On a bounded sink, a wait for more than its capacity ends only when the sink is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn wait_for(&self, count: usize) -> Vec<Envelope> {
        loop {
            // Created before the check, so that an event between the check and the wait is not missed.
            let changed = self.store.changed.notified();
            if let Some(first) = self.first(count) {
                return first;
            }
            changed.await;
        }
    }

    fn first(&self, count: usize) -> Option<Vec<Envelope>> {
        let state = lock(&self.store.state);
        match state.envelopes.get(..count) {
            Some(first) => Some(first.to_vec()),
            None => state.is_closed.then(|| state.envelopes.clone()),
        }
    }

    fn select(&self, condition: impl Fn(&Envelope) -> bool) -> Vec<Envelope> {
        let state = lock(&self.store.state);
        let selected = state.envelopes.iter().filter(|envelope| condition(envelope));
        selected.cloned().collect()
    }

    fn keep(&self, envelope: Envelope) -> Result<(), SinkError> {
        let mut state = lock(&self.store.state);
        if state.is_closed {
            return Err(SinkError::new(SinkErrorKind::Closed, "memory sink is closed"));
        }
        if state.envelopes.len() >= self.store.capacity {
            let message = format!("memory sink is full: capacity {}", self.store.capacity);
            return Err(SinkError::new(SinkErrorKind::Full, message));
        }
        state.envelopes.push(envelope);
        Ok(())
    }
}

#[async_trait]
impl DriverEventSink for MemoryEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        envelope.json()?;
        self.keep(envelope)?;
        self.store.changed.notify_waiters();
        Ok(Receipt::Buffered)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    async fn close(&self) -> Result<(), SinkError> {
        lock(&self.store.state).is_closed = true;
        self.store.changed.notify_waiters();
        Ok(())
    }
}

impl Default for MemoryEventSink {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEventSink({} events)", self.len())
    }
}
