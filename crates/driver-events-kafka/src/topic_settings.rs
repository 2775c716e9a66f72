use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer as _};

use crate::context::Context;
use crate::drop_elsewhere::drop_elsewhere;
use crate::{DEFAULT_TOPIC, KafkaState, SetupError, SetupErrorKind, check, client, permissions, properties, topics};

/// How long the brokers have to make the topic.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before a broker is asked again for a topic that was made.
const PAUSE: Duration = Duration::from_millis(20);

/// What a topic for events should be like. What is not set is as the brokers' own settings say.
#[derive(Clone, Debug)]
#[must_use]
pub struct TopicSettings {
    name: String,
    partitions: Option<i32>,
    replication: Option<i32>,
    min_insync_replicas: Option<u32>,
    retention: Option<Duration>,
}

/// What [`ensure_topic`] found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnsuredTopic {
    /// Whether the topic was made by this call.
    pub is_new: bool,
    /// How many partitions it has.
    pub partitions: usize,
    /// What its owner should know about it.
    pub warnings: Vec<TopicWarning>,
}

/// Something about a topic that works, and that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicWarning {
    /// It has another number of partitions than was asked for. More of them would send goals elsewhere, in the midst of
    /// their events.
    Partitions {
        /// How many it has.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// Fewer brokers have a copy than was asked for.
    FewerReplicas {
        /// How many have.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// A setting has another value than was asked for.
    Setting {
        /// The name of the setting, as in `retention.ms`.
        name: String,
        /// Its value.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Its settings may not be seen, so that nobody knows whether they are as asked for: allow DESCRIBE_CONFIGS on it.
    Unseen,
    /// Old records of a goal are deleted when newer ones come, since the key of a record is the goal
    /// (`cleanup.policy=compact`).
    Compacts,
}

impl TopicSettings {
    /// The topic [`agent.driver`](DEFAULT_TOPIC).
    pub fn new() -> Self {
        Self::named(DEFAULT_TOPIC)
    }

    /// A topic of this name, prefix included.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication: None,
            min_insync_replicas: None,
            retention: None,
        }
    }

    /// Into how many partitions goals are shared out: as many members of a group work at once. To change it later sends
    /// goals elsewhere in the midst of their events, so begin with enough.
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// How many brokers have a copy: 3 survive the loss of one.
    pub fn replication(mut self, brokers: i32) -> Self {
        self.replication = Some(brokers);
        self
    }

    /// How many copies must be in sync for an event to be taken (`min.insync.replicas`): with 2 of 3 an event that was
    /// acknowledged survives the loss of any broker.
    pub fn min_insync_replicas(mut self, brokers: u32) -> Self {
        self.min_insync_replicas = Some(brokers);
        self
    }

    /// How old records may become before they are deleted (`retention.ms`).
    pub fn retention(mut self, age: Duration) -> Self {
        self.retention = Some(age);
        self
    }

    /// The settings by the names that Kafka has for them.
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

/// Makes the topic where it does not exist, and checks it where it does. One that exists is never changed.
///
/// Where access rules hold it takes CREATE on the topic to make it, DESCRIBE to find it, and DESCRIBE_CONFIGS to check its
/// settings.
///
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
/// [`Invalid`](SetupErrorKind::Invalid) for a name that Kafka does not take, a property that does not exist, what the
/// brokers cannot make, and the SASL mechanism OAUTHBEARER: librdkafka has no tokens for administration.
/// [`Unauthorized`](SetupErrorKind::Unauthorized);
/// [`Unreachable`](SetupErrorKind::Unreachable) where no broker answers within seconds.
///
/// # Cancel safety
/// The topic may be made or not.
pub async fn ensure_topic(config: &ClientConfig, settings: &TopicSettings) -> Result<EnsuredTopic, SetupError> {
    let name = &settings.name;
    topics::check(name).map_err(|why| SetupError::invalid(format!("the topic {name:?} {why}")))?;
    if client::wants_tokens(config) {
        let why = "topics cannot be made with tokens: make it with other credentials, or with Kafka's own tools";
        return Err(SetupError::invalid(why));
    }
    let state = KafkaState::default();
    let context = Context::new(state.clone(), None, ());
    // A client for administration does not tell of credentials that are refused. So a producer looks first.
    let scout = client::new(&properties::of_clients(config), context.clone())?;
    let admin = client::new(config, context)?;
    let ensured = ensure(&scout, &admin, settings, &state).await;
    drop_elsewhere((scout, admin));
    ensured
}

async fn ensure(
    scout: &FutureProducer<Context<()>>,
    admin: &AdminClient<Context<()>>,
    settings: &TopicSettings,
    state: &KafkaState,
) -> Result<EnsuredTopic, SetupError> {
    let name = &settings.name;
    let found = match look(scout, name, state, Duration::ZERO).await {
        Err(error) if error.kind() == SetupErrorKind::NoTopic => None,
        found => Some(found?),
    };
    let is_new = found.is_none() && make(admin, settings).await?;
    let (partitions, replicas) = match found {
        Some(shape) => shape,
        None => look(scout, name, state, if is_new { PATIENCE } else { Duration::ZERO }).await?,
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

/// How many partitions and replicas the topic has. One that was just made is waited for: the broker that is asked may
/// not have heard of it yet.
async fn look(
    scout: &FutureProducer<Context<()>>,
    topic: &str,
    state: &KafkaState,
    patience: Duration,
) -> Result<(usize, usize), SetupError> {
    let (scout, topic, told) = (scout.clone(), topic.to_owned(), state.clone());
    let question = move || {
        let deadline = Instant::now() + patience;
        loop {
            match check::shape(scout.client(), &topic, &told) {
                Err(error) if error.kind() == SetupErrorKind::NoTopic && Instant::now() < deadline => {
                    thread::sleep(PAUSE);
                }
                shape => break shape,
            }
        }
    };
    check::ask(state, question).await
}

/// Whether it was made.
async fn make(admin: &AdminClient<Context<()>>, settings: &TopicSettings) -> Result<bool, SetupError> {
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
    match results.map_err(|error| not_made(settings, error))?.pop() {
        Some(Ok(_)) => Ok(true),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
        Some(Err((_, code))) => Err(not_made(settings, KafkaError::AdminOp(code))),
        None => Err(SetupError::new(
            SetupErrorKind::Unreachable,
            "the brokers did not answer for the topic",
        )),
    }
}

async fn check_settings(
    admin: &AdminClient<Context<()>>,
    settings: &TopicSettings,
) -> Result<Vec<TopicWarning>, SetupError> {
    let asked = [ResourceSpecifier::Topic(&settings.name)];
    let described = admin.describe_configs(&asked, &options()).await;
    let described = described.map_err(|error| not_looked_up(settings, error))?.pop();
    let found = match described {
        // The client does not pass on why there are none.
        Some(Ok(found)) if found.entries.is_empty() => return Ok(vec![TopicWarning::Unseen]),
        Some(Ok(found)) => found,
        Some(Err(code)) => return Err(not_looked_up(settings, KafkaError::AdminOp(code))),
        None => return Ok(Vec::new()),
    };
    let value = |name: &str| {
        ConfigResource::get(&found, name)
            .and_then(|entry| entry.value.clone())
            .unwrap_or_default()
    };
    let mut warnings = Vec::new();
    if value("cleanup.policy").contains("compact") {
        warnings.push(TopicWarning::Compacts);
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
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

fn not_made(settings: &TopicSettings, error: KafkaError) -> SetupError {
    let name = &settings.name;
    let allow = match error {
        KafkaError::AdminOp(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => {
            format!(": {}", permissions::topic("Create", name))
        }
        _ => String::new(),
    };
    admin_error(format!("the topic {name:?} cannot be made{allow}"), error)
}

fn not_looked_up(settings: &TopicSettings, error: KafkaError) -> SetupError {
    admin_error(format!("the topic {:?} cannot be looked up", settings.name), error)
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
            Self::Partitions { found, wanted } => write!(f, "it has {found} partitions, and not {wanted}"),
            Self::FewerReplicas { found, wanted } => write!(f, "it has {found} replicas, and not {wanted}"),
            Self::Setting { name, found, wanted } => write!(f, "{name} is {found:?}, and not {wanted:?}"),
            Self::Unseen => f.write_str("its settings may not be seen, which DESCRIBE_CONFIGS allows"),
            Self::Compacts => f.write_str("older events of a goal are deleted (cleanup.policy=compact)"),
        }
    }
}
