use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use driver_events_core::{Envelope, Fate, Receipt, SinkError, SinkErrorKind, Stored};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::OwnedMessage;
use tokio::time::Instant;

use crate::context::{Context, Producing};
use crate::errors::error_of;
use crate::generation::Generation;
use crate::properties::Acks;
use crate::record::{Encoded, again, keep};
use crate::ticket::{Awaited, Failed, Report, Ticket};
use crate::topics::Topics;
use crate::{KafkaState, SetupError};

/// Bytes that the JSON of most events fits into.
const USUAL: usize = 512;

type Answer = Result<Receipt, SinkError>;

/// The ticket of a record that is in the queue, or why it is not.
type Put = Result<Awaited, Failed>;

/// Produces events until their delivery reports are there, with a new producer of librdkafka's where one breaks down.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) topics: Topics,
    pub(crate) has_headers: bool,
    pub(crate) acks: Acks,
    config: ClientConfig,
    context: Context<Producing>,
    /// For how long an event may wait for room: as long as librdkafka tries to deliver it.
    patience: Option<Duration>,
    current: RwLock<Arc<Generation>>,
}

impl Producer {
    pub(crate) fn new(
        config: ClientConfig,
        context: Context<Producing>,
        topics: Topics,
        has_headers: bool,
        acks: Acks,
    ) -> Result<Self, SetupError> {
        let patience = config
            .get("message.timeout.ms")
            .and_then(|milliseconds| milliseconds.parse().ok())
            .filter(|milliseconds| *milliseconds != 0)
            .map(Duration::from_millis);
        let current = Generation::new(0, &config, context.renewed())?;
        Ok(Self {
            topics,
            has_headers,
            acks,
            config,
            context,
            patience,
            current: RwLock::new(current),
        })
    }

    pub(crate) fn state(&self) -> &KafkaState {
        self.context.state()
    }

    /// For how long an event may take; none where that is for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    pub(crate) fn current(&self) -> Arc<Generation> {
        // Nothing panics while it holds the lock.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Produces one event, and answers for it.
    pub(crate) async fn store(&self, envelope: Envelope) -> Answer {
        let deadline = self.deadline();
        let generation = self.current();
        let (topic, put) = self.put(&generation, envelope, &mut Vec::with_capacity(USUAL))?;
        let put = match room_is_missing(put) {
            Ok(put) => put,
            // Rare, and large.
            Err(record) => Box::pin(put_again(&generation, record, deadline)).await,
        };
        let report = match put {
            Ok(ticket) => ticket.await,
            Err(failed) => Report::Failed(failed),
        };
        match report {
            Report::Stored { partition, offset } => Ok(self.receipt(topic, partition, offset)),
            Report::Failed(why) => Box::pin(self.store_again(generation, topic, why, deadline)).await,
        }
    }

    async fn store_again(
        &self,
        generation: Arc<Generation>,
        topic: Arc<str>,
        why: Failed,
        deadline: Option<Instant>,
    ) -> Answer {
        let mut answers = [None];
        let failed = vec![Unstored { place: 0, topic, why }];
        self.answer_failed(generation, failed, deadline, &mut answers).await;
        let [answer] = answers;
        answer.unwrap_or_else(unanswered)
    }

