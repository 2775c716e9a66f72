use std::sync::Arc;

use driver_events_core::{Envelope, SinkError};

use crate::topics::Topics;

/// An event and where it goes. It is encoded when it is produced, so that what is under way before it travels meanwhile.
#[derive(Debug)]
pub(crate) struct Addressed {
    pub(crate) envelope: Envelope,
    pub(crate) topic: Arc<str>,
}

impl Addressed {
    /// # Errors
    /// As [`Topics::of`].
    pub(crate) fn new(envelope: Envelope, topics: &Topics) -> Result<Self, SinkError> {
        let topic = topics.of(&envelope)?;
        Ok(Self { envelope, topic })
    }

    /// Milliseconds since 1970. Kafka knows no time before.
    pub(crate) fn timestamp(&self) -> Option<i64> {
        self.envelope.time().map(|time| time.timestamp_millis().max(0))
    }
}
