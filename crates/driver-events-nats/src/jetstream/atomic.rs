//! Events that are stored together or not at all: what makes one goal alone as fast as many.
//!
//! Events of one goal go one by one, each after the one before it was acknowledged, and so wait for one round trip each.
//! A [batch that is atomic](https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md) keeps the
//! order by itself, with one round trip for all of it.

use std::collections::HashMap;

use async_nats::header::{HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use async_nats::jetstream::stream::Config;
use driver_events_core::Stored;
use driver_events_types::GoalId;
use tokio::time::{Instant, timeout_at};

use super::acks::Answer;
use super::patience::Patience;
use super::publisher::{Prepared, Publisher};

/// As many events as a server takes into a batch, unless it is told otherwise.
const MOST_EVENTS: usize = 1_000;
/// The server holds a batch until it is complete.
const MOST_BYTES: usize = 4 << 20;
/// A batch takes as long as so many events that are acknowledged one after the other. A single server writes it to the
/// disk twice, and waits for the disk; replicas need one agreement for all of it.
const COST: usize = 64;
const COST_REPLICATED: usize = 8;

/// Whether the stream takes atomic batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atomic {
    No,
    /// As so many events that are acknowledged one after the other.
    Costs(usize),
}

impl Atomic {
    pub(super) fn of_stream(config: &Config) -> Self {
        match (config.allow_atomic_publish, config.num_replicas) {
            (false, _) => Self::No,
            (true, 0 | 1) => Self::Costs(COST),
            (true, _) => Self::Costs(COST_REPLICATED),
        }
    }

    /// By goals, the goal with the most events says how long it takes: as many round trips as it has events.
    pub(super) fn is_faster(self, goals: impl ExactSizeIterator<Item = Option<GoalId>>) -> bool {
        let Self::Costs(cost) = self else {
            return false;
        };
        let batches = goals.len().div_ceil(MOST_EVENTS);
        let mut events: HashMap<Option<GoalId>, usize> = HashMap::new();
        goals.for_each(|goal| *events.entry(goal).or_default() += 1);
        events.into_values().any(|events| events > batches * cost)
    }
}

/// How many of these events, from the first on, make one batch.
pub(super) fn batch_size<'a>(events: impl Iterator<Item = &'a Prepared>) -> usize {
    let mut bytes = 0_usize;
    let fits = |event: &&Prepared| {
        bytes = bytes.saturating_add(event.payload.len());
        bytes <= MOST_BYTES
    };
    // One that alone is larger makes a batch of its own.
    events.take(MOST_EVENTS).take_while(fits).count().max(1)
}

impl Publisher {
    /// Stores all of them, in order and next to each other, or none.
    ///
    /// None where that failed, for whatever reason: a full stream, an event that is stored already, a link that broke.
    /// Whether they are stored is not known then. Sent one by one, with the same ids, they are stored once.
    pub(super) async fn store_atomically(&self, events: &[&Prepared], patience: &Patience) -> Option<Vec<Stored>> {
        let (last, others) = events.split_last()?;
        if !self.connection.is_connected() {
            return None;
        }
        let epoch = self.connection.epoch();
        let client = self.connection.client();
        let deadline = Instant::now() + self.settings.ack_timeout;
        let expected = self.acks.expect(&last.subject, self.settings.ack_timeout);
        let id: HeaderValue = expected.unique().parse().ok()?;
        let headers = |event: &Prepared, sequence: usize| {
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
        // A batch with a gap would be refused; so the link is looked at before the rest is sent.
        if self.connection.epoch() != epoch {
            return None;
        }
        let mut headers = headers(last, events.len())?;
        headers.insert(NATS_BATCH_COMMIT, HeaderValue::from(NATS_BATCH_COMMIT_FINAL));
        let publish = client.publish_with_reply_and_headers(
            last.subject.clone(),
            expected.reply(),
            headers,
            last.payload.clone(),
        );
        timeout_at(deadline, publish).await.ok()?.ok()?;
        let Answer::Came(message) = expected.await else {
            return None;
        };
        let ack = match self.acknowledged(&message.payload) {
            Ok(ack) => ack,
            Err(miss) => {
                tracing::debug!(?miss, "an atomic batch was refused; its events are sent one by one");
                return None;
            }
        };
        patience.progress();
        let count = u64::try_from(events.len()).ok()?;
        if ack.count != Some(count) {
            return None;
        }
        // Nothing comes between the events of a batch, so that the last one's place tells those of the others.
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

    use super::Atomic;

    fn is_faster(atomic: Atomic, events: usize, goals: usize) -> bool {
        let goals: Vec<_> = (0..goals).map(|_| Some(GoalId::new())).collect();
        let of_events: Vec<_> = goals.iter().copied().cycle().take(events).collect();
        atomic.is_faster(of_events.into_iter())
    }

    #[test]
    fn few_goals_with_many_events_are_faster_in_atomic_batches() {
        let single = Atomic::Costs(64);
        assert!(is_faster(single, 1_000, 1));
        assert!(is_faster(single, 10_000, 10));
        assert!(!is_faster(single, 100_000, 1_024));
        assert!(!is_faster(single, 44, 3));
        assert!(is_faster(Atomic::Costs(8), 44, 3));
        assert!(!is_faster(Atomic::No, 100_000, 1));
        assert!(!is_faster(single, 0, 1));
    }
}
