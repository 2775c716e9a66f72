use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{
    Delivery, DriverEventSource, Envelope, EventFilter, Malformed, Position, SourceError, SourceErrorKind,
};
use driver_events_types::Limits;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout_at};

use super::batch_searches::{BatchSearches, SearchStep};
use super::callbacks::Client;
use super::consumer_handle::Consumer;
use super::dead_letters::DeadLetter;
use super::errors::{
    group_wait, is_all_brokers_down, is_group_authorization_error, is_rebalancing, is_single_broker_error,
    is_unreadable_batch, source_error, with_cause,
};
use super::missed_records::MissedRecords;
use super::offset_tracker::DeliveryId;
use super::settle::{SettleContext, SettleDelivery};
use super::stalled_partitions::Suspect;
use super::unreadable_batches::UnreadableBatch;
use crate::admin::metadata::REQUEST_TIMEOUT;
use crate::client::detached::run_detached;
use crate::client::state::KafkaState;
use crate::wire::headers;

/// Reads events from topics, in a consumer group or standalone.
///
/// # In a group
/// The partitions are shared among the members of the [group](crate::KafkaEventSourceBuilder::group), and each event is delivered
/// to one of them. An offset is committed only when all records before it are settled; unsettled records are redelivered
/// after a restart, or to another member. Rebalances are incremental (`cooperative-sticky`). A reader that does not call
/// [`next`](DriverEventSource::next) within `max.poll.interval.ms` (default: 5 minutes) loses its partitions.
///
/// # Standalone
/// Without a group the source reads all partitions of the topics. Partitions that are added later are read from their first
/// record, within `topic.metadata.refresh.interval.ms` (default: 5 minutes). Nothing is committed, and settling a delivery has
/// no effect.
///
/// # Order
/// Records are delivered in offset order within each partition, so the events of a goal are in order.
/// [`nack`](Delivery::nack) pauses the partition and then seeks back to that record: later records of the partition are
/// redelivered, too. Settling their earlier deliveries returns an error.
///
/// # Malformed records
/// A record that is not an event is delivered as [`Malformed`], with its topic, partition and offset. Settle it with
/// [`reject`](Delivery::reject), which commits it and produces it to the
/// [dead-letter topic](crate::KafkaEventSourceBuilder::dead_letters), if there is one. If that fails during an outage, the
/// record is redelivered.
///
/// # Unreadable batches
/// Records that librdkafka cannot decompress or parse are one [`Malformed`] delivery with an empty value. Its reason names
/// topic, partition, all their offsets and librdkafka's error; the records stay in the topic. Examples are a value that
/// exceeds `receive.message.max.bytes` once it is decompressed, a checksum that is wrong, and a compression codec that is not
/// compiled in. A second consumer looks for the offsets, while other partitions are read. It starts when librdkafka reports
/// an error, and otherwise after two of librdkafka's statistics in which a partition has not advanced: within ten seconds by
/// default, never if `statistics.interval.ms` is 0. Consecutive unreadable batches are one delivery. If they have more than
/// 1,000 records, it may include readable ones between them.
///
/// # Errors
/// - [`Disconnected`](SourceErrorKind::Disconnected): no broker has been reachable for five seconds; or all connections are
///   closed, and a connection has failed in the last minute. Reported once per outage; call `next` again: the source reconnects.
/// - [`Disconnected`](SourceErrorKind::Disconnected), too: the group does not accept this member, since it is full, or its
///   members use another protocol or strategy. Reported once; the source joins when it can.
/// - [`Disconnected`](SourceErrorKind::Disconnected), too: a topic was deleted. The source continues if it is created again.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the brokers refuse the credentials, or a permission is missing. The
///   source continues when access is granted.
/// - [`Timeout`](SourceErrorKind::Timeout): `max.poll.interval.ms` passed and the partitions were revoked. The next call
///   rejoins the group.
/// - [`Lagged`](SourceErrorKind::Lagged): records were deleted before they were read, by retention or an operator; the message
///   has topic, partition, offsets and their number. The source goes on with the first record that is left.
/// - [`Fatal`](SourceErrorKind::Fatal): the consumer had a fatal error, the brokers refuse a property of the group's member
///   (`session.timeout.ms`, `group.instance.id`), or the broker refuses dead letters for good. `None` follows.
///
/// # Close
/// [`close`](DriverEventSource::close) commits the settled deliveries and leaves the group, so that other members get its
/// partitions at once. It takes at most ten seconds, and fails with
/// [`Disconnected`](SourceErrorKind::Disconnected) if the commit failed, or with [`Timeout`](SourceErrorKind::Timeout) if no
/// broker responded in time; it then continues in the background, if the process lives on. Missed records that `next` has
/// not reported are the error [`Lagged`](SourceErrorKind::Lagged), if nothing else failed. A source that is dropped without
/// `close` does the same in the background. Deliveries that are settled after `close` are redelivered.
pub struct KafkaEventSource {
    /// `None` once the source is closed or finished.
    consumer: Option<Arc<Consumer>>,
    context: Arc<SettleContext>,
    settings: ReadSettings,
    missed: MissedRecords,
    searches: BatchSearches,
    /// Lookups of outages, each with the error to return.
    outages: JoinSet<Option<SourceError>>,
    /// Why the group does not accept this member, as last returned.
    group_wait: Option<RDKafkaErrorCode>,
    /// Aborted with the source.
    _background: JoinSet<()>,
}

