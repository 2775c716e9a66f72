use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Malformed, Position, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout_at};

use crate::answers::{Answer, Answers};
use crate::dead_letters::DeadLetter;
use crate::drop_elsewhere::elsewhere;
use crate::errors::is_about_the_group;
use crate::member::Client;
use crate::start::PATIENCE;
use crate::{KafkaEventSourceBuilder, KafkaState, headers, permissions};

/// Reads events from topics: as a member of a consumer group, or alone from a place of its choice.
///
/// # In a group
/// The partitions are shared among the members of the [group](KafkaEventSourceBuilder::group), and each event is
/// delivered to one of them. An offset is committed only when all records before it were answered, so that what was not
/// comes again: after a restart, or to another member. The members hand partitions over without a stop
/// (`cooperative-sticky`). A reader that does not call [`next`](DriverEventSource::next) for `max.poll.interval.ms`, five
/// minutes unless that is set, loses its partitions to the others.
///
/// # Alone
/// Without a group nothing is committed, answers do nothing, and the source reads all partitions that the topics have
/// when it begins.
///
/// # Order
/// In each partition, and so of each goal, in the order in which the records stand there.
/// [`nack`](Delivery::nack) lets the partition wait, and goes back to that record: what was delivered behind it comes
/// again too. Answers that come after that are not taken.
///
/// # What is malformed
/// A record that is no event is a delivery too, with its topic, partition and offset, and the source goes on. Answer it
/// with [`reject`](Delivery::reject): it counts as done, and goes to the [dead
/// letters](KafkaEventSourceBuilder::dead_letters) where there is a topic for them.
///
/// # Errors
/// - [`Disconnected`](SourceErrorKind::Disconnected): no broker can be reached. It is told once, and the source goes on
///   by itself when one can.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the brokers refuse the credentials, or a permission is missing.
/// - [`Timeout`](SourceErrorKind::Timeout): the reader was too slow, and its partitions went to others. It gets some
///   again at the next call.
/// - [`Closed`](SourceErrorKind::Closed): a topic was deleted. The source goes on when it is made anew.
/// - [`Fatal`](SourceErrorKind::Fatal): the consumer broke down, or records are packed with a codec that is not built in.
pub struct KafkaEventSource {
    client: Arc<Client>,
    answers: Arc<Answers>,
    filter: EventFilter,
    limits: Limits,
    /// As permissions name them.
    topics: Vec<String>,
    group: Option<String>,
}

impl KafkaEventSource {
    /// Sets what is to be read, and how. Of librdkafka's properties `bootstrap.servers` is the one that must be set.
    pub fn builder(config: ClientConfig) -> KafkaEventSourceBuilder {
        KafkaEventSourceBuilder::new(config)
    }

    pub(crate) fn over(
        client: Arc<Client>,
        answers: Answers,
        filter: EventFilter,
        limits: Limits,
        topics: Vec<String>,
        group: Option<String>,
    ) -> Self {
        Self {
            client,
            answers: Arc::new(answers),
            filter,
            limits,
            topics,
            group,
        }
    }

    /// How the consumer is doing.
    #[must_use]
    pub fn state(&self) -> &KafkaState {
        self.answers.member.state()
    }

    /// How many records the partitions that are read now have which this source has not delivered, by what the brokers
    /// had at librdkafka's last statistics, which come every five seconds; none before the first, and while nothing is
    /// known of a partition.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.answers.member.lag()
    }

    /// Commits what was answered, and leaves the group, so that other members have its partitions at once. Without it
    /// that happens in the background, as far as the process lives on. What is answered later is not taken, and comes
    /// again. It takes ten seconds at most.
    ///
    /// # Errors
    /// - [`Disconnected`](SourceErrorKind::Disconnected): the offsets could not be committed. What they stand for comes
    ///   again.
    /// - [`Timeout`](SourceErrorKind::Timeout): no broker answered in time. It goes on in the background, as far as the
    ///   process lives on.
    pub async fn close(self) -> Result<(), SourceError> {
        let Self { client, group, .. } = self;
        let deadline = Instant::now() + PATIENCE;
        let committed = match group {
            Some(_) => commit(&client, deadline).await,
            None => Ok(()),
        };
        let ended = blocking(move || client.end());
        let left = timeout_at(deadline, ended).await.map_err(unanswered);
        committed.and(left?)
    }

    fn deliver(&self, message: &BorrowedMessage<'_>) -> Option<Delivery> {
        let content = match message.payload() {
            Some(payload) => headers::read(message.headers(), payload, self.limits),
            None => Err(Malformed::new(Bytes::new(), "the record has no value", 0)),
        };
        let offsets = self.answers.member.offsets();
        let delivered = match self.group {
            Some(_) => offsets.deliver(message.topic(), message.partition(), message.offset()),
            None => offsets.pass(message.topic(), message.partition(), message.offset()),
        };
        if content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
            // Nobody will answer it.
            if self.group.is_some()
                && let Err(error) = self.answers.member.done(&delivered)
            {
                tracing::debug!(%error, "a record that the filter left out comes again");
            }
            return None;
        }
        let position = Position::Partition {
            topic: Arc::clone(&delivered.topic),
            partition: delivered.partition,
            offset: u64::try_from(delivered.offset).unwrap_or_default(),
        };
        let delivery = Delivery::new(content, position);
        if self.group.is_none() {
            return Some(delivery);
        }
        let dead_letters = self.answers.dead_letters.as_ref();
        Some(delivery.with_settle(Answer {
            answers: Arc::clone(&self.answers),
            delivered,
            dead_letter: dead_letters.map(|_| DeadLetter::of(message)),
        }))
    }

    fn error(&self, error: KafkaError) -> SourceError {
        use RDKafkaErrorCode as Code;
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return SourceError::new(SourceErrorKind::Fatal, "the Kafka consumer broke down").with_source(error);
        }
        let (kind, what) = match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => (
                SourceErrorKind::Unauthorized,
                "the brokers refuse the credentials".to_owned(),
            ),
            Some(Code::GroupAuthorizationFailed) => {
                let allow = permissions::group(self.group.as_deref().unwrap_or_default());
                (
                    SourceErrorKind::Unauthorized,
                    format!("the permission to join the group is missing: {allow}"),
                )
            }
            Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
                let allow = permissions::topics("Read", &self.topics);
                (
                    SourceErrorKind::Unauthorized,
                    format!("the permission to read is missing: {allow}"),
                )
            }
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                (SourceErrorKind::Closed, "a topic does not exist any more".to_owned())
            }
            Some(Code::NotImplemented) => (
                SourceErrorKind::Fatal,
                "records are packed with a codec that is not built in (the features `gzip` and `zstd` add them)"
                    .to_owned(),
            ),
            Some(Code::PollExceeded) => (
                SourceErrorKind::Timeout,
                "the reader was too slow (`max.poll.interval.ms`), and other members have its partitions now"
                    .to_owned(),
            ),
            _ => (
                SourceErrorKind::Disconnected,
                "nothing can be read from Kafka now".to_owned(),
            ),
        };
        let last = self
            .state()
            .last_error()
            .map(|last| format!(": {last}"))
            .unwrap_or_default();
        SourceError::new(kind, format!("{what}{last}")).with_source(error)
    }
}

