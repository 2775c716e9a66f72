use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Client, Message, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Position, Settle, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use tokio::time::{Instant, sleep};

use super::JetStreamEventSourceBuilder;
use super::api::Api;
use super::consumer::Wanted;
use super::dead_letters;
use super::place::Place;
use super::pulls::{Pulled, Pulls};
use super::stream_check::STREAM_NOT_FOUND;
use crate::barrier;
use crate::link::Link;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, SetupErrorKind, headers};

/// How long to wait before a consumer is made again, where that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How long something may be in the way before the reader is told.
const LASTING: Duration = Duration::from_secs(10);
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
/// [`ack_wait`](JetStreamEventSourceBuilder::ack_wait), or was lost with a link, comes again.
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
/// - [`Disconnected`](SourceErrorKind::Disconnected): the link is down for ten seconds, or nobody serves the consumer.
///   It is told once, and the source goes on by itself.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server refuses the credentials; told only with a connection
///   made by [`NatsOptions`](crate::NatsOptions).
/// - [`Closed`](SourceErrorKind::Closed): the stream or the durable consumer was deleted, or the connection has ended;
///   then `None`.
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
    link: Link,
    api: Api,
    stream: Arc<str>,
    wanted: Wanted,
    settings: Settings,
    /// None while the consumer has to be made.
    pulls: Option<Pulls>,
    /// The name of the consumer that goes with its reader.
    own_consumer: Option<String>,
    /// The sequence of the last message that came.
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
    pub(super) batch: usize,
    pub(super) dead_letters: Option<Subject>,
}

/// What the reader was told of what is wrong, so that it is told once.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    is_told: bool,
    refusal: Option<Arc<str>>,
}

