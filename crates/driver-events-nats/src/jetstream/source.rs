use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Message, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Position, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::JetStreamEventSourceBuilder;
use super::answer::{Answer, acknowledge};
use super::api::Api;
use super::consumer::Wanted;
use super::pace::Pace;
use super::place::Place;
use super::pulls::{Pulled, Pulls};
use super::stream_check::{STREAM_NOT_FOUND, look_up, not_looked_up};
use super::trouble::Trouble;
use crate::barrier;
use crate::connection::Connection;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, SetupErrorKind, headers};

/// How long to wait before a consumer is made or looked up again, where that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait while the link is down.
const LOOK: Duration = Duration::from_millis(100);
/// As many messages as a consumer is asked for at once.
const MAX_BATCH: usize = 512;
/// How long `close` may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the events that a stream has, and those that it will get.
///
/// # By itself, or with a durable consumer
/// Without a [name](JetStreamEventSourceBuilder::durable) the source reads for itself from the place of its choice, and
/// nothing is kept on the server. What a broken link swallowed is read again, so that every event comes once, in the
/// order of the stream. Answers ([`ack`](Delivery::ack) and the others) are nothing here.
///
/// With a durable consumer the server keeps the place, also for readers that come later, and several share the events.
/// Every delivery is answered: [`ack`](Delivery::ack) says that the work is done, [`nack`](Delivery::nack) asks for it
/// again after a time, [`reject`](Delivery::reject) says that it can never be done. What has no answer for
/// [`ack_wait`](JetStreamEventSourceBuilder::ack_wait), or was lost with a link, comes again. An answer is sent and not
/// waited for, so that one may be lost with a link, too; [`close`](Self::close) tells whether the server has them all.
/// The source asks ahead for no more than its reader gets through well within that time.
///
/// # Order
/// That of the stream, and so of every goal. With a durable consumer what comes again comes behind what was delivered
/// meanwhile; who needs the order of a goal then, too, has one delivery under way at a time
/// ([`max_in_flight`](JetStreamEventSourceBuilder::max_in_flight)). A
/// [`SequenceTracker`](driver_events_core::SequenceTracker) tells what is missing or late.
///
/// # What is malformed
/// A message that is no event is a delivery too, with its sequence in the stream, and the source goes on. Answer it with
/// [`reject`](Delivery::reject): the server does not deliver it again, and it goes to the [dead
/// letters](JetStreamEventSourceBuilder::dead_letters) where there is a subject for them.
///
/// # Errors
/// - [`Disconnected`](SourceErrorKind::Disconnected): for ten seconds the link has been down, or nobody has served the
///   consumer. It is told once, and the source goes on by itself.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server refuses the credentials, or does not let the reader ask
///   or answer; told only with a connection made by [`NatsOptions`](crate::NatsOptions). The source goes on when that is
///   over.
/// - [`Closed`](SourceErrorKind::Closed): the stream or the durable consumer was deleted, also where there is another of
///   the same name now, or the connection has ended; then `None`.
/// - [`Fatal`](SourceErrorKind::Fatal): JetStream refuses another consumer. Calling again tries again.
///
/// ```no_run
/// use driver_events_core::DriverEventSource;
/// use driver_events_nats::{JetStreamEventSource, NatsOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut source = JetStreamEventSource::builder("DRIVER")
///     .options(NatsOptions::new("nats://127.0.0.1:4222"))
///     .durable("billing")
///     .build()
///     .await?;
/// while let Some(delivery) = source.next().await {
///     let delivery = delivery?;
///     match delivery.envelope() {
///         Ok(envelope) => println!("{} {:?}", envelope.kind(), envelope.goal_id()),
///         Err(malformed) => eprintln!("{}: {malformed}", delivery.position()),
///     }
///     delivery.ack().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct JetStreamEventSource {
    connection: Connection,
    api: Api,
    stream: Arc<str>,
    wanted: Wanted,
    settings: Settings,
    /// When the stream was made, by which one that was made anew is told apart.
    made: i128,
    /// None while the consumer has to be made.
    pulls: Option<Pulls>,
    /// Whether a durable consumer has to be looked up: nothing was heard of it.
    is_in_doubt: bool,
    /// When the next try is due to make or look up the consumer.
    not_before: Instant,
    /// The name of the consumer that goes with its reader.
    own_consumer: Option<String>,
    /// The sequence behind which a consumer that goes with its reader has to begin: at first where it began, then that
    /// of the last message that came.
    last: Option<u64>,
    /// What the consumer that goes with its reader delivers next, from 1.
    next_delivery: u64,
    trouble: Trouble,
    is_over: bool,
}

/// What a source gives to its reader.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    pub(super) dead_letters: Option<Subject>,
}