/// Events that a source selects, and names for its error texts.
#[derive(Debug)]
pub(super) struct ReadSettings {
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    pub(super) topics: Vec<String>,
    pub(super) group: Option<String>,
}

impl KafkaEventSource {
    pub(super) fn new(
        consumer: Arc<Consumer>,
        context: SettleContext,
        settings: ReadSettings,
        missed: MissedRecords,
        searches: BatchSearches,
        background: JoinSet<()>,
    ) -> Self {
        Self {
            consumer: Some(consumer),
            context: Arc::new(context),
            settings,
            missed,
            searches,
            outages: JoinSet::new(),
            group_wait: None,
            _background: background,
        }
    }

    /// Returns the state of the consumer.
    #[must_use]
    pub fn state(&self) -> &KafkaState {
        self.context.consumer.state()
    }

    /// Returns how many records of the assigned partitions this source has not delivered, as of librdkafka's latest
    /// statistics (every five seconds by default). 0 once all are delivered and settled. Until then transaction markers and
    /// offsets without a record count, too. `None` before the first statistics, and while a partition's high
    /// watermark is unknown.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.context.consumer.lag()
    }

    /// Searches for an unreadable batch in these partitions; in all without a list.
    fn search(&mut self, partitions: Option<&[(String, i32)]>, error: Option<KafkaError>) {
        let mut suspects = self.context.consumer.suspects();
        suspects.retain(|Suspect { topic, partition, .. }| {
            let is_listed = |(name, number): &(String, i32)| name == topic && number == partition;
            let is_suspect = partitions.is_none_or(|partitions| partitions.iter().any(is_listed));
            is_suspect && !self.context.redeliveries.is_paused(topic, *partition)
        });
        self.searches.start(suspects, error);
    }

    /// Steps over an unreadable batch and delivers it as malformed; `None` if its partition has changed since.
    fn deliver_unreadable(&self, batch: &UnreadableBatch) -> Option<Result<Delivery, SourceError>> {
        let id = match self.context.consumer.step_over(batch, self.settings.group.is_some()) {
            Ok(id) => id?,
            Err(error) => return Some(Err(error)),
        };
        let reason = batch.reason();
        tracing::warn!("{reason}");
        self.state().record_failure(reason.as_str());
        let letter = DeadLetter::of_unreadable(id.topic(), id.partition(), id.offset);
        let malformed = Malformed::new(Bytes::new(), reason, 0);
        Some(Ok(self.delivery(Err(malformed), id, || letter)))
    }

    fn source_error(&self, error: KafkaError) -> SourceError {
        source_error(
            error,
            self.state(),
            &self.settings.topics,
            self.settings.group.as_deref(),
        )
    }

    /// Asks for metadata in the background: all connections are down, too, if brokers have closed idle ones. That is no
    /// connection error; the address that one names may be unreachable although another broker answers.
    fn confirm_outage(&mut self, error: KafkaError) {
        let Some(consumer) = self.consumer.clone() else {
            return;
        };
        let state = self.state().clone();
        self.outages.spawn(async move {
            let reached = run_detached(move || {
                let client = consumer.client()?;
                Some(client.client().fetch_metadata(None, OUTAGE_TIMEOUT))
            });
            let is_reached = matches!(reached.await, Ok(Some(Ok(_))));
            match (is_reached, state.recent_connection_error()) {
                (true, None) => {
                    state.set_connected();
                    return None;
                }
                (true, Some(_)) => state.record_wait("all connections are closed, and one could not be opened again"),
                (false, _) => state.record_wait("no broker is reachable"),
            }
            Some(source_error(error, &state, &[], None))
        });
    }

    fn deliver(&self, message: &BorrowedMessage<'_>) -> Option<Delivery> {
        let content = match message.payload() {
            Some(payload) => headers::read(message.headers(), payload, self.settings.limits),
            None => Err(Malformed::new(Bytes::new(), "the record has no value", 0)),
        };
        let tracker = self.context.consumer.tracker();
        let id = match self.settings.group {
            Some(_) => tracker.deliver(message.topic(), message.partition(), message.offset()),
            None => tracker.skip(message.topic(), message.partition(), message.offset()),
        };
        if content
            .as_ref()
            .is_ok_and(|envelope| !self.settings.filter.selects(envelope))
        {
            // The reader does not see it, so it is acked here.
            if self.settings.group.is_some()
                && let Err(error) = self.context.consumer.ack(&id)
            {
                tracing::debug!(%error, "cannot ack a filtered record");
            }
            return None;
        }
        Some(self.delivery(content, id, || DeadLetter::of(message)))
    }

    fn delivery(
        &self,
        content: Result<Envelope, Malformed>,
        id: DeliveryId,
        dead_letter: impl FnOnce() -> DeadLetter,
    ) -> Delivery {
        let position = Position::Partition {
            topic: Arc::clone(id.topic()),
            partition: id.partition(),
            offset: u64::try_from(id.offset).unwrap_or_default(),
        };
        let delivery = Delivery::new(content, position);
        if self.settings.group.is_none() {
            return delivery;
        }
        let dead_letters = self.context.dead_letters.as_ref();
        delivery.with_settle(SettleDelivery {
            context: Arc::clone(&self.context),
            id,
            dead_letter: dead_letters.map(|_| Box::new(dead_letter())),
        })
    }
}

