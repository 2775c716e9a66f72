use std::fmt;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use driver_events_types::DriverEvent;
use rdkafka::ClientConfig;
use tokio::time::{Instant, timeout_at};

use crate::gate::Gate;
use crate::producer::Producer;
use crate::properties::Acks;
use crate::{KafkaEventSinkBuilder, KafkaState, SetupError, check};

/// Produces every event to a topic, and waits for its delivery report.
///
/// # What is promised
/// `Ok` is [`Stored`](Receipt::Stored): all replicas that are in sync have the event, and the receipt has its partition
/// and offset. librdkafka sends again what is not acknowledged, and the brokers keep one copy (an idempotent producer).
/// Nothing is held back, so that [`flush`](DriverEventSink::flush) waits only for events whose `send` was dropped.
///
/// # Order
/// The key of a record is the goal, so that the events of a goal are in one partition, in the order in which they were
/// sent. [`send_batch`](DriverEventSink::send_batch) has all of its events under way at once, and keeps that order.
///
/// # Where the producer breaks down
/// After some errors librdkafka takes no more records for good. Then a new producer is made, and what has no delivery
/// report is sent again, with the same id. Where nobody knows whether such an event is stored already, it may be stored
/// twice: [`KafkaState::possible_duplicates`] counts them.
///
/// # Errors
/// Beside what every sink does:
/// - [`Timeout`](SinkErrorKind::Timeout): not acknowledged for `message.timeout.ms`, 30 seconds unless that is set;
///   [`Full`](SinkErrorKind::Full): no room in the queue for as long.
/// - [`TooLarge`](SinkErrorKind::TooLarge): larger than `message.max.bytes` of the producer, or `max.message.bytes` of
///   the topic.
/// - [`Rejected`](SinkErrorKind::Rejected): the topic does not exist, or there is none for an unknown kind.
/// - [`Unauthorized`](SinkErrorKind::Unauthorized): no permission to write, or credentials that all brokers refuse.
///
/// # What every method does in time
/// `send` and `send_batch` return within twice `message.timeout.ms`, or wait for ever where that is 0. All are cancel
/// safe: an event whose `send` was dropped is delivered or not.
///
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
    producer: Producer,
    gate: Gate,
}

/// For how long `flush` and `close` wait where librdkafka delivers for ever.
const LONGEST: Duration = Duration::from_secs(300);
/// How often librdkafka is told to hurry while somebody waits.
const PAUSE: Duration = Duration::from_millis(20);

impl KafkaEventSink {
    /// Produces to the topic [`agent.driver`](crate::DEFAULT_TOPIC), with headers. Of librdkafka's properties
    /// `bootstrap.servers` is the one that must be set. No broker is asked yet: [`check`](Self::check) does.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): a property does not exist, has no such value, or would break a
    /// promise of the sink.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        Self::builder(config).build()
    }

    /// Sets what [`new`](Self::new) does not: topics, a prefix, no headers, a weaker promise, a token provider.
    pub fn builder(config: ClientConfig) -> KafkaEventSinkBuilder {
        KafkaEventSinkBuilder::new(config)
    }

    pub(crate) fn over(producer: Producer) -> Self {
        let gate = Gate::default();
        Self { producer, gate }
    }

    /// Asks the brokers whether the topics are there. It takes ten seconds at most.
    ///
    /// Topics that the caller's own function names are not known before there is an event, and are not asked for. Nor
    /// does Kafka tell beforehand whether the sink may write: that is found when it does.
    ///
    /// # Errors
    /// [`NoTopic`](crate::SetupErrorKind::NoTopic), [`Unauthorized`](crate::SetupErrorKind::Unauthorized),
    /// [`Unreachable`](crate::SetupErrorKind::Unreachable).
    pub async fn check(&self) -> Result<(), SetupError> {
        let generation = self.producer.current();
        let topics = self.producer.topics.known();
        let state = self.state().clone();
        check::ask(self.state(), move || check::topics_exist(&generation, &topics, &state)).await
    }

    /// How the producer is doing.
    #[must_use]
    pub fn state(&self) -> &KafkaState {
        self.producer.state()
    }

    /// Waits until what is under way now was reported on. What is lost then is lost with its delivery report.
    async fn drain(&self, deadline: Instant) -> Result<(), SinkError> {
        let generation = self.producer.current();
        let flights = &generation.role().flights;
        let mut landed = pin!(flights.all_landed());
        loop {
            generation.hurry();
            let pause = deadline.min(Instant::now() + PAUSE);
            match timeout_at(pause, &mut landed).await {
                Ok(()) => return Ok(()),
                Err(elapsed) if deadline <= Instant::now() => {
                    let message = format!("{} events are not delivered yet", flights.under_way());
                    return Err(SinkError::new(SinkErrorKind::Timeout, message).with_source(elapsed));
                }
                Err(_) => {}
            }
        }
    }

    async fn store(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _entered = self.gate.enter()?;
        let answer = self.producer.store(envelope).await;
        if answer.is_err() {
            // Events that are refused at once must not keep the thread from others, however often they are sent again.
            tokio::task::consume_budget().await;
        }
        answer
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.producer.patience().unwrap_or(LONGEST)
    }
}

#[async_trait]
impl DriverEventSink for KafkaEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.store(envelope).await
    }

    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.store(Envelope::new(event)).await.map(drop)
    }

    fn guarantee(&self) -> Guarantee {
        match self.producer.acks {
            Acks::All | Acks::Leader => Guarantee::Stored,
            Acks::None => Guarantee::Written,
        }
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let Ok(_entered) = self.gate.enter() else {
            let closed = || Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
            return envelopes.iter().map(|_| closed()).collect();
        };
        self.producer.store_all(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.drain(self.deadline()).await
    }

    async fn close(&self) -> Result<(), SinkError> {
        let deadline = self.deadline();
        self.gate.close();
        timeout_at(deadline, self.gate.emptied()).await.map_err(|elapsed| {
            let left = self.producer.current().role().flights.under_way();
            SinkError::new(
                SinkErrorKind::Timeout,
                format!("at least {left} events are still being sent"),
            )
            .with_source(elapsed)
        })?;
        self.drain(deadline).await
    }
}

impl fmt::Debug for KafkaEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSink")
            .field("topics", &self.producer.topics)
            .field("acks", &self.producer.acks)
            .field("state", self.state())
            .finish_non_exhaustive()
    }
}
