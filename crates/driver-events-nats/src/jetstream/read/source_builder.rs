use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Client, Subject};
use driver_events_core::{EventFilter, SetupError};
use driver_events_types::{EventKind, Limits};

use super::consumer::Consumer;
use super::consumer_settings::ConsumerSettings;
use super::dead_letters::DeadLetterQueue;
use super::deliveries::Deliveries;
use super::source::JetStreamEventSource;
use crate::connection::{ConnectionSource, NatsConnection, NatsOptions};
use crate::jetstream::api::Api;
use crate::jetstream::stream::{check_content, check_for_reading, check_name, log_warnings, look_up};
use crate::wire::{Subjects, is_publishable};

/// Latest start time that servers accept: the last second of the year 9999, in seconds since 1970.
const MAX_START_TIME_SECS: u64 = 253_402_300_799;

/// Builder of a [`JetStreamEventSource`]. All checks are made in [`build`](Self::build).
///
/// # Examples
/// ```no_run
/// use driver_events_core::EventFilter;
/// use driver_events_nats::{JetStreamEventSource, NatsOptions};
/// use driver_events_types::EventKind;
///
/// # async fn example() -> Result<(), driver_events_nats::SetupError> {
/// let source = JetStreamEventSource::builder("DRIVER")
///     .options(NatsOptions::new("nats://127.0.0.1:4222"))
///     .filter(EventFilter::everything().kinds([EventKind::Escalate]))
///     .from_new()
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct JetStreamEventSourceBuilder {
    stream: String,
    connection: ConnectionSource,
    domain: Option<String>,
    prefix: Option<String>,
    durable: Option<String>,
    start: Start,
    filter: EventFilter,
    limits: Limits,
    ack_wait: Option<Duration>,
    max_in_flight: Option<usize>,
    dead_letters: Option<String>,
}

impl JetStreamEventSource {
    /// Creates a builder of a source for this stream.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSourceBuilder {
        JetStreamEventSourceBuilder {
            stream: stream.into(),
            connection: ConnectionSource::Missing,
            domain: None,
            prefix: None,
            durable: None,
            start: Start::First,
            filter: EventFilter::everything(),
            limits: Limits::default(),
            ack_wait: None,
            max_in_flight: None,
            dead_letters: None,
        }
    }
}

