//! How many records are under way, so that one can wait for those that are, and not for those that follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};

/// The records of one producer.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// Those that started before this number last rose, and those that started after, stand in different places of
    /// `counts`.
    round: AtomicUsize,
    counts: [AtomicUsize; 2],
    landed: Notify,
    /// One waits at a time.
    turn: Mutex<()>,
}

/// Some records that are under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    place: usize,
    records: usize,
}

impl Flights {
    pub(crate) fn start(self: &Arc<Self>, records: usize) -> Flight {
        let place = self.round.load(Ordering::SeqCst) % 2;
        self.count(place).fetch_add(records, Ordering::SeqCst);
        Flight {
            flights: Arc::clone(self),
            place,
            records,
        }
    }

    pub(crate) fn under_way(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Waits until all that are under way now have landed. To try again from the beginning may take for ever while new
    /// ones follow: keep the future until it ends.
    pub(crate) async fn all_landed(&self) {
        let _turn = self.turn.lock().await;
        // One that was about to start when the round ended counts in the place of the next.
        for _ in 0..2 {
            let place = self.round.fetch_add(1, Ordering::SeqCst) % 2;
            loop {
                let landed = self.landed.notified();
                if self.count(place).load(Ordering::SeqCst) == 0 {
                    break;
                }
                landed.await;
            }
        }
    }

    fn count(&self, place: usize) -> &AtomicUsize {
        let [even, odd] = &self.counts;
        if place == 0 { even } else { odd }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let before = self.flights.count(self.place).fetch_sub(self.records, Ordering::SeqCst);
        if before == self.records {
            self.flights.landed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use super::Flights;

    #[test]
    fn one_waits_for_those_that_are_under_way_and_not_for_those_that_follow() {
        let flights = Arc::<Flights>::default();
        let mut context = Context::from_waker(Waker::noop());
        let (first, batch) = (flights.start(1), flights.start(5));
        let mut landed = pin!(flights.all_landed());
        assert!(landed.as_mut().poll(&mut context).is_pending());
        let mut following = flights.start(1);
        drop(first);
        assert!(landed.as_mut().poll(&mut context).is_pending());
        drop(batch);
        // New ones never stop.
        for _ in 0..3 {
            following = flights.start(1);
            if landed.as_mut().poll(&mut context).is_ready() {
                assert_eq!(flights.under_way(), 1);
                drop(following);
                return;
            }
        }
        panic!("it waits for {following:?}");
    }
}
