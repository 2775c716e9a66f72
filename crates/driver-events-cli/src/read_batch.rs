use driver_events::{Delivery, DriverEventSource, SourceError};
use futures_util::FutureExt;

/// Limits of one batch, which bound the memory.
const MAX_BATCH_DELIVERIES: u64 = 1024;
const MAX_BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Waits for the next delivery and adds the deliveries that are ready at once, at most `limit` in total. So a slow input
/// is not delayed and a fast one is batched. An error ends the batch. The batch is empty at the end of the source.
///
/// # Cancel safety
///
/// Cancel safe: the function waits only while its batch is empty.
pub(crate) async fn read_batch(source: &mut dyn DriverEventSource, limit: u64) -> Vec<Result<Delivery, SourceError>> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut next = source.next().await;
    while let Some(item) = next {
        let raw = item.as_ref().ok().and_then(Delivery::raw);
        bytes += raw.map_or(0, |raw| raw.len() as u64);
        let is_last =
            item.is_err() || batch.len() as u64 + 1 >= limit.min(MAX_BATCH_DELIVERIES) || bytes >= MAX_BATCH_BYTES;
        batch.push(item);
        if is_last {
            break;
        }
        next = source.next().now_or_never().flatten();
    }
    batch
}

#[cfg(test)]
mod tests {
    use driver_events::NdjsonSource;

    use super::*;

    /// Returns the size of the first batch of 3,000 lines.
    async fn batch_size(line_length: usize, limit: u64) -> u64 {
        let line = "x".repeat(line_length - 1) + "\n";
        let text = line.repeat(3_000);
        let batch = read_batch(&mut NdjsonSource::new("-", text.as_bytes()), limit).await;
        batch.len() as u64
    }

    #[tokio::test]
    async fn batches_are_bounded() {
        assert_eq!(batch_size(10, 7).await, 7);
        assert_eq!(batch_size(10, u64::MAX).await, MAX_BATCH_DELIVERIES);
        assert_eq!(batch_size(64 * 1024, u64::MAX).await, MAX_BATCH_BYTES / (64 * 1024));
    }
}
