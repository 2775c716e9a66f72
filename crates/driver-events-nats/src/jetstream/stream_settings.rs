use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bytes::Bytes;

use super::StreamWarning;
use super::api::{Api, ApiError, json};
use super::stream_check::{STREAM_NOT_FOUND, check, check_name, look_up, lookup_error};
use crate::connection::Connection;
use crate::subject::Subjects;
use crate::{NatsConnection, SetupError, SetupErrorKind};

/// JetStream's error code for a stream name that is in use with another configuration.
const NAME_IN_USE: u64 = 10_058;
/// JetStream's error code for subjects that another stream captures.
const SUBJECTS_OVERLAP: u64 = 10_065;

/// Settings of a stream for events. The defaults suit a single server; a cluster needs [`replicas`](Self::replicas).
///
/// Fixed settings: file storage; with [`max_bytes`](Self::max_bytes) `discard: new`, so that a full stream refuses new
/// events instead of deleting old ones; `allow_direct`, so that readers may query any replica; `allow_atomic`, for atomic
/// batches on servers from 2.12.
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

/// Result of [`ensure_stream`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnsuredStream {
    /// Whether this call created the stream.
    pub is_new: bool,
    /// Settings that the stream's operator should know about.
    pub warnings: Vec<StreamWarning>,
}

impl StreamSettings {
    /// Creates settings of a stream that captures all events published without a prefix.
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

    /// Sets the subject prefix of the captured events. Default: none.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the JetStream domain. Default: none.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the number of replicas; 3 survive the loss of a server. Default: 1.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets the maximum size. A full stream refuses events with [`Full`](driver_events_core::SinkErrorKind::Full).
    /// Default: unlimited.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the age at which events are deleted. Default: never.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets how long the server remembers event ids to detect duplicates, which costs memory for each id. The window must
    /// be longer than the [publishers' retry timeout](crate::JetStreamEventSinkBuilder::retry_timeout). Default: 2
    /// minutes.
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    fn config(&self, subjects: &Subjects) -> Config {
        let max_age = self.max_age.unwrap_or_default();
        // The server refuses a duplicate window that is longer than `max_age`.
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

/// Creates the stream, or checks it if it exists. An existing stream is never changed.
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
/// - [`UnfitStream`](SetupErrorKind::UnfitStream): the stream does not capture the events, or another stream does.
/// - [`Invalid`](SetupErrorKind::Invalid): the name or the prefix is invalid, or the server cannot create such a stream.
/// - [`Unauthorized`](SetupErrorKind::Unauthorized): the server rejects the credentials or a request.
/// - [`Unreachable`](SetupErrorKind::Unreachable): no response from JetStream within seconds; retry.
///
/// # Cancel safety
/// The stream may have been created. Calling again is safe.
pub async fn ensure_stream(client: &Client, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
    ensure(Connection::of_client(client.clone()), settings).await
}

impl NatsConnection {
    /// Creates or checks the stream, as [`ensure_stream`] does, and reports denied requests at once.
    ///
    /// # Errors
    /// See [`ensure_stream`].
    ///
    /// # Cancel safety
    /// The stream may have been created. Calling again is safe.
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
    let config = settings.config(&subjects);
    let stream = match find(&api, name).await? {
        Some(found) => EnsuredStream {
            is_new: false,
            warnings: check_existing(&found.config, &config, &subjects)?,
        },
        None => create(&api, &config, &subjects).await?,
    };
    if !stream.is_new {
        log_warnings(name, &stream.warnings);
    }
    Ok(stream)
}

async fn find(api: &Api, name: &str) -> Result<Option<Info>, SetupError> {
    match api
        .request_with_retry(&format!("STREAM.INFO.{name}"), Bytes::new())
        .await
    {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.code() == Some(STREAM_NOT_FOUND) => Ok(None),
        Err(error) => Err(lookup_error(name, error)),
    }
}

async fn create(api: &Api, config: &Config, subjects: &Subjects) -> Result<EnsuredStream, SetupError> {
    let name = &config.name;
    let body = json(config).map_err(|error| create_error(name, error))?;
    match api
        .request_with_retry::<Info>(&format!("STREAM.CREATE.{name}"), body)
        .await
    {
        Ok(created) => {
            tracing::info!(stream = name, "stream created");
            Ok(EnsuredStream {
                is_new: true,
                warnings: check(&created.config, subjects, Duration::ZERO)?,
            })
        }
        Err(error) if error.code() == Some(NAME_IN_USE) => {
            // Another client created the stream meanwhile.
            let found = look_up(api, name).await?;
            Ok(EnsuredStream {
                is_new: false,
                warnings: check_existing(&found.config, config, subjects)?,
            })
        }
        Err(error) => Err(create_error(name, error)),
    }
}

fn check_existing(found: &Config, wanted: &Config, subjects: &Subjects) -> Result<Vec<StreamWarning>, SetupError> {
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

pub(super) fn log_warnings(stream: &str, warnings: &[StreamWarning]) {
    for warning in warnings {
        tracing::warn!(stream, %warning, "stream check warning");
    }
}

fn create_error(name: &str, error: ApiError) -> SetupError {
    let message = format!("cannot create stream `{name}`");
    if error.code() == Some(SUBJECTS_OVERLAP) {
        let message = format!("{message}: another stream captures these subjects: use that stream");
        return SetupError::new(SetupErrorKind::UnfitStream, message).with_source(error);
    }
    error.into_setup_error(&message)
}
