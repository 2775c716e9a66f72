//! Batches: events of different goals are published concurrently, events of one goal in order.

use std::collections::HashMap;
use std::iter;

use driver_events_core::{BatchResults, Envelope, Fate, Receipt, SinkError};
use driver_events_types::GoalId;
use futures_util::{StreamExt, stream};

use super::atomic_batch::batch_size;
use super::publisher::{PreparedEvent, Publisher, not_sent};
use super::retry_deadline::RetryDeadline;

type SendResult = Result<Receipt, SinkError>;

/// Events with their indexes in the batch.
type Events = Vec<(usize, PreparedEvent)>;

impl Publisher {
    /// Publishes all events, and returns one result for each, in order.
    pub(super) async fn publish_all(&self, envelopes: Vec<Envelope>) -> Vec<SendResult> {
        let mut results = BatchResults::new(envelopes.len());
        let mut events = Vec::with_capacity(envelopes.len());
        for (index, envelope) in envelopes.into_iter().enumerate() {
            match self.prepare(envelope) {
                Ok(event) => events.push((index, event)),
                Err(error) => results.set(index, Err(error)),
            }
        }
        if events.is_empty() {
            return results.into_vec();
        }
        let stream = match self.check_stream().await {
            Ok(stream) => stream,
            Err(error) => {
                let kind = error.kind();
                let others = || Err(not_sent(kind, "not sent: the stream could not be checked"));
                results.fill(iter::once(Err(error)).chain(iter::repeat_with(others)));
                return results.into_vec();
            }
        };
        let deadline = RetryDeadline::new(self.settings.retry_timeout);
        if stream
            .atomic
            .is_faster(events.iter().map(|(_, event)| event.envelope.goal_id()))
        {
            events = self.publish_in_atomic_batches(events, &deadline, &mut results).await;
        }
        self.publish_by_goal(events, &deadline, &mut results).await;
        results.into_vec()
    }

    /// Publishes atomic batches until one fails, and returns the events that are left.
    async fn publish_in_atomic_batches(
        &self,
        mut events: Events,
        deadline: &RetryDeadline,
        results: &mut BatchResults,
    ) -> Events {
        while !events.is_empty() {
            let rest = events.split_off(batch_size(events.iter().map(|(_, event)| event)));
            let batch: Vec<_> = events.iter().map(|(_, event)| event).collect();
            let Some(stored) = self.publish_atomic_batch(&batch, deadline).await else {
                events.extend(rest);
                break;
            };
            for ((index, _), stored) in events.iter().zip(stored) {
                results.set(*index, Ok(Receipt::Stored(stored)));
            }
            events = rest;
        }
        events
    }

    /// Keeps one event of each goal in flight, so that no event overtakes one that is retried.
    async fn publish_by_goal(&self, events: Events, deadline: &RetryDeadline, results: &mut BatchResults) {
        let mut goals: Vec<Events> = Vec::new();
        let mut index_of_goal: HashMap<Option<GoalId>, usize> = HashMap::new();
        for event in events {
            let index = *index_of_goal.entry(event.1.envelope.goal_id()).or_insert(goals.len());
            match goals.get_mut(index) {
                Some(goal) => goal.push(event),
                None => goals.push(vec![event]),
            }
        }
        let mut published = stream::iter(goals)
            .map(|goal| self.publish_goal(goal, deadline))
            .buffer_unordered(self.settings.window);
        while let Some(goal_results) = published.next().await {
            for (index, result) in goal_results {
                results.set(index, result);
            }
        }
    }

    async fn publish_goal(&self, events: Events, deadline: &RetryDeadline) -> Vec<(usize, SendResult)> {
        let mut results = Vec::with_capacity(events.len());
        let mut stopped = None;
        for (index, event) in events {
            let result = match stopped {
                None => self.publish(&event, deadline).await.map(Receipt::Stored),
                Some(kind) => {
                    Err(SinkError::new(kind, "not sent: an earlier event of the goal failed").with_fate(Fate::NotSent))
                }
            };
            if let Err(error) = &result {
                stopped = (!error.is_about_event()).then(|| error.kind());
            }
            results.push((index, result));
        }
        results
    }
}
