//! Attempts to send the events of one call.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use driver_events_core::{BatchResults, Fate, SinkError};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message as _, OwnedMessage};
use tokio::time::Instant;

use super::delivery_future::{DeliveryFailure, DeliveryFuture, DeliveryOpaque, DeliveryReport};
use super::in_flight::Moving;
use super::producer_handle::ProducerHandle;
use crate::wire::record::from_owned;

/// A call of `send` or `send_batch`.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) deadline: Option<Instant>,
    pub(super) results: BatchResults,
    pub(super) is_refusal_recorded: bool,
    /// Indexes of the events that an earlier attempt may have stored.
    maybe_stored: HashSet<usize>,
    /// Topics that refused a batch without naming a record, and none of its records alone.
    pub(super) refused_topics: HashSet<Arc<str>>,
}

impl Call {
    pub(super) fn new(events: usize, deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            results: BatchResults::new(events),
            is_refusal_recorded: false,
            maybe_stored: HashSet::new(),
            refused_topics: HashSet::new(),
        }
    }

    /// Records that the attempt that failed may have stored the event, whatever happens to the next one.
    pub(super) fn mark_maybe_stored(&mut self, index: usize) {
        self.maybe_stored.insert(index);
    }

    /// Sets the result of an event that failed for good. Its fate is that of all its attempts.
    pub(super) fn fail(&mut self, index: usize, error: SinkError) {
        let error = match self.maybe_stored.contains(&index) {
            true => error.with_fate(Fate::Unknown),
            false => error,
        };
        self.results.set(index, Err(error));
    }
}

/// The delivery future of a queued record, or why it was not queued.
pub(super) type QueueResult = Result<DeliveryFuture, Box<DeliveryFailure>>;

/// An event that is in flight, or was not queued.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    /// Index of its result.
    pub(super) index: usize,
    pub(super) topic: Arc<str>,
    pub(super) queued: QueueResult,
}

impl QueuedEvent {
    /// Returns whether its delivery report is known.
    pub(super) fn has_arrived(&self) -> bool {
        self.queued.as_ref().is_ok_and(DeliveryFuture::has_arrived)
    }
}

/// An event without a positive delivery report.
#[derive(Debug)]
pub(super) struct FailedEvent {
    pub(super) index: usize,
    pub(super) topic: Arc<str>,
    pub(super) failure: Box<DeliveryFailure>,
}

/// An event that waits for its next attempt.
#[derive(Debug)]
pub(super) struct WaitingEvent {
    pub(super) index: usize,
    pub(super) topic: Arc<str>,
    pub(super) record: Box<OwnedMessage>,
    pub(super) lane: Lane,
    pub(super) moving: Option<Moving>,
}

/// The producer that sends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// In a batch with others.
    Batched,
    /// In a batch of its own.
    Alone,
}

/// Splits waiting events, in the order of the call, into those that may be sent now and those that wait for them: the events
/// of a goal stay in order, although its events in another lane have another producer.
pub(super) fn split_round(waiting: Vec<WaitingEvent>) -> (Vec<WaitingEvent>, Vec<WaitingEvent>) {
    // The lane of each goal in this round; `None` after its first event that has to wait.
    let mut lanes = HashMap::new();
    waiting.into_iter().partition(|event| {
        let Some(goal) = event.record.key() else { return true };
        match lanes.entry((Arc::clone(&event.topic), goal.to_vec())) {
            Entry::Vacant(entry) => {
                entry.insert(Some(event.lane));
                true
            }
            Entry::Occupied(entry) if *entry.get() == Some(event.lane) => true,
            Entry::Occupied(mut entry) => {
                entry.insert(None);
                false
            }
        }
    })
}

/// Waits for the delivery report of a record that may have been queued.
pub(super) async fn report(queued: QueueResult) -> DeliveryReport {
    queued?.await
}

/// Queues a record, and waits for space while the queue is full.
pub(super) async fn queue_with_retry(
    handle: &ProducerHandle,
    mut record: Box<OwnedMessage>,
    deadline: Option<Instant>,
) -> QueueResult {
    let mut headers = record.detach_headers();
    let mut permit = None;
    loop {
        let opaque = DeliveryOpaque::new(handle.role().in_flight.start(), record.timestamp());
        let Err((code, refused)) = handle.produce(from_owned(&record, headers, Arc::clone(&opaque))) else {
            return Ok(DeliveryFuture(opaque));
        };
        headers = refused.headers;
        if code != RDKafkaErrorCode::QueueFull || !is_in_time(deadline) {
            return Err(not_queued(code, || Box::new(record.replace_headers(headers))));
        }
        match &permit {
            None => {
                handle.state().record_wait("the producer's queue is full");
                permit = handle.role().queue_full.acquire(deadline).await;
            }
            Some(permit) => permit.wait().await,
        }
    }
}

/// Returns why a record was not queued, with the record if another attempt may succeed.
pub(super) fn not_queued(code: RDKafkaErrorCode, record: impl FnOnce() -> Box<OwnedMessage>) -> Box<DeliveryFailure> {
    use RDKafkaErrorCode as Code;
    Box::new(DeliveryFailure {
        code,
        was_queued: false,
        record: matches!(code, Code::QueueFull | Code::Fatal).then(record),
        moving: None,
    })
}

/// Returns the record as the error if only the full queue refused it.
pub(super) fn take_queue_full(queued: QueueResult) -> Result<QueueResult, Box<OwnedMessage>> {
    match queued {
        Err(failure) if failure.code == RDKafkaErrorCode::QueueFull => match *failure {
            DeliveryFailure {
                record: Some(record), ..
            } => Err(record),
            failure => Ok(Err(Box::new(failure))),
        },
        queued => Ok(queued),
    }
}

pub(super) fn is_in_time(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|deadline| Instant::now() < deadline)
}
