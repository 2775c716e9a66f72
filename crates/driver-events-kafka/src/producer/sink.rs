use std::fmt;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{
    BatchOrder, CloseGuard, DriverEventSink, Envelope, Guarantee, Receipt, SetupError, SinkError, SinkErrorKind,
};
use driver_events_types::DriverEvent;
use tokio::time::{Instant, timeout_at};

use super::publisher::Publisher;
use crate::admin::metadata;
use crate::client::properties::Acks;
use crate::client::state::KafkaState;

/// Produces each event to a topic and waits for its delivery report.
///
/// # Guarantee
/// `Ok` is [`Stored`](Receipt::Stored): all in-sync replicas have the event, and the receipt has its partition and offset.
/// librdkafka retries records that are not acknowledged, and the brokers drop the duplicates (idempotent producer).
/// [`send`](DriverEventSink::send) returns after the delivery report, so [`flush`](DriverEventSink::flush) waits only for
/// events whose `send` was dropped.
///
/// # Order
/// The record key is the goal id: the events of a goal are in one partition, in the order in which they were sent.
/// [`send_batch`](DriverEventSink::send_batch) has all its events in flight at once and keeps that order; at an
/// unforeseen refusal it may not (below).
///
/// # Refused batches
/// Brokers accept or refuse whole batches. If one is refused for a record in it (a timestamp too far ahead, no key in a
/// compacted topic) or for its size, the sink sends its events again, each in a batch of its own: only events that are
/// refused alone fail. The others are stored once, in order per goal, and always before the events of a call that follows.
///
/// Events that the topic will probably refuse are sent alone at once, and the later events of their goal wait for them. What a
/// topic refuses is known from its settings, if [`check`](Self::check) could read them; from earlier refusals; and from the
/// brokers' default of one hour for timestamps in the future. Only at the first refusal that is not foreseen in this way, events
/// of the refused batch may be stored after later events of the same `send_batch` that were in another batch.
///
/// # Fatal producer errors
/// After a fatal error librdkafka accepts no more records. The sink then creates a new producer and sends the events
/// without a delivery report again, with the same id. Some of them may have been stored before and are then stored twice:
/// [`KafkaState::possible_duplicates`] counts them.
///
/// # Errors
/// In addition to those of every sink:
/// - [`Timeout`](SinkErrorKind::Timeout): not acknowledged within `message.timeout.ms` (default: 30 s). Retry.
/// - [`Full`](SinkErrorKind::Full): no space in the producer's queue within `message.timeout.ms`. Retry later.
/// - [`TooLarge`](SinkErrorKind::TooLarge): alone larger than `message.max.bytes` of the producer, or `max.message.bytes` or
///   `segment.bytes` of the topic.
/// - [`Rejected`](SinkErrorKind::Rejected): an unknown kind has no topic, or the broker rejects the record, sent alone.
/// - [`Disconnected`](SinkErrorKind::Disconnected): the topic does not exist, the broker returned an error, or the producer
///   failed. Retry; a topic may be created meanwhile.
/// - [`Unauthorized`](SinkErrorKind::Unauthorized): WRITE is not granted, or all brokers refuse the credentials. Retry once it
///   is fixed.
///
/// `send` and `send_batch` return within twice `message.timeout.ms`; with `message.timeout.ms=0` they may wait forever.
///
/// # Cancel safety
/// All methods are cancel safe. An event whose `send` was dropped may or may not be delivered.
///
/// # Examples
/// ```no_run
/// use driver_events_core::DriverEventSink;
/// use driver_events_kafka::KafkaEventSink;
/// use driver_events_types::{DriverEvent, GoalId};
/// use rdkafka::ClientConfig;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "127.0.0.1:9092");
/// let sink = KafkaEventSink::new(config)?;
/// sink.check().await?;
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// sink.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct KafkaEventSink {
    publisher: Publisher,
    close_guard: CloseGuard,
}

/// Timeout of `flush` and `close` if `message.timeout.ms` is 0 (unlimited).
const DEFAULT_FLUSH_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a flush sends incomplete batches.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

