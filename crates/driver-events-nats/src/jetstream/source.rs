use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Message, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Malformed, Position, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::JetStreamEventSourceBuilder;
use super::ack_subject::{self, AckSubject};
use super::api::Api;
use super::consumer::ConsumerSettings;
use super::outage::Outage;
use super::prefetch::Prefetch;
use super::pull_subscription::{PullEvent, PullSubscription};
use super::settle::{self, JetStreamSettle};
use super::stream_check::{STREAM_NOT_FOUND, look_up, lookup_error};
use crate::barrier;
use crate::connection::Connection;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, SetupErrorKind, headers};

/// Delay before a failed request to create or look up the consumer is retried.
const CONSUMER_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Interval at which a lost connection is checked.
const CONNECTION_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum batch of a pull request.
const MAX_BATCH: usize = 512;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum length of a subject in an error text, in characters.
const MAX_SUBJECT_CHARS: usize = 200;

/// Reads the events of a stream, stored and new.
///
/// # Ephemeral or durable consumer
/// Without a [durable name](JetStreamEventSourceBuilder::durable) the source uses an ephemeral consumer: it starts at a
/// position of your choice, and the server keeps no position. After a lost connection it reads on behind the last event,
/// so that each event is delivered once, in stream order. Settling a delivery has no effect.
///
/// With a durable consumer the server keeps the position, and several readers share the events. Each delivery must be
/// settled: [`ack`](Delivery::ack) when the work is done, [`nack`](Delivery::nack) to have it redelivered after a delay,
/// [`reject`](Delivery::reject) if it can never be processed. The server redelivers events that are not settled within
/// the [ack wait](JetStreamEventSourceBuilder::ack_wait). Acks are sent without waiting, so an ack may be lost with the
/// connection; [`close`](Self::close) reports whether the server has received them all. The source prefetches only as many
/// events as its reader processes well within the ack wait.
///
/// # Order
/// Events are delivered in stream order, so in order for each goal. With a durable consumer, redelivered events follow
/// later ones; to keep the order of a goal then too, set
/// [`max_in_flight`](JetStreamEventSourceBuilder::max_in_flight) to 1. A
/// [`SequenceTracker`](driver_events_core::SequenceTracker) detects missing and late events.
///
/// # Malformed messages
/// A message that is not a valid event is delivered as malformed, with its stream sequence, and the source continues.
/// [`reject`](Delivery::reject) it: the server does not redeliver it, and it becomes a [dead
/// letter](JetStreamEventSourceBuilder::dead_letters) if a subject for those is set.
///
/// Other clients may publish to the source's inbox. A message without a valid JetStream ack subject is delivered as
/// malformed too: its position and reason have the subject, and there is nothing to redeliver.
///
/// # Errors
/// - [`Disconnected`](SourceErrorKind::Disconnected): the connection has been down, or the consumer unavailable, for ten
///   seconds. Reported once; call again, the source recovers.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server rejects the credentials, or denies pull requests or acks.
///   Reported only with a connection of [`NatsOptions`](crate::NatsOptions). The source recovers when access is granted.
/// - [`Closed`](SourceErrorKind::Closed): the stream or the durable consumer was deleted, even if re-created since, or the
///   connection is closed. Then `None`.
/// - [`Fatal`](SourceErrorKind::Fatal): JetStream refuses to create another consumer. Calling again retries.
///
/// # Examples
/// ```no_run
/// use std::pin::pin;
///
/// use driver_events_core::DriverEventSource;
/// use driver_events_nats::{JetStreamEventSource, NatsOptions};
///
/// async fn read(shutdown: impl Future<Output = ()>) -> Result<(), Box<dyn std::error::Error>> {
///     let mut source = JetStreamEventSource::builder("DRIVER")
///         .options(NatsOptions::new("nats://127.0.0.1:4222"))
///         .durable("billing")
///         .build()
///         .await?;
///     let mut shutdown = pin!(shutdown);
///     let result = loop {
///         let next = tokio::select! {
///             () = &mut shutdown => break Ok(()),
///             next = source.next() => next,
///         };
///         let delivery = match next {
///             Some(Ok(delivery)) => delivery,
///             Some(Err(error)) if error.is_retryable() => {
///                 eprintln!("{error}");
///                 continue;
///             }
///             Some(Err(error)) => break Err(error),
///             None => break Ok(()),
///         };
///         let settled = match delivery.envelope() {
///             Ok(envelope) => {
///                 println!("{} {:?}", envelope.kind(), envelope.goal_id());
///                 delivery.ack().await
///             }
///             Err(malformed) => {
///                 let reason = malformed.to_string();
///                 eprintln!("{}: {reason}", delivery.position());
///                 delivery.reject(&reason).await
///             }
///         };
///         // The server redelivers the event.
///         if let Err(error) = settled {
///             eprintln!("{error}");
///         }
///     };
///     source.close().await?;
///     Ok(result?)
/// }
/// ```
pub struct JetStreamEventSource {
    connection: Connection,
    api: Api,
    stream: Arc<str>,
    consumer: ConsumerSettings,
    settings: SourceSettings,
    /// Creation time of the stream, by which a re-created stream is recognised.
    stream_created: i128,
    /// `None` while the ephemeral consumer must be re-created.
    pulls: Option<PullSubscription>,
    /// Whether the consumer must be looked up, because its heartbeats are missing.
    must_check_consumer: bool,
    /// Earliest time of the next recovery attempt.
    next_recovery: Instant,
    /// Name of the ephemeral consumer.
    ephemeral: Option<String>,
    /// Stream sequence of the last message, at first the sequence behind which the ephemeral consumer started.
    last_sequence: Option<u64>,
    /// Consumer sequence of the ephemeral consumer's next message.
    next_consumer_sequence: u64,
    /// Number of messages without a valid ack subject.
    foreign_messages: u64,
    outage: Outage,
    is_closed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SourceSettings {
    pub(super) subjects: Subjects,
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    pub(super) dead_letters: Option<Subject>,
}

impl JetStreamEventSource {
    /// Creates a builder of a source for this stream.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSourceBuilder {
        JetStreamEventSourceBuilder::new(stream.into())
    }

