//! Sizes pull requests by the reader's processing rate.
//!
//! The ack wait of a message starts when the server sends it. Messages that wait in the client for a slow reader would be
//! redelivered before the reader has seen them. So the source requests no more than the reader processes in time.

use std::time::Duration;

use tokio::time::Instant;

/// Batch size while the processing rate is unknown.
const INITIAL_BATCH: usize = 32;
/// The batch size grows at most by this factor at a time.
const MAX_GROWTH_FACTOR: usize = 4;

#[derive(Debug)]
pub(super) struct Prefetch {
    max_batch: usize,
    /// Time in which the reader must process one batch; `None` if messages are not acknowledged.
    time_budget: Option<Duration>,
    batch: usize,
    /// When the reader received the message that it is processing.
    delivered_at: Option<Instant>,
    /// Processing time of the messages since the last `adapt`.
    processing_time: Duration,
    processed: u32,
}

impl Prefetch {
    pub(super) fn new(max_batch: usize, time_budget: Option<Duration>) -> Self {
        let batch = match time_budget {
            Some(_) => INITIAL_BATCH.min(max_batch),
            None => max_batch,
        };
        Self {
            max_batch,
            time_budget,
            batch,
            delivered_at: None,
            processing_time: Duration::ZERO,
            processed: 0,
        }
    }

    /// As [`new`](Self::new), with another initial batch size if one is set.
    pub(super) fn starting_with(batch: Option<usize>, max_batch: usize, time_budget: Option<Duration>) -> Self {
        let prefetch = Self::new(max_batch, time_budget);
        Self {
            batch: batch.map_or(prefetch.batch, |batch| batch.min(max_batch)),
            ..prefetch
        }
    }

    /// Returns how many messages may be requested and not yet delivered.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    pub(super) fn set_max_batch(&mut self, max_batch: usize) {
        self.max_batch = max_batch;
        self.batch = self.batch.min(max_batch);
    }

    /// Records that the reader receives a message.
    pub(super) fn delivered(&mut self, now: Instant) {
        self.delivered_at = Some(now);
    }

    /// Records that the reader requests the next message.
    pub(super) fn requested(&mut self, now: Instant) {
        if let Some(delivered_at) = self.delivered_at.take() {
            self.processing_time += now.saturating_duration_since(delivered_at);
            self.processed += 1;
        }
    }

    /// Sets the batch size by the processing rate since the last call.
    pub(super) fn adapt(&mut self) {
        let (Some(time_budget), true) = (self.time_budget, self.processed > 0) else {
            return;
        };
        let in_budget = time_budget.as_nanos() * u128::from(self.processed) / self.processing_time.as_nanos().max(1);
        let in_budget = usize::try_from(in_budget).unwrap_or(usize::MAX);
        self.batch = in_budget.min(self.batch * MAX_GROWTH_FACTOR).clamp(1, self.max_batch);
        self.processing_time = Duration::ZERO;
        self.processed = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Prefetch;

    fn process(prefetch: &mut Prefetch, messages: u32, each: Duration) {
        let mut now = Instant::now();
        for _ in 0..messages {
            prefetch.delivered(now);
            now += each;
            prefetch.requested(now);
            // Waiting for the next message is not processing time.
            now += Duration::from_secs(60);
        }
        prefetch.adapt();
    }

    #[test]
    fn batch_follows_the_processing_rate() {
        let mut prefetch = Prefetch::new(512, Some(Duration::from_secs(1)));
        assert_eq!(prefetch.batch(), 32);
        process(&mut prefetch, 32, Duration::from_millis(10));
        assert_eq!(prefetch.batch(), 100);
        process(&mut prefetch, 10, Duration::from_secs(9));
        assert_eq!(prefetch.batch(), 1);
        for batch in [4, 16, 64, 256, 512, 512] {
            process(&mut prefetch, 5, Duration::from_nanos(100));
            assert_eq!(prefetch.batch(), batch);
        }
        prefetch.adapt();
        assert_eq!(prefetch.batch(), 512, "unchanged without new measurements");
    }

    #[test]
    fn batch_is_the_maximum_without_acks() {
        let mut prefetch = Prefetch::new(512, None);
        process(&mut prefetch, 10, Duration::from_secs(9));
        assert_eq!(prefetch.batch(), 512);
    }

    #[test]
    fn batch_never_exceeds_the_maximum() {
        let mut prefetch = Prefetch::new(1, Some(Duration::from_secs(1)));
        process(&mut prefetch, 10, Duration::from_nanos(1));
        assert_eq!(prefetch.batch(), 1);
    }
}
