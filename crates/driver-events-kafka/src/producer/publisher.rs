use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{BatchResults, Envelope, Fate, Receipt, SetupError, SinkError, SinkErrorKind, Stored};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::Instant;

use super::attempt::{
    Call, FailedEvent, Lane, QueueResult, QueuedEvent, WaitingEvent, is_in_time, not_queued, queue_with_retry, report,
    split_round, take_queue_full,
};
use super::callbacks::ProducerRole;
use super::current_producer::CurrentProducer;
use super::delivery_future::{DeliveryFailure, DeliveryFuture, DeliveryOpaque, StoredRecord};
use super::errors::{is_refused_batch, names_no_record, not_sent_in_time, sink_error};
use super::in_flight::Moving;
use super::isolation::Isolation;
use super::producer_handle::ProducerHandle;
use super::suspects::{Hold, HoldChoice, Suspects};
use crate::admin::topic_limits::topic_limits;
use crate::client::context::Context;
use crate::client::properties::{self, Acks};
use crate::client::state::KafkaState;
use crate::wire::record::{EncodedEvent, to_owned};
use crate::wire::topic_naming::TopicNaming;

/// Events of a batch that are queued between two looks for delivery reports.
const EVENTS_PER_LOOK: usize = 1_024;
/// Capacity in bytes that fits the JSON of most events.
const JSON_CAPACITY: usize = 512;

type SendResult = Result<Receipt, SinkError>;

/// Produces events and waits for their delivery reports. Resends those that failed with their producer or their batch.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) topics: TopicNaming,
    pub(super) acks: Acks,
    pub(super) producer: CurrentProducer,
    isolation: Isolation,
    /// The connection properties.
    connection: ClientConfig,
    pub(super) suspects: Suspects,
    /// `message.timeout.ms`, which also limits the wait for space in the queue; `None` if it is 0 (unlimited).
    pub(super) message_timeout: Option<Duration>,
    has_headers: bool,
}

impl Publisher {
    pub(super) fn new(
        config: ClientConfig,
        context: Context<Arc<ProducerRole>>,
        topics: TopicNaming,
        has_headers: bool,
        acks: Acks,
    ) -> Result<Self, SetupError> {
        let message_timeout = config
            .get("message.timeout.ms")
            .and_then(|milliseconds| milliseconds.parse().ok())
            .filter(|milliseconds| *milliseconds != 0)
            .map(Duration::from_millis);
        Ok(Self {
            topics,
            acks,
            connection: properties::connection(&config),
            isolation: Isolation::new(config.clone(), context.renewed()),
            suspects: Suspects::default(),
            producer: CurrentProducer::new(config, context)?,
            message_timeout,
            has_headers,
        })
    }

    pub(super) fn state(&self) -> &KafkaState {
        self.producer.state()
    }

    /// Reads the limits of the topics with known names, if their settings are visible, so that no batch exceeds them.
    ///
    /// # Errors
    /// The producer cannot be created again with a smaller `batch.size`.
    pub(super) async fn read_limits(&self) -> Result<(), SetupError> {
        let topics = self.topics.known_topics();
        for (topic, limits) in topic_limits(&self.connection, self.state(), &topics).await {
            if let Some(bytes) = limits.length {
                self.producer.limit_batch_size(bytes).await?;
            }
            self.suspects.set_limits(&topic, limits);
        }
        Ok(())
    }

    /// Returns the producers in use.
    pub(super) fn handles(&self) -> impl Iterator<Item = Arc<ProducerHandle>> {
        [Some(self.producer.handle()), self.isolation.handle()]
            .into_iter()
            .flatten()
    }

    /// Returns how many records have no final delivery report.
    pub(super) fn undelivered(&self) -> usize {
        let in_flight: usize = self.handles().map(|handle| handle.role().in_flight.count()).sum();
        in_flight + self.producer.handle().role().moving.count()
    }

    /// Waits until the records that were sent before the call have their final delivery reports, whichever producers they pass.
    pub(super) async fn drain(&self) {
        // A record moves to a new producer after a fatal error, and alone to another one after its batch was refused.
        for _ in 0..2 {
            for producer in [Some(self.producer.handle()), None] {
                let Some(handle) = producer.or_else(|| self.isolation.handle()) else {
                    continue;
                };
                handle.role().in_flight.drain().await;
                handle.role().moving.drain().await;
            }
        }
    }