impl JetStreamEventSource {
    /// Sets the connection, and what is to be read how.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSourceBuilder {
        JetStreamEventSourceBuilder::new(stream.into())
    }

    pub(super) async fn begin(
        connection: Connection,
        api: Api,
        made: i128,
        wanted: Wanted,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        let mut source = Self {
            connection,
            api,
            stream: wanted.stream.as_str().into(),
            wanted,
            settings,
            made,
            pulls: None,
            is_in_doubt: false,
            not_before: Instant::now(),
            own_consumer: None,
            last: None,
            next_delivery: 1,
            trouble: Trouble::default(),
            is_over: false,
        };
        match source.wanted.durable.clone() {
            Some(name) => {
                let found = source.wanted.ensure_durable(&source.api, &name).await?;
                let pending = usize::try_from(found.max_ack_pending)
                    .ok()
                    .filter(|pending| *pending > 0);
                let most = pending.unwrap_or(usize::MAX).min(MAX_BATCH);
                // A part of it: the reader's pace changes, and its answers take their time.
                let within = found.ack_wait / 4;
                source.pulls = Some(source.pulls_of(&name, Pace::new(most, Some(within))).await?);
            }
            None => source.make_own().await?,
        }
        Ok(source)
    }

    /// The connection and how it is doing; none where the caller made the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.nats_connection()
    }

    /// Gives back what a durable consumer sent ahead and was not delivered yet, waits until the server has all answers,
    /// and ends the connection where it is the source's own. Without it what was sent ahead comes again only after
    /// [`ack_wait`](JetStreamEventSourceBuilder::ack_wait).
    ///
    /// # Errors
    /// The answers may not have arrived, and what they are for may come again.
    pub async fn close(mut self) -> Result<(), SourceError> {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        let told = match timeout_at(deadline, self.give_back(deadline)).await {
            Ok(told) => told,
            Err(elapsed) => Err(unanswered(elapsed)),
        };
        if let Some(connection) = self.connection.owned() {
            let patience = deadline.saturating_duration_since(Instant::now());
            // What matters is whether the answers arrived.
            let _ = connection.close(patience).await;
        }
        told
    }

    async fn give_back(&mut self, deadline: Instant) -> Result<(), SourceError> {
        self.forget_own().await;
        self.barrier(deadline).await?;
        if let (true, Some(pulls)) = (self.wanted.durable.is_some(), self.pulls.take()) {
            // Behind the barrier all that the server had sent is here.
            pulls.give_back(&self.connection).await;
            self.barrier(deadline).await?;
        }
        Ok(())
    }

    /// Lets the server forget the consumer that goes with its reader. It would by itself, some minutes later.
    async fn forget_own(&mut self) {
        if let Some(name) = self.own_consumer.take() {
            let subject = self.api.subject(&format!("CONSUMER.DELETE.{}.{name}", self.stream));
            let _ = self.connection.client().publish(subject, Bytes::new()).await;
        }
    }

    async fn barrier(&self, deadline: Instant) -> Result<(), SourceError> {
        let epoch = self.connection.epoch();
        let passed = barrier::wait(&self.connection, barrier::DEFAULT_SUBJECT, epoch, deadline).await;
        passed.map(drop).map_err(unanswered)
    }

    /// Makes a consumer behind the last message that came.
    async fn make_own(&mut self) -> Result<(), SetupError> {
        self.forget_own().await;
        // The name is told apart from those of all other readers.
        let name = self.connection.client().new_inbox().replace(['.', '*', '>'], "-");
        // First, so that it is forgotten also where the answer does not come.
        self.own_consumer = Some(name.clone());
        let start = match self.last {
            Some(last) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            None => self.wanted.start,
        };
        let made = self.wanted.make_own(&self.api, &name, start).await;
        let behind = made.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => not_looked_up(&self.stream, error),
            _ => error.into_setup_error("a consumer cannot be made"),
        })?;
        self.last.get_or_insert(behind);
        self.pulls = Some(self.pulls_of(&name, Pace::new(MAX_BATCH, None)).await?);
        self.next_delivery = 1;
        Ok(())
    }

    /// Makes another consumer, where the stream is still the same.
    async fn make_own_again(&mut self) -> Result<(), SetupError> {
        let stream = look_up(&self.api, &self.stream).await?;
        if stream.created.unix_timestamp_nanos() != self.made {
            let message = "there is another stream of the same name, whose sequences begin anew";
            return Err(SetupError::new(SetupErrorKind::NoStream, message));
        }
        self.make_own().await
    }

    async fn pulls_of(&self, consumer: &str, pace: Pace) -> Result<Pulls, SetupError> {
        Pulls::of_consumer(&self.connection, &self.api, &self.stream, consumer, pace).await
    }

    /// The delivery of a message; none where the filter does not select it.
    async fn deliver(&mut self, message: Message) -> Option<Delivery> {
        let reply = message.reply.clone()?;
        let place = Place::of_reply(&reply)?;
        let is_durable = self.wanted.durable.is_some();
        if !is_durable {
            if place.delivery != self.next_delivery {
                // Something was lost on the way: all behind it is read anew.
                self.read_anew();
                return None;
            }
            self.next_delivery += 1;
            self.last = Some(place.sequence);
        }
        let own = self.settings.subjects.strip(&message.subject);
        let content = headers::read(own, message.headers.as_ref(), &message.payload, self.settings.limits);
        let is_selected = |envelope| self.settings.filter.selects(envelope);
        if !content.as_ref().map_or(true, is_selected) {
            if is_durable {
                // An answer that does not arrive lets the message come again, to be left out again.
                let _ = acknowledge(self.connection.client(), reply).await;
            }
            return None;
        }
        let position = Position::Stream {
            stream: Arc::clone(&self.stream),
            sequence: place.sequence,
        };
        let delivery = Delivery::new(content, position);
        if !is_durable {
            return Some(delivery);
        }
        let dead_letters = self.settings.dead_letters.clone();
        Some(delivery.with_settle(Answer {
            client: self.connection.client().clone(),
            reply,
            dead_letter: dead_letters.map(|subject| (subject, message)),
        }))
    }

    /// Goes on after a consumer that goes with its reader may have missed something, or is gone. A durable one is looked
    /// up.
    async fn go_on(&mut self) -> Option<SourceError> {
        // The wait before the work, so that a caller who drops `next` again and again does not ask again and again.
        sleep_until(self.not_before).await;
        if !self.connection.is_connected() {
            if self.connection.state().is_some_and(|state| state.status().is_closed) {
                return Some(self.over("the connection to NATS has ended"));
            }
            self.not_before = Instant::now() + LOOK;
            return None;
        }
        self.not_before = Instant::now() + PAUSE;
        let made = match self.wanted.durable.clone() {
            Some(name) => self.wanted.look_up_durable(&self.api, &name).await,
            None => self.make_own_again().await,
        };
        let Err(error) = made else {
            self.is_in_doubt = false;
            self.not_before = Instant::now();
            return None;
        };
        match error.kind() {
            SetupErrorKind::NoStream => {
                let message = format!("the stream {:?}, or its consumer, was deleted", self.stream);
                Some(self.over(message).with_source(error))
            }
            SetupErrorKind::Unreachable => {
                self.trouble.begin_with(error);
                None
            }
            _ => Some(error.into()),
        }
    }

    /// What the reader has to know of the link and the server, and was not told yet.
    fn tell(&mut self) -> Option<SourceError> {
        let asks = self.pulls.as_ref().map(Pulls::subject);
        let answers = self.wanted.durable.as_ref();
        let answers = answers.map(|name| format!(".{}.{name}.", self.stream));
        let is_mine = |subject: &str| {
            let is_answer = |answers: &String| subject.starts_with("$JS.ACK.") && subject.contains(answers);
            asks == Some(subject) || answers.as_ref().is_some_and(is_answer)
        };
        let refused = self.trouble.tell_refused(&self.connection, is_mine);
        refused.or_else(|| self.trouble.tell(&self.connection))
    }

    /// Lets a consumer that goes with its reader be made again behind the last message that came.
    fn read_anew(&mut self) {
        if self.wanted.durable.is_none() {
            self.pulls = None;
        }
    }

    fn over(&mut self, why: impl Into<String>) -> SourceError {
        self.is_over = true;
        SourceError::new(SourceErrorKind::Closed, why)
    }
}

