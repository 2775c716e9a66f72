use std::collections::{BTreeMap, BTreeSet};

use crate::envelope::Envelope;

/// Events in the order of their arrival, limited by number and bytes. Terminal events are evicted last.
#[derive(Debug)]
pub(super) struct Queue {
    max_events: usize,
    max_bytes: usize,
    events: BTreeMap<u64, Queued>,
    bytes: usize,
    /// Numbers and bytes of the events that are not terminal.
    evictable: BTreeSet<u64>,
    evictable_bytes: usize,
    next_number: u64,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) envelope: Envelope,
    bytes: usize,
}

/// Which event makes room first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evict {
    Oldest,
    Newest,
}

impl Queue {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            max_events,
            max_bytes,
            events: BTreeMap::new(),
            bytes: 0,
            evictable: BTreeSet::new(),
            evictable_bytes: 0,
            next_number: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of the oldest event; without events, that of the next one.
    pub(super) fn first_number(&self) -> u64 {
        let first = self.events.first_key_value();
        first.map_or(self.next_number, |(number, _)| *number)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.events.len() < self.max_events && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    pub(super) fn push(&mut self, envelope: Envelope, bytes: usize) {
        let number = self.next_number;
        self.next_number += 1;
        self.bytes += bytes;
        if !envelope.is_terminal() {
            self.evictable.insert(number);
            self.evictable_bytes += bytes;
        }
        self.events.insert(number, Queued { envelope, bytes });
    }

    /// Removes events that are not terminal until there is room. Removes none if that is not enough.
    pub(super) fn evict(&mut self, bytes: usize, first: Evict) -> Option<Vec<Envelope>> {
        let kept = (
            self.events.len() - self.evictable.len(),
            self.bytes - self.evictable_bytes,
        );
        if kept.0 >= self.max_events || kept.1.saturating_add(bytes) > self.max_bytes {
            return None;
        }
        let mut evicted = Vec::new();
        while !self.has_room(bytes) {
            let number = match first {
                Evict::Oldest => self.evictable.first(),
                Evict::Newest => self.evictable.last(),
            };
            evicted.push(self.remove(*number?)?.envelope);
        }
        Some(evicted)
    }

    /// Removes the oldest events, terminal ones too, until there is room.
    pub(super) fn evict_terminal(&mut self, bytes: usize) -> Vec<Envelope> {
        let mut evicted = Vec::new();
        while !self.has_room(bytes)
            && let Some(queued) = self.pop()
        {
            evicted.push(queued.envelope);
        }
        evicted
    }

    /// Removes the oldest events.
    pub(super) fn take(&mut self, count: usize) -> Vec<Envelope> {
        let taken = std::iter::from_fn(|| self.pop()).take(count);
        taken.map(|queued| queued.envelope).collect()
    }

    fn pop(&mut self) -> Option<Queued> {
        let (number, _) = self.events.first_key_value()?;
        self.remove(*number)
    }

    fn remove(&mut self, number: u64) -> Option<Queued> {
        let queued = self.events.remove(&number)?;
        self.bytes -= queued.bytes;
        if self.evictable.remove(&number) {
            self.evictable_bytes -= queued.bytes;
        }
        Some(queued)
    }
}