    /// Produces one event and waits for its delivery report.
    pub(super) async fn send(&self, envelope: Envelope) -> SendResult {
        let deadline = self.deadline();
        let handle = self.producer.handle();
        let attempt = match self.queue_one(&handle, envelope)? {
            Attempt::Queued(topic, Ok(delivery)) => match delivery.await {
                Ok(stored) => return Ok(self.receipt(topic, &stored)),
                Err(failure) => Attempt::Queued(topic, Err(failure)),
            },
            attempt => attempt,
        };
        // Boxed, since this future is large and seldom needed.
        Box::pin(self.finish(handle, attempt, deadline)).await
    }

    /// Sends an event that the first attempt has not stored.
    async fn finish(&self, handle: Arc<ProducerHandle>, attempt: Attempt, deadline: Option<Instant>) -> SendResult {
        let (failed, waiting) = match attempt {
            Attempt::Held(waiting) => (None, Some(*waiting)),
            Attempt::Queued(topic, queued) => {
                let queued = match take_queue_full(queued) {
                    Ok(queued) => queued,
                    Err(record) => queue_with_retry(&handle, record, deadline).await,
                };
                match report(queued).await {
                    Ok(stored) => return Ok(self.receipt(topic, &stored)),
                    Err(failure) => {
                        let index = 0;
                        (Some(FailedEvent { index, topic, failure }), None)
                    }
                }
            }
        };
        let mut call = Call::new(1, deadline);
        let (failed, waiting) = (Vec::from_iter(failed), Vec::from_iter(waiting));
        self.resolve(handle, failed, waiting, &mut call).await;
        call.results
            .into_vec()
            .pop()
            .unwrap_or_else(|| Err(not_sent_in_time("")))
    }

    /// Produces the events in order and returns their results in the same order.
    pub(super) async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<SendResult> {
        // A caller that retries refused events in a loop must yield to other tasks.
        tokio::task::consume_budget().await;
        let mut call = Call::new(envelopes.len(), self.deadline());
        let handle = self.producer.handle();
        let mut choice = self.suspects.choose();
        let mut in_flight = VecDeque::new();
        let (mut failed, mut waiting) = (Vec::new(), Vec::new());
        let mut json = Vec::with_capacity(JSON_CAPACITY);
        for (index, envelope) in envelopes.into_iter().enumerate() {
            json.clear();
            match self.queue(&handle, envelope, &mut json, &mut choice) {
                Ok(Attempt::Queued(topic, queued)) => {
                    let queued = match take_queue_full(queued) {
                        Ok(queued) => queued,
                        Err(record) => queue_with_retry(&handle, record, call.deadline).await,
                    };
                    in_flight.push_back(QueuedEvent { index, topic, queued });
                    if in_flight.len().is_multiple_of(EVENTS_PER_LOOK) {
                        // What has arrived is read early: its memory is used again while it is in the caches.
                        let arrived = in_flight.iter().take_while(|event| event.has_arrived()).count();
                        failed.extend(self.await_reports(in_flight.drain(..arrived), &mut call.results).await);
                    }
                }
                Ok(Attempt::Held(event)) => waiting.push(WaitingEvent { index, ..*event }),
                Err(error) => call.results.set(index, Err(error)),
            }
        }
        failed.extend(self.await_reports(in_flight, &mut call.results).await);
        self.resolve(handle, failed, waiting, &mut call).await;
        call.results.into_vec()
    }

    /// Queues the event of a call that has only one. Not `async`: an event in flight would keep the buffer.
    fn queue_one(&self, handle: &ProducerHandle, envelope: Envelope) -> Result<Attempt, SinkError> {
        let mut json = Vec::with_capacity(JSON_CAPACITY);
        self.queue(handle, envelope, &mut json, &mut self.suspects.choose())
    }

    /// Encodes an event into `json`, and queues it without waiting, unless it is held.
    ///
    /// # Errors
    /// The event cannot be encoded, or has no valid topic.
    fn queue(
        &self,
        handle: &ProducerHandle,
        envelope: Envelope,
        json: &mut Vec<u8>,
        choice: &mut HoldChoice,
    ) -> Result<Attempt, SinkError> {
        let topic = self.topics.topic_of(&envelope)?;
        let encoded = EncodedEvent::new(&envelope, self.has_headers, json)?;
        // librdkafka copies the record, and returns the copy if it is needed again.
        drop(envelope);
        if let Some(hold) = choice.hold(&topic, encoded.goal_id(), encoded.timestamp(), json.len()) {
            let record = encoded.with_record(&topic, json, (), to_owned);
            let lane = match hold {
                Hold::Suspect => Lane::Alone,
                Hold::Behind => Lane::Batched,
            };
            return Ok(Attempt::Held(Box::new(WaitingEvent {
                index: 0,
                topic,
                record,
                lane,
                moving: Some(Moving::start(&handle.role().moving)),
            })));
        }
        let opaque = DeliveryOpaque::new(handle.role().in_flight.start(), encoded.timestamp());
        let queued = encoded.with_record(&topic, json, Arc::clone(&opaque), |record| {
            match handle.produce(record) {
                Ok(()) => Ok(DeliveryFuture(opaque)),
                Err((code, record)) => Err(not_queued(code, || to_owned(record))),
            }
        });
        Ok(Attempt::Queued(topic, queued))
    }

