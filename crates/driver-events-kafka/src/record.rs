use std::sync::Arc;

use bytes::Bytes;
use driver_events_core::{Envelope, SinkError};

use crate::topics::Topics;

/// An event as it is produced, but for the headers, which librdkafka keeps.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) envelope: Envelope,
    pub(crate) topic: Arc<str>,
    /// The goal: events of one goal go to one partition, which keeps their order.
    pub(crate) key: Option<String>,
    pub(crate) json: Bytes,
    /// Milliseconds since 1970.
    pub(crate) timestamp: Option<i64>,
}

impl Prepared {
    pub(crate) fn new(envelope: Envelope, topics: &Topics) -> Result<Self, SinkError> {
        let topic = topics.of(&envelope)?;
        let json = envelope.json()?.clone();
        Ok(Self {
            topic,
            key: envelope.goal_id().map(|goal_id| goal_id.to_string()),
            json,
            // Kafka knows no time before 1970.
            timestamp: envelope.time().map(|time| time.timestamp_millis().max(0)),
            envelope,
        })
    }
}
