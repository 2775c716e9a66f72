use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Client, Subject};
use driver_events_core::EventFilter;
use driver_events_types::{EventKind, Limits};

use super::JetStreamEventSource;
use super::api::Api;
use super::consumer::Wanted;
use super::source::Settings;
use super::stream_check::{check_for_reading, check_name, look_up};
use crate::connection::ConnectionConfig;
use crate::subject::{Subjects, is_publishable};
use crate::{NatsConnection, NatsOptions, SetupError};

/// The last second that servers know, at the end of the year 9999, from 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// Makes a [`JetStreamEventSource`]. Nothing is checked before [`build`](Self::build).
///
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
    connection: ConnectionConfig,
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

impl JetStreamEventSourceBuilder {
    pub(super) fn new(stream: String) -> Self {
        Self {
            stream,
            connection: ConnectionConfig::Missing,
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

    /// Makes a connection with these options, which ends with the source.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionConfig::Options(options);
        self
    }

    /// Uses a connection that others use too.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionConfig::Shared(connection);
        self
    }

    /// Uses a client that the caller made. What only the client's callback is told is not seen then.
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionConfig::Client(client);
        self
    }

    /// Looks the stream up in this JetStream domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Reads what was published below this prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Reads with a durable consumer of this name, which keeps the place for those who come later. It is made where it
    /// does not exist, and never changed.
    pub fn durable(mut self, name: impl Into<String>) -> Self {
        self.durable = Some(name.into());
        self
    }

    /// Begins with the first event that the stream has. So it is unless something else is said. A durable consumer that
    /// exists goes on where it was.
    pub fn from_start(mut self) -> Self {
        self.start = Start::First;
        self
    }

    /// Begins with the events that are stored from now on.
    pub fn from_new(mut self) -> Self {
        self.start = Start::New;
        self
    }

    /// Begins with the first event that was stored at this time or later.
    pub fn from_time(mut self, time: impl Into<SystemTime>) -> Self {
        self.start = Start::Time(time.into());
        self
    }

    /// Delivers only what the filter selects, and what is malformed. By kind the server selects; the rest crosses the
    /// network.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Takes events up to these limits; what is beyond is malformed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long a delivery may be without an answer before it comes again: longer than the longest work takes. A durable
    /// consumer is made with 30 seconds where nothing is said; one that exists must have what is said.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = Some(wait);
        self
    }

    /// How many deliveries may be without an answer, of all who read with the durable consumer. With 1 the order of the
    /// stream holds also where something comes again. A durable consumer is made with 1,024 where nothing is said; one
    /// that exists must have what is said.
    pub fn max_in_flight(mut self, deliveries: usize) -> Self {
        self.max_in_flight = Some(deliveries);
        self
    }

    /// Publishes what is [rejected](driver_events_core::Delivery::reject) on this subject, as it came, with headers that
    /// tell where from and why: `Dead-Letter-Subject` and `Dead-Letter-Reason`, percent-encoded. A stream must take the
    /// subject: a message counts as rejected once it is stored there. With a durable consumer only.
    pub fn dead_letters(mut self, subject: impl Into<String>) -> Self {
        self.dead_letters = Some(subject.into());
        self
    }

    /// Connects where [`options`](Self::options) were given, checks that the stream is there, and makes or checks the
    /// consumer.
    ///
    /// # Errors
    /// [`NoStream`](crate::SetupErrorKind::NoStream); [`UnfitStream`](crate::SetupErrorKind::UnfitStream) where the
    /// stream never has such events, as with a wrong prefix; [`UnfitConsumer`](crate::SetupErrorKind::UnfitConsumer)
    /// where the durable consumer exists and is another than is wanted; [`Invalid`](crate::SetupErrorKind::Invalid) for
    /// a name, a prefix, a subject or a time that is none, and where nothing to connect with was given;
    /// [`Unauthorized`](crate::SetupErrorKind::Unauthorized) where a request is not permitted;
    /// [`Unreachable`](crate::SetupErrorKind::Unreachable) where JetStream does not answer within seconds; else as
    /// [`NatsOptions::connect`].
    pub async fn build(self) -> Result<JetStreamEventSource, SetupError> {
        let subjects = match &self.prefix {
            Some(prefix) => Subjects::under(prefix)?,
            None => Subjects::bare(),
        };
        if let Some(name) = &self.durable {
            check_name(name)?;
        }
        if self.max_in_flight == Some(0) {
            return Err(SetupError::invalid("one delivery at least must be in flight"));
        }
        if self.ack_wait == Some(Duration::ZERO) {
            return Err(SetupError::invalid("an answer takes some time"));
        }
        let start = self.start.policy()?;
        let dead_letters = match self.dead_letters {
            Some(subject) if !is_publishable(&subject) => {
                return Err(SetupError::invalid(format!(
                    "dead letters cannot go to {subject:?}, which is no subject"
                )));
            }
            subject => subject.map(Subject::from),
        };
        let connection = self.connection.connect().await?;
        let api = Api::new(connection.clone(), self.domain.as_deref());
        let stream = look_up(&api, &self.stream).await?;
        let wanted_subjects = wanted_subjects(&self.filter, &subjects);
        check_for_reading(&stream.config, &wanted_subjects)?;
        let wanted = Wanted {
            reads_all: wanted_subjects == [subjects.wildcard()],
            stream: self.stream,
            durable: self.durable,
            start,
            subjects: wanted_subjects,
            ack_wait: self.ack_wait,
            max_in_flight: self.max_in_flight,
        };
        let settings = Settings {
            subjects,
            filter: self.filter,
            limits: self.limits,
            dead_letters,
        };
        JetStreamEventSource::begin(connection, api, stream.created.unix_timestamp_nanos(), wanted, settings).await
    }
}

/// Where to begin.
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
            // Nothing is older.
            Self::Time(time) => time.max(UNIX_EPOCH),
        };
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() > LAST_SECOND {
            return Err(SetupError::invalid("reading cannot begin after the year 9999"));
        }
        Ok(DeliverPolicy::ByStartTime {
            start_time: time.into(),
        })
    }
}

/// What the server is asked for: the subjects of the kinds that are selected, or all where one of these is not known.
fn wanted_subjects(filter: &EventFilter, subjects: &Subjects) -> Vec<String> {
    let kinds: Option<Vec<EventKind>> = filter.selected_kinds().map(|kind| kind.parse().ok()).collect();
    match kinds {
        Some(kinds) if !kinds.is_empty() => kinds
            .into_iter()
            .map(|kind| subjects.of_kind(kind).to_string())
            .collect(),
        _ => vec![subjects.wildcard()],
    }
}
