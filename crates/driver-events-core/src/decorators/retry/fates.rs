use std::collections::HashSet;

use crate::sink::sink_error::{Fate, SinkError};

/// Positions of the events that may be delivered by an attempt that failed.
#[derive(Default)]
pub(super) struct Fates(HashSet<usize>);

impl Fates {
    /// Records a failed attempt.
    pub(super) fn record(&mut self, index: usize, error: &SinkError) {
        if error.fate() == Fate::Unknown {
            self.0.insert(index);
        }
    }

    /// Returns the last error of an event, with the fate of all attempts.
    pub(super) fn apply(&self, index: usize, error: SinkError) -> SinkError {
        match self.0.contains(&index) {
            true => error.with_fate(Fate::Unknown),
            false => error,
        }
    }
}
