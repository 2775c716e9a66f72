use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use driver_events_core::{EventFilter, SetupError};
use driver_events_types::GoalId;
use serde::{Deserialize, Deserializer, de};

use crate::start_position::StartPosition;

const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Options of opening sinks and sources: what does not belong into a URL.
///
/// `Options` is [`Deserialize`], as a section of a configuration file in any format. Its keys are the names of the fields in
/// kebab case, which are the options of the `driver-events` command without `--`: the field `create_stream` is the key
/// `create-stream`. Durations and times are texts such as `30s`, `2h 30m` and `2026-01-31T12:00:00Z`. An unknown key is an
/// error.
///
/// Options of sinks that do not apply to a URL are ignored, so that the URLs of a fan-out can share their options. Options of
/// sources that do not apply are errors: a reader would lose its position.
///
/// Passwords, tokens and seeds are no options, and a URL is better without them: a parser of the configuration may quote
/// the file in its errors. They come from the environment, or from files:
/// - NATS, in this order: the URL, these options, the environment (`NATS_CREDS`, `NATS_NKEY`, `NATS_NKEY_SEED`, `NATS_USER`
///   with `NATS_PASSWORD`, or `NATS_TOKEN`). `NATS_CA`, `NATS_CERT` and `NATS_KEY` are defaults of the options.
/// - Kafka, in this order: [`kafka_properties`](Self::kafka_properties), the other options, the environment, the properties
///   file. `KAFKA_CONFIG`, `KAFKA_USER`, `KAFKA_MECHANISM`, `KAFKA_CA`, `KAFKA_CERT` and `KAFKA_KEY` are defaults of the
///   options; `KAFKA_PASSWORD` is the password of the user, `KAFKA_KEY_PASSWORD` that of the key.
///
/// # Examples
/// ```
/// use driver_events::Options;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     /// For `open_sink`.
///     sink: String,
///     #[serde(default)]
///     options: Options,
/// }
///
/// let config: Config = toml::from_str(r#"
///     sink = "jetstream://127.0.0.1:4222/DRIVER"
///     [options]
///     create-stream = true
///     timeout = "30s"
///     nats-creds = "/run/secrets/driver.creds"
/// "#).unwrap();
/// assert!(config.options.create_stream);
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Options {
    /// Sinks: how long a call retries, at least 1 ms. Default: that of the transport, 30 seconds for JetStream and Kafka.
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    /// Sinks: opens without waiting for a server, so that a driver starts while it is down. The first `send` reports what
    /// does not fit. Conflicts with `create_stream` and `create_topic`, which wait for a server. Default: opening fails.
    pub check_later: bool,
    /// Sinks: creates the stream of a `jetstream:` URL if it does not exist. An existing stream is checked, not changed.
    pub create_stream: bool,
    /// Duplicate window of a stream that is created, longer than `timeout`. Default: 2 minutes, or four times `timeout` if
    /// that is longer.
    #[serde(deserialize_with = "duration")]
    pub duplicate_window: Option<Duration>,
    /// Sinks: creates the topics of a `kafka:` URL that do not exist. An existing topic is checked, not changed.
    pub create_topic: bool,

    /// Sources: the kinds to read, known to this version or not. `None` reads all, an empty list none.
    pub kinds: Option<Vec<String>>,
    /// Sources: the goals to read. `None` reads all, an empty list none.
    pub goals: Option<Vec<GoalId>>,
    /// Sources of `jetstream:` and `kafka:` URLs: where to start. A text is a time, a duration before now, `earliest` or
    /// `latest`; a duration counts back from when it is parsed. Default: `earliest`, or where the durable consumer or group continues.
    pub since: Option<StartPosition>,
    /// Sources of `jetstream:` URLs: the durable consumer, which keeps the position and is created if it does not exist.
    pub durable: Option<String>,
    /// Sources of `kafka:` URLs: the consumer group, which shares the partitions and keeps the offsets.
    pub group: Option<String>,
    /// Sources with `group` or `durable`: the topic or subject to which rejected messages are published.
    pub dead_letters: Option<String>,

    /// Credentials file with the user's JWT and NKey seed.
    pub nats_creds: Option<PathBuf>,
    /// File with the user's NKey seed.
    pub nats_nkey: Option<PathBuf>,
    /// Username; `NATS_PASSWORD` contains the password.
    pub nats_user: Option<String>,
    /// CA certificates to trust instead of the system's.
    pub nats_ca: Option<PathBuf>,
    /// Client certificate.
    pub nats_cert: Option<PathBuf>,
    /// Private key of the client certificate.
    pub nats_key: Option<PathBuf>,

    /// librdkafka properties. Secrets are refused.
    pub kafka_properties: KafkaProperties,
    /// File of librdkafka properties, one KEY=VALUE per line. It may contain secrets.
    pub kafka_config: Option<PathBuf>,
    /// SASL username; `KAFKA_PASSWORD` contains the password.
    pub kafka_user: Option<String>,
    /// SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Default: PLAIN.
    pub kafka_mechanism: Option<String>,
    /// CA certificates to trust instead of the system's. Enables TLS.
    pub kafka_ca: Option<PathBuf>,
    /// Client certificate. Enables TLS.
    pub kafka_cert: Option<PathBuf>,
    /// Private key of the client certificate.
    pub kafka_key: Option<PathBuf>,
}

impl Options {
    /// Returns the filter of [`kinds`](Self::kinds) and [`goals`](Self::goals).
    #[must_use]
    pub fn filter(&self) -> EventFilter {
        let mut filter = EventFilter::everything();
        if let Some(kinds) = &self.kinds {
            filter = filter.kinds_named(kinds);
        }
        if let Some(goals) = &self.goals {
            filter = filter.goals(goals.iter().copied());
        }
        filter
    }

    pub(crate) fn check_timeout(&self) -> Result<(), SetupError> {
        match self.timeout {
            // For Kafka, zero would be no limit.
            Some(timeout) if timeout < MIN_TIMEOUT => {
                Err(SetupError::invalid("option `timeout` must be at least 1 ms"))
            }
            _ => Ok(()),
        }
    }
}

/// librdkafka properties by name. A value may be a text, a number or a boolean. A name contains dots: TOML needs quotes
/// around it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Scalar>")]
pub struct KafkaProperties(pub BTreeMap<String, String>);

/// Value of a property.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl From<BTreeMap<String, Scalar>> for KafkaProperties {
    fn from(properties: BTreeMap<String, Scalar>) -> Self {
        let text = |value| match value {
            Scalar::Text(text) => text,
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Boolean(value) => value.to_string(),
        };
        properties
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for KafkaProperties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(properties: I) -> Self {
        let owned = properties.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(owned.collect())
    }
}

/// The names: a value may be a secret that was set by mistake.
impl fmt::Debug for KafkaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads a duration such as `2h 30m`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let duration = humantime::parse_duration(&text);
    duration
        .map(Some)
        .map_err(|error| de::Error::custom(format!("invalid duration `{text}`: {error}: write `30s` or `2h 30m`")))
}
