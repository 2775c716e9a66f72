//! Records that are under way together, and what came of each.
//!
//! One counter and one wake-up serve a batch, however many records it has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::{Notify, oneshot};

use crate::flights::Flight;

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It is stored, as far as the broker was asked to tell.
    Stored { partition: i32, offset: i64 },
    /// It is not, or nobody knows.
    Failed(RDKafkaErrorCode),
}

#[derive(Debug)]
pub(crate) struct Batch {
    state: Mutex<State>,
    done: Notify,
    _flight: Flight,
}

#[derive(Debug)]
struct State {
    /// By the place of the record in the batch.
    reports: Vec<Option<Report>>,
    missing: usize,
}

/// Travels with a record through librdkafka, and comes back with its delivery report.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// Of a record that somebody waits for alone.
    Single(oneshot::Sender<Report>, Flight),
    /// Of a record at this place of a batch.
    Of(Arc<Batch>, usize),
}

/// The report that a single ticket will be told.
#[derive(Debug)]
pub(crate) struct Single(oneshot::Receiver<Report>);

impl Batch {
    pub(crate) fn new(records: usize, flight: Flight) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                reports: vec![None; records],
                missing: records,
            }),
            done: Notify::new(),
            _flight: flight,
        })
    }

    pub(crate) fn ticket(self: &Arc<Self>, place: usize) -> Box<Ticket> {
        Box::new(Ticket::Of(Arc::clone(self), place))
    }

    /// Waits until there is a report for each record, and gives them in the order of their places. Cancel safe.
    pub(crate) async fn reports(&self) -> Vec<Option<Report>> {
        loop {
            let done = self.done.notified();
            if let Some(reports) = self.take() {
                return reports;
            }
            done.await;
        }
    }

    pub(crate) fn settle(&self, place: usize, report: Report) {
        let mut state = self.state();
        if let Some(slot @ None) = state.reports.get_mut(place) {
            *slot = Some(report);
            state.missing -= 1;
        }
        if state.missing == 0 {
            drop(state);
            self.done.notify_waiters();
        }
    }

    fn take(&self) -> Option<Vec<Option<Report>>> {
        let mut state = self.state();
        (state.missing == 0).then(|| std::mem::take(&mut state.reports))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    pub(crate) fn single(flight: Flight) -> (Box<Self>, Single) {
        let (ticket, report) = oneshot::channel();
        (Box::new(Self::Single(ticket, flight)), Single(report))
    }

    pub(crate) fn settle(self, report: Report) {
        match self {
            Self::Single(waiting, flight) => {
                drop(flight);
                // Where nobody waits any more, nobody is told.
                let _ = waiting.send(report);
            }
            Self::Of(batch, place) => batch.settle(place, report),
        }
    }
}

impl Single {
    /// Waits for the report. Cancel safe.
    pub(crate) async fn report(self) -> Option<Report> {
        self.0.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Batch, Report};
    use crate::flights::{Flight, Flights};

    fn flight(records: usize) -> Flight {
        Arc::<Flights>::default().start(records)
    }

    #[tokio::test]
    async fn reports_stand_in_their_places_whenever_they_come() {
        let batch = Batch::new(3, flight(3));
        let tickets: Vec<_> = (0..3).map(|place| batch.ticket(place)).collect();
        let waiting = tokio::spawn({
            let batch = batch.clone();
            async move { batch.reports().await }
        });
        for (offset, ticket) in tickets.into_iter().enumerate().rev() {
            let offset = i64::try_from(offset).unwrap();
            ticket.settle(Report::Stored { partition: 0, offset });
        }
        let reports = waiting.await.unwrap();
        for (place, report) in reports.into_iter().enumerate() {
            let offset = i64::try_from(place).unwrap();
            assert_eq!(report, Some(Report::Stored { partition: 0, offset }));
        }
    }

    #[tokio::test]
    async fn no_records_have_no_reports() {
        assert!(Batch::new(0, flight(0)).reports().await.is_empty());
    }
}
