use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::stream::{Config, Info};
use driver_events_core::{SetupError, SetupErrorKind};

use super::check::check;
use super::lookup::look_up;
use super::settings::StreamSettings;
use super::warning::StreamWarning;
use crate::connection::NatsConnection;
use crate::jetstream::api::{Api, ApiError, json};
use crate::wire::Subjects;

/// JetStream's error code for a stream name that is in use with another configuration.
const NAME_IN_USE: u64 = 10_058;
/// JetStream's error code for subjects that another stream captures.
const SUBJECTS_OVERLAP: u64 = 10_065;

/// Result of [`ensure_stream`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnsuredStream {
    /// Whether this call created the stream.
    pub is_new: bool,
    /// Settings that the stream's operator should know about.
    pub warnings: Vec<StreamWarning>,
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
/// - [`Incompatible`](SetupErrorKind::Incompatible): the stream does not capture the events, or another stream does.
/// - [`Invalid`](SetupErrorKind::Invalid): the name or the prefix is invalid, or the server cannot create such a stream.
/// - [`Unauthorized`](SetupErrorKind::Unauthorized): the server rejects the credentials or a request.
/// - [`Unreachable`](SetupErrorKind::Unreachable): no response from JetStream within seconds, or a limit is reached; retry.
///
/// # Cancel safety
/// The stream may have been created. Calling again is safe.
pub async fn ensure_stream(client: &Client, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
    ensure(NatsConnection::of_client(client.clone()), settings).await
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
        ensure(self.clone(), settings).await
    }
}

async fn ensure(connection: NatsConnection, settings: &StreamSettings) -> Result<EnsuredStream, SetupError> {
    let subjects = Subjects::below(settings.prefix.as_deref())?;
    let api = Api::new(connection, settings.domain.as_deref());
    let config = settings.config(subjects.wildcard());
    match look_up(&api, &settings.name).await {
        Ok(found) => check_existing(&found.config, &config, &subjects),
        Err(error) if error.kind() == SetupErrorKind::NotFound => create(&api, &config, &subjects).await,
        Err(error) => Err(error),
    }
}

async fn create(api: &Api, config: &Config, subjects: &Subjects) -> Result<EnsuredStream, SetupError> {
    let name = &config.name;
    let mut created = request_creation(api, config).await;
    if let Some(limit) = created.as_ref().err().and_then(duplicate_window_limit) {
        let config = Config {
            duplicate_window: limit,
            ..config.clone()
        };
        created = request_creation(api, &config).await;
    }
    match created {
        Ok(created) => {
            tracing::info!(stream = name, "stream created");
            let mut warnings = check(&created.config, subjects, Duration::ZERO)?;
            warnings.extend(shorter_duplicate_window(&created.config, config));
            log_warnings(name, &warnings);
            Ok(EnsuredStream { is_new: true, warnings })
        }
        Err(error) if error.code() == Some(NAME_IN_USE) => {
            // Another client created the stream meanwhile.
            let found = look_up(api, name).await?;
            check_existing(&found.config, config, subjects)
        }
        Err(error) => Err(create_error(name, error)),
    }
}

async fn request_creation(api: &Api, config: &Config) -> Result<Info, ApiError> {
    let request = format!("STREAM.CREATE.{}", config.name);
    api.request_with_retry(&request, json(config)?).await
}

/// Returns the server's limit if the duplicate window exceeds it; zero, which is the server's default, if it cannot be
/// parsed.
fn duplicate_window_limit(error: &ApiError) -> Option<Duration> {
    let description = error.description()?;
    let (_, limit) = description.split_once("duplicates window can not be larger then server limit of ")?;
    let limit = limit.split_whitespace().next().unwrap_or_default();
    Some(humantime::parse_duration(limit).unwrap_or_default())
}

fn shorter_duplicate_window(found: &Config, wanted: &Config) -> Option<StreamWarning> {
    (found.duplicate_window < wanted.duplicate_window).then_some(StreamWarning::ShorterDuplicateWindow {
        found: found.duplicate_window,
        wanted: wanted.duplicate_window,
    })
}

fn check_existing(found: &Config, wanted: &Config, subjects: &Subjects) -> Result<EnsuredStream, SetupError> {
    let mut warnings = check(found, subjects, Duration::ZERO)?;
    if found.num_replicas < wanted.num_replicas {
        warnings.push(StreamWarning::FewerReplicas {
            found: found.num_replicas,
            wanted: wanted.num_replicas,
        });
    }
    warnings.extend(shorter_duplicate_window(found, wanted));
    log_warnings(&found.name, &warnings);
    Ok(EnsuredStream {
        is_new: false,
        warnings,
    })
}

pub(crate) fn log_warnings(stream: &str, warnings: &[StreamWarning]) {
    for warning in warnings {
        tracing::warn!(stream, %warning, "stream check warning");
    }
}

fn create_error(name: &str, error: ApiError) -> SetupError {
    let message = format!("cannot create stream `{name}`");
    if error.code() == Some(SUBJECTS_OVERLAP) {
        let message = format!("{message}: another stream captures these subjects: use that stream");
        return SetupError::new(SetupErrorKind::Incompatible, message).with_source(error);
    }
    error.into_setup_error(&message)
}
