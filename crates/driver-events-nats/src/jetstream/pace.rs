//! How many messages are asked for at once, by how fast the reader is.
//!
//! A consumer that wants answers counts the time from when it sends a message. What waits here for a slow reader would
//! come again before the reader has seen it, and again and again: so no more is asked for than it gets through in time.

use std::time::Duration;

use tokio::time::Instant;

/// How many are asked for before anything is known of the reader.
const FIRST: usize = 32;
/// By how much the number grows at a time.
const GROWTH: usize = 4;

#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    /// Within which the reader has to get through what is asked for at once; none where it has all the time.
    within: Option<Duration>,
    batch: usize,
    /// When the reader was given the message that it has in hand.
    given: Option<Instant>,
    /// For how long the reader had messages in hand, and how many, since it was last looked.
    busy: Duration,
    messages: u32,
}

impl Pace {
    pub(super) fn new(most: usize, within: Option<Duration>) -> Self {
        Self {
            most,
            within,
            batch: if within.is_some() { FIRST.min(most) } else { most },
            given: None,
            busy: Duration::ZERO,
            messages: 0,
        }
    }

    /// As many as may be asked for.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The reader is given a message.
    pub(super) fn gives(&mut self, now: Instant) {
        self.given = Some(now);
    }

    /// The reader is back for more.
    pub(super) fn is_called(&mut self, now: Instant) {
        if let Some(given) = self.given.take() {
            self.busy += now.saturating_duration_since(given);
            self.messages += 1;
        }
    }

    /// Makes the number that of the reader's pace since this was last done.
    pub(super) fn adapt(&mut self) {
        let (Some(within), true) = (self.within, self.messages > 0) else {
            return;
        };
        let fits = within.as_nanos() * u128::from(self.messages) / self.busy.as_nanos().max(1);
        let fits = usize::try_from(fits).unwrap_or(usize::MAX);
        self.batch = fits.min(self.batch * GROWTH).clamp(1, self.most);
        self.busy = Duration::ZERO;
        self.messages = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Pace;

    fn read(pace: &mut Pace, messages: u32, each: Duration) {
        let mut now = Instant::now();
        for _ in 0..messages {
            pace.gives(now);
            now += each;
            pace.is_called(now);
            // The wait for the next message is not the reader's.
            now += Duration::from_secs(60);
        }
        pace.adapt();
    }

    #[test]
    fn no_more_is_asked_for_than_the_reader_gets_through_in_time() {
        let mut pace = Pace::new(512, Some(Duration::from_secs(1)));
        assert_eq!(pace.batch(), 32);
        read(&mut pace, 32, Duration::from_millis(10));
        assert_eq!(pace.batch(), 100);
        read(&mut pace, 10, Duration::from_secs(9));
        assert_eq!(pace.batch(), 1);
        for batch in [4, 16, 64, 256, 512, 512] {
            read(&mut pace, 5, Duration::from_nanos(100));
            assert_eq!(pace.batch(), batch);
        }
        pace.adapt();
        assert_eq!(pace.batch(), 512, "nothing new is known");
    }

    #[test]
    fn a_reader_that_need_not_answer_has_all_the_time() {
        let mut pace = Pace::new(512, None);
        read(&mut pace, 10, Duration::from_secs(9));
        assert_eq!(pace.batch(), 512);
        let mut one = Pace::new(1, Some(Duration::from_secs(1)));
        read(&mut one, 10, Duration::from_nanos(1));
        assert_eq!(one.batch(), 1);
    }
}