    /// Waits for the delivery reports, fills in the results of stored events, and returns the failed ones.
    async fn await_reports(
        &self,
        events: impl IntoIterator<Item = QueuedEvent, IntoIter: DoubleEndedIterator>,
        results: &mut BatchResults,
    ) -> Vec<FailedEvent> {
        let mut failed = Vec::new();
        // Last event first: once it is stored, so are the earlier ones of its partition, and one wake-up serves them all.
        for QueuedEvent { index, topic, queued } in events.into_iter().rev() {
            match report(queued).await {
                Ok(stored) => results.set(index, Ok(self.receipt(topic, &stored))),
                Err(failure) => failed.push(FailedEvent { index, topic, failure }),
            }
        }
        failed.reverse();
        failed
    }

    /// Sends waiting events, and again those that failed with their producer or their batch. An event is sent once the earlier
    /// ones of its goal have a result, or together with them.
    async fn resolve(
        &self,
        handle: Arc<ProducerHandle>,
        failed: Vec<FailedEvent>,
        mut waiting: Vec<WaitingEvent>,
        call: &mut Call,
    ) {
        waiting.extend(
            self.resolve_failed(&self.producer, &handle, Lane::Batched, failed, call)
                .await,
        );
        while !waiting.is_empty() {
            waiting.sort_by_key(|event| event.index);
            let (round, later) = split_round(waiting);
            waiting = later;
            let (batched, alone) = round.into_iter().partition(|event| event.lane == Lane::Batched);
            waiting.extend(self.attempt(Lane::Batched, batched, call).await);
            waiting.extend(self.attempt(Lane::Alone, alone, call).await);
        }
        for topic in call.refused_topics.drain() {
            self.suspects.refused_as_batch(&topic);
        }
    }

    /// Sends these events in order, and waits for their delivery reports. Returns those that need another attempt.
    async fn attempt(&self, lane: Lane, events: Vec<WaitingEvent>, call: &mut Call) -> Vec<WaitingEvent> {
        if events.is_empty() {
            return Vec::new();
        }
        let producer = match lane {
            Lane::Batched => Ok(&self.producer),
            Lane::Alone => self.isolation.producer().await,
        };
        let producer = match producer {
            Ok(producer) => producer,
            Err(error) => {
                let what = "cannot create the producer that sends records alone";
                let cause = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                tracing::error!(cause, "{what}");
                self.state().record_failure(format!("{what}: {cause}"));
                for WaitingEvent { index, topic, .. } in events {
                    let error = SinkError::new(SinkErrorKind::Disconnected, format!("{what} (topic `{topic}`)"));
                    let error = error.with_fate(Fate::NotSent).with_source(cause.clone());
                    call.fail(index, error);
                }
                return Vec::new();
            }
        };
        let handle = producer.handle();
        let mut in_flight = Vec::with_capacity(events.len());
        for WaitingEvent {
            index,
            topic,
            record,
            moving,
            ..
        } in events
        {
            if is_in_time(call.deadline) {
                let queued = queue_with_retry(&handle, record, call.deadline).await;
                in_flight.push(QueuedEvent { index, topic, queued });
            } else {
                call.fail(index, self.explained(not_sent_in_time(&topic)));
            }
            // Now that the record is in flight.
            drop(moving);
        }
        let failed = self.await_reports(in_flight, &mut call.results).await;
        self.resolve_failed(producer, &handle, lane, failed, call).await
    }