    pub(super) async fn start(
        connection: Connection,
        api: Api,
        stream_created: i128,
        consumer: ConsumerSettings,
        settings: SourceSettings,
    ) -> Result<Self, SetupError> {
        let mut source = Self {
            connection,
            api,
            stream: consumer.stream.as_str().into(),
            consumer,
            settings,
            stream_created,
            pulls: None,
            must_check_consumer: false,
            next_recovery: Instant::now(),
            ephemeral: None,
            last_sequence: None,
            next_consumer_sequence: 1,
            foreign_messages: 0,
            outage: Outage::default(),
            is_closed: false,
        };
        match source.consumer.durable.clone() {
            Some(name) => {
                let found = source.consumer.ensure_durable(&source.api, &name).await?;
                let max_ack_pending = usize::try_from(found.max_ack_pending)
                    .ok()
                    .filter(|pending| *pending > 0);
                let max_batch = max_ack_pending.unwrap_or(usize::MAX).min(MAX_BATCH);
                // A part of the ack wait: the processing rate varies, and acks take time.
                let time_budget = found.ack_wait / 4;
                let prefetch = Prefetch::new(max_batch, Some(time_budget));
                source.pulls = Some(source.subscribe(&name, prefetch).await?);
            }
            None => source.create_ephemeral().await?,
        }
        Ok(source)
    }

