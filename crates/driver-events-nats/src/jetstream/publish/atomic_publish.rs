//! Whether a stream takes atomic batches, and when they are faster.

use std::collections::HashMap;

use async_nats::jetstream::stream::Config;
use driver_events_types::GoalId;

/// The server's default limit on the events of one batch.
pub(super) const MAX_BATCH_EVENTS: usize = 1_000;
/// Measured duration of an atomic batch, in round trips of single events. A single server writes the batch to disk twice
/// and syncs it; a replicated stream needs one agreement for the whole batch.
const BATCH_COST: usize = 64;
const BATCH_COST_REPLICATED: usize = 8;

/// Whether the stream allows atomic batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtomicPublish {
    Disabled,
    /// A batch takes as long as `cost` round trips of single events.
    Enabled {
        cost: usize,
    },
}

impl AtomicPublish {
    pub(super) fn of_stream(config: &Config) -> Self {
        match (config.allow_atomic_publish, config.num_replicas) {
            (false, _) => Self::Disabled,
            (true, 0 | 1) => Self::Enabled { cost: BATCH_COST },
            (true, _) => Self::Enabled {
                cost: BATCH_COST_REPLICATED,
            },
        }
    }

    /// Returns whether atomic batches are faster than publishing by goal, which takes as many round trips as the
    /// largest goal has events.
    pub(super) fn is_faster(self, goals: impl ExactSizeIterator<Item = Option<GoalId>>) -> bool {
        let Self::Enabled { cost } = self else {
            return false;
        };
        let batches = goals.len().div_ceil(MAX_BATCH_EVENTS);
        let mut events: HashMap<Option<GoalId>, usize> = HashMap::new();
        goals.for_each(|goal| *events.entry(goal).or_default() += 1);
        events.into_values().any(|events| events > batches * cost)
    }
}

#[cfg(test)]
mod tests {
    use driver_events_types::GoalId;

    use super::AtomicPublish;

    fn is_faster(atomic: AtomicPublish, events: usize, goals: usize) -> bool {
        let goals: Vec<_> = (0..goals).map(|_| Some(GoalId::new())).collect();
        let goals_of_events: Vec<_> = goals.iter().copied().cycle().take(events).collect();
        atomic.is_faster(goals_of_events.into_iter())
    }

    #[test]
    fn atomic_batches_are_faster_for_few_goals_with_many_events() {
        let single = AtomicPublish::Enabled { cost: 64 };
        assert!(is_faster(single, 1_000, 1));
        assert!(is_faster(single, 10_000, 10));
        assert!(!is_faster(single, 100_000, 1_024));
        assert!(!is_faster(single, 44, 3));
        assert!(is_faster(AtomicPublish::Enabled { cost: 8 }, 44, 3));
        assert!(!is_faster(AtomicPublish::Disabled, 100_000, 1));
        assert!(!is_faster(single, 0, 1));
    }
}
