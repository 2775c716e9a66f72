use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Position, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::NatsEventSourceBuilder;
use super::queue::{Gap, Next, Queue, Waiting};
use crate::connection::Connection;
use crate::connection_state::Status;
use crate::pluralize::pluralize;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, headers};

/// How often a quiet connection is looked at, whether it is still the same.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Reads the events that are published while it listens.
///
/// Core NATS keeps nothing: what is published while nobody listens, or while the link is down, is not delivered later.
/// What a reader missed is told as an error in its place, and reading goes on:
///
/// - [`Lagged`](SourceErrorKind::Lagged): the reader was too slow, and so many messages were dropped.
/// - [`Disconnected`](SourceErrorKind::Disconnected): the connection was made anew; what was published meanwhile did not
///   come.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server refuses the credentials, or the subscription. Told once
///   for each time, and only with a connection made by [`NatsOptions`](crate::NatsOptions).
/// - [`Closed`](SourceErrorKind::Closed): the connection has ended; then `None`.
///
/// Attributes come from the headers, CloudEvents' binary or structured mode; a bare event of an older publisher has
/// `Nats-Msg-Id` as its id, or a new one. Answers ([`ack`](Delivery::ack) and the others) are nothing here.
///
/// ```no_run
/// use driver_events_core::DriverEventSource;
/// use driver_events_nats::NatsEventSource;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let mut source = NatsEventSource::new(client).await?;
/// while let Some(delivery) = source.next().await {
///     match delivery {
///         Ok(delivery) => match delivery.envelope() {
///             Ok(envelope) => println!("{} {:?}", envelope.kind(), envelope.goal_id()),
///             Err(malformed) => eprintln!("{}: {malformed}", delivery.position()),
///         },
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct NatsEventSource {
    connection: Connection,
    subjects: Subjects,
    filter: EventFilter,
    limits: Limits,
    queue: Arc<Queue>,
    waiting: Waiting,
    pump: JoinHandle<()>,
    /// None where nobody sees what the client's callback is told.
    status: Option<watch::Receiver<Status>>,
    /// The refusal that was told last, so that each is told once.
    told: Option<Arc<str>>,
    received: u64,
    dropped: u64,
    has_told_end: bool,
}

/// What a source subscribes to, and what it gives to its reader.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
}

impl NatsEventSource {
    /// Reads all events that are published without a prefix, by a client that the caller made.
    ///
    /// # Errors
    /// As [`NatsEventSourceBuilder::build`].
    pub async fn new(client: Client) -> Result<Self, SetupError> {
        Self::builder().client(client).build().await
    }

    /// Sets what [`new`](Self::new) does not: a connection of the source's own, a prefix, a queue group, a filter.
    pub fn builder() -> NatsEventSourceBuilder {
        NatsEventSourceBuilder::new()
    }

    pub(super) fn with_subscriber(connection: Connection, subscriber: Subscriber, settings: Settings) -> Self {
        let queue = Queue::new(settings.max_messages, settings.max_bytes);
        let pump = tokio::spawn(pump(subscriber, Arc::clone(&queue), connection.clone()));
        Self {
            status: connection.state().map(|state| state.watch()),
            connection,
            subjects: settings.subjects,
            filter: settings.filter,
            limits: settings.limits,
            queue,
            waiting: Waiting::default(),
            pump,
            told: None,
            received: 0,
            dropped: 0,
            has_told_end: false,
        }
    }

    /// The connection and how it is doing; none where the caller made the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.nats_connection()
    }

    /// How many messages were dropped so far, since they were read too slowly; those are counted of which
    /// [`next`](DriverEventSource::next) has told.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn deliver(&mut self, message: Message) -> Option<Delivery> {
        self.received += 1;
        let subject = message.subject.as_str();
        let own = self.subjects.strip(subject);
        let content = headers::read(own, message.headers.as_ref(), &message.payload, self.limits);
        if content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
            return None;
        }
        let position = Position::Subject {
            subject: subject.into(),
            number: self.received,
        };
        Some(Delivery::new(content, position))
    }

    fn tell_gap(&mut self, gap: Gap) -> SourceError {
        self.received += gap.dropped;
        self.dropped += gap.dropped;
        let reconnected = "the connection to NATS was made anew, and what was published meanwhile did not come";
        if gap.dropped == 0 {
            return SourceError::new(SourceErrorKind::Disconnected, reconnected);
        }
        let mut message = format!("read too slowly: {} dropped", pluralize(gap.dropped, "message"));
        if gap.is_reconnected {
            message = format!("{message}; {reconnected}");
        }
        SourceError::new(SourceErrorKind::Lagged, message)
    }

    /// What the server refuses, where that was not told yet.
    fn refusal(&mut self) -> Option<SourceError> {
        let connection = self.connection.nats_connection()?;
        let wildcard = self.subjects.wildcard();
        let why = connection.auth_error().or_else(|| {
            let is_refused = connection.state().is_subscribe_denied(|refused| refused == wildcard);
            is_refused.then(|| format!("it does not permit the subscription to {wildcard:?}").into())
        });
        if why == self.told {
            return None;
        }
        self.told.clone_from(&why);
        let message = format!("the NATS server refuses this reader: {}", why?);
        Some(SourceError::new(SourceErrorKind::Unauthorized, message))
    }

    fn end(&mut self) -> Option<SourceError> {
        let is_first = !std::mem::replace(&mut self.has_told_end, true);
        is_first.then(|| SourceError::new(SourceErrorKind::Closed, "the connection to NATS has ended"))
    }
}

#[async_trait]
impl DriverEventSource for NatsEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            // A filter that selects little must not keep the thread from others.
            tokio::task::consume_budget().await;
            let next = self.waiting.next();
            if next.is_some() && !self.waiting.has_messages() {
                self.queue.release();
            }
            match next {
                Some(Next::Message(message)) => match self.deliver(message) {
                    Some(delivery) => return Some(Ok(delivery)),
                    None => continue,
                },
                Some(Next::Gap(gap)) => return Some(Err(self.tell_gap(gap))),
                None => {}
            }
            if let Some(refusal) = self.refusal() {
                return Some(Err(refusal));
            }
            match self.queue.take() {
                Some(waiting) => self.waiting = waiting,
                None => return self.end().map(Err),
            }
            if self.waiting.is_empty() {
                tokio::select! {
                    () = self.queue.changed() => {}
                    () = changed(&mut self.status) => {}
                }
            }
        }
    }
}

impl Drop for NatsEventSource {
    fn drop(&mut self) {
        // With its task the subscription ends.
        self.pump.abort();
    }
}

impl fmt::Debug for NatsEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEventSource")
            .field("connection", &self.connection.nats_connection())
            .field("subject", &self.subjects.wildcard())
            .field("received", &self.received)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// Moves messages from the client to the queue at once, so that it is here that a slow reader is noticed.
async fn pump(mut subscriber: Subscriber, queue: Arc<Queue>, connection: Connection) {
    let mut epoch = connection.epoch();
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            message = subscriber.next() => Some(message),
            _ = look.tick() => None,
        };
        let current = connection.epoch();
        if current > epoch {
            epoch = current;
            queue.push_reconnected();
        }
        match message {
            Some(Some(message)) => queue.push(message),
            Some(None) => break,
            None => {}
        }
    }
    queue.end();
}

async fn changed(status: &mut Option<watch::Receiver<Status>>) {
    if let Some(status) = status
        && status.changed().await.is_ok()
    {
        return;
    }
    // The state lives as long as the connection that this source holds.
    pending().await
}
