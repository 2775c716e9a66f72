//! Atomic batches: events that are stored together or not at all.
//!
//! Published one by one, each event of a goal waits for the pub ack of the one before it: one round trip each. An
//! [atomic batch](https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md) keeps the order with
//! one round trip for the whole batch.

use std::collections::HashMap;

use async_nats::header::{HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use async_nats::jetstream::stream::Config;
use driver_events_core::Stored;
use driver_events_types::GoalId;
use tokio::time::{Instant, timeout_at};

use super::pending_acks::AckOutcome;
use super::pub_ack::PubAck;
use super::publisher::{PreparedEvent, Publisher};
use super::retry_deadline::RetryDeadline;

/// The server's default limit on the events of one batch.
const MAX_BATCH_EVENTS: usize = 1_000;
/// The server keeps an incomplete batch in memory.
const MAX_BATCH_BYTES: usize = 4 << 20;
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

/// Returns the number of leading events that fit into one batch, at least 1.
pub(super) fn batch_size<'a>(events: impl Iterator<Item = &'a PreparedEvent>) -> usize {
    let mut bytes = 0_usize;
    let fits = |event: &&PreparedEvent| {
        bytes = bytes.saturating_add(event.payload.len());
        bytes <= MAX_BATCH_BYTES
    };
    events.take(MAX_BATCH_EVENTS).take_while(fits).count().max(1)
}

impl Publisher {
    /// Stores all events, in order and with consecutive sequences, or none.
    ///
    /// Returns `None` if that failed: the stream is full, an event is a duplicate, the connection was lost. The events
    /// may be stored nevertheless; published one by one with the same ids, they are stored once.
    pub(super) async fn publish_atomic_batch(
        &self,
        events: &[&PreparedEvent],
        retry_deadline: &RetryDeadline,
    ) -> Option<Vec<Stored>> {
        let (last, others) = events.split_last()?;
        if !self.connection.is_connected() {
            return None;
        }
        let epoch = self.connection.epoch();
        let client = self.connection.client();
        let deadline = Instant::now() + self.settings.ack_timeout;
        let ack = self.acks.register(&last.subject, self.settings.ack_timeout);
        let id: HeaderValue = ack.unique_id().parse().ok()?;
        let headers = |event: &PreparedEvent, sequence: usize| {
            let mut headers = self.headers(&event.envelope).ok()?;
            headers.insert(NATS_BATCH_ID, id.clone());
            headers.insert(NATS_BATCH_SEQUENCE, HeaderValue::from(sequence));
            Some(headers)
        };
        for (index, event) in others.iter().enumerate() {
            let headers = headers(event, index + 1)?;
            let publish = client.publish_with_headers(event.subject.clone(), headers, event.payload.clone());
            timeout_at(deadline, publish).await.ok()?.ok()?;
        }
        // After a reconnect the batch has a gap, and the server would refuse it.
        if self.connection.epoch() != epoch {
            return None;
        }
        let mut headers = headers(last, events.len())?;
        headers.insert(NATS_BATCH_COMMIT, HeaderValue::from(NATS_BATCH_COMMIT_FINAL));
        let publish = client.publish_with_reply_and_headers(
            last.subject.clone(),
            ack.reply_subject(),
            headers,
            last.payload.clone(),
        );
        timeout_at(deadline, publish).await.ok()?.ok()?;
        let AckOutcome::Received(message) = ack.await else {
            return None;
        };
        let ack = match PubAck::parse(&message.payload, &self.stream) {
            Ok(ack) => ack,
            Err(error) => {
                tracing::debug!(?error, "atomic batch failed: publishing its events one by one");
                return None;
            }
        };
        retry_deadline.record_progress();
        let count = u64::try_from(events.len()).ok()?;
        if ack.count != Some(count) {
            return None;
        }
        // The ack has the sequence of the last event, and the sequences of a batch are consecutive.
        let first = ack.sequence.checked_sub(count - 1)?;
        Some(
            (first..=ack.sequence)
                .map(|sequence| self.stored(sequence, false))
                .collect(),
        )
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
