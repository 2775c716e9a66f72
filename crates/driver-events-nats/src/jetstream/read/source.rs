use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, SetupErrorKind, SourceError, SourceErrorKind};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::consumer::Consumer;
use super::deliveries::Deliveries;
use super::outage::Outage;
use super::pull_subscription::PullEvent;
use crate::connection::{DEFAULT_BARRIER_SUBJECT, NatsConnection};
use crate::jetstream::stream::StreamWarning;

/// Delay before a failed request to create or look up the consumer is retried.
const CONSUMER_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Interval at which a lost connection is checked.
const CONNECTION_CHECK_INTERVAL: Duration = Duration::from_millis(100);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the events of a stream, stored and new.
///
/// # Ephemeral or durable consumer
/// Without a [durable name](crate::JetStreamEventSourceBuilder::durable) the source uses an ephemeral consumer: it starts at a
/// position of your choice, and the server keeps no position. After a lost connection it resumes after the last event,
/// so that each event is delivered once, in stream order. Settling a delivery has no effect.
///
/// With a durable consumer the server keeps the position, and several readers share the events. Each delivery must be
/// settled: [`ack`](Delivery::ack) when the work is done, [`nack`](Delivery::nack) to have it redelivered after a delay,
/// [`reject`](Delivery::reject) if it can never be processed. The server redelivers events that are not settled within
/// the [ack wait](crate::JetStreamEventSourceBuilder::ack_wait). Acks are sent without waiting, so an ack may be lost with the
/// connection; [`close`](DriverEventSource::close) reports whether the server has received them all. The source prefetches only as many
/// events as its reader processes well within the ack wait.
///
/// # Order
/// Events are delivered in stream order, so in order for each goal. With a durable consumer, redelivered events follow
/// later ones; to keep the order of a goal then too, set
/// [`max_in_flight`](crate::JetStreamEventSourceBuilder::max_in_flight) to 1. A
/// [`SequenceTracker`](driver_events_core::SequenceTracker) detects missing and late events.
///
/// # Malformed messages
/// A message that is not a valid event is delivered as malformed, with its stream sequence, and the source continues.
/// [`reject`](Delivery::reject) it: the server does not redeliver it, and it becomes a [dead
/// letter](crate::JetStreamEventSourceBuilder::dead_letters) if a subject for those is set.
///
/// So is a message that async-nats cannot read, such as one with headers that are not UTF-8, also where its payload alone
/// would decode. The client ends the connection at it; the source finds it by a lookup, delivers it, and reads on behind it.
/// This costs about one reconnect each, more if many older messages wait for redelivery. A readable message before which
/// eight connections or subscriptions in a row ended is passed over in the same way. Several readers of a durable consumer may report the same one.
///
/// Delete markers, counters and schedules, which streams may contain, are passed over.
///
/// Other clients may publish to the source's inbox. A message without a valid JetStream ack subject is delivered as
/// malformed too: its position and reason have the subject, and there is nothing to redeliver.
///
/// # Errors
/// - [`Disconnected`](SourceErrorKind::Disconnected): the connection has been down, or the consumer unavailable or refused,
///   for ten seconds; or the durable consumer is paused. Reported once; call again, the source recovers.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server rejects the credentials, or denies pull requests or acks.
///   Reported only with a connection of [`NatsOptions`](crate::NatsOptions). The source recovers when access is granted.
///   Also if the connection is lost three times, perhaps at a message that the client cannot read, without permission to
///   look messages up (`$JS.API.STREAM.MSG.GET.STREAM`).
/// - [`Fatal`](SourceErrorKind::Fatal): three dead letters in a row were refused; if no stream captures them or it is full, after
///   30 seconds. Then `None`.
/// - [`Closed`](SourceErrorKind::Closed): the stream or the durable consumer was deleted, even if re-created since, the
///   consumer was changed so that the source cannot use it, or the connection is closed. Then `None`.
///
/// # Close
/// [`close`](DriverEventSource::close) naks prefetched messages of a durable consumer, waits until the server has received all
/// acks, and closes the connection if the source opened it. Without it the server redelivers prefetched messages only after
/// the [ack wait](crate::JetStreamEventSourceBuilder::ack_wait).
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
    connection: NatsConnection,
    stream: Arc<str>,
    consumer: Consumer,
    deliveries: Deliveries,
    /// Earliest time of the next recovery attempt.
    next_recovery: Instant,
    outage: Outage,
    warnings: Vec<StreamWarning>,
    /// Whether `next` has returned its last item.
    is_finished: bool,
    is_closed: bool,
}

impl JetStreamEventSource {
    pub(super) fn with_consumer(
        connection: NatsConnection,
        consumer: Consumer,
        deliveries: Deliveries,
        warnings: Vec<StreamWarning>,
    ) -> Self {
        Self {
            connection,
            stream: Arc::clone(&deliveries.stream),
            consumer,
            deliveries,
            next_recovery: Instant::now(),
            outage: Outage::default(),
            warnings,
            is_finished: false,
            is_closed: false,
        }
    }

    /// Returns what the reader should know about the stream, as found when the source was built.
    #[must_use]
    pub fn warnings(&self) -> &[StreamWarning] {
        &self.warnings
    }