impl JetStreamEventSource {
    /// Sets the connection, and what is to be read how.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSourceBuilder {
        JetStreamEventSourceBuilder::new(stream.into())
    }

    pub(super) async fn begin(link: Link, api: Api, wanted: Wanted, settings: Settings) -> Result<Self, SetupError> {
        let mut source = Self {
            link,
            api,
            stream: wanted.stream.as_str().into(),
            wanted,
            settings,
            pulls: None,
            own_consumer: None,
            last: None,
            next_delivery: 1,
            trouble: Trouble::default(),
            is_over: false,
        };
        match source.wanted.durable.clone() {
            Some(name) => {
                source.wanted.ensure_durable(&source.api, &name).await?;
                source.pulls = Some(source.pulls_of(&name).await?);
            }
            None => source.make_own().await?,
        }
        Ok(source)
    }

    /// The connection and how it is doing; none where the caller made the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.link.connection()
    }

    /// Gives back what a durable consumer sent ahead and was not delivered yet, waits until the server has all answers,
    /// and ends the connection where it is the source's own. Without it what was sent ahead comes again only after
    /// [`ack_wait`](JetStreamEventSourceBuilder::ack_wait).
    ///
    /// # Errors
    /// The answers may not have arrived, and what they are for may come again.
    pub async fn close(mut self) -> Result<(), SourceError> {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        self.forget_own().await;
        let mut told = self.barrier(deadline).await;
        if let (true, Some(pulls)) = (self.wanted.durable.is_some(), self.pulls.take()) {
            // Behind the barrier all that the server had sent is here.
            pulls.give_back(&self.link).await;
            told = told.and(self.barrier(deadline).await);
        }
        if let Some(connection) = self.link.own_connection() {
            let patience = deadline.saturating_duration_since(Instant::now());
            // What matters is whether the answers arrived.
            let _ = connection.close(patience).await;
        }
        told
    }

    /// Lets the server forget the consumer that goes with its reader. It would by itself, some minutes later.
    async fn forget_own(&mut self) {
        if let Some(name) = self.own_consumer.take() {
            let subject = self.api.subject(&format!("CONSUMER.DELETE.{}.{name}", self.stream));
            let _ = self.link.client().publish(subject, Bytes::new()).await;
        }
    }

    async fn barrier(&self, deadline: Instant) -> Result<(), SourceError> {
        let connection = self.link.connection_number();
        let passed = barrier::pass(&self.link, barrier::DEFAULT_SUBJECT, connection, deadline).await;
        passed.map(drop).map_err(|error| {
            let message = "the answers may not have arrived";
            SourceError::new(SourceErrorKind::Disconnected, message).with_source(error)
        })
    }

    /// Makes a consumer behind the last message that came.
    async fn make_own(&mut self) -> Result<(), SetupError> {
        self.forget_own().await;
        // The name is told apart from those of all other readers.
        let name = self.link.client().new_inbox().replace(['.', '*', '>'], "-");
        let start = match self.last {
            Some(last) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            None => self.wanted.start,
        };
        let made = self.wanted.make_own(&self.api, &name, start).await;
        made.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => super::stream_check::not_looked_up(&self.stream, error),
            _ => error.into_setup_error("a consumer cannot be made"),
        })?;
        self.pulls = Some(self.pulls_of(&name).await?);
        self.own_consumer = Some(name);
        self.next_delivery = 1;
        Ok(())
    }

    async fn pulls_of(&self, consumer: &str) -> Result<Pulls, SetupError> {
        Pulls::of_consumer(&self.link, &self.api, &self.stream, consumer, self.settings.batch).await
    }

    /// The delivery of a message; none where the filter does not select it.
    async fn deliver(&mut self, message: Message) -> Option<Delivery> {
        let reply = message.reply.clone()?;
        let place = Place::of_reply(&reply)?;
        let is_durable = self.wanted.durable.is_some();
        if !is_durable {
            if place.delivery != self.next_delivery {
                // Something was lost on the way: all behind it is read anew.
                self.pulls = None;
                return None;
            }
            self.next_delivery += 1;
            self.last = Some(place.sequence);
        }
        let own = self.settings.subjects.strip(&message.subject);
        let content = headers::read(own, message.headers.as_ref(), &message.payload, self.settings.limits);
        let answer = Answer {
            client: self.link.client().clone(),
            reply,
            dead_letter: None,
        };
        if content
            .as_ref()
            .is_ok_and(|envelope| !self.settings.filter.selects(envelope))
        {
            if is_durable {
                // An answer that does not arrive lets the message come again, to be left out again.
                let _ = answer.say("+ACK".into()).await;
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
        let dead_letter = self.settings.dead_letters.clone().map(|subject| (subject, message));
        Some(delivery.with_settle(Answer { dead_letter, ..answer }))
    }

    /// Goes on after a consumer that goes with its reader may have missed something, or is gone. A durable one is looked
    /// up.
    async fn go_on(&mut self) -> Option<SourceError> {
        let made = match self.wanted.durable.clone() {
            Some(name) => self.wanted.look_up_durable(&self.api, &name).await,
            None => self.make_own().await,
        };
        let error = made.err()?;
        match error.kind() {
            SetupErrorKind::NoStream => {
                let message = format!("the stream {:?}, or its consumer, was deleted", self.stream);
                Some(self.over(message).with_source(error))
            }
            SetupErrorKind::Unreachable => {
                sleep(PAUSE).await;
                self.lasting("JetStream does not serve the consumer", Some(error))
            }
            _ => Some(error.into()),
        }
    }

    /// What the reader has to know of the link, and was not told yet.
    fn trouble(&mut self) -> Option<SourceError> {
        let refusal = self.link.refusal();
        if refusal != self.trouble.refusal {
            self.trouble.refusal.clone_from(&refusal);
            if let Some(why) = refusal {
                let message = format!("the NATS server refuses this reader: {why}");
                return Some(SourceError::new(SourceErrorKind::Unauthorized, message));
            }
        }
        if self.link.is_up() {
            return None;
        }
        self.lasting("the link to NATS is down", None)
    }

    /// What goes on for so long that the reader has to know, once.
    fn lasting(&mut self, what: &str, error: Option<SetupError>) -> Option<SourceError> {
        let since = *self.trouble.since.get_or_insert_with(Instant::now);
        if self.trouble.is_told || since.elapsed() < LASTING {
            return None;
        }
        self.trouble.is_told = true;
        let told = SourceError::new(
            SourceErrorKind::Disconnected,
            format!("{what}; reading goes on when that is over"),
        );
        Some(match error {
            Some(error) => told.with_source(error),
            None => told,
        })
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
            if let Some(trouble) = self.trouble() {
                return Some(Err(trouble));
            }
            let Some(pulls) = &mut self.pulls else {
                if !self.link.is_up() {
                    sleep(PAUSE).await;
                } else if let Some(error) = self.go_on().await {
                    return Some(Err(error));
                }
                continue;
            };
            match pulls.next(&self.link).await {
                Pulled::Message(message) => {
                    self.trouble.since = None;
                    self.trouble.is_told = false;
                    if let Some(delivery) = self.deliver(message).await {
                        return Some(Ok(delivery));
                    }
                }
                Pulled::Nothing => {}
                Pulled::Reconnected | Pulled::Silent | Pulled::Deleted if self.wanted.durable.is_none() => {
                    self.pulls = None;
                }
                // What was lost comes again.
                Pulled::Reconnected => {}
                Pulled::Silent => {
                    if self.link.is_up()
                        && let Some(error) = self.go_on().await
                    {
                        return Some(Err(error));
                    }
                }
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

impl fmt::Debug for JetStreamEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamEventSource")
            .field("connection", &self.link.connection())
            .field("stream", &self.stream)
            .field("durable", &self.wanted.durable)
            .finish_non_exhaustive()
    }
}

/// Answers one message of a durable consumer.
#[derive(Debug)]
struct Answer {
    client: Client,
    reply: Subject,
    /// Where the message goes that is rejected.
    dead_letter: Option<(Subject, Message)>,
}

impl Answer {
    async fn say(&self, answer: Bytes) -> Result<(), SourceError> {
        self.client.publish(self.reply.clone(), answer).await.map_err(|error| {
            SourceError::new(SourceErrorKind::Closed, "the connection to NATS has ended").with_source(error)
        })
    }
}

#[async_trait]
impl Settle for Answer {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.say("+ACK".into()).await
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.say(format!("-NAK {{\"delay\":{}}}", delay.as_nanos()).into())
            .await
    }

    async fn reject(mut self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let Some((subject, message)) = self.dead_letter.take() {
            dead_letters::send(&self.client, subject, message, why).await?;
        }
        // A server before 2.11 takes the reason, and passes it on to nobody.
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.say(format!("+TERM {why}").into()).await
    }
}
