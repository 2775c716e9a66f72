//! The topic for rejected records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SetupError, SourceError, SourceErrorKind};
use rdkafka::ClientConfig;
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use crate::client::context::Context;
use crate::client::creation;
use crate::client::detached::drop_detached;
use crate::client::properties::{self, Acks};
use crate::client::state::KafkaState;
use crate::client::tokens::{TokenCache, TokenProvider};
use crate::wire::topic_naming::validate_topic_name;

/// Timeout for space in the producer's queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);

/// Produces rejected records unchanged to a topic, with headers for their origin and the reason.
pub(super) struct DeadLetters {
    topic: Arc<str>,
    /// `None` while it is dropped.
    producer: Option<FutureProducer<Context<()>>>,
}

/// A record that may become a dead letter.
#[derive(Debug)]
pub(super) struct DeadLetter(OwnedMessage);

impl DeadLetters {
    /// Creates a producer with the connection properties of the consumer.
    ///
    /// # Errors
    /// The topic's name or a property is invalid.
    pub(super) fn new(
        topic: &str,
        consumer: &ClientConfig,
        token: Option<Arc<TokenProvider>>,
    ) -> Result<Self, SetupError> {
        validate_topic_name(topic).map_err(SetupError::invalid)?;
        let config = properties::producer(properties::connection(consumer), Acks::All)?;
        let context = Context::new(KafkaState::default(), TokenCache::new(token, &config)?, ());
        Ok(Self {
            topic: topic.into(),
            producer: Some(creation::create(&config, context)?),
        })
    }

    /// Produces the record and waits for its delivery report.
    pub(super) async fn send(&self, letter: DeadLetter, why: &str) -> Result<(), SourceError> {
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
            return Err(SourceError::new(SourceErrorKind::Closed, "the source is closed"));
        };
        match producer.send(record, Timeout::After(QUEUE_TIMEOUT)).await {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                let message = format!(
                    "cannot produce the dead letter to `{}`: the record is redelivered",
                    self.topic
                );
                Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error))
            }
        }
    }
}

impl DeadLetter {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Self {
        Self(message.detach())
    }
}

/// Drops the producer on a detached thread, since its destructor blocks.
impl Drop for DeadLetters {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            drop_detached(producer);
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
