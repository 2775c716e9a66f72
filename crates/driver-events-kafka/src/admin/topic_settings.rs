use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use driver_events_core::{SetupError, SetupErrorKind};
use driver_events_types::DEFAULT_TOPIC;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer as _};

use super::metadata::{self, REQUEST_TIMEOUT};
use crate::client::context::Context;
use crate::client::creation;
use crate::client::detached::drop_detached;
use crate::client::permissions;
use crate::client::properties::{self, needs_token_provider};
use crate::client::state::KafkaState;
use crate::wire::topic_naming::validate_topic_name;

/// Time between metadata requests for a new topic.
const METADATA_INTERVAL: Duration = Duration::from_millis(20);

/// Settings of a topic for events. Settings that are `None` have the brokers' defaults.
#[derive(Clone, Debug)]
#[must_use]
pub struct TopicSettings {
    name: String,
    partitions: Option<i32>,
    replication: Option<i32>,
    min_insync_replicas: Option<u32>,
    retention: Option<Duration>,
}

/// Result of [`ensure_topic`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnsuredTopic {
    /// Whether this call created the topic.
    pub is_new: bool,
    /// Number of partitions.
    pub partitions: usize,
    /// Differences between the existing topic and the settings.
    pub warnings: Vec<TopicWarning>,
}

/// A difference that does not keep the topic from working.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicWarning {
    /// The number of partitions differs. It is not changed: that would move goals to other partitions, out of order.
    Partitions {
        /// Partitions of the topic.
        found: usize,
        /// Partitions of the settings.
        wanted: usize,
    },
    /// A partition has fewer replicas.
    FewerReplicas {
        /// Lowest number of replicas of a partition.
        found: usize,
        /// Replicas of the settings.
        wanted: usize,
    },
    /// A topic setting has another value.
    Setting {
        /// Name, such as `retention.ms`.
        name: String,
        /// Value of the topic.
        found: String,
        /// Value of the settings.
        wanted: String,
    },
    /// The topic's settings were not checked, since DESCRIBE_CONFIGS is not granted.
    SettingsNotVisible,
    /// Compaction deletes all but the last event of each goal, since the record key is the goal id
    /// (`cleanup.policy=compact`).
    Compacted,
}

impl TopicSettings {
    /// Creates settings for the topic [`agent.driver`](DEFAULT_TOPIC).
    pub fn new() -> Self {
        Self::named(DEFAULT_TOPIC)
    }

    /// Creates settings for a topic of this name, prefix included.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication: None,
            min_insync_replicas: None,
            retention: None,
        }
    }

    /// Sets the number of partitions, which limits how many members of a group read in parallel. Start with enough: adding
    /// partitions later moves goals to other partitions, out of order.
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Sets the replication factor. Default: the brokers'.
    pub fn replication(mut self, brokers: i32) -> Self {
        self.replication = Some(brokers);
        self
    }

    /// Sets `min.insync.replicas`. With 2 of 3 replicas, acknowledged events survive the loss of any one broker.
    pub fn min_insync_replicas(mut self, brokers: u32) -> Self {
        self.min_insync_replicas = Some(brokers);
        self
    }

    /// Sets the age after which records are deleted (`retention.ms`).
    pub fn retention(mut self, age: Duration) -> Self {
        self.retention = Some(age);
        self
    }

    /// Returns the settings under their Kafka names.
    fn named_settings(&self) -> Vec<(&'static str, String)> {
        let min_insync = self
            .min_insync_replicas
            .map(|brokers| ("min.insync.replicas", brokers.to_string()));
        let retention = self.retention.map(|age| ("retention.ms", age.as_millis().to_string()));
        min_insync.into_iter().chain(retention).collect()
    }
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// Creates the topic if it does not exist, or else compares it with the settings. Never changes an existing topic.
///
/// With ACLs it needs CREATE on the topic to create it, DESCRIBE to find it, and DESCRIBE_CONFIGS to check its settings.
///
/// # Examples
/// ```no_run
/// use driver_events_kafka::{TopicSettings, ensure_topic};
/// use rdkafka::ClientConfig;
///
/// # async fn example() -> Result<(), driver_events_kafka::SetupError> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "127.0.0.1:9092");
/// let settings = TopicSettings::new().partitions(12).replication(3).min_insync_replicas(2);
/// for warning in ensure_topic(&config, &settings).await?.warnings {
///     eprintln!("agent.driver: {warning}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Invalid`](SetupErrorKind::Invalid): an invalid topic name, an unknown property, settings that the brokers refuse, or
///   the SASL mechanism OAUTHBEARER, which rdkafka's admin client does not support.
/// - [`Unauthorized`](SetupErrorKind::Unauthorized): the brokers refuse the credentials, or a permission is missing.
/// - [`Unreachable`](SetupErrorKind::Unreachable): no broker responds within ten seconds.
///
/// # Cancel safety
/// The topic may or may not be created.
pub async fn ensure_topic(config: &ClientConfig, settings: &TopicSettings) -> Result<EnsuredTopic, SetupError> {
    let name = &settings.name;
    validate_topic_name(name).map_err(SetupError::invalid)?;
    if needs_token_provider(config) {
        let message = "cannot create topics with OAUTHBEARER tokens: use other credentials or Kafka's own tools";
        return Err(SetupError::invalid(message));
    }
    let state = KafkaState::default();
    let context = Context::new(state.clone(), None, ());
    // An admin client does not report refused credentials, so a producer fetches the metadata.
    let metadata_client = creation::create(&properties::connection(config), context.clone())?;
    let admin = creation::create(config, context)?;
    let ensured = ensure(&metadata_client, &admin, settings, &state).await;
    drop_detached((metadata_client, admin));
    ensured
}

