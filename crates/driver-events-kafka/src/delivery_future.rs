//! The delivery opaque of a record, and the future that resolves to its delivery report.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::OwnedMessage;

use crate::in_flight::{InFlight, InFlightRecord};

/// librdkafka's delivery report on one record.
#[derive(Debug)]
pub(crate) enum DeliveryReport {
    /// Acknowledged, as `acks` requires.
    Stored { partition: i32, offset: i64 },
    /// Not stored, or its fate is unknown.
    Failed(DeliveryFailure),
}

/// Why a record has no positive delivery report.
#[derive(Debug)]
pub(crate) struct DeliveryFailure {
    pub(crate) code: RDKafkaErrorCode,
    /// `false` if librdkafka did not accept the record, so that it was certainly not sent.
    pub(crate) was_queued: bool,
    /// The record, if another attempt may deliver it: the queue was full, or the producer failed.
    pub(crate) record: Option<Box<OwnedMessage>>,
}

/// Travels with a record through librdkafka and receives its delivery report; shared with the [`DeliveryFuture`].
///
/// The future usually drops it last, on the thread that allocated it: freeing memory on another thread is slow.
#[derive(Debug)]
pub(crate) struct DeliveryOpaque {
    state: Mutex<State>,
    in_flight: InFlightRecord,
}

#[derive(Debug)]
enum State {
    InFlight(Option<Waker>),
    Reported(DeliveryReport),
    /// The future has returned the report.
    Taken,
}

impl DeliveryOpaque {
    pub(crate) fn new(in_flight: InFlightRecord) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::InFlight(None)),
            in_flight,
        })
    }

    /// Completes the future with the delivery report.
    pub(crate) fn complete(&self, report: DeliveryReport, in_flight: &InFlight) {
        // First, so that the woken task no longer sees the record in flight.
        in_flight.finish(self.in_flight);
        let before = std::mem::replace(&mut *self.state(), State::Reported(report));
        if let State::InFlight(Some(waker)) = before {
            waker.wake();
        }
    }

    /// Ends a record that librdkafka did not accept: no report follows.
    pub(crate) fn abandon(&self, in_flight: &InFlight) {
        in_flight.finish(self.in_flight);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<DeliveryReport> {
        let mut state = self.state();
        match &mut *state {
            State::InFlight(Some(waker)) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
            State::InFlight(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            State::Reported(_) | State::Taken => match std::mem::replace(&mut *state, State::Taken) {
                State::Reported(report) => Poll::Ready(report),
                _ => Poll::Ready(DeliveryReport::Failed(DeliveryFailure {
                    code: RDKafkaErrorCode::Fail,
                    was_queued: true,
                    record: None,
                })),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Never poisoned: no code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves to the delivery report, once. Cancel safe.
#[derive(Debug)]
pub(crate) struct DeliveryFuture(pub(crate) Arc<DeliveryOpaque>);

impl Future for DeliveryFuture {
    type Output = DeliveryReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DeliveryReport> {
        self.0.poll(context)
    }
}