#[async_trait]
impl DriverEventSource for JetStreamEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            if self.is_over {
                return None;
            }
            // A filter that selects little must not keep the thread from others.
            tokio::task::consume_budget().await;
            if self.is_in_doubt || self.pulls.is_none() {
                if let Some(error) = self.tell() {
                    return Some(Err(error));
                }
                if let Some(error) = self.go_on().await {
                    return Some(Err(error));
                }
            }
            let Some(pulls) = &mut self.pulls else { continue };
            match pulls.next(&self.connection).await {
                Pulled::Message(message) => {
                    self.trouble.end();
                    if let Some(delivery) = self.deliver(message).await {
                        return Some(Ok(delivery));
                    }
                }
                Pulled::Heard => self.trouble.end(),
                Pulled::Nothing => {
                    if let Some(error) = self.tell() {
                        return Some(Err(error));
                    }
                }
                Pulled::Reconnected => {
                    self.trouble.end();
                    // What a durable consumer lost comes again.
                    self.read_anew();
                }
                Pulled::Silent => {
                    self.trouble.begin();
                    self.is_in_doubt = true;
                    self.read_anew();
                }
                Pulled::Deleted if self.wanted.durable.is_none() => self.read_anew(),
                Pulled::Deleted => {
                    let message = format!("the consumer was deleted from the stream {:?}", self.stream);
                    return Some(Err(self.over(message)));
                }
                Pulled::Refused(why) => {
                    return Some(Err(self.over(format!("the server does not give messages: {why}"))));
                }
                Pulled::Ended => return Some(Err(self.over("the connection to NATS has ended"))),
            }
        }
    }
}

/// The answers may not have arrived.
fn unanswered(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::new(SourceErrorKind::Disconnected, "the answers may not have arrived").with_source(error)
}

impl fmt::Debug for JetStreamEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamEventSource")
            .field("connection", &self.connection.nats_connection())
            .field("stream", &self.stream)
            .field("durable", &self.wanted.durable)
            .finish_non_exhaustive()
    }
}