async fn ensure(
    metadata_client: &FutureProducer<Context<()>>,
    admin: &AdminClient<Context<()>>,
    settings: &TopicSettings,
    state: &KafkaState,
) -> Result<EnsuredTopic, SetupError> {
    let name = &settings.name;
    let found = match counts(metadata_client, name, state, Duration::ZERO).await {
        Err(error) if error.kind() == SetupErrorKind::NotFound => None,
        found => Some(found?),
    };
    let is_new = found.is_none() && create(metadata_client, admin, settings, state).await?;
    let (partitions, replicas) = match found {
        Some(counts) => counts,
        None => {
            let timeout = if is_new { REQUEST_TIMEOUT } else { Duration::ZERO };
            counts(metadata_client, name, state, timeout).await?
        }
    };
    let mut warnings = match is_new {
        true => Vec::new(),
        false => check_settings(admin, settings).await?,
    };
    let wanted = |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok());
    if let Some(wanted) = wanted(settings.partitions).filter(|wanted| *wanted != partitions) {
        let found = partitions;
        warnings.push(TopicWarning::Partitions { found, wanted });
    }
    if let Some(wanted) = wanted(settings.replication).filter(|wanted| *wanted > replicas) {
        let found = replicas;
        warnings.push(TopicWarning::FewerReplicas { found, wanted });
    }
    Ok(EnsuredTopic {
        is_new,
        partitions,
        warnings,
    })
}

/// Returns the topic's numbers of partitions and replicas. Retries until the timeout while the topic does not exist: its
/// metadata reaches all brokers only some time after it was created.
async fn counts(
    metadata_client: &FutureProducer<Context<()>>,
    topic: &str,
    state: &KafkaState,
    timeout: Duration,
) -> Result<(usize, usize), SetupError> {
    let (client, topic, state_of_client) = (metadata_client.clone(), topic.to_owned(), state.clone());
    let request = move || {
        let deadline = Instant::now() + timeout;
        loop {
            match metadata::partition_and_replica_counts(client.client(), &topic, &state_of_client) {
                Err(error) if error.kind() == SetupErrorKind::NotFound && Instant::now() < deadline => {
                    thread::sleep(METADATA_INTERVAL);
                }
                counts => break counts,
            }
        }
    };
    metadata::query(state, request).await
}

/// Creates the topic. Returns `false` if it exists.
async fn create(
    metadata_client: &FutureProducer<Context<()>>,
    admin: &AdminClient<Context<()>>,
    settings: &TopicSettings,
    state: &KafkaState,
) -> Result<bool, SetupError> {
    let named = settings.named_settings();
    let mut topic = NewTopic::new(
        &settings.name,
        settings.partitions.unwrap_or(-1),
        TopicReplication::Fixed(settings.replication.unwrap_or(-1)),
    );
    for (name, value) in &named {
        topic = topic.set(name, value);
    }
    let results = admin.create_topics([&topic], &options()).await;
    match results.map_err(|error| create_error(settings, error))?.pop() {
        Some(Ok(_)) => Ok(true),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
        // The syntax of the name was checked before.
        Some(Err((_, RDKafkaErrorCode::InvalidTopic))) => {
            Err(invalid_topic_error(metadata_client, settings, state).await)
        }
        Some(Err((_, code))) => Err(create_error(settings, KafkaError::AdminOp(code))),
        None => Err(SetupError::new(
            SetupErrorKind::Unreachable,
            "the brokers returned no result for the topic",
        )),
    }
}

