use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::{Client, Subject};
use driver_events_core::EventFilter;
use driver_events_types::{EventKind, Limits};

use super::JetStreamEventSource;
use super::api::Api;
use super::consumer::Wanted;
use super::source::Settings;
use super::stream_check::{check_name, look_up};
use crate::link::Target;
use crate::subject::{Subjects, is_publishable};
use crate::{NatsConnection, NatsOptions, SetupError};

/// As many messages as a consumer is asked for at once.
const BATCH: usize = 512;

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
    target: Target,
    domain: Option<String>,
    prefix: Option<String>,
    durable: Option<String>,
    start: DeliverPolicy,
    filter: EventFilter,
    limits: Limits,
    ack_wait: Duration,
    max_in_flight: usize,
    dead_letters: Option<String>,
}

impl JetStreamEventSourceBuilder {
    pub(super) fn new(stream: String) -> Self {
        Self {
            stream,
            target: Target::Missing,
            domain: None,
            prefix: None,
            durable: None,
            start: DeliverPolicy::All,
            filter: EventFilter::everything(),
            limits: Limits::default(),
            ack_wait: Duration::from_secs(30),
            max_in_flight: 1_024,
            dead_letters: None,
        }
    }

    /// Makes a connection with these options, which ends with the source.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.target = Target::Options(options);
        self
    }

    /// Uses a connection that others use too.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.target = Target::Connection(connection);
        self
    }

    /// Uses a client that the caller made. What only the client's callback is told is not seen then.
    pub fn client(mut self, client: Client) -> Self {
        self.target = Target::Client(client);
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
        self.start = DeliverPolicy::All;
        self
    }

    /// Begins with the events that are stored from now on.
    pub fn from_new(mut self) -> Self {
        self.start = DeliverPolicy::New;
        self
    }

    /// Begins with the first event that was stored at this time or later.
    pub fn from_time(mut self, time: impl Into<SystemTime>) -> Self {
        self.start = DeliverPolicy::ByStartTime {
            start_time: time.into().into(),
        };
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

    /// How long a delivery may be without an answer before it comes again. Begins as 30 seconds. For a durable consumer
    /// that is made.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// How many deliveries may be without an answer, of all who read with the durable consumer. With 1 the order of the
    /// stream holds also where something comes again. Begins as 1,024. For a durable consumer that is made.
    pub fn max_in_flight(mut self, deliveries: usize) -> Self {
        self.max_in_flight = deliveries;
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
    /// [`NoStream`](crate::SetupErrorKind::NoStream); [`UnfitConsumer`](crate::SetupErrorKind::UnfitConsumer) where the
    /// durable consumer exists and is another than is wanted; [`Invalid`](crate::SetupErrorKind::Invalid) for a name, a
    /// prefix or a subject that is none, and where nothing to connect with was given;
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
        if self.max_in_flight == 0 {
            return Err(SetupError::invalid("one delivery at least must be in flight"));
        }
        let dead_letters = match self.dead_letters {
            Some(subject) if !is_publishable(&subject) => {
                return Err(SetupError::invalid(format!(
                    "dead letters cannot go to {subject:?}, which is no subject"
                )));
            }
            subject => subject.map(Subject::from),
        };
        let link = self.target.link().await?;
        let api = Api::new(link.clone(), self.domain.as_deref());
        look_up(&api, &self.stream).await?;
        let wanted_subjects = wanted_subjects(&self.filter, &subjects);
        let wanted = Wanted {
            reads_all: wanted_subjects == [subjects.wildcard()],
            stream: self.stream,
            durable: self.durable,
            start: self.start,
            subjects: wanted_subjects,
            ack_wait: self.ack_wait,
            max_in_flight: self.max_in_flight,
        };
        let settings = Settings {
            subjects,
            filter: self.filter,
            limits: self.limits,
            batch: BATCH.min(self.max_in_flight),
            dead_letters,
        };
        JetStreamEventSource::begin(link, api, wanted, settings).await
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
