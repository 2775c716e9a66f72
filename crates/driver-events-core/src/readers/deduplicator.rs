use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::envelope::Envelope;
use crate::envelope::event_id::EventId;

/// Detects duplicate events within a bounded history.
///
/// Two events are the same if both their source and their id are equal, as in
/// [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id).
///
/// A reader whose processing may fail calls [`contains`](Self::contains) before and [`insert`](Self::insert) after it, so
/// that the redelivery of a failed event is not taken for a duplicate.
///
/// ```
/// use driver_events_core::{Deduplicator, Envelope};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// let mut seen = Deduplicator::new(10_000);
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
/// assert!(seen.insert(&envelope));
/// assert!(!seen.insert(&envelope));
/// ```
#[derive(Clone)]
pub struct Deduplicator {
    capacity: usize,
    events: HashSet<Key>,
    /// From oldest to newest.
    order: VecDeque<Key>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// `None` if the event has no source.
    source: Option<Arc<str>>,
    id: EventId,
}

impl Deduplicator {
    /// Creates a deduplicator that remembers the last `capacity` new events. An event with a generated id takes 129 to 192
    /// bytes, longer ids and a source for each event take more.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            events: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Remembers the event and returns whether it was new. It is forgotten after `capacity` other new events.
    pub fn insert(&mut self, envelope: &Envelope) -> bool {
        let key = Key::of(envelope);
        if !self.events.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.events.remove(&oldest);
        }
        true
    }

    /// Returns whether the event is remembered.
    #[must_use]
    pub fn contains(&self, envelope: &Envelope) -> bool {
        self.events.contains(&Key::of(envelope))
    }
}

impl Key {
    fn of(envelope: &Envelope) -> Self {
        Self {
            source: envelope.attributes().source().cloned(),
            id: envelope.id().clone(),
        }
    }
}

impl fmt::Debug for Deduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deduplicator({} of {} events)", self.order.len(), self.capacity)
    }
}