    /// Produces all of them, in order, and answers for each in its place.
    pub(crate) async fn store_all(&self, envelopes: Vec<Envelope>) -> Vec<Answer> {
        // Whoever sends again at once what is refused must not keep the thread from others.
        tokio::task::consume_budget().await;
        let deadline = self.deadline();
        let generation = self.current();
        let mut answers = Vec::with_capacity(envelopes.len());
        let mut sent = Vec::with_capacity(envelopes.len());
        let mut json = Vec::with_capacity(USUAL);
        for (place, envelope) in envelopes.into_iter().enumerate() {
            json.clear();
            match self.put(&generation, envelope, &mut json) {
                Ok((topic, put)) => {
                    let put = match room_is_missing(put) {
                        Ok(put) => put,
                        Err(record) => put_again(&generation, record, deadline).await,
                    };
                    sent.push(Sent { place, topic, put });
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error))),
            }
        }
        let failed = self.answer(sent, &mut answers).await;
        self.answer_failed(generation, failed, deadline, &mut answers).await;
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(unanswered))
            .collect()
    }

    /// Puts an event into the queue, encoded into `json`; never waits. Gives its topic, too.
    ///
    /// # Errors
    /// The event cannot be a record.
    fn put(
        &self,
        generation: &Generation,
        envelope: Envelope,
        json: &mut Vec<u8>,
    ) -> Result<(Arc<str>, Put), SinkError> {
        let topic = self.topics.of(&envelope)?;
        let encoded = Encoded::new(&envelope, self.has_headers, json)?;
        // librdkafka has its own copy, and gives it back where it is still needed.
        drop(envelope);
        let ticket = Ticket::new(generation.role().flights.start());
        let put = encoded.with_record(&topic, json, Arc::clone(&ticket), |record| {
            match generation.produce(record) {
                Ok(()) => Ok(Awaited(ticket)),
                Err((code, record)) => Err(refused(code, || keep(record))),
            }
        });
        Ok((topic, put))
    }

    /// Waits for the reports on all of them, answers for what is stored, and gives the rest.
    async fn answer(&self, sent: Vec<Sent>, answers: &mut [Option<Answer>]) -> Vec<Unstored> {
        let mut failed = Vec::new();
        // The last one first: when it is stored, those before it in its partition are, and one wake-up serves them all.
        for Sent { place, topic, put } in sent.into_iter().rev() {
            let report = match put {
                Ok(ticket) => ticket.await,
                Err(failed) => Report::Failed(failed),
            };
            match report {
                Report::Stored { partition, offset } => {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = Some(Ok(self.receipt(topic, partition, offset)));
                    }
                }
                Report::Failed(why) => failed.push(Unstored { place, topic, why }),
            }
        }
        failed.reverse();
        failed
    }

    /// Answers for what is not stored, and produces that again first whose producer broke down.
    async fn answer_failed(
        &self,
        mut generation: Arc<Generation>,
        mut failed: Vec<Unstored>,
        deadline: Option<Instant>,
        answers: &mut [Option<Answer>],
    ) {
        while !failed.is_empty() {
            let breakdown = generation.breakdown();
            // A new producer has no more permissions. It is there for events that come later.
            let is_forbidden = breakdown.is_some_and(|why| error_of(why, "").kind() == SinkErrorKind::Unauthorized);
            let is_rebuilt = breakdown.is_some() && self.rebuild(generation.number);
            let is_in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
            let may_go_on = is_rebuilt && is_in_time && !is_forbidden;
            generation = self.current();
            let mut sent = Vec::new();
            for Unstored { place, topic, why } in failed {
                let mut error = error_of(why.code, &topic);
                if !why.was_queued {
                    error = error.with_fate(Fate::NotSent);
                }
                let error = match why.record {
                    Some(record) if may_go_on && was_left_behind(&error) => {
                        if error.fate() != Fate::NotSent {
                            self.state().may_have_doubled();
                        }
                        let put = put_again(&generation, record, deadline).await;
                        sent.push(Sent { place, topic, put });
                        continue;
                    }
                    _ if is_forbidden && was_left_behind(&error) => {
                        error_of(RDKafkaErrorCode::ClusterAuthorizationFailed, &topic).with_fate(error.fate())
                    }
                    _ => self.explained(error),
                };
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(Err(error));
                }
            }
            failed = self.answer(sent, answers).await;
        }
    }

    fn receipt(&self, topic: Arc<str>, partition: i32, offset: i64) -> Receipt {
        if self.acks == Acks::None {
            return Receipt::Written;
        }
        Receipt::Stored(Stored {
            log: topic,
            partition: Some(partition),
            offset: u64::try_from(offset).unwrap_or_default(),
            duplicate: false,
        })
    }

    /// The error of an event, with what is known of its reason.
    fn explained(&self, error: SinkError) -> SinkError {
        match self.state().refusal() {
            // Nothing was acknowledged since.
            Some(why) if error.is_retryable() => {
                let message = format!("the brokers refuse the credentials: {why}");
                SinkError::new(SinkErrorKind::Unauthorized, message).with_fate(error.fate())
            }
            _ => error,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.patience.map(|patience| Instant::now() + patience)
    }

    /// Makes a new producer, unless somebody has. False where none can be had.
    fn rebuild(&self, broken: u64) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.number != broken {
            return true;
        }
        match Generation::new(broken + 1, &self.config, self.context.renewed()) {
            Ok(generation) => {
                *current = generation;
                self.state().rebuilt();
                tracing::warn!("the Kafka producer broke down, and was made anew");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the Kafka producer broke down, and cannot be made anew");
                false
            }
        }
    }
}

/// An event that is under way, or was not put into the queue.
#[derive(Debug)]
struct Sent {
    /// Of its answer.
    place: usize,
    topic: Arc<str>,
    put: Put,
}

/// An event that is not stored, as far as anybody knows.
#[derive(Debug)]
struct Unstored {
    place: usize,
    topic: Arc<str>,
    why: Failed,
}

/// Puts a record into the queue, and waits for room where that is full.
async fn put_again(generation: &Generation, mut record: Box<OwnedMessage>, deadline: Option<Instant>) -> Put {
    let mut headers = record.detach_headers();
    let mut turn = None;
    loop {
        let ticket = Ticket::new(generation.role().flights.start());
        let Err((code, again)) = generation.produce(again(&record, headers, Arc::clone(&ticket))) else {
            return Ok(Awaited(ticket));
        };
        headers = again.headers;
        let is_in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
        if code != RDKafkaErrorCode::QueueFull || !is_in_time {
            return Err(refused(code, || Box::new(record.replace_headers(headers))));
        }
        match &turn {
            None => turn = generation.role().room.turn(deadline).await,
            Some(turn) => turn.wait().await,
        }
    }
}

/// Why a record was not put into the queue, with the record where another try may succeed.
fn refused(code: RDKafkaErrorCode, record: impl FnOnce() -> Box<OwnedMessage>) -> Failed {
    use RDKafkaErrorCode as Code;
    Failed {
        code,
        was_queued: false,
        record: matches!(code, Code::QueueFull | Code::Fatal).then(record),
    }
}

/// Gives the record as an error that only found no room.
fn room_is_missing(put: Put) -> Result<Put, Box<OwnedMessage>> {
    match put {
        Err(Failed {
            code: RDKafkaErrorCode::QueueFull,
            record: Some(record),
            ..
        }) => Err(record),
        put => Ok(put),
    }
}

fn unanswered() -> Answer {
    Err(SinkError::new(SinkErrorKind::Fatal, "the event has no answer"))
}

/// Whether a record failed because its producer broke down, so that a new one may deliver it. What is wrong with the
/// record itself is wrong with any producer.
fn was_left_behind(error: &SinkError) -> bool {
    matches!(error.kind(), SinkErrorKind::Disconnected | SinkErrorKind::Timeout)
}
