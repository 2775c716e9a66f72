//! How many records are under way, so that one can wait for those that are, and not for those that follow.

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

/// A record that is under way until it is [landed](Flights::land), which everything that starts must be once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    place: usize,
}

impl Flights {
    pub(crate) fn start(&self) -> Flight {
        let place = self.round.load(Ordering::SeqCst) % 2;
        self.count(place).fetch_add(1, Ordering::SeqCst);
        Flight { place }
    }

    pub(crate) fn land(&self, flight: Flight) {
        if self.count(flight.place).fetch_sub(1, Ordering::SeqCst) == 1 {
            self.landed.notify_waiters();
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::Flights;

    #[test]
    fn one_waits_for_those_that_are_under_way_and_not_for_those_that_follow() {
        let flights = Flights::default();
        let mut context = Context::from_waker(Waker::noop());
        let (first, second) = (flights.start(), flights.start());
        let mut landed = pin!(flights.all_landed());
        assert!(landed.as_mut().poll(&mut context).is_pending());
        let mut following = flights.start();
        flights.land(first);
        assert!(landed.as_mut().poll(&mut context).is_pending());
        flights.land(second);
        // New ones never stop.
        for _ in 0..3 {
            let next = flights.start();
            flights.land(std::mem::replace(&mut following, next));
            if landed.as_mut().poll(&mut context).is_ready() {
                assert_eq!(flights.under_way(), 1);
                flights.land(following);
                return;
            }
        }
        panic!("it waits for {following:?}");
    }
}
