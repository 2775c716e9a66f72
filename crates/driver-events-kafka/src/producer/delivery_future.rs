//! The delivery opaque of a record, and the future that resolves to its delivery report.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rdkafka::Timestamp;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, OwnedMessage};

use super::in_flight::{InFlight, InFlightRecord, Moving};

/// librdkafka's delivery report on one record. A failure is boxed, since every event in flight has space for its report.
pub(super) type DeliveryReport = Result<StoredRecord, Box<DeliveryFailure>>;

/// A record that was acknowledged, as `acks` requires.
#[derive(Debug)]
pub(super) struct StoredRecord {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A record that was not stored, or whose fate is unknown.
#[derive(Debug)]
pub(super) struct DeliveryFailure {
    pub(super) code: RDKafkaErrorCode,
    /// `false` if librdkafka did not accept the record, so that it was certainly not sent.
    pub(super) was_queued: bool,
    /// The record, if another attempt, a new producer or a batch of its own may deliver it.
    pub(super) record: Option<Box<OwnedMessage>>,
    /// Counts a record that was queued until its next attempt.
    pub(super) moving: Option<Moving>,
}

/// Travels with a record through librdkafka and receives its delivery report; shared with the [`DeliveryFuture`].
///
/// The future usually drops it last, on the thread that allocated it: freeing memory on another thread is slow.
#[derive(Debug)]
pub(super) struct DeliveryOpaque {
    state: Mutex<State>,
    in_flight: InFlightRecord,
    /// The record's timestamp, which librdkafka's report on a failed record lacks.
    timestamp: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    report: Option<DeliveryReport>,
    waker: Option<Waker>,
}

impl DeliveryOpaque {
    pub(super) fn new(in_flight: InFlightRecord, timestamp: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            in_flight,
            timestamp,
        })
    }

    /// Copies the failed record of a delivery report, for another attempt.
    pub(super) fn copy_failed(&self, message: &BorrowedMessage<'_>) -> Box<OwnedMessage> {
        Box::new(message.detach().set_timestamp(self.timestamp))
    }

    /// Completes the future with the delivery report.
    pub(super) fn complete(&self, report: DeliveryReport, in_flight: &InFlight) {
        // First, so that the woken task no longer sees the record in flight.
        in_flight.finish(self.in_flight);
        let mut state = self.state();
        state.report = Some(report);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends a record that librdkafka did not accept: no report follows.
    pub(super) fn abandon(&self, in_flight: &InFlight) {
        in_flight.finish(self.in_flight);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Never poisoned: no code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves to the delivery report, once. Cancel safe.
#[derive(Debug)]
pub(super) struct DeliveryFuture(pub(super) Arc<DeliveryOpaque>);

impl DeliveryFuture {
    /// Returns whether the report has arrived.
    pub(super) fn has_arrived(&self) -> bool {
        self.0.state().report.is_some()
    }
}

impl Future for DeliveryFuture {
    type Output = DeliveryReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DeliveryReport> {
        let mut state = self.0.state();
        match state.report.take() {
            Some(report) => Poll::Ready(report),
            None => {
                state
                    .waker
                    .get_or_insert_with(|| context.waker().clone())
                    .clone_from(context.waker());
                Poll::Pending
            }
        }
    }
}
