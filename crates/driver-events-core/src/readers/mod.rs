//! Utilities for readers: duplicates, gaps and late events.

pub(crate) mod deduplicator;
pub(crate) mod sequence_tracker;
