use std::collections::{HashSet, VecDeque};
use std::fmt;

use crate::envelope::attributes::EventId;

/// Detects duplicate events by their ids, within a bounded history.
///
/// A reader whose processing may fail calls [`contains`](Self::contains) before and [`is_new`](Self::is_new) after it, so
/// that the redelivery of a failed event is not taken for a duplicate.
///
/// ```
/// use driver_events_core::{Deduplicator, EventId};
///
/// let mut seen = Deduplicator::new(10_000);
/// let id = EventId::new("42")?;
/// assert!(seen.is_new(&id));
/// assert!(!seen.is_new(&id));
/// # Ok::<(), driver_events_core::InvalidAttribute>(())
/// ```
#[derive(Clone)]
pub struct Deduplicator {
    capacity: usize,
    ids: HashSet<EventId>,
    /// Ids from oldest to newest.
    order: VecDeque<EventId>,
}

impl Deduplicator {
    /// Creates a deduplicator that remembers the last `capacity` new ids. A generated id takes about 150 bytes, longer
    /// ids take more.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ids: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Remembers the id and returns whether it was new. The id is forgotten after `capacity` other new ids.
    pub fn is_new(&mut self, id: &EventId) -> bool {
        if self.contains(id) {
            return false;
        }
        self.ids.insert(id.clone());
        self.order.push_back(id.clone());
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    /// Returns whether the id is remembered.
    #[must_use]
    pub fn contains(&self, id: &EventId) -> bool {
        self.ids.contains(id)
    }
}

impl fmt::Debug for Deduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deduplicator({} of {} ids)", self.order.len(), self.capacity)
    }
}
