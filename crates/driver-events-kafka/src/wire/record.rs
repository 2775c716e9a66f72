use driver_events_core::{Envelope, SinkError};
use driver_events_types::GoalId;
use rdkafka::Timestamp;
use rdkafka::message::{Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;
use rdkafka::util::IntoOpaque;
use uuid::Uuid;

use super::headers;

/// A record for librdkafka: it copies the bytes, takes the headers, and returns the delivery opaque with the report.
pub(crate) type Record<'a, O> = BaseRecord<'a, [u8], [u8], O>;

/// The parts of an event's record except the value.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    goal_id: Option<GoalId>,
    timestamp: Timestamp,
    headers: Option<OwnedHeaders>,
}

impl EncodedEvent {
    /// Encodes an event, and appends the value to `json`.
    ///
    /// # Errors
    /// The event cannot be encoded.
    pub(crate) fn new(envelope: &Envelope, has_headers: bool, json: &mut Vec<u8>) -> Result<Self, SinkError> {
        envelope.write_json(json)?;
        let headers = match has_headers {
            true => Some(headers::write(envelope)?),
            false => None,
        };
        Ok(Self {
            goal_id: envelope.goal_id(),
            // Milliseconds since 1970. Kafka has no earlier timestamps, and librdkafka replaces 0 by the current time.
            timestamp: envelope.time().map_or(Timestamp::NotAvailable, |time| {
                Timestamp::CreateTime(time.timestamp_millis().max(1))
            }),
            headers,
        })
    }

    pub(crate) fn goal_id(&self) -> Option<GoalId> {
        self.goal_id
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Calls `work` with the record, whose key is on the stack.
    pub(crate) fn with_record<O: IntoOpaque, T>(
        self,
        topic: &str,
        value: &[u8],
        opaque: O,
        work: impl FnOnce(Record<'_, O>) -> T,
    ) -> T {
        // The key keeps the events of a goal in one partition, and so in order.
        let mut key = Uuid::encode_buffer();
        let key = self
            .goal_id
            .map(|goal_id| &*goal_id.0.hyphenated().encode_lower(&mut key));
        work(BaseRecord {
            topic,
            partition: None,
            payload: Some(value),
            key: key.map(str::as_bytes),
            timestamp: self.timestamp.to_millis(),
            headers: self.headers,
            delivery_opaque: opaque,
        })
    }
}

/// Copies a record that was not queued, for another attempt.
pub(crate) fn to_owned<O: IntoOpaque>(record: Record<'_, O>) -> Box<OwnedMessage> {
    Box::new(OwnedMessage::new(
        record.payload.map(<[u8]>::to_vec),
        record.key.map(<[u8]>::to_vec),
        record.topic.to_owned(),
        record.timestamp.map_or(Timestamp::NotAvailable, Timestamp::CreateTime),
        // The partition and offset are assigned later.
        0,
        0,
        record.headers,
    ))
}

/// Borrows a copied record for another attempt.
pub(crate) fn from_owned<O: IntoOpaque>(
    message: &OwnedMessage,
    headers: Option<OwnedHeaders>,
    opaque: O,
) -> Record<'_, O> {
    BaseRecord {
        topic: message.topic(),
        partition: None,
        payload: message.payload(),
        key: message.key(),
        timestamp: message.timestamp().to_millis(),
        headers,
        delivery_opaque: opaque,
    }
}