/// Next step of a source.
enum Next<'a> {
    Received(KafkaResult<BorrowedMessage<'a>>),
    Redelivery(DeliveryId),
    End(SourceError),
    Outage(SourceError),
    Search(SearchStep),
    /// Something that `next` looks at first has changed.
    Retry,
}

/// Time in which a broker must respond after all connections are down.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay before a failed seek to a nacked record is repeated.
const SEEK_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time between two commits while the group is rebalanced.
const COMMIT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Parts of a source that wait for its next step.
struct Waiting<'a, 'b> {
    consumer: &'a Arc<Consumer>,
    client: &'a Client,
    context: &'a SettleContext,
    outages: &'b mut JoinSet<Option<SourceError>>,
    missed: &'b mut MissedRecords,
    searches: &'b mut BatchSearches,
}

impl<'a> Waiting<'a, '_> {
    /// Returns what librdkafka has fetched, unless another step may come first: the usual step while a source is behind.
    async fn fetched(&self) -> Option<Next<'a>> {
        let is_next = self.outages.is_empty() && !self.context.redeliveries.is_pending() && !self.context.end.is_set();
        if !is_next {
            return None;
        }
        let client = self.client;
        poll_fn(|context| match pin!(client.recv()).poll(context) {
            Poll::Ready(received) => Poll::Ready(Some(Next::Received(received))),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Waits for the next step. Cancel safe.
    async fn next(self) -> Next<'a> {
        let redeliveries = &self.context.redeliveries;
        tokio::select! {
            biased;
            redelivery = redeliveries.next_due(), if redeliveries.is_pending() => Next::Redelivery(redelivery),
            error = self.context.end.wait(), if self.context.end.is_set() => Next::End(error),
            Some(found) = self.outages.join_next(), if !self.outages.is_empty() => match found {
                Ok(Some(error)) => Next::Outage(error),
                _ => Next::Retry,
            },
            received = self.client.recv() => Next::Received(received),
            // Polled only if no record is available, so that they cost nothing per record.
            redelivery = redeliveries.next_due() => Next::Redelivery(redelivery),
            error = self.context.end.wait() => Next::End(error),
            () = self.missed.next(self.consumer) => Next::Retry,
            step = self.searches.next() => Next::Search(step),
        }
    }
}

