//! Counts the records in flight, so that a flush waits for the records sent before it and not for later ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};

/// The records in flight of one producer, or between two.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// A flush increments it: earlier records are counted in one slot of `counts`, later ones in the other.
    epoch: AtomicUsize,
    counts: [AtomicUsize; 2],
    slot_drained: Notify,
    /// Held by the one flush that may change the epoch.
    flush: Mutex<()>,
}

/// A record in flight. Pass it to [`InFlight::finish`] exactly once.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlightRecord {
    slot: usize,
}

impl InFlight {
    pub(super) fn start(&self) -> InFlightRecord {
        let slot = self.epoch.load(Ordering::SeqCst) % 2;
        self.slot(slot).fetch_add(1, Ordering::SeqCst);
        InFlightRecord { slot }
    }

    pub(super) fn finish(&self, record: InFlightRecord) {
        if self.slot(record.slot).fetch_sub(1, Ordering::SeqCst) == 1 {
            self.slot_drained.notify_waiters();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Waits until the records in flight at the time of the call have finished.
    ///
    /// Keep polling the same future: a caller that keeps starting over may wait forever while new records are sent.
    pub(super) async fn drain(&self) {
        let _flush = self.flush.lock().await;
        // A record that read the epoch just before an earlier flush changed it is counted in the other slot, so both
        // are drained.
        for _ in 0..2 {
            let slot = self.epoch.fetch_add(1, Ordering::SeqCst) % 2;
            loop {
                let drained = self.slot_drained.notified();
                if self.slot(slot).load(Ordering::SeqCst) == 0 {
                    break;
                }
                drained.await;
            }
        }
    }

    fn slot(&self, slot: usize) -> &AtomicUsize {
        let [even, odd] = &self.counts;
        if slot == 0 { even } else { odd }
    }
}

/// A record that waits for another attempt, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Moving {
    counts: Arc<InFlight>,
    record: InFlightRecord,
}

impl Moving {
    pub(super) fn start(counts: &Arc<InFlight>) -> Self {
        Self {
            counts: Arc::clone(counts),
            record: counts.start(),
        }
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.counts.finish(self.record);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::InFlight;

    #[test]
    fn drain_waits_for_earlier_records_and_not_for_later_ones() {
        let in_flight = InFlight::default();
        let mut context = Context::from_waker(Waker::noop());
        let (first, second) = (in_flight.start(), in_flight.start());
        let mut drain = pin!(in_flight.drain());
        assert!(drain.as_mut().poll(&mut context).is_pending());
        let mut later = in_flight.start();
        in_flight.finish(first);
        assert!(drain.as_mut().poll(&mut context).is_pending());
        in_flight.finish(second);
        // There is always a later record in flight.
        for _ in 0..3 {
            let next = in_flight.start();
            in_flight.finish(std::mem::replace(&mut later, next));
            if drain.as_mut().poll(&mut context) == Poll::Ready(()) {
                assert_eq!(in_flight.count(), 1);
                in_flight.finish(later);
                return;
            }
        }
        panic!("drain waits for {later:?}");
    }
}