    /// Returns the connection and its state; `None` if the caller created the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.nats_connection()
    }

    /// Naks prefetched messages of a durable consumer, waits until the server has received all acks, and closes the
    /// connection if the source opened it. Without `close` the server redelivers prefetched messages only after the
    /// [ack wait](JetStreamEventSourceBuilder::ack_wait).
    ///
    /// # Errors
    /// Acks may be lost: expect redelivery.
    pub async fn close(mut self) -> Result<(), SourceError> {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        let result = match timeout_at(deadline, self.release(deadline)).await {
            Ok(result) => result,
            Err(elapsed) => Err(acks_unconfirmed(elapsed)),
        };
        if let Some(connection) = self.connection.owned() {
            let remaining = deadline.saturating_duration_since(Instant::now());
            // All acks are confirmed or reported already.
            let _ = connection.close(remaining).await;
        }
        result
    }

    async fn release(&mut self, deadline: Instant) -> Result<(), SourceError> {
        self.delete_ephemeral().await;
        self.barrier(deadline).await?;
        if let (true, Some(pulls)) = (self.consumer.durable.is_some(), self.pulls.take()) {
            // After the barrier, all messages that the server had sent are buffered.
            pulls.nak_buffered(&self.connection).await;
            self.barrier(deadline).await?;
        }
        Ok(())
    }

    /// Requests the deletion of the ephemeral consumer. If that is lost, the server deletes it after its inactive
    /// threshold.
    async fn delete_ephemeral(&mut self) {
        if let Some(name) = self.ephemeral.take() {
            let subject = self.api.subject(&format!("CONSUMER.DELETE.{}.{name}", self.stream));
            let _ = self.connection.client().publish(subject, Bytes::new()).await;
        }
    }

    async fn barrier(&self, deadline: Instant) -> Result<(), SourceError> {
        let epoch = self.connection.epoch();
        let passed = barrier::wait(&self.connection, barrier::DEFAULT_SUBJECT, epoch, deadline).await;
        passed.map(drop).map_err(acks_unconfirmed)
    }

    /// Creates an ephemeral consumer behind the last message.
    async fn create_ephemeral(&mut self) -> Result<(), SetupError> {
        self.delete_ephemeral().await;
        // Inboxes are unique, so the name is too.
        let name = self.connection.client().new_inbox().replace(['.', '*', '>'], "-");
        // Set before the request, so that the consumer is deleted even if the response is lost.
        self.ephemeral = Some(name.clone());
        let start = match self.last_sequence {
            Some(last) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            None => self.consumer.start,
        };
        let created = self.consumer.create_ephemeral(&self.api, &name, start).await;
        let sequence = created.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => lookup_error(&self.stream, error),
            _ => error.into_setup_error("cannot create an ephemeral consumer"),
        })?;
        self.last_sequence.get_or_insert(sequence);
        self.pulls = Some(self.subscribe(&name, Prefetch::new(MAX_BATCH, None)).await?);
        self.next_consumer_sequence = 1;
        Ok(())
    }

    /// Re-creates the ephemeral consumer, unless the stream was re-created.
    async fn recreate_ephemeral(&mut self) -> Result<(), SetupError> {
        let stream = look_up(&self.api, &self.stream).await?;
        if stream.created.unix_timestamp_nanos() != self.stream_created {
            let message = "the stream was re-created: its sequences start again";
            return Err(SetupError::new(SetupErrorKind::NoStream, message));
        }
        self.create_ephemeral().await
    }

    async fn subscribe(&self, consumer: &str, prefetch: Prefetch) -> Result<PullSubscription, SetupError> {
        PullSubscription::subscribe(&self.connection, &self.api, &self.stream, consumer, prefetch).await
    }

    /// Returns the delivery of a message; `None` if the filter does not select it, or if messages before it were lost.
    async fn deliver(&mut self, message: Message, ack: AckSubject) -> Option<Delivery> {
        let is_durable = self.consumer.durable.is_some();
        if !is_durable {
            if ack.consumer_sequence != self.next_consumer_sequence {
                // Messages were lost: a new consumer delivers them and all later ones.
                self.drop_ephemeral();
                return None;
            }
            self.next_consumer_sequence += 1;
            self.last_sequence = Some(ack.stream_sequence);
        }
        let subject = self.settings.subjects.strip(&message.subject);
        let content = headers::read(
            subject,
            message.headers.as_ref(),
            &message.payload,
            self.settings.limits,
        );
        let is_selected = |envelope| self.settings.filter.selects(envelope);
        if !content.as_ref().map_or(true, is_selected) {
            if is_durable {
                // If the ack is lost, the event is redelivered and skipped again.
                let _ = settle::ack(self.connection.client(), ack.subject).await;
            }
            return None;
        }
        let position = Position::Stream {
            stream: Arc::clone(&self.stream),
            sequence: ack.stream_sequence,
        };
        Some(self.with_settle(Delivery::new(content, position), Some(ack.subject), message))
    }

    /// Returns a malformed delivery for a message without a valid ack subject. Its reply subject is never published to: any
    /// client can choose it.
    fn deliver_foreign(&mut self, message: Message) -> Delivery {
        self.foreign_messages += 1;
        let shorten = |subject: &str| -> String {
            let chars = subject.chars().take(MAX_SUBJECT_CHARS);
            chars.flat_map(char::escape_debug).collect()
        };
        let subject = shorten(&message.subject);
        let reason = match &message.reply {
            Some(reply) => format!("message on `{subject}` has an invalid ack subject `{}`", shorten(reply)),
            None => format!("message on `{subject}` has no ack subject"),
        };
        let position = Position::Subject {
            subject: message.subject.as_str().into(),
            number: self.foreign_messages,
        };
        let malformed = Malformed::new(message.payload.clone(), reason, 0);
        self.with_settle(Delivery::new(Err(malformed), position), None, message)
    }

    fn with_settle(&self, delivery: Delivery, ack_subject: Option<Subject>, message: Message) -> Delivery {
        if self.consumer.durable.is_none() {
            return delivery;
        }
        let dead_letters = self.settings.dead_letters.clone();
        delivery.with_settle(JetStreamSettle {
            client: self.connection.client().clone(),
            ack_subject,
            dead_letter: dead_letters.map(|subject| (subject, message)),
        })
    }

    /// Re-creates the ephemeral consumer, or looks up the durable one.
    async fn recover(&mut self) -> Option<SourceError> {
        // The delay comes first, so that a caller who drops `next` repeatedly does not flood the server with requests.
        sleep_until(self.next_recovery).await;
        if !self.connection.is_connected() {
            if self.connection.state().is_some_and(|state| state.status().is_closed) {
                return Some(self.closed("the connection to NATS is closed"));
            }
            self.next_recovery = Instant::now() + CONNECTION_CHECK_INTERVAL;
            return None;
        }
        self.next_recovery = Instant::now() + CONSUMER_RETRY_DELAY;
        let recovered = match self.consumer.durable.clone() {
            Some(name) => self.consumer.check_durable_exists(&self.api, &name).await,
            None => self.recreate_ephemeral().await,
        };
        let Err(error) = recovered else {
            self.must_check_consumer = false;
            self.next_recovery = Instant::now();
            return None;
        };
        match error.kind() {
            SetupErrorKind::NoStream => {
                let message = format!("stream `{}` or its consumer was deleted", self.stream);
                Some(self.closed(message).with_source(error))
            }
            SetupErrorKind::Unreachable => {
                self.outage.start_with_cause(error);
                None
            }
            _ => Some(error.into()),
        }
    }

    /// Returns the error that the reader has not seen yet, if there is one.
    fn report(&mut self) -> Option<SourceError> {
        let pull_subject = self.pulls.as_ref().map(PullSubscription::pull_subject);
        let durable = self.consumer.durable.as_ref();
        let ack_tokens = durable.map(|name| format!(".{}.{name}.", self.stream));
        let is_own_subject = |subject: &str| {
            let is_ack = |tokens: &String| subject.starts_with(ack_subject::PREFIX) && subject.contains(tokens);
            pull_subject == Some(subject) || ack_tokens.as_ref().is_some_and(is_ack)
        };
        let denied = self.outage.report_denied_publish(&self.connection, is_own_subject);
        denied.or_else(|| self.outage.report(&self.connection))
    }

    /// Has `next` re-create the ephemeral consumer behind the last message. Does nothing for a durable consumer.
    fn drop_ephemeral(&mut self) {
        if self.consumer.durable.is_none() {
            self.pulls = None;
        }
    }

    fn closed(&mut self, message: impl Into<String>) -> SourceError {
        self.is_closed = true;
        SourceError::new(SourceErrorKind::Closed, message)
    }
}

