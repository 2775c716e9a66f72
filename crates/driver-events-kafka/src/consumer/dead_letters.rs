//! The topic for rejected records.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use driver_events_core::{SetupError, SourceError, SourceErrorKind};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, OwnedMessage, Timestamp};
use rdkafka::producer::{FutureProducer, Producer as _};
use rdkafka::util::Timeout;

use super::dead_letter_record::DeadLetterRecord;
use crate::client::context::Context;
use crate::client::creation;
use crate::client::detached::{drop_detached, run_detached};
use crate::client::permissions;
use crate::client::properties::{self, Acks};
use crate::client::state::KafkaState;
use crate::client::tokens::{TokenCache, TokenProvider};
use crate::wire::topic_naming::validate_topic_name;

/// Timeout for space in the producer's queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);

/// Properties of the producer. Only the broker limits the size of a record, and it judges each record alone.
const PROPERTIES: [(&str, &str); 3] = [
    ("message.max.bytes", "1000000000"),
    ("queue.buffering.max.kbytes", "2097151"),
    ("batch.num.messages", "1"),
];

/// Produces rejected records to a topic, with headers for their origin and the reason.
pub(super) struct DeadLetters {
    topic: Arc<str>,
    config: ClientConfig,
    context: Context<()>,
    /// Replaced after a fatal error.
    producer: RwLock<Arc<LetterProducer>>,
}

/// `None` while it is dropped.
struct LetterProducer(Option<FutureProducer<Context<()>>>);

/// A record that may become a dead letter.
#[derive(Debug)]
pub(super) struct DeadLetter(DeadLetterRecord);

/// The error of a dead letter that was not produced.
#[derive(Debug)]
pub(super) enum DeadLetterError {
    /// Another attempt may succeed.
    Transient(SourceError),
    /// No dead letter can be produced until an operator has acted.
    Permanent {
        /// Text of the error, with the remedy.
        message: String,
        error: KafkaError,
    },
}

impl DeadLetters {
    /// Creates a producer with the connection properties and the state of the consumer.
    ///
    /// # Errors
    /// The topic's name or a property is invalid.
    pub(super) fn new(
        topic: &str,
        consumer: &ClientConfig,
        token: Option<Arc<TokenProvider>>,
        state: KafkaState,
    ) -> Result<Self, SetupError> {
        validate_topic_name(topic).map_err(SetupError::invalid)?;
        let mut config = properties::producer(properties::connection(consumer), Acks::All)?;
        for (name, value) in PROPERTIES {
            config.set(name, value);
        }
        let context = Context::new(state, TokenCache::new(token, &config)?, ());
        Ok(Self {
            topic: topic.into(),
            producer: RwLock::new(Arc::new(LetterProducer::new(&config, context.clone())?)),
            config,
            context,
        })
    }

    /// Produces the record and waits for its delivery report. What the broker refuses about it is left out.
    pub(super) async fn send(&self, letter: DeadLetter, why: &str) -> Result<(), DeadLetterError> {
        let DeadLetter(mut record) = letter;
        let handle = self.producer();
        let Some(producer) = &handle.0 else {
            let error = SourceError::new(SourceErrorKind::Closed, "the source is closed");
            return Err(DeadLetterError::Transient(error));
        };
        loop {
            let headers = record.headers(why);
            let produced = producer.send(
                record.future_record(&self.topic, headers),
                Timeout::After(QUEUE_TIMEOUT),
            );
            let Err((error, _)) = produced.await else {
                return Ok(());
            };
            let fatal_error = producer.client().fatal_error().map(|(code, _)| code);
            let code = fatal_error
                .or(error.rdkafka_error_code())
                .unwrap_or(RDKafkaErrorCode::Fail);
            if fatal_error.is_some() && code != RDKafkaErrorCode::ClusterAuthorizationFailed {
                self.recreate(&handle).await;
                return Err(self.transient(error));
            }
            if !record.leave_out(code) {
                return Err(self.error(code, error));
            }
        }
    }

    fn producer(&self) -> Arc<LetterProducer> {
        // Never poisoned: no code panics while it holds the lock.
        Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the producer after a fatal error, unless another call has. If that fails, so does the next dead letter, which
    /// replaces it then.
    async fn recreate(&self, failed: &Arc<LetterProducer>) {
        let (config, context) = (self.config.clone(), self.context.clone());
        // librdkafka reads files and spawns threads.
        let created = run_detached(move || LetterProducer::new(&config, context));
        let error = match created.await {
            Ok(Ok(created)) => {
                let mut producer = self.producer.write().unwrap_or_else(PoisonError::into_inner);
                if Arc::ptr_eq(&producer, failed) {
                    *producer = Arc::new(created);
                    self.context.state().count_recreation();
                    tracing::warn!("producer of dead letters re-created after a fatal error");
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let failure = format!("cannot re-create the producer of dead letters: {error}");
        tracing::error!("{failure}");
        self.context.state().record_failure(failure);
    }

    fn transient(&self, error: KafkaError) -> DeadLetterError {
        let topic = &self.topic;
        let message = format!("cannot produce the dead letter to `{topic}`: the record is redelivered");
        DeadLetterError::Transient(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error))
    }

    fn error(&self, code: RDKafkaErrorCode, error: KafkaError) -> DeadLetterError {
        let topic = &self.topic;
        if is_transient(code) {
            return self.transient(error);
        }
        let action = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
                permissions::topic("Write", topic)
            }
            RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition => "create the topic".to_owned(),
            _ => "check the topic's settings".to_owned(),
        };
        let message = format!("the broker refuses dead letters to `{topic}`: {action}, and create a new source");
        DeadLetterError::Permanent { message, error }
    }
}

impl DeadLetter {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Self {
        Self(DeadLetterRecord::new(message.detach()))
    }

    /// Returns the dead letter of records that cannot be read, with the first one's position.
    pub(super) fn of_unreadable(topic: &str, partition: i32, offset: i64) -> Self {
        let (topic, timestamp) = (topic.to_owned(), Timestamp::NotAvailable);
        let record = OwnedMessage::new(None, None, topic, timestamp, partition, offset, None);
        Self(DeadLetterRecord::new(record))
    }
}

/// Returns whether the same record may be accepted later. librdkafka itself retries for `message.timeout.ms` whatever the
/// broker may accept later, so most other codes are final.
fn is_transient(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::MessageTimedOut
            | Code::QueueFull
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::BrokerTransportFailure
            | Code::OperationTimedOut
    )
}

impl LetterProducer {
    fn new(config: &ClientConfig, context: Context<()>) -> Result<Self, SetupError> {
        creation::create(config, context).map(|producer| Self(Some(producer)))
    }
}

/// Drops the producer on a detached thread, since its destructor blocks.
impl Drop for LetterProducer {
    fn drop(&mut self) {
        if let Some(producer) = self.0.take() {
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