    /// Returns the connection and its state; `None` if the caller created the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.monitored()
    }

    async fn release(&mut self, deadline: Instant) -> Result<(), SourceError> {
        self.consumer.delete_ephemeral().await;
        self.barrier(deadline).await?;
        if let Some(pulls) = self.consumer.take_durable() {
            // After the barrier, all messages that the server had sent are buffered.
            pulls.nak_buffered().await;
            self.barrier(deadline).await?;
        }
        Ok(())
    }

    async fn barrier(&self, deadline: Instant) -> Result<(), SourceError> {
        let epoch = self.connection.epoch();
        let passed = self.connection.barrier(DEFAULT_BARRIER_SUBJECT, epoch, deadline);
        passed.await.map(drop).map_err(acks_unconfirmed)
    }

    /// Recovers the consumer if that is due. Returns the error that the reader must see.
    async fn recover(&mut self) -> Option<SourceError> {
        // The delay comes first, so that a caller who drops `next` repeatedly does not flood the server with requests.
        sleep_until(self.next_recovery).await;
        if !self.connection.is_connected() {
            if self.connection.is_closed() {
                return Some(self.closed("the connection to NATS is closed"));
            }
            self.next_recovery = Instant::now() + CONNECTION_CHECK_INTERVAL;
            return None;
        }
        self.next_recovery = Instant::now() + CONSUMER_RETRY_DELAY;
        let Err(error) = self.consumer.recover().await else {
            self.next_recovery = Instant::now();
            return None;
        };
        match error.kind() {
            SetupErrorKind::NotFound => {
                let message = format!("stream `{}` or its consumer was deleted", self.stream);
                Some(self.closed(message).with_source(error))
            }
            SetupErrorKind::Incompatible => {
                let message = format!("the consumer of stream `{}` was changed", self.stream);
                Some(self.closed(message).with_source(error))
            }
            SetupErrorKind::Unauthorized => Some(error.into()),
            // The server has accepted this consumer before: what it lacks now, such as a limit, may be restored.
            _ => {
                self.outage.start_with_cause(&self.connection, error);
                None
            }
        }
    }

    /// Returns the error that the reader has not seen yet, if there is one.
    fn report(&mut self) -> Option<SourceError> {
        let is_own_subject = |subject: &str| self.consumer.is_own_subject(subject);
        self.outage.report(&self.connection, is_own_subject)
    }

    /// Returns the error that ends the source if dead letters are refused again and again.
    fn refused_dead_letters(&mut self) -> Option<SourceError> {
        let subject = self.deliveries.dead_letters.as_ref()?.refusing()?;
        let message = format!(
            "dead letters on `{subject}` are refused again and again: create a stream that captures the subject and \
             accepts them"
        );
        self.is_finished = true;
        Some(SourceError::new(SourceErrorKind::Fatal, message))
    }

    fn closed(&mut self, message: impl Into<String>) -> SourceError {
        self.is_finished = true;
        SourceError::new(SourceErrorKind::Closed, message)
    }
}

#[async_trait]
impl DriverEventSource for JetStreamEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            if self.is_finished {
                return None;
            }
            // Skipping many events that the filter does not select must not starve other tasks.
            tokio::task::consume_budget().await;
            if let Some(unreadable) = self.consumer.next_unreadable() {
                self.outage.end();
                return Some(Ok(self.deliveries.of_unreadable(unreadable)));
            }
            if let Some(error) = self.refused_dead_letters() {
                return Some(Err(error));
            }
            if self.consumer.is_lost() {
                if let Some(error) = self.report() {
                    return Some(Err(error));
                }
                // In an allocation of its own, as below: `next` is small for the usual case.
                if let Some(error) = Box::pin(self.recover()).await {
                    return Some(Err(error));
                }
                // Unreadable messages that were found come first.
                continue;
            }
            let Some(pulls) = self.consumer.pulls() else { continue };
            match pulls.next().await {
                PullEvent::Message(message, ack) => {
                    self.outage.end();
                    if self.consumer.accept(&ack)
                        && let Some(delivery) = self.deliveries.of_message(message, ack).await
                    {
                        return Some(Ok(delivery));
                    }
                }
                PullEvent::Foreign(message) => return Some(Ok(self.deliveries.of_foreign(message))),
                PullEvent::Alive => {
                    self.outage.end();
                    if let Some(cause) = Box::pin(self.consumer.explain_silence()).await {
                        return Some(Err(SourceError::new(SourceErrorKind::Disconnected, cause)));
                    }
                }
                PullEvent::Idle => {
                    if let Some(error) = self.report() {
                        return Some(Err(error));
                    }
                }
                PullEvent::Reconnected => {
                    self.outage.end();
                    self.consumer.lose_connection();
                }
                PullEvent::AllowanceUsed => self.consumer.lose_connection(),
                PullEvent::NoHeartbeat => {
                    self.outage.start();
                    let failure = format!(
                        "no heartbeat from the consumer of stream `{}`: it is looked up",
                        self.stream
                    );
                    self.connection.monitor().observe_failure(&failure);
                    self.consumer.doubt();
                }
                PullEvent::Refused(reason) => {
                    self.outage.start();
                    let stream = &self.stream;
                    let failure =
                        format!("stream `{stream}` refuses a pull request: {reason}: the consumer is looked up");
                    self.connection.monitor().observe_failure(&failure);
                    self.consumer.doubt();
                    self.next_recovery = Instant::now() + CONSUMER_RETRY_DELAY;
                }
                PullEvent::ConnectionClosed => return Some(Err(self.closed("the connection to NATS is closed"))),
            }
        }
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        self.is_finished = true;
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
}

fn acks_unconfirmed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::new(SourceErrorKind::Disconnected, "acks may be lost: expect redelivery").with_source(error)
}

impl fmt::Debug for JetStreamEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamEventSource")
            .field("connection", &self.connection())
            .field("stream", &self.stream)
            .field("durable", &self.consumer.durable_name())
            .finish_non_exhaustive()
    }
}