impl JetStreamEventSourceBuilder {
    /// Opens a connection with these options, which the source closes.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionSource::Options(options);
        self
    }

    /// Uses a shared connection. `close` leaves it open.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionSource::Shared(connection);
        self
    }

    /// Uses the caller's client. Rejected credentials and denied subjects are then reported only to the client's own event
    /// callback.
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionSource::Client(client);
        self
    }

    /// Sets the JetStream domain. Default: none.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the subject prefix of the publishers. Default: none.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Reads with the durable consumer of this name, which keeps the position on the server. It is created if it does not
    /// exist, and never changed. Default: an ephemeral consumer.
    pub fn durable(mut self, name: impl Into<String>) -> Self {
        self.durable = Some(name.into());
        self
    }

    /// Starts at the first event in the stream. This is the default. An existing durable consumer keeps its position.
    pub fn from_start(mut self) -> Self {
        self.start = Start::First;
        self
    }

    /// Starts at the events that are stored from now on.
    pub fn from_new(mut self) -> Self {
        self.start = Start::New;
        self
    }

    /// Starts at the first event that was stored at or after this time.
    pub fn from_time(mut self, time: impl Into<SystemTime>) -> Self {
        self.start = Start::Time(time.into());
        self
    }

    /// Delivers only the events that the filter selects, and malformed messages. The server filters by kind, the source by
    /// the rest.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the decoding limits. An event beyond them is malformed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the ack wait: an event that is not settled within this time is redelivered. Choose longer than the longest
    /// work. A new durable consumer has 30 seconds by default; an existing one must have the value set here.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = Some(wait);
        self
    }

    /// Sets the consumer's max ack pending: how many deliveries may be unsettled, over all readers of the durable consumer.
    /// With 1 the order holds through redelivery. A new durable consumer has the server's default, 1,000 or its limit; an
    /// existing one must have the value set here.
    pub fn max_in_flight(mut self, deliveries: usize) -> Self {
        self.max_in_flight = Some(deliveries);
        self
    }

    /// Publishes [rejected](driver_events_core::Delivery::reject) messages to this subject, with the headers
    /// `Dead-Letter-Subject` and `Dead-Letter-Reason`, percent-encoded. A stream must capture the subject: a message is
    /// rejected only when the dead letter is stored. Durable consumers only. Default: none.
    ///
    /// Headers that start with `Nats-` get the prefix `Dead-Letter-`: the server would obey them again. Of a message that
    /// async-nats cannot read, header values that are not UTF-8 are percent-encoded, and header lines without a valid name
    /// are dropped. A message that is too large with these headers, or whose headers exceed 64 KiB, is replaced by the JSON
    /// object `{"stream", "sequence", "length", "sha256"}`.
    pub fn dead_letters(mut self, subject: impl Into<String>) -> Self {
        self.dead_letters = Some(subject.into());
        self
    }

    /// Connects if [`options`](Self::options) are set, checks the stream, and creates or checks the consumer.
    ///
    /// # Errors
    /// - [`NotFound`](crate::SetupErrorKind::NotFound): the stream does not exist.
    /// - [`Incompatible`](crate::SetupErrorKind::Incompatible): the stream stores none of the subjects, such as with a
    ///   wrong prefix or a subject transform; it deletes acked messages (a work queue or interest stream) and the consumer
    ///   is not [`durable`](Self::durable); or the durable consumer exists with other settings.
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): an invalid name, prefix, subject, time or limit, or no client,
    ///   connection or options.
    /// - [`Unauthorized`](crate::SetupErrorKind::Unauthorized): no permission for a request.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): no response from JetStream within seconds, or a limit is reached; retry.
    /// - Errors of [`NatsOptions::connect`].
    pub async fn build(self) -> Result<JetStreamEventSource, SetupError> {
        let subjects = Subjects::below(self.prefix.as_deref())?;
        if let Some(name) = &self.durable {
            check_name(name)?;
        }
        if self.max_in_flight == Some(0) {
            return Err(SetupError::invalid("invalid `max_in_flight` 0: use at least 1"));
        }
        if self.ack_wait == Some(Duration::ZERO) {
            return Err(SetupError::invalid("invalid `ack_wait` 0: use a longer time"));
        }
        let start = self.start.policy()?;
        let dead_letters = match self.dead_letters {
            Some(subject) if !is_publishable(&subject) => {
                return Err(SetupError::invalid(format!("invalid dead-letter subject {subject:?}")));
            }
            subject => subject.map(Subject::from),
        };
        let connection = self.connection.connect().await?;
        let api = Api::new(connection.clone(), self.domain.as_deref());
        let stream = look_up(&api, &self.stream).await?;
        let filter_subjects = filter_subjects(&self.filter, &subjects);
        check_for_reading(&stream.config, &filter_subjects, self.durable.is_some())?;
        let warnings = Vec::from_iter(check_content(&api, &stream, &subjects.wildcard()).await);
        log_warnings(&self.stream, &warnings);
        let deliveries = Deliveries {
            connection: connection.clone(),
            stream: self.stream.as_str().into(),
            filter: self.filter,
            limits: self.limits,
            is_durable: self.durable.is_some(),
            dead_letters: dead_letters.map(DeadLetterQueue::new),
            foreign_messages: 0,
            subjects,
        };
        let settings = ConsumerSettings {
            selects_all_events: filter_subjects == [deliveries.subjects.wildcard()],
            stream: self.stream,
            durable: self.durable,
            start,
            filter_subjects,
            ack_wait: self.ack_wait,
            max_ack_pending: self.max_in_flight,
        };
        let consumer = Consumer::start(api, settings, stream.created.unix_timestamp_nanos()).await?;
        Ok(JetStreamEventSource::with_consumer(
            connection, consumer, deliveries, warnings,
        ))
    }
}

/// Start position of a new consumer.
#[derive(Clone, Copy, Debug)]
enum Start {
    First,
    New,
    Time(SystemTime),
}

impl Start {
    fn policy(self) -> Result<DeliverPolicy, SetupError> {
        let time = match self {
            Self::First => return Ok(DeliverPolicy::All),
            Self::New => return Ok(DeliverPolicy::New),
            // Servers reject earlier times, and no event is older.
            Self::Time(time) => time.max(UNIX_EPOCH),
        };
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() > MAX_START_TIME_SECS {
            return Err(SetupError::invalid("invalid start time: after the year 9999"));
        }
        Ok(DeliverPolicy::ByStartTime {
            start_time: time.into(),
        })
    }
}

/// Returns the subjects of the selected kinds, or the wildcard if the filter selects all kinds or an unknown one.
fn filter_subjects(filter: &EventFilter, subjects: &Subjects) -> Vec<String> {
    let selected = filter.selected_kinds();
    let kinds: Option<Vec<EventKind>> = selected.and_then(|kinds| kinds.map(|kind| kind.parse().ok()).collect());
    match kinds {
        Some(kinds) if !kinds.is_empty() => kinds
            .into_iter()
            .map(|kind| subjects.of_kind(kind).to_string())
            .collect(),
        _ => vec![subjects.wildcard()],
    }
}
