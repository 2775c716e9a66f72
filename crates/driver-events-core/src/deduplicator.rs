use std::collections::{HashSet, VecDeque};
use std::fmt;

use crate::EventId;

/// Tells events that came before from those that did not, by their ids, as far back as it remembers.
///
/// A reader that may fail asks [`contains`](Self::contains) before the work and [`is_new`](Self::is_new) after it: an
/// event whose work failed and that is delivered again is then no duplicate.
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
    known: HashSet<EventId>,
    /// From the oldest to the newest.
    order: VecDeque<EventId>,
}

impl Deduplicator {
    /// Remembers the last `capacity` new ids. An id of this library takes some 150 bytes; ids are kept as they are, so
    /// that longer ones take more.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Whether the id is new; from now on it is not, until `capacity` other ids were.
    pub fn is_new(&mut self, id: &EventId) -> bool {
        if self.contains(id) {
            return false;
        }
        self.known.insert(id.clone());
        self.order.push_back(id.clone());
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Whether the id is remembered.
    #[must_use]
    pub fn contains(&self, id: &EventId) -> bool {
        self.known.contains(id)
    }
}

impl fmt::Debug for Deduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deduplicator({} of {} ids)", self.order.len(), self.capacity)
    }
}
