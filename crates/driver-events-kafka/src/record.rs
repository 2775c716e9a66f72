use std::sync::Arc;

use driver_events_core::{Envelope, SinkError};
use driver_events_types::GoalId;
use rdkafka::Timestamp;
use rdkafka::message::{Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;
use uuid::Uuid;

use crate::headers;
use crate::ticket::Ticket;

/// What librdkafka is given: bytes that it copies, headers that it takes, and the ticket that comes back.
pub(crate) type Record<'a> = BaseRecord<'a, [u8], [u8], Arc<Ticket>>;

/// What a record has of its event beside the value.
#[derive(Debug)]
pub(crate) struct Encoded {
    goal_id: Option<GoalId>,
    timestamp: Option<i64>,
    headers: Option<OwnedHeaders>,
}

impl Encoded {
    /// Appends the value to `json`. The event is not needed any more then.
    ///
    /// # Errors
    /// It cannot be a record.
    pub(crate) fn new(envelope: &Envelope, has_headers: bool, json: &mut Vec<u8>) -> Result<Self, SinkError> {
        envelope.write_json(json)?;
        let headers = match has_headers {
            true => Some(headers::write(envelope)?),
            false => None,
        };
        Ok(Self {
            goal_id: envelope.goal_id(),
            // Milliseconds since 1970. Kafka knows no time before.
            timestamp: envelope.time().map(|time| time.timestamp_millis().max(0)),
            headers,
        })
    }

    /// Lends the record: its key is made for the call alone.
    pub(crate) fn with_record<T>(
        self,
        topic: &str,
        value: &[u8],
        ticket: Arc<Ticket>,
        work: impl FnOnce(Record<'_>) -> T,
    ) -> T {
        // Events of one goal go to one partition, which keeps their order.
        let mut key = Uuid::encode_buffer();
        let key = self
            .goal_id
            .map(|goal_id| &*goal_id.0.hyphenated().encode_lower(&mut key));
        work(BaseRecord {
            topic,
            partition: None,
            payload: Some(value),
            key: key.map(str::as_bytes),
            timestamp: self.timestamp,
            headers: self.headers,
            delivery_opaque: ticket,
        })
    }
}

/// Keeps a record that was not put into the queue, to try it again.
pub(crate) fn keep(record: Record<'_>) -> Box<OwnedMessage> {
    Box::new(OwnedMessage::new(
        record.payload.map(<[u8]>::to_vec),
        record.key.map(<[u8]>::to_vec),
        record.topic.to_owned(),
        record.timestamp.map_or(Timestamp::NotAvailable, Timestamp::CreateTime),
        // It has no place yet.
        0,
        0,
        record.headers,
    ))
}

/// A record that was kept, for another try with its headers.
pub(crate) fn again(kept: &OwnedMessage, headers: Option<OwnedHeaders>, ticket: Arc<Ticket>) -> Record<'_> {
    BaseRecord {
        topic: kept.topic(),
        partition: None,
        payload: kept.payload(),
        key: kept.key(),
        timestamp: kept.timestamp().to_millis(),
        headers,
        delivery_opaque: ticket,
    }
}