#[async_trait]
impl DriverEventSource for KafkaEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            // A filter that drops most records must not starve other tasks.
            tokio::task::consume_budget().await;
            self.missed.look_up(self.consumer.as_ref()?);
            if let Some(error) = self.missed.pop() {
                return Some(Err(error));
            }
            if let Some(batch) = self.searches.pop() {
                match self.deliver_unreadable(&batch) {
                    None => continue,
                    delivered => return delivered,
                }
            }
            let next = match self.searches.ready() {
                Some(step) => Next::Search(step),
                None => {
                    let consumer = self.consumer.as_ref()?;
                    let waiting = Waiting {
                        consumer,
                        client: consumer.client()?,
                        context: &self.context,
                        outages: &mut self.outages,
                        missed: &mut self.missed,
                        searches: &mut self.searches,
                    };
                    match waiting.fetched().await {
                        Some(next) => next,
                        // Boxed, since this future is large and each record would allocate space for it.
                        None => Box::pin(waiting.next()).await,
                    }
                }
            };
            let received = match next {
                Next::Received(received) => received,
                Next::Outage(error) => return Some(Err(error)),
                Next::Retry => continue,
                Next::Redelivery(redelivery) => {
                    if let Err(error) = self.context.consumer.seek_and_resume(&redelivery) {
                        // The partition is still paused.
                        self.context
                            .redeliveries
                            .schedule(redelivery, Instant::now() + SEEK_RETRY_DELAY);
                        return Some(Err(error));
                    }
                    continue;
                }
                Next::End(error) => {
                    self.consumer = None;
                    return Some(Err(error));
                }
                Next::Search(SearchStep::Stalled(partitions)) => {
                    self.search(Some(&partitions), None);
                    continue;
                }
                Next::Search(SearchStep::Ended) => continue,
                Next::Search(SearchStep::Unexplained { failure, error }) => {
                    if let Some(failure) = failure {
                        let failure = format!("cannot search for an unreadable batch: {failure}");
                        tracing::warn!("{failure}");
                        self.state().record_wait(failure);
                    }
                    match error {
                        Some(error) => return Some(Err(self.source_error(error))),
                        None => continue,
                    }
                }
            };
            match received {
                Ok(message) => {
                    self.state().set_connected();
                    self.group_wait = None;
                    match self.deliver(&message) {
                        Some(delivery) => return Some(Ok(delivery)),
                        None => continue,
                    }
                }
                Err(KafkaError::NoMessageReceived | KafkaError::PartitionEOF(_)) => continue,
                // A standalone source has a generated group, whose coordinator librdkafka looks up all the same.
                Err(error) if self.settings.group.is_none() && is_group_authorization_error(&error) => continue,
                Err(error) if is_single_broker_error(&error) => continue,
                Err(error) if is_all_brokers_down(&error) => {
                    if self.state().set_disconnected() {
                        self.confirm_outage(error);
                    }
                    continue;
                }
                Err(error) if is_unreadable_batch(&error) => self.search(None, Some(error)),
                Err(error) if group_wait(&error).is_some_and(|wait| self.group_wait == Some(wait)) => continue,
                Err(error) => {
                    self.group_wait = group_wait(&error);
                    let error = self.source_error(error);
                    if !error.is_retryable() {
                        // Its destructor leaves the group, in the background.
                        self.consumer = None;
                    }
                    return Some(Err(error));
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        let Some(consumer) = &self.consumer else { return Ok(()) };
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let committed = match self.settings.group {
            Some(_) => commit(consumer, deadline).await,
            None => Ok(()),
        };
        // Lookups keep the consumer alive.
        let lookups = async {
            self.missed.finish(consumer).await;
            while self.outages.join_next().await.is_some() {}
        };
        let looked_up = timeout_at(deadline, lookups).await;
        let Some(consumer) = self.consumer.take() else {
            return Ok(());
        };
        let closed = run_detached(move || consumer.close());
        let left = timeout_at(deadline, closed).await.map_err(close_timeout);
        let closed = left.and_then(|left| committed.and(left.map_err(close_aborted)));
        let closed = closed.and_then(|()| looked_up.map_err(close_timeout));
        let closed = closed.and_then(|()| self.missed.take_all().map_or(Ok(()), Err));
        closed.inspect_err(|error| self.state().record_wait(with_cause(error)))
    }
}

impl fmt::Debug for KafkaEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSource")
            .field("state", self.state())
            .field("topics", &self.settings.topics)
            .field("group", &self.settings.group)
            .finish_non_exhaustive()
    }
}

/// Commits the stored offsets. Waits for a rebalance to end.
async fn commit(consumer: &Arc<Consumer>, deadline: Instant) -> Result<(), SourceError> {
    loop {
        let commit = run_detached({
            let consumer = Arc::clone(consumer);
            move || consumer.commit()
        });
        let committed = tokio::select! {
            committed = timeout_at(deadline, commit) => committed.map_err(close_timeout)?.map_err(close_aborted)?,
            // A rebalance completes only while its members poll.
            _ = consumer.poll_events(false) => continue,
        };
        let Err(error) = committed else { return Ok(()) };
        if !is_rebalancing(&error) || deadline <= Instant::now() {
            let message = "cannot commit the offsets";
            return Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error));
        }
        tokio::select! {
            () = sleep(COMMIT_RETRY_INTERVAL) => {}
            _ = consumer.poll_events(false) => {}
        }
    }
}

fn close_aborted(error: io::Error) -> SourceError {
    SourceError::new(SourceErrorKind::Fatal, "closing the consumer was aborted").with_source(error)
}

fn close_timeout(elapsed: Elapsed) -> SourceError {
    let message = "no broker responded: offsets may be uncommitted, and the group not left";
    SourceError::new(SourceErrorKind::Timeout, message).with_source(elapsed)
}
