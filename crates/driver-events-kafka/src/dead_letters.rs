//! Where records go that can never be worked on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use crate::context::Context;
use crate::drop_elsewhere::drop_elsewhere;

/// How long the producer may wait for room.
const PATIENCE: Duration = Duration::from_secs(30);

/// A topic that takes records as they came, with headers that say where from and why.
pub(crate) struct DeadLetters {
    topic: Arc<str>,
    /// None once it is being dropped.
    producer: Option<FutureProducer<Context<()>>>,
}

/// A record that may become a dead letter.
#[derive(Debug)]
pub(crate) struct DeadLetter(OwnedMessage);

impl DeadLetters {
    pub(crate) fn new(topic: Arc<str>, producer: FutureProducer<Context<()>>) -> Self {
        let producer = Some(producer);
        Self { topic, producer }
    }

    /// Produces the record to the topic, and waits until it is stored.
    pub(crate) async fn send(&self, letter: DeadLetter, why: &str) -> Result<(), SourceError> {
        let DeadLetter(message) = letter;
        let partition = message.partition().to_string();
        let offset = message.offset().to_string();
        let added = [
            ("dead-letter-topic", message.topic()),
            ("dead-letter-partition", &partition),
            ("dead-letter-offset", &offset),
            ("dead-letter-reason", why),
        ];
        let mut headers = message.headers().cloned().unwrap_or_else(OwnedHeaders::new);
        for (key, value) in added {
            headers = headers.insert(Header {
                key,
                value: Some(value.as_bytes()),
            });
        }
        let record = FutureRecord {
            topic: &self.topic,
            partition: None,
            payload: message.payload(),
            key: message.key(),
            timestamp: message.timestamp().to_millis(),
            headers: Some(headers),
        };
        let Some(producer) = &self.producer else {
            return Err(SourceError::new(SourceErrorKind::Closed, "the source has ended"));
        };
        match producer.send(record, Timeout::After(PATIENCE)).await {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                let message = format!(
                    "the record did not become a dead letter in {:?}, and comes again",
                    self.topic
                );
                Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error))
            }
        }
    }
}

impl DeadLetter {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        Self(message.detach())
    }
}

/// librdkafka waits for its threads when it ends.
impl Drop for DeadLetters {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            drop_elsewhere(producer);
        }
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
