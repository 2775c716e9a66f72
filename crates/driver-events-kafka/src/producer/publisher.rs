use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{BatchResults, Envelope, Fate, Receipt, SetupError, SinkError, SinkErrorKind, Stored};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message as _, OwnedMessage};
use tokio::time::Instant;

use super::callbacks::ProducerRole;
use super::current_producer::CurrentProducer;
use super::delivery_future::{DeliveryFailure, DeliveryFuture, DeliveryOpaque, DeliveryReport, StoredRecord};
use super::errors::{is_refused_batch, not_isolated, sink_error};
use super::isolation::Isolation;
use super::producer_handle::ProducerHandle;
use crate::client::context::Context;
use crate::client::properties::Acks;
use crate::client::state::KafkaState;
use crate::wire::record::{EncodedEvent, from_owned, to_owned};
use crate::wire::topic_naming::TopicNaming;

/// Capacity in bytes that fits the JSON of most events.
const JSON_CAPACITY: usize = 512;

type SendResult = Result<Receipt, SinkError>;

/// The delivery future of a queued record, or why it was not queued.
type QueueResult = Result<DeliveryFuture, DeliveryFailure>;

/// Produces events and waits for their delivery reports. Resends those that failed with their producer or their batch.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) topics: TopicNaming,
    pub(super) acks: Acks,
    pub(super) producer: CurrentProducer,
    isolation: Isolation,
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
            isolation: Isolation::new(config.clone(), context.renewed()),
            producer: CurrentProducer::new(config, context)?,
            message_timeout,
            has_headers,
        })
    }

    pub(super) fn state(&self) -> &KafkaState {
        self.producer.state()
    }

    /// Returns the producers in use, in the order in which a record passes them.
    pub(super) fn handles(&self) -> impl Iterator<Item = Arc<ProducerHandle>> {
        [Some(self.producer.handle()), self.isolation.handle()]
            .into_iter()
            .flatten()
    }

    /// Produces one event and waits for its delivery report.
    pub(super) async fn send(&self, envelope: Envelope) -> SendResult {
        let deadline = self.deadline();
        let handle = self.producer.handle();
        let (topic, queued) = self.queue(&handle, envelope, &mut Vec::with_capacity(JSON_CAPACITY))?;
        let queued = match take_queue_full(queued) {
            Ok(queued) => queued,
            // Boxed, since this future is large and seldom needed.
            Err(record) => Box::pin(queue_with_retry(&handle, record, deadline)).await,
        };
        match report(queued).await {
            Ok(stored) => Ok(self.receipt(topic, &stored)),
            Err(failure) => Box::pin(self.resend(handle, topic, failure, deadline)).await,
        }
    }

    async fn resend(
        &self,
        handle: Arc<ProducerHandle>,
        topic: Arc<str>,
        failure: DeliveryFailure,
        deadline: Option<Instant>,
    ) -> SendResult {
        let unresolved = sink_error(failure.code, &topic);
        let mut results = BatchResults::new(1);
        let failed = vec![FailedEvent {
            index: 0,
            topic,
            failure,
        }];
        self.resolve_failed(handle, failed, deadline, &mut results).await;
        results.into_vec().pop().unwrap_or(Err(unresolved))
    }

    /// Produces the events in order and returns their results in the same order.
    pub(super) async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<SendResult> {
        // A caller that retries refused events in a loop must yield to other tasks.
        tokio::task::consume_budget().await;
        let deadline = self.deadline();
        let handle = self.producer.handle();
        let mut results = BatchResults::new(envelopes.len());
        let mut in_flight = Vec::with_capacity(envelopes.len());
        let mut json = Vec::with_capacity(JSON_CAPACITY);
        for (index, envelope) in envelopes.into_iter().enumerate() {
            json.clear();
            match self.queue(&handle, envelope, &mut json) {
                Ok((topic, queued)) => {
                    let queued = match take_queue_full(queued) {
                        Ok(queued) => queued,
                        Err(record) => queue_with_retry(&handle, record, deadline).await,
                    };
                    in_flight.push(QueuedEvent { index, topic, queued });
                }
                Err(error) => results.set(index, Err(error)),
            }
        }
        let failed = self.await_reports(in_flight, &mut results).await;
        self.resolve_failed(handle, failed, deadline, &mut results).await;
        results.into_vec()
    }

    /// Encodes an event into `json` and queues it without waiting. Returns its topic, too.
    ///
    /// # Errors
    /// The event cannot be encoded, or has no valid topic.
    fn queue(
        &self,
        handle: &ProducerHandle,
        envelope: Envelope,
        json: &mut Vec<u8>,
    ) -> Result<(Arc<str>, QueueResult), SinkError> {
        let topic = self.topics.topic_of(&envelope)?;
        let encoded = EncodedEvent::new(&envelope, self.has_headers, json)?;
        // librdkafka copies the record, and returns the copy if it is needed again.
        drop(envelope);
        let opaque = DeliveryOpaque::new(handle.role().in_flight.start(), encoded.timestamp());
        let queued = encoded.with_record(&topic, json, Arc::clone(&opaque), |record| {
            match handle.produce(record) {
                Ok(()) => Ok(DeliveryFuture(opaque)),
                Err((code, record)) => Err(not_queued(code, || to_owned(record))),
            }
        });
        Ok((topic, queued))
    }

    /// Waits for the delivery reports, fills in the results of stored events, and returns the failed ones.
    async fn await_reports(&self, events: Vec<QueuedEvent>, results: &mut BatchResults) -> Vec<FailedEvent> {
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

    /// Fills in the results of failed events, after another attempt for those that failed with their producer or their
    /// batch.
    async fn resolve_failed(
        &self,
        handle: Arc<ProducerHandle>,
        failed: Vec<FailedEvent>,
        deadline: Option<Instant>,
        results: &mut BatchResults,
    ) {
        let refused = self
            .resend_by_new_producer(&self.producer, handle, failed, deadline, results)
            .await;
        if !refused.is_empty() {
            self.isolate(refused, deadline, results).await;
        }
    }

    /// Sends each event of refused batches again in a batch of its own, in order: only those that are at fault fail.
    async fn isolate(&self, refused: Vec<FailedEvent>, deadline: Option<Instant>, results: &mut BatchResults) {
        let producer = match self.isolation.producer().await {
            Ok(producer) => producer,
            Err(error) => {
                tracing::error!(%error, "cannot create the producer that sends records alone");
                for FailedEvent { index, topic, .. } in refused {
                    let error = sink_error(RDKafkaErrorCode::InvalidDifferentRecord, &topic);
                    results.set(index, Err(error));
                }
                return;
            }
        };
        if let Some(FailedEvent { topic, failure, .. }) = refused.first() {
            let cause = format!(
                "the broker refused a batch for `{topic}` ({}): its records are sent alone",
                failure.code
            );
            tracing::debug!(records = refused.len(), "{cause}");
            self.state().record_wait(cause);
        }
        let handle = producer.handle();
        let mut in_flight = Vec::with_capacity(refused.len());
        for FailedEvent { index, topic, failure } in refused {
            match failure.record {
                Some(record) if is_in_time(deadline) => {
                    let queued = queue_with_retry(&handle, record, deadline).await;
                    in_flight.push(QueuedEvent { index, topic, queued });
                }
                _ => results.set(index, Err(self.explained(not_isolated(&topic)))),
            }
        }
        let failed = self.await_reports(in_flight, results).await;
        let refused = self
            .resend_by_new_producer(producer, handle, failed, deadline, results)
            .await;
        for FailedEvent { index, topic, failure } in refused {
            results.set(index, Err(sink_error(failure.code, &topic)));
        }
    }

    /// Fills in the results of failed events. Events that failed with their producer are first sent again by a new one.
    /// Returns those that were refused with their batch.
    async fn resend_by_new_producer(
        &self,
        producer: &CurrentProducer,
        mut handle: Arc<ProducerHandle>,
        mut failed: Vec<FailedEvent>,
        deadline: Option<Instant>,
        results: &mut BatchResults,
    ) -> Vec<FailedEvent> {
        let mut refused = Vec::new();
        while !failed.is_empty() {
            let fatal_error = handle.fatal_error();
            // A new producer has no more permissions than the old one, but serves later events once WRITE is granted.
            let is_forbidden =
                fatal_error.is_some_and(|code| sink_error(code, "").kind() == SinkErrorKind::Unauthorized);
            let is_recreated = fatal_error.is_some() && producer.recreate(handle.epoch).await;
            let may_resend = is_recreated && is_in_time(deadline) && !is_forbidden;
            handle = producer.handle();
            let mut in_flight = Vec::new();
            for event in failed {
                if event.failure.was_queued && is_refused_batch(event.failure.code) {
                    refused.push(event);
                    continue;
                }
                let FailedEvent { index, topic, failure } = event;
                let mut error = sink_error(failure.code, &topic);
                if !failure.was_queued {
                    error = error.with_fate(Fate::NotSent);
                }
                let error = match failure.record {
                    Some(record) if may_resend && failed_with_producer(&error) => {
                        if error.fate() != Fate::NotSent {
                            self.state().count_possible_duplicate();
                        }
                        let queued = queue_with_retry(&handle, record, deadline).await;
                        in_flight.push(QueuedEvent { index, topic, queued });
                        continue;
                    }
                    _ if is_forbidden && failed_with_producer(&error) => {
                        sink_error(RDKafkaErrorCode::ClusterAuthorizationFailed, &topic).with_fate(error.fate())
                    }
                    _ => error,
                };
                results.set(index, Err(self.explained(error)));
            }
            failed = self.await_reports(in_flight, results).await;
        }
        refused
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

/// An event that is in flight, or was not queued.
#[derive(Debug)]
struct QueuedEvent {
    /// Index of its result.
    index: usize,
    topic: Arc<str>,
    queued: QueueResult,
}

/// An event without a positive delivery report.
#[derive(Debug)]
struct FailedEvent {
    index: usize,
    topic: Arc<str>,
    failure: DeliveryFailure,
}

fn is_in_time(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|deadline| Instant::now() < deadline)
}

/// Waits for the delivery report of a record that may have been queued.
async fn report(queued: QueueResult) -> DeliveryReport {
    queued?.await
}

/// Queues a record, and waits for space while the queue is full.
async fn queue_with_retry(
    handle: &ProducerHandle,
    mut record: Box<OwnedMessage>,
    deadline: Option<Instant>,
) -> QueueResult {
    let mut headers = record.detach_headers();
    let mut permit = None;
    loop {
        let opaque = DeliveryOpaque::new(handle.role().in_flight.start(), record.timestamp());
        let Err((code, refused)) = handle.produce(from_owned(&record, headers, Arc::clone(&opaque))) else {
            return Ok(DeliveryFuture(opaque));
        };
        headers = refused.headers;
        if code != RDKafkaErrorCode::QueueFull || !is_in_time(deadline) {
            return Err(not_queued(code, || Box::new(record.replace_headers(headers))));
        }
        match &permit {
            None => {
                handle.state().record_wait("the producer's queue is full");
                permit = handle.role().queue_full.acquire(deadline).await;
            }
            Some(permit) => permit.wait().await,
        }
    }
}

/// Returns why a record was not queued, with the record if another attempt may succeed.
fn not_queued(code: RDKafkaErrorCode, record: impl FnOnce() -> Box<OwnedMessage>) -> DeliveryFailure {
    use RDKafkaErrorCode as Code;
    DeliveryFailure {
        code,
        was_queued: false,
        record: matches!(code, Code::QueueFull | Code::Fatal).then(record),
    }
}

/// Returns the record as the error if only the full queue refused it.
fn take_queue_full(queued: QueueResult) -> Result<QueueResult, Box<OwnedMessage>> {
    match queued {
        Err(DeliveryFailure {
            code: RDKafkaErrorCode::QueueFull,
            record: Some(record),
            ..
        }) => Err(record),
        queued => Ok(queued),
    }
}

/// Returns whether a record failed because its producer did, so that a new producer may deliver it. A record that is
/// invalid fails with any producer.
fn failed_with_producer(error: &SinkError) -> bool {
    matches!(error.kind(), SinkErrorKind::Disconnected | SinkErrorKind::Timeout)
}
