use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, Position, SourceError, SourceErrorKind};
use driver_events_types::Limits;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::pluralize::pluralize;
use super::queue::{Gap, Next, Queue, Waiting};
use crate::connection::{NatsConnection, ReportOnce, Status, Subscription};
use crate::wire::{Subjects, headers};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of the check for a reconnect while no messages arrive.
const EPOCH_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Subscribes to events over core NATS.
///
/// Core NATS stores nothing: events published while the source is not subscribed or disconnected are never delivered.
/// Missed events are reported as an error at their position, and reading continues:
///
/// - [`Lagged`](SourceErrorKind::Lagged): the reader was too slow; the message has the number of dropped messages.
/// - [`Disconnected`](SourceErrorKind::Disconnected): the client reconnected; events published meanwhile are missing. A
///   message that async-nats cannot read, such as one with headers that are not UTF-8, has this effect and is lost.
/// - [`Unauthorized`](SourceErrorKind::Unauthorized): the server rejects the credentials or the subscription. Reported once
///   per cause, and only on a connection created by [`NatsOptions`](crate::NatsOptions).
/// - [`Closed`](SourceErrorKind::Closed): the connection was closed; `None` follows.
///
/// Attributes are read from headers in CloudEvents binary or structured mode. An event without CloudEvents headers
/// gets its id from `Nats-Msg-Id`, or a new one. [`ack`](Delivery::ack), `nack` and `reject` have no effect.
///
/// # Examples
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
    connection: NatsConnection,
    subjects: Subjects,
    wildcard: String,
    filter: EventFilter,
    limits: Limits,
    queue: Arc<Queue>,
    waiting: Waiting,
    pump: JoinHandle<()>,
    status: watch::Receiver<Status>,
    refusals: ReportOnce,
    received: u64,
    dropped: u64,
    /// Whether `next` has returned its last item.
    is_finished: bool,
}

/// Settings of a source.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
}

impl NatsEventSource {
    pub(super) fn with_subscription(
        connection: NatsConnection,
        subscription: Subscription,
        settings: Settings,
    ) -> Self {
        let queue = Queue::new(settings.max_messages, settings.max_bytes);
        let wildcard = settings.subjects.wildcard();
        let pump = tokio::spawn(pump(subscription, Arc::clone(&queue)));
        Self {
            status: connection.monitor().watch(),
            connection,
            wildcard,
            subjects: settings.subjects,
            filter: settings.filter,
            limits: settings.limits,
            queue,
            waiting: Waiting::default(),
            pump,
            refusals: ReportOnce::default(),
            received: 0,
            dropped: 0,
            is_finished: false,
        }
    }

    /// Returns the connection and its state, or `None` if the caller supplied the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.monitored()
    }

    /// Returns the number of messages dropped because the reader was too slow, as far as [`next`](DriverEventSource::next)
    /// has reported them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn deliver(&mut self, message: Message) -> Option<Delivery> {
        self.received += 1;
        let subject = message.subject.as_str();
        let own = self.subjects.strip(subject);
        let content = headers::read(own, message.headers.as_ref(), &message.payload, self.limits);
        let is_servers = headers::is_of_the_server(message.headers.as_ref(), content.is_ok());
        if is_servers || content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
            return None;
        }
        let position = Position::Subject {
            subject: subject.into(),
            number: self.received,
        };
        Some(Delivery::new(content, position))
    }

    fn gap_error(&mut self, gap: Gap) -> SourceError {
        self.received += gap.dropped;
        self.dropped += gap.dropped;
        let mut reconnected = "reconnected to NATS; events published meanwhile are missing".to_owned();
        if let Some(cause) = self.connection.monitored().and_then(NatsConnection::last_error) {
            reconnected = format!("{reconnected}; last error: {cause}");
        }
        if gap.dropped == 0 {
            return SourceError::new(SourceErrorKind::Disconnected, reconnected);
        }
        let mut message = format!("reader too slow: {} dropped", pluralize(gap.dropped, "message"));
        if gap.is_reconnected {
            message = format!("{message}; {reconnected}");
        }
        SourceError::new(SourceErrorKind::Lagged, message)
    }

    fn end(&mut self) -> Option<SourceError> {
        let is_first = !std::mem::replace(&mut self.is_finished, true);
        is_first.then(|| SourceError::new(SourceErrorKind::Closed, "the connection to NATS is closed"))
    }
}

#[async_trait]
impl DriverEventSource for NatsEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        while !self.is_finished {
            // Yields to other tasks even if the filter discards most messages.
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
                Some(Next::Gap(gap)) => return Some(Err(self.gap_error(gap))),
                None => {}
            }
            let refusal = self.connection.refused_subscription(&self.wildcard);
            if let Some(error) = self.refusals.report(refusal) {
                return Some(Err(error));
            }
            match self.queue.take() {
                Some(waiting) => self.waiting = waiting,
                None => return self.end().map(Err),
            }
            if self.waiting.is_empty() {
                tokio::select! {
                    () = self.queue.changed() => {}
                    // An error only if the sender is dropped, but this source holds the connection, which holds it.
                    Ok(()) = self.status.changed() => {}
                }
            }
        }
        None
    }

    /// Unsubscribes, and closes the connection if the source opened it. Messages that were not read are dropped.
    async fn close(&mut self) -> Result<(), SourceError> {
        self.is_finished = true;
        self.pump.abort();
        if let Some(connection) = self.connection.owned() {
            // There are no acks that could be lost.
            let _ = connection.close(CLOSE_TIMEOUT).await;
        }
        Ok(())
    }
}

impl Drop for NatsEventSource {
    fn drop(&mut self) {
        // Dropping the task unsubscribes.
        self.pump.abort();
    }
}

impl fmt::Debug for NatsEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEventSource")
            .field("connection", &self.connection())
            .field("subject", &self.wildcard)
            .field("received", &self.received)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// Moves messages from the client to the queue at once, so that a slow reader fills the queue and not the client.
async fn pump(mut subscription: Subscription, queue: Arc<Queue>) {
    let mut look = interval(EPOCH_CHECK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            message = subscription.next() => match message {
                Some(message) => Some(message),
                None => break,
            },
            _ = look.tick() => None,
        };
        if subscription.has_reconnected() {
            queue.push_reconnected();
        }
        if let Some(message) = message {
            queue.push(message);
        }
    }
    queue.end();
}
