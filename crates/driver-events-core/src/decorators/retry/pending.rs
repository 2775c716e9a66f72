use std::collections::{HashMap, VecDeque};

use driver_events_types::GoalId;

use crate::envelope::Envelope;
use crate::sink::batch_order::BatchOrder;

/// Events of a batch that are not settled, each with its position in the batch, by goal.
pub(super) struct Pending {
    goals: HashMap<Option<GoalId>, VecDeque<Item>>,
}

pub(super) type Item = (usize, Envelope);

impl Pending {
    pub(super) fn new(envelopes: Vec<Envelope>) -> Self {
        let mut goals: HashMap<_, VecDeque<_>> = HashMap::new();
        for (index, envelope) in envelopes.into_iter().enumerate() {
            goals
                .entry(envelope.goal_id())
                .or_default()
                .push_back((index, envelope));
        }
        Self { goals }
    }

    /// Takes the events to send next, in the order of the batch: all, or the first of each goal if the sink would deliver
    /// later ones behind a failed one. Events without a goal have no order.
    pub(super) fn take(&mut self, order: BatchOrder) -> Vec<Item> {
        let mut taken = Vec::new();
        for (goal_id, items) in &mut self.goals {
            let count = match order {
                BatchOrder::BestEffort | BatchOrder::Pipelined if goal_id.is_some() => 1,
                _ => items.len(),
            };
            taken.extend(items.drain(..count.min(items.len())));
        }
        self.goals.retain(|_, items| !items.is_empty());
        taken.sort_by_key(|(index, _)| *index);
        taken
    }

    /// Returns an event that [`take`](Self::take) took. The last one comes first.
    pub(super) fn put_back(&mut self, (index, envelope): Item) {
        let items = self.goals.entry(envelope.goal_id()).or_default();
        items.push_front((index, envelope));
    }

    /// Takes all events of a goal.
    pub(super) fn remove(&mut self, goal_id: Option<GoalId>) -> VecDeque<Item> {
        self.goals.remove(&goal_id).unwrap_or_default()
    }
}