/// How soon offsets are committed again that a rebalance kept from it.
const AGAIN: Duration = Duration::from_millis(100);

#[async_trait]
impl DriverEventSource for KafkaEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            // A filter that selects little must not keep the thread from others.
            tokio::task::consume_budget().await;
            let consumer = self.client.consumer()?;
            let received = tokio::select! {
                biased;
                retry = self.answers.retries.due(), if self.answers.retries.are_there() => Err(retry),
                received = consumer.recv() => Ok(received),
                // Looked after only when there is nothing to read: that would cost each record.
                retry = self.answers.retries.due() => Err(retry),
            };
            let received = match received {
                Ok(received) => received,
                Err(retry) => {
                    if let Err(error) = self.answers.member.read_again(&retry) {
                        return Some(Err(error));
                    }
                    continue;
                }
            };
            match received {
                Ok(message) => {
                    self.state().reached();
                    match self.deliver(&message) {
                        Some(delivery) => return Some(Ok(delivery)),
                        None => continue,
                    }
                }
                Err(KafkaError::NoMessageReceived | KafkaError::PartitionEOF(_)) => continue,
                // librdkafka looks for the coordinator of a group that only it knows of.
                Err(error) if self.group.is_none() && is_about_the_group(&error) => continue,
                Err(error) if is_about_one_broker(&error) => continue,
                Err(error) if are_all_brokers_down(&error) && !self.state().cut_off() => continue,
                Err(error) => return Some(Err(self.error(error))),
            }
        }
    }
}

impl fmt::Debug for KafkaEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSource")
            .field("state", self.state())
            .field("topics", &self.topics)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// Commits what was answered. Where the group is just being rebalanced, that is waited for.
async fn commit(client: &Arc<Client>, deadline: Instant) -> Result<(), SourceError> {
    loop {
        let commit = blocking({
            let client = Arc::clone(client);
            move || client.commit()
        });
        let committed = tokio::select! {
            committed = timeout_at(deadline, commit) => committed.map_err(unanswered)??,
            // The rebalance needs this member to go on.
            _ = client.serve(false) => continue,
        };
        let Err(error) = committed else { return Ok(()) };
        if !is_rebalancing(&error) || deadline <= Instant::now() {
            let message = "the offsets could not be committed";
            return Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error));
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            _ = client.serve(false) => {}
        }
    }
}

/// Does what waits for a broker, maybe for ever, where it keeps no runtime from ending.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SourceError> {
    let unfinished = |error: Box<dyn Error + Send + Sync>| {
        SourceError::new(SourceErrorKind::Fatal, "the consumer ended unfinished").with_source(error)
    };
    let (told, ended) = oneshot::channel();
    let thread = elsewhere(move || {
        // Nobody may wait any more.
        let _ = told.send(work());
    });
    thread.map_err(|error| unfinished(error.into()))?;
    ended.await.map_err(|error| unfinished(error.into()))
}

fn unanswered(elapsed: Elapsed) -> SourceError {
    let message = "no broker answered: the offsets may not be committed, nor the group left";
    SourceError::new(SourceErrorKind::Timeout, message).with_source(elapsed)
}

fn is_rebalancing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(code, Some(Code::IllegalGeneration | Code::RebalanceInProgress))
}

/// Whether a broker cannot be reached, which is told for each attempt.
fn is_about_one_broker(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut)
    )
}

fn are_all_brokers_down(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}