impl KafkaEventSink {
    pub(super) fn from_publisher(publisher: Publisher) -> Self {
        let close_guard = CloseGuard::default();
        Self { publisher, close_guard }
    }

    /// Checks that the topics exist, in at most ten seconds. Then reads what they refuse, in at most five seconds, if
    /// DESCRIBE_CONFIGS is granted: see [Refused batches](Self#refused-batches). Call it before the first event is sent.
    ///
    /// Topics named by [`topic_fn`](crate::KafkaEventSinkBuilder::topic_fn) are not checked, since their names depend on the event.
    /// WRITE permission is not checked either: Kafka reports a missing one with the first record.
    ///
    /// # Errors
    /// [`NotFound`](crate::SetupErrorKind::NotFound), [`Unauthorized`](crate::SetupErrorKind::Unauthorized),
    /// [`Unreachable`](crate::SetupErrorKind::Unreachable).
    pub async fn check(&self) -> Result<(), SetupError> {
        let handle = self.publisher.producer.handle();
        let topics = self.publisher.topics.known_topics();
        let state = self.state().clone();
        let request = move || metadata::partitions(handle.client(), &topics, &state);
        metadata::query(self.state(), request).await?;
        self.publisher.read_limits().await
    }

    /// Returns the state of the producer.
    #[must_use]
    pub fn state(&self) -> &KafkaState {
        self.publisher.state()
    }

    /// Waits until all events in flight have a delivery report. Failed reports are no error here: `send` returns them.
    async fn drain(&self, deadline: Instant) -> Result<(), SinkError> {
        let mut drain = pin!(self.publisher.drain());
        loop {
            for handle in self.publisher.handles() {
                handle.flush_batches();
            }
            let interval_end = deadline.min(Instant::now() + FLUSH_INTERVAL);
            match timeout_at(interval_end, &mut drain).await {
                Ok(()) => return Ok(()),
                Err(elapsed) if deadline <= Instant::now() => {
                    let message = format!("{} events are not delivered yet", self.publisher.undelivered());
                    self.state().record_wait(message.as_str());
                    return Err(SinkError::new(SinkErrorKind::Timeout, message).with_source(elapsed));
                }
                Err(_) => {}
            }
        }
    }

    async fn send_one(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let error = match self.publisher.send(envelope).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        // A caller that retries refused events in a loop must yield to other tasks.
        tokio::task::consume_budget().await;
        Err(error)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.publisher.message_timeout.unwrap_or(DEFAULT_FLUSH_TIMEOUT)
    }
}

#[async_trait]
impl DriverEventSink for KafkaEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.send_one(envelope).await
    }

    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.send_one(Envelope::new(event)).await.map(drop)
    }

    fn guarantee(&self) -> Guarantee {
        match self.publisher.acks {
            Acks::All | Acks::Leader => Guarantee::Stored,
            Acks::None => Guarantee::Written,
        }
    }

    /// [`Pipelined`](BatchOrder::Pipelined): all events of a batch are in flight at once, and librdkafka retries them in order.
    fn batch_order(&self) -> BatchOrder {
        BatchOrder::Pipelined
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let Ok(_call) = self.close_guard.enter() else {
            let closed = || Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
            return envelopes.iter().map(|_| closed()).collect();
        };
        self.publisher.send_batch(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.drain(self.deadline()).await
    }

    async fn close(&self) -> Result<(), SinkError> {
        let deadline = self.deadline();
        self.close_guard.close();
        timeout_at(deadline, self.close_guard.drained())
            .await
            .map_err(|elapsed| {
                let in_flight = self.publisher.undelivered();
                let message = format!("at least {in_flight} events are still being sent");
                self.state().record_wait(message.as_str());
                SinkError::new(SinkErrorKind::Timeout, message).with_source(elapsed)
            })?;
        self.drain(deadline).await
    }
}

impl fmt::Debug for KafkaEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSink")
            .field("topics", &self.publisher.topics)
            .field("acks", &self.publisher.acks)
            .field("state", self.state())
            .finish_non_exhaustive()
    }
}