/// Names the existing topic with which the new one collides: brokers treat `.` and `_` alike in metrics. librdkafka drops
/// the text of their error.
async fn invalid_topic_error(
    metadata_client: &FutureProducer<Context<()>>,
    settings: &TopicSettings,
    state: &KafkaState,
) -> SetupError {
    let name = &settings.name;
    let error = KafkaError::AdminOp(RDKafkaErrorCode::InvalidTopic);
    let (client, topic, state_of_client) = (metadata_client.clone(), name.clone(), state.clone());
    let request = move || metadata::colliding_topic(client.client(), &topic, &state_of_client);
    match metadata::query(state, request).await {
        Ok(Some(other)) => SetupError::invalid(format!(
            "cannot create topic `{name}`: topic `{other}` exists, and topic names must differ in more than `.` and `_`"
        ))
        .with_source(error),
        Ok(None) | Err(_) => create_error(settings, error),
    }
}

async fn check_settings(
    admin: &AdminClient<Context<()>>,
    settings: &TopicSettings,
) -> Result<Vec<TopicWarning>, SetupError> {
    let resources = [ResourceSpecifier::Topic(&settings.name)];
    let described = admin.describe_configs(&resources, &options()).await;
    let described = described.map_err(|error| describe_error(settings, error))?.pop();
    let found = match described {
        // rdkafka drops the error code of a missing permission.
        Some(Ok(found)) if found.entries.is_empty() => return Ok(vec![TopicWarning::SettingsNotVisible]),
        Some(Ok(found)) => found,
        Some(Err(code)) => return Err(describe_error(settings, KafkaError::AdminOp(code))),
        None => return Ok(Vec::new()),
    };
    let value = |name: &str| {
        ConfigResource::get(&found, name)
            .and_then(|entry| entry.value.clone())
            .unwrap_or_default()
    };
    let mut warnings = Vec::new();
    if value("cleanup.policy").contains("compact") {
        warnings.push(TopicWarning::Compacted);
    }
    for (name, wanted) in settings.named_settings() {
        let found = value(name);
        if found != wanted {
            let name = name.to_owned();
            warnings.push(TopicWarning::Setting { name, found, wanted });
        }
    }
    Ok(warnings)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT))
}

fn create_error(settings: &TopicSettings, error: KafkaError) -> SetupError {
    let name = &settings.name;
    let grant = match error {
        KafkaError::AdminOp(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => {
            format!(": {}", permissions::topic("Create", name))
        }
        _ => String::new(),
    };
    admin_error(format!("cannot create topic `{name}`{grant}"), error)
}

fn describe_error(settings: &TopicSettings, error: KafkaError) -> SetupError {
    admin_error(format!("cannot describe topic `{}`", settings.name), error)
}

fn admin_error(message: String, error: KafkaError) -> SetupError {
    use RDKafkaErrorCode as Code;
    let kind = match error {
        KafkaError::AdminOp(
            Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::Authentication,
        ) => SetupErrorKind::Unauthorized,
        KafkaError::AdminOp(
            Code::InvalidReplicationFactor
            | Code::InvalidPartitions
            | Code::InvalidConfig
            | Code::InvalidTopic
            | Code::PolicyViolation
            | Code::InvalidRequest,
        ) => SetupErrorKind::Invalid,
        _ => SetupErrorKind::Unreachable,
    };
    SetupError::new(kind, message).with_source(error)
}

impl fmt::Display for TopicWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions { found, wanted } => write!(f, "partitions: {found} instead of {wanted}"),
            Self::FewerReplicas { found, wanted } => write!(f, "replicas: {found} instead of {wanted}"),
            Self::Setting { name, found, wanted } => write!(f, "{name}: `{found}` instead of `{wanted}`"),
            Self::SettingsNotVisible => f.write_str("settings not checked: DESCRIBE_CONFIGS is not granted"),
            Self::Compacted => f.write_str("cleanup.policy=compact deletes all but the last event of each goal"),
        }
    }
}
