//! Atomic batches: events that are stored together or not at all.
//!
//! Published one by one, each event of a goal waits for the pub ack of the one before it: one round trip each. An
//! [atomic batch](https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md) keeps the order with
//! one round trip for the whole batch.

use async_nats::header::{HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use driver_events_core::Stored;
use tokio::time::{Instant, timeout_at};

use super::atomic_publish::MAX_BATCH_EVENTS;
use super::pending_acks::AckOutcome;
use super::pub_ack::PubAck;
use super::publisher::{PreparedEvent, Publisher};
use super::retry_deadline::RetryDeadline;

/// The server keeps an incomplete batch in memory.
const MAX_BATCH_BYTES: usize = 4 << 20;
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
        let client = self.connection.current_client();
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