    /// Fills in the results of failed events. Returns those that need another attempt: by a new producer, or in a batch of
    /// their own.
    async fn resolve_failed(
        &self,
        producer: &CurrentProducer,
        handle: &ProducerHandle,
        lane: Lane,
        failed: Vec<FailedEvent>,
        call: &mut Call,
    ) -> Vec<WaitingEvent> {
        let mut waiting = Vec::new();
        if failed.is_empty() {
            return waiting;
        }
        let fatal_error = handle.fatal_error();
        // A new producer has no more permissions than the old one, but serves later events once WRITE is granted.
        let is_forbidden = fatal_error.is_some_and(|code| sink_error(code, "").kind() == SinkErrorKind::Unauthorized);
        let is_recreated = fatal_error.is_some() && producer.recreate(handle.epoch).await;
        let may_resend = is_recreated && !is_forbidden;
        for FailedEvent { index, topic, failure } in failed {
            let DeliveryFailure {
                code,
                was_queued,
                record,
                moving,
            } = *failure;
            if was_queued && is_refused_batch(code) {
                match (lane, record) {
                    (Lane::Batched, Some(record)) => {
                        self.batch_refused(&topic, code, call);
                        waiting.push(WaitingEvent {
                            index,
                            topic,
                            record,
                            lane: Lane::Alone,
                            moving,
                        });
                    }
                    (_, record) => {
                        call.refused_topics.remove(&topic);
                        if let Some(record) = record {
                            self.suspects.refused_alone(&topic, code, &record);
                        }
                        call.fail(index, sink_error(code, &topic));
                    }
                }
                continue;
            }
            let mut error = sink_error(code, &topic);
            if !was_queued {
                error = error.with_fate(Fate::NotSent);
            }
            let error = match record {
                Some(record) if may_resend && is_in_time(call.deadline) && failed_with_producer(&error) => {
                    if error.fate() != Fate::NotSent {
                        self.state().count_possible_duplicate();
                        call.mark_maybe_stored(index);
                    }
                    waiting.push(WaitingEvent {
                        index,
                        topic,
                        record,
                        lane,
                        moving,
                    });
                    continue;
                }
                _ if is_forbidden && failed_with_producer(&error) => {
                    sink_error(RDKafkaErrorCode::ClusterAuthorizationFailed, &topic).with_fate(error.fate())
                }
                _ => error,
            };
            call.fail(index, self.explained(error));
        }
        waiting
    }

    fn batch_refused(&self, topic: &Arc<str>, code: RDKafkaErrorCode, call: &mut Call) {
        if names_no_record(code) {
            call.refused_topics.insert(Arc::clone(topic));
        }
        if std::mem::replace(&mut call.is_refusal_recorded, true) {
            return;
        }
        let cause = format!("the broker refused a batch for `{topic}` ({code}): its records are sent alone");
        tracing::debug!("{cause}");
        self.state().record_wait(cause);
    }

    fn receipt(&self, topic: Arc<str>, stored: &StoredRecord) -> Receipt {
        if self.acks == Acks::None {
            return Receipt::Written;
        }
        Receipt::Stored(Stored {
            log: topic,
            partition: Some(stored.partition),
            offset: u64::try_from(stored.offset).unwrap_or_default(),
            duplicate: false,
        })
    }

    /// Records the error, and adds its cause: `Unauthorized` in place of a retryable error while all brokers refuse the
    /// credentials, the last connection error otherwise.
    fn explained(&self, error: SinkError) -> SinkError {
        if !error.is_retryable() {
            return error;
        }
        if let Some(reason) = self.state().refusal() {
            let message = format!("the brokers refuse the credentials: {reason}");
            return SinkError::new(SinkErrorKind::Unauthorized, message).with_fate(error.fate());
        }
        match error.kind() {
            SinkErrorKind::Timeout | SinkErrorKind::Full => self.state().record_wait(error.to_string()),
            _ => self.state().record_failure(error.to_string()),
        }
        match self.state().recent_connection_error() {
            Some(cause) if error.kind() != SinkErrorKind::Unauthorized => {
                error.with_source(format!("last connection error: {cause}"))
            }
            _ => error,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.message_timeout.map(|timeout| Instant::now() + timeout)
    }
}

/// An event of a call, encoded. Few are held, and every event in flight has space for one of these: so those are boxed.
#[derive(Debug)]
enum Attempt {
    Queued(Arc<str>, QueueResult),
    Held(Box<WaitingEvent>),
}

/// Returns whether a record failed because its producer did, so that a new producer may deliver it. A record that is
/// invalid fails with any producer.
fn failed_with_producer(error: &SinkError) -> bool {
    matches!(error.kind(), SinkErrorKind::Disconnected | SinkErrorKind::Timeout)
}
