use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use driver_events_core::{Envelope, Fate, Receipt, SinkError, SinkErrorKind, Stored};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use tokio::time::{Instant, timeout};

use crate::batch::{Batch, Report, Ticket};
use crate::context::{Context, Producing};
use crate::errors::error_of;
use crate::generation::{Generation, NotTaken};
use crate::properties::Acks;
use crate::record::Prepared;
use crate::topics::Topics;
use crate::{KafkaState, SetupError};

/// How long a full queue is left alone at most.
const LOOK: Duration = Duration::from_millis(5);

type Answer = Result<Receipt, SinkError>;

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
        let current = Arc::new(Generation::new(0, &config, context.clone())?);
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

    /// How many records librdkafka has under way.
    pub(crate) fn in_flight_count(&self) -> i32 {
        let generation = self.current();
        generation.producer().map_or(0, |producer| producer.in_flight_count())
    }

    /// Produces all of them, in order, and answers for each in its place.
    pub(crate) async fn store(&self, envelopes: Vec<Envelope>) -> Vec<Answer> {
        // Events that are refused at once must not keep the thread from others, however often they are sent again.
        tokio::task::consume_budget().await;
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(envelopes.len());
        let mut waiting = Vec::with_capacity(envelopes.len());
        for (place, envelope) in envelopes.into_iter().enumerate() {
            match Prepared::new(envelope, &self.topics) {
                Ok(event) => {
                    waiting.push((place, event));
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error))),
            }
        }
        let deadline = self.patience.map(|patience| Instant::now() + patience);
        while !waiting.is_empty() {
            let generation = self.current();
            let outcomes = self.produce(&generation, &waiting, deadline).await;
            let breakdown = generation.breakdown();
            // A new producer has no more permissions. It is there for events that come later.
            let is_forbidden = breakdown.is_some_and(|why| error_of(why, "").kind() == SinkErrorKind::Unauthorized);
            let is_rebuilt = breakdown.is_some() && self.rebuild(generation.number);
            let is_in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
            let may_go_on = is_rebuilt && is_in_time && !is_forbidden;
            let mut again = Vec::new();
            for ((place, event), outcome) in waiting.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Failed(code) if may_go_on && was_left_behind(code) => {
                        if error_of(code, &event.topic).fate() != Fate::NotSent {
                            self.state().may_have_doubled();
                        }
                        again.push((place, event));
                    }
                    Outcome::Failed(code) if is_forbidden && was_left_behind(code) => {
                        let fate = error_of(code, &event.topic).fate();
                        let error = error_of(RDKafkaErrorCode::ClusterAuthorizationFailed, &event.topic);
                        if let Some(answer) = answers.get_mut(place) {
                            *answer = Some(Err(error.with_fate(fate)));
                        }
                    }
                    outcome => {
                        if let Some(answer) = answers.get_mut(place) {
                            *answer = Some(self.answer(outcome, &event));
                        }
                    }
                }
            }
            waiting = again;
        }
        let missing = || {
            Err(SinkError::new(
                SinkErrorKind::Fatal,
                "the event was left out of its batch",
            ))
        };
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(missing))
            .collect()
    }

    /// Puts the events into the queue, one after the other, and waits for the delivery report of each.
    async fn produce(
        &self,
        generation: &Generation,
        events: &[(usize, Prepared)],
        deadline: Option<Instant>,
    ) -> Vec<Outcome> {
        let batch = Batch::new(events.len());
        let refusals = self.state().refusals();
        let mut refused = Vec::new();
        for (place, (_, event)) in events.iter().enumerate() {
            if let Err(error) = self.put(generation, event, batch.ticket(place), deadline).await {
                refused.push((place, error));
            }
        }
        let reports = tokio::select! {
            reports = batch.reports() => reports,
            () = self.state().refused_after(refusals) => {
                // They would wait until their time is over, and no event comes through.
                generation.purge_queue();
                batch.reports().await
            }
        };
        let mut outcomes: Vec<Outcome> = reports.into_iter().map(Outcome::from).collect();
        for (place, error) in refused {
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = Outcome::Unwritable(error);
            }
        }
        outcomes
    }

    /// Puts one event into the queue, and waits while that is full.
    ///
    /// # Errors
    /// The event cannot be a record, or there was no room in time.
    async fn put(
        &self,
        generation: &Generation,
        event: &Prepared,
        mut ticket: Box<Ticket>,
        deadline: Option<Instant>,
    ) -> Result<(), SinkError> {
        loop {
            let code = match generation.produce(event, ticket, self.has_headers) {
                Ok(()) => return Ok(()),
                Err((refused, NotTaken::Failed(RDKafkaErrorCode::QueueFull))) => {
                    ticket = refused;
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        ticket.settle(Report::Failed(RDKafkaErrorCode::QueueFull));
                        return Ok(());
                    }
                    // A record makes room a moment after its report was passed on: so it is also looked again later.
                    let _ = timeout(LOOK, self.context.role().room.notified()).await;
                    continue;
                }
                Err((refused, NotTaken::Failed(code))) => {
                    ticket = refused;
                    code
                }
                Err((refused, NotTaken::Unwritable(error))) => {
                    refused.settle(Report::Failed(RDKafkaErrorCode::InvalidArgument));
                    return Err(error);
                }
            };
            ticket.settle(Report::Failed(code));
            return Ok(());
        }
    }

    fn answer(&self, outcome: Outcome, event: &Prepared) -> Answer {
        let code = match outcome {
            Outcome::Stored { .. } if self.acks == Acks::None => return Ok(Receipt::Written),
            Outcome::Stored { partition, offset } => {
                return Ok(Receipt::Stored(Stored {
                    log: Arc::clone(&event.topic),
                    partition: Some(partition),
                    offset: u64::try_from(offset).unwrap_or_default(),
                    duplicate: false,
                }));
            }
            Outcome::Failed(code) => code,
            Outcome::Unwritable(error) => return Err(error),
        };
        let error = error_of(code, &event.topic);
        match self.state().refusal() {
            // Nothing was acknowledged since.
            Some(why) if error.is_retryable() => {
                let message = format!("the brokers refuse the credentials: {why}");
                Err(SinkError::new(SinkErrorKind::Unauthorized, message).with_fate(error.fate()))
            }
            _ => Err(error),
        }
    }

    /// Makes a new producer, unless somebody has. False where none can be had.
    fn rebuild(&self, broken: u64) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.number != broken {
            return true;
        }
        match Generation::new(broken + 1, &self.config, self.context.clone()) {
            Ok(generation) => {
                *current = Arc::new(generation);
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

/// What came of an event.
#[derive(Debug)]
enum Outcome {
    Stored {
        partition: i32,
        offset: i64,
    },
    Failed(RDKafkaErrorCode),
    /// It cannot be a record.
    Unwritable(SinkError),
}

impl From<Option<Report>> for Outcome {
    fn from(report: Option<Report>) -> Self {
        match report {
            Some(Report::Stored { partition, offset }) => Self::Stored { partition, offset },
            Some(Report::Failed(code)) => Self::Failed(code),
            None => Self::Failed(RDKafkaErrorCode::Fail),
        }
    }
}

/// Whether a record failed because its producer broke down, so that a new one may deliver it. What is wrong with the
/// record itself is wrong with any producer.
fn was_left_behind(code: RDKafkaErrorCode) -> bool {
    matches!(
        error_of(code, "").kind(),
        SinkErrorKind::Disconnected | SinkErrorKind::Timeout
    )
}
