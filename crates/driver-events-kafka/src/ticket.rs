//! What travels with a record through librdkafka, and comes back with its delivery report.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::OwnedMessage;

use crate::flights::{Flight, Flights};

/// What came of a record.
#[derive(Debug)]
pub(crate) enum Report {
    /// It is stored, as far as the broker was asked to tell.
    Stored { partition: i32, offset: i64 },
    /// It is not, or nobody knows.
    Failed(Failed),
}

/// Why a record is not stored, as far as anybody knows.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: RDKafkaErrorCode,
    /// Otherwise it was refused, and certainly not sent.
    pub(crate) was_queued: bool,
    /// The record, where that may still be delivered: there was no room for it, or its producer broke down.
    pub(crate) record: Option<Box<OwnedMessage>>,
}

/// Shared by librdkafka, which is to report on a record, and whoever waits for that.
///
/// The memory is usually given back by the one who waits, and had it: between threads that is slow.
#[derive(Debug)]
pub(crate) struct Ticket {
    state: Mutex<State>,
    flight: Flight,
}

#[derive(Debug)]
enum State {
    UnderWay(Option<Waker>),
    Reported(Report),
    /// The report was taken.
    Over,
}

impl Ticket {
    pub(crate) fn new(flight: Flight) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::UnderWay(None)),
            flight,
        })
    }

    /// Tells what came of the record.
    pub(crate) fn settle(&self, report: Report, flights: &Flights) {
        // Whoever is told finds it landed.
        flights.land(self.flight);
        let before = std::mem::replace(&mut *self.state(), State::Reported(report));
        if let State::UnderWay(Some(waker)) = before {
            waker.wake();
        }
    }

    /// The record was not put into the queue.
    pub(crate) fn give_up(&self, flights: &Flights) {
        flights.land(self.flight);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Report> {
        let mut state = self.state();
        match &mut *state {
            State::UnderWay(Some(waker)) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
            State::UnderWay(nobody) => {
                *nobody = Some(context.waker().clone());
                Poll::Pending
            }
            State::Reported(_) | State::Over => match std::mem::replace(&mut *state, State::Over) {
                State::Reported(report) => Poll::Ready(report),
                _ => Poll::Ready(Report::Failed(Failed {
                    code: RDKafkaErrorCode::Fail,
                    was_queued: true,
                    record: None,
                })),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the report, which is given once. Cancel safe.
#[derive(Debug)]
pub(crate) struct Awaited(pub(crate) Arc<Ticket>);

impl Future for Awaited {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report> {
        self.0.poll(context)
    }
}