#[async_trait]
impl DriverEventSource for JetStreamEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            if self.is_closed {
                return None;
            }
            // Skipping many events that the filter does not select must not starve other tasks.
            tokio::task::consume_budget().await;
            if self.must_check_consumer || self.pulls.is_none() {
                if let Some(error) = self.report() {
                    return Some(Err(error));
                }
                if let Some(error) = self.recover().await {
                    return Some(Err(error));
                }
            }
            let Some(pulls) = &mut self.pulls else { continue };
            match pulls.next(&self.connection).await {
                PullEvent::Message(message, ack) => {
                    self.outage.end();
                    if let Some(delivery) = self.deliver(message, ack).await {
                        return Some(Ok(delivery));
                    }
                }
                PullEvent::Foreign(message) => return Some(Ok(self.deliver_foreign(message))),
                PullEvent::Alive => self.outage.end(),
                PullEvent::Idle => {
                    if let Some(error) = self.report() {
                        return Some(Err(error));
                    }
                }
                PullEvent::Reconnected => {
                    self.outage.end();
                    // A durable consumer redelivers lost messages.
                    self.drop_ephemeral();
                }
                PullEvent::NoHeartbeat => {
                    self.outage.start();
                    self.must_check_consumer = true;
                    self.drop_ephemeral();
                }
                PullEvent::ConsumerDeleted if self.consumer.durable.is_none() => self.drop_ephemeral(),
                PullEvent::ConsumerDeleted => {
                    let message = format!("the consumer was deleted from stream `{}`", self.stream);
                    return Some(Err(self.closed(message)));
                }
                PullEvent::Rejected(reason) => {
                    return Some(Err(self.closed(format!("the server rejects pull requests: {reason}"))));
                }
                PullEvent::ConnectionClosed => return Some(Err(self.closed("the connection to NATS is closed"))),
            }
        }
    }
}

fn acks_unconfirmed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::new(SourceErrorKind::Disconnected, "acks may be lost: expect redelivery").with_source(error)
}

impl fmt::Debug for JetStreamEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamEventSource")
            .field("connection", &self.connection.nats_connection())
            .field("stream", &self.stream)
            .field("durable", &self.consumer.durable)
            .finish_non_exhaustive()
    }
}
