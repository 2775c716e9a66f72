//! Records that were deleted before they were read.

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;

use super::consumer_handle::Consumer;
use super::offset_resets::OffsetReset;
use crate::admin::metadata::REQUEST_TIMEOUT;

/// Returns the error for the records that were missed at a reset; `None` if the log ends before the offset, as that of a
/// re-created topic does. Blocks until a broker has responded.
pub(super) fn missed_records(reset: &OffsetReset, consumer: &Consumer) -> KafkaResult<Option<SourceError>> {
    let Some(client) = consumer.client() else {
        return Ok(None);
    };
    let OffsetReset {
        topic,
        partition,
        offset,
    } = reset;
    let (first, _) = client.fetch_watermarks(topic, *partition, REQUEST_TIMEOUT)?;
    if first <= *offset {
        return Ok(None);
    }
    let (missed, last) = (first - offset, first - 1);
    let message = format!(
        "missed {missed} records of `{topic}`, partition {partition}, offsets {offset} to {last}: they were deleted \
         before they were read"
    );
    Ok(Some(SourceError::new(SourceErrorKind::Lagged, message)))
}
