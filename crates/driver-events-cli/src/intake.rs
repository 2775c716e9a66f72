use driver_events_core::{Delivery, DriverEventSource, SourceError};
use futures_util::FutureExt;

/// The most that is taken at once, in deliveries and in bytes: what bounds the memory.
const MOST_DELIVERIES: u64 = 1024;
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Waits for the next delivery and takes with it what is ready behind it, without waiting for more: a slow input flows,
/// a fast one comes in batches, of no more than `most`. Empty when the source has come to its end. An error stands last.
///
/// Cancel safe: it waits only while it holds nothing.
pub(crate) async fn take_ready(source: &mut dyn DriverEventSource, most: u64) -> Vec<Result<Delivery, SourceError>> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    let mut next = source.next().await;
    while let Some(item) = next {
        let raw = item.as_ref().ok().and_then(Delivery::raw);
        bytes += raw.map_or(0, |raw| raw.len() as u64);
        let is_last = item.is_err() || taken.len() as u64 + 1 >= most.min(MOST_DELIVERIES) || bytes >= MOST_BYTES;
        taken.push(item);
        if is_last {
            break;
        }
        next = source.next().now_or_never().flatten();
    }
    taken
}

#[cfg(test)]
mod tests {
    use driver_events_core::NdjsonSource;

    use super::*;

    /// How many lines of this length are taken at once where 3,000 are ready.
    async fn taken_at_once(line_length: usize, most: u64) -> u64 {
        let line = "x".repeat(line_length - 1) + "\n";
        let text = line.repeat(3_000);
        let taken = take_ready(&mut NdjsonSource::new("-", text.as_bytes()), most).await;
        taken.len() as u64
    }

    #[tokio::test]
    async fn what_is_taken_at_once_is_bounded() {
        assert_eq!(taken_at_once(10, 7).await, 7);
        assert_eq!(taken_at_once(10, u64::MAX).await, MOST_DELIVERIES);
        assert_eq!(taken_at_once(64 * 1024, u64::MAX).await, MOST_BYTES / (64 * 1024));
    }
}
