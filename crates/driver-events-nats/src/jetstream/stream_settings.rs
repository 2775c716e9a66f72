use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bytes::Bytes;

use super::StreamWarning;
use super::api::{Api, ApiError, json};
use super::stream_check::{STREAM_NOT_FOUND, check, check_name, look_up, not_looked_up};
use crate::connection::Connection;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, SetupErrorKind};

/// JetStream's number for a name that another stream has.
const NAME_IN_USE: u64 = 10_058;
/// JetStream's number for subjects that another stream takes.
const SUBJECTS_OVERLAP: u64 = 10_065;

/// What a stream for events should be like. The defaults are sound for one server; see [`replicas`](Self::replicas) for
/// more.
///
/// Always so: events are kept in files, until a limit that is set here says otherwise; a stream whose size is limited
/// refuses events when it is full, and never deletes old ones for new ones; readers may ask any replica (`allow_direct`);
/// batches may be atomic (`allow_atomic`), which servers from 2.12 on make use of.
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamSettings {
    name: String,
    prefix: Option<String>,
    domain: Option<String>,
    replicas: usize,
    max_bytes: Option<u64>,
    max_age: Option<Duration>,
    duplicate_window: Duration,
}

/// What [`ensure_stream`] found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnsuredStream {
    /// Whether the stream was made by this call.
    pub is_new: bool,
    /// What its owner should know about it.
    pub warnings: Vec<StreamWarning>,
}

impl StreamSettings {
    /// A stream of this name for all events that are published without a prefix.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            prefix: None,
            domain: None,
            replicas: 1,
            max_bytes: None,
            max_age: None,
            duplicate_window: Duration::from_secs(120),
        }
    }

    /// Takes the events that are published below this prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Makes the stream in this JetStream domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// How many servers keep every event: 3 survive the loss of one. Begins as 1.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// How large the stream may become; what comes then is refused with [`Full`](driver_events_core::SinkErrorKind::Full).
    /// Begins without a limit of its own.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How old events may become before they are deleted. Begins as for ever.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// For how long an event that is sent again is known to be stored already. It costs the server memory for every id;
    /// it must be longer than [publishers try](crate::JetStreamEventSinkBuilder::retry_timeout). Begins as 2 minutes.
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    fn config(&self, subjects: &Subjects) -> Config {
        let max_age = self.max_age.unwrap_or_default();
        // The server refuses to remember ids for longer than events.
        let duplicate_window = match self.max_age {
            Some(max_age) => self.duplicate_window.min(max_age),
            None => self.duplicate_window,
        };
        Config {
            name: self.name.clone(),
            subjects: vec![subjects.wildcard()],
            description: Some("Events of driver loops".to_owned()),
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: self.replicas,
            max_bytes: self
                .max_bytes
                .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_age,
            discard: match self.max_bytes {
                Some(_) => DiscardPolicy::New,
                None => DiscardPolicy::Old,
            },
            duplicate_window,
            allow_direct: true,
            allow_atomic_publish: true,
            ..Config::default()
        }
    }
}

/// Makes the stream where it does not exist, and checks it where it does. One that exists is never changed.
///
/// ```no_run
/// use driver_events_nats::{StreamSettings, ensure_stream};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let stream = ensure_stream(&client, &StreamSettings::new("DRIVER").replicas(3)).await?;
/// for warning in &stream.warnings {
///     eprintln!("DRIVER: {warning}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`UnfitStream`](SetupErrorKind::UnfitStream) where the stream does not take the events, or where another stream takes
/// them already; [`Invalid`](SetupErrorKind::Invalid) for a name or a prefix that is none, and where the server cannot
/// make such a stream; [`Unauthorized`](SetupErrorKind::Unauthorized); [`Unreachable`](SetupErrorKind::Unreachable)
/// where JetStream does not answer within seconds.
///
/// # Cancel safety
/// The stream may be made or not.
pub async fn ensure_stream(client: &Client, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
    ensure(Connection::of_client(client.clone()), settings).await
}

impl NatsConnection {
    /// As [`ensure_stream`], and it sees what the server refuses at once.
    ///
    /// # Errors
    /// As [`ensure_stream`].
    ///
    /// # Cancel safety
    /// The stream may be made or not.
    pub async fn ensure_stream(&self, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
        ensure(Connection::of_connection(self.clone(), false), settings).await
    }
}

async fn ensure(connection: Connection, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
    let name = &settings.name;
    check_name(name)?;
    let subjects = match &settings.prefix {
        Some(prefix) => Subjects::under(prefix)?,
        None => Subjects::bare(),
    };
    let api = Api::new(connection, settings.domain.as_deref());
    let wanted = settings.config(&subjects);
    let stream = match find(&api, name).await? {
        Some(found) => EnsuredStream {
            is_new: false,
            warnings: check_found(&found.config, &wanted, &subjects)?,
        },
        None => make(&api, &wanted, &subjects).await?,
    };
    if !stream.is_new {
        tell(name, &stream.warnings);
    }
    Ok(stream)
}

async fn find(api: &Api, name: &str) -> Result<Option<Info>, SetupError> {
    match api.ask_patiently(&format!("STREAM.INFO.{name}"), Bytes::new()).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.code() == Some(STREAM_NOT_FOUND) => Ok(None),
        Err(error) => Err(not_looked_up(name, error)),
    }
}

async fn make(api: &Api, wanted: &Config, subjects: &Subjects) -> Result<EnsuredStream, SetupError> {
    let name = &wanted.name;
    let body = json(wanted).map_err(|error| not_made(name, error))?;
    match api.ask_patiently::<Info>(&format!("STREAM.CREATE.{name}"), body).await {
        Ok(made) => {
            tracing::info!(stream = name, "the stream was made");
            Ok(EnsuredStream {
                is_new: true,
                warnings: check(&made.config, subjects, Duration::ZERO)?,
            })
        }
        Err(error) if error.code() == Some(NAME_IN_USE) => {
            // Somebody else was faster.
            let found = look_up(api, name).await?;
            Ok(EnsuredStream {
                is_new: false,
                warnings: check_found(&found.config, wanted, subjects)?,
            })
        }
        Err(error) => Err(not_made(name, error)),
    }
}

fn check_found(found: &Config, wanted: &Config, subjects: &Subjects) -> Result<Vec<StreamWarning>, SetupError> {
    let mut warnings = check(found, subjects, Duration::ZERO)?;
    if found.num_replicas < wanted.num_replicas {
        warnings.push(StreamWarning::FewerReplicas {
            found: found.num_replicas,
            wanted: wanted.num_replicas,
        });
    }
    if found.duplicate_window < wanted.duplicate_window {
        warnings.push(StreamWarning::ShorterDuplicateWindow {
            found: found.duplicate_window,
            wanted: wanted.duplicate_window,
        });
    }
    Ok(warnings)
}

/// Tells warnings as events of `tracing`.
pub(super) fn tell(stream: &str, warnings: &[StreamWarning]) {
    for warning in warnings {
        tracing::warn!(stream, %warning, "the stream is not as it should be");
    }
}

fn not_made(name: &str, error: ApiError) -> SetupError {
    let message = format!("the stream {name:?} cannot be made");
    if error.code() == Some(SUBJECTS_OVERLAP) {
        let message = format!("{message}: another stream takes these events already, use that one");
        return SetupError::new(SetupErrorKind::UnfitStream, message).with_source(error);
    }
    error.into_setup_error(&message)
}
