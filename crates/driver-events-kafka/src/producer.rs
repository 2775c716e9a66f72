use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use driver_events_core::{Envelope, Fate, Receipt, SinkError, SinkErrorKind, Stored};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::Instant;

use crate::batch::{Batch, Report, Ticket};
use crate::context::{Context, Producing};
use crate::errors::error_of;
use crate::generation::{Generation, Refused};
use crate::properties::Acks;
use crate::record::Addressed;
use crate::topics::Topics;
use crate::{KafkaState, SetupError, headers};

/// Bytes that the JSON of most events fits into.
const USUAL: usize = 512;

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
        let event = Addressed::new(envelope, &self.topics)?;
        let deadline = self.deadline();
        let generation = self.current();
        let (ticket, report) = Ticket::single(generation.role().flights.start(1));
        let mut json = Vec::with_capacity(USUAL);
        if let Some(refused) = self.put(&generation, &event, &mut json, ticket)? {
            // Rare, and large.
            Box::pin(self.put_again(&generation, &event, &json, refused, deadline)).await;
        }
        drop(json);
        match Outcome::from(report.report().await) {
            outcome @ Outcome::Stored { .. } => self.answer(outcome, event),
            outcome => {
                let mut answers = [None];
                let failed = vec![(0, event, outcome)];
                Box::pin(self.answer_all(&generation, failed, deadline, &mut answers)).await;
                let [answer] = answers;
                answer.unwrap_or_else(unanswered)
            }
        }
    }

    /// Produces all of them, in order, and answers for each in its place.
    pub(crate) async fn store_all(&self, envelopes: Vec<Envelope>) -> Vec<Answer> {
        // Whoever sends again at once what is refused must not keep the thread from others.
        tokio::task::consume_budget().await;
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(envelopes.len());
        let mut events = Vec::with_capacity(envelopes.len());
        for (place, envelope) in envelopes.into_iter().enumerate() {
            match Addressed::new(envelope, &self.topics) {
                Ok(event) => {
                    events.push((place, event));
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error))),
            }
        }
        let deadline = self.deadline();
        let generation = self.current();
        let outcomes = self.produce(&generation, events, deadline).await;
        self.answer_all(&generation, outcomes, deadline, &mut answers).await;
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(unanswered))
            .collect()
    }

    /// Answers for all of them, and produces those again first whose producer broke down.
    async fn answer_all(
        &self,
        generation: &Arc<Generation>,
        mut outcomes: Vec<(usize, Addressed, Outcome)>,
        deadline: Option<Instant>,
        answers: &mut [Option<Answer>],
    ) {
        let mut generation = Arc::clone(generation);
        loop {
            let has_failed = outcomes
                .iter()
                .any(|(_, _, outcome)| matches!(outcome, Outcome::Failed(_)));
            let breakdown = if has_failed { generation.breakdown() } else { None };
            // A new producer has no more permissions. It is there for events that come later.
            let is_forbidden = breakdown.is_some_and(|why| error_of(why, "").kind() == SinkErrorKind::Unauthorized);
            let is_rebuilt = breakdown.is_some() && self.rebuild(generation.number);
            let is_in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
            let may_go_on = is_rebuilt && is_in_time && !is_forbidden;
            let mut again = Vec::new();
            for (place, event, outcome) in outcomes {
                let answer = match outcome {
                    Outcome::Failed(code) if may_go_on && was_left_behind(code) => {
                        if error_of(code, &event.topic).fate() != Fate::NotSent {
                            self.state().may_have_doubled();
                        }
                        again.push((place, event));
                        continue;
                    }
                    Outcome::Failed(code) if is_forbidden && was_left_behind(code) => {
                        let fate = error_of(code, &event.topic).fate();
                        let error = error_of(RDKafkaErrorCode::ClusterAuthorizationFailed, &event.topic);
                        Err(error.with_fate(fate))
                    }
                    outcome => self.answer(outcome, event),
                };
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
            if again.is_empty() {
                return;
            }
            generation = self.current();
            outcomes = self.produce(&generation, again, deadline).await;
        }
    }

    /// Puts the events into the queue, one after the other, and waits for the delivery report of each.
    async fn produce(
        &self,
        generation: &Generation,
        events: Vec<(usize, Addressed)>,
        deadline: Option<Instant>,
    ) -> Vec<(usize, Addressed, Outcome)> {
        let batch = Batch::new(events.len(), generation.role().flights.start(events.len()));
        let mut unwritable = Vec::new();
        let mut json = Vec::with_capacity(USUAL);
        for (number, (_, event)) in events.iter().enumerate() {
            json.clear();
            match self.put(generation, event, &mut json, batch.ticket(number)) {
                Ok(None) => {}
                Ok(Some(refused)) => self.put_again(generation, event, &json, refused, deadline).await,
                Err(error) => {
                    batch.settle(number, Report::Failed(RDKafkaErrorCode::InvalidArgument));
                    unwritable.push((number, error));
                }
            }
        }
        let reports = batch.reports().await;
        let with_report = |((place, event), report)| (place, event, Outcome::from(report));
        let mut outcomes: Vec<_> = events.into_iter().zip(reports).map(with_report).collect();
        for (number, error) in unwritable {
            if let Some((_, _, outcome)) = outcomes.get_mut(number) {
                *outcome = Outcome::Unwritable(error);
            }
        }
        outcomes
    }

    /// Encodes an event into `json`, and puts it into the queue; never waits. What is refused is given back.
    ///
    /// # Errors
    /// The event cannot be a record.
    fn put(
        &self,
        generation: &Generation,
        event: &Addressed,
        json: &mut Vec<u8>,
        ticket: Box<Ticket>,
    ) -> Result<Option<Refused>, SinkError> {
        event.envelope.write_json(json)?;
        let headers = match self.has_headers {
            true => Some(headers::write(&event.envelope)?),
            false => None,
        };
        Ok(generation.produce(event, json, headers, ticket).err())
    }

    /// Puts a record into the queue that was refused, after a while where that is full.
    async fn put_again(
        &self,
        generation: &Generation,
        event: &Addressed,
        json: &[u8],
        mut refused: Refused,
        deadline: Option<Instant>,
    ) {
        if refused.code == RDKafkaErrorCode::QueueFull
            && let Some(turn) = generation.role().room.turn(deadline).await
        {
            while refused.code == RDKafkaErrorCode::QueueFull
                && deadline.is_none_or(|deadline| Instant::now() < deadline)
            {
                turn.wait().await;
                match generation.produce(event, json, refused.headers, refused.ticket) {
                    Ok(()) => return,
                    Err(again) => refused = again,
                }
            }
        }
        refused.ticket.settle(Report::Failed(refused.code));
    }

    fn answer(&self, outcome: Outcome, event: Addressed) -> Answer {
        let code = match outcome {
            Outcome::Stored { .. } if self.acks == Acks::None => return Ok(Receipt::Written),
            Outcome::Stored { partition, offset } => {
                return Ok(Receipt::Stored(Stored {
                    log: event.topic,
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

fn unanswered() -> Answer {
    Err(SinkError::new(SinkErrorKind::Fatal, "the event has no answer"))
}

/// Whether a record failed because its producer broke down, so that a new one may deliver it. What is wrong with the
/// record itself is wrong with any producer.
fn was_left_behind(code: RDKafkaErrorCode) -> bool {
    matches!(
        error_of(code, "").kind(),
        SinkErrorKind::Disconnected | SinkErrorKind::Timeout
    )
}
