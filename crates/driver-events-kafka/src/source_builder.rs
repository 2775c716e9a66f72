use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use driver_events_core::EventFilter;
use driver_events_types::Limits;
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use crate::client::PropertyNames;
use crate::consumer::{Consumer, ConsumerHandle};
use crate::context::Context;
use crate::dead_letters::DeadLetters;
use crate::offset_tracker::OffsetTracker;
use crate::properties::{self, Acks};
use crate::redelivery::Redeliveries;
use crate::settle::SettleContext;
use crate::start_from::{REQUEST_TIMEOUT, StartFrom};
use crate::tokens::TokenCache;
use crate::topic_naming::{TopicNameStrategy, TopicNaming, validate_topic_name};
use crate::{KafkaEventSource, KafkaState, SetupError, SetupErrorKind, TokenProvider, client, metadata, permissions};

/// Builder of a [`KafkaEventSource`]. [`build`](Self::build) validates all settings.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// use driver_events_core::{DriverEventSource, Envelope};
/// use driver_events_kafka::KafkaEventSource;
/// use rdkafka::ClientConfig;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn process(_: &Envelope) -> Result<(), std::io::Error> { Ok(()) }
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "127.0.0.1:9092");
/// let mut source = KafkaEventSource::builder(config).group("billing").build().await?;
/// loop {
///     let delivery = tokio::select! {
///         next = source.next() => match next {
///             Some(Ok(delivery)) => delivery,
///             Some(Err(error)) => {
///                 eprintln!("{error}");
///                 // The source reconnects after an outage.
///                 if error.is_retryable() {
///                     continue;
///                 }
///                 break;
///             }
///             None => break,
///         },
///         _ = tokio::signal::ctrl_c() => break,
///     };
///     let settled = match delivery.envelope() {
///         Ok(envelope) => match process(envelope).await {
///             Ok(()) => delivery.ack().await,
///             Err(_) => delivery.nack(Duration::from_secs(1)).await,
///         },
///         Err(malformed) => {
///             let reason = malformed.to_string();
///             delivery.reject(&reason).await
///         }
///     };
///     if let Err(error) = settled {
///         // The event is redelivered.
///         eprintln!("{error}");
///     }
/// }
/// source.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct KafkaEventSourceBuilder {
    config: ClientConfig,
    topics: TopicNameStrategy,
    prefix: Option<String>,
    group: Option<String>,
    start: StartFrom,
    filter: EventFilter,
    limits: Limits,
    dead_letters: Option<String>,
    token: Option<Arc<TokenProvider>>,
}

impl KafkaEventSourceBuilder {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            topics: TopicNameStrategy::default(),
            prefix: None,
            group: None,
            start: StartFrom::default(),
            filter: EventFilter::default(),
            limits: Limits::default(),
            dead_letters: None,
            token: None,
        }
    }

    /// Reads this topic. Default: [`agent.driver`](crate::DEFAULT_TOPIC).
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.topics = TopicNameStrategy::Single(topic.into());
        self
    }

    /// Reads one topic for each kind that this version knows, named like its subject.
    pub fn topic_per_subject(mut self) -> Self {
        self.topics = TopicNameStrategy::PerSubject;
        self
    }

    /// Prefixes each topic with a tenant's name and a dot.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Joins this consumer group and commits settled deliveries. Default: none, the source reads standalone and commits
    /// nothing.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets where to start; a group only where it has no committed offset. Default: [`StartFrom::Earliest`].
    pub fn start_from(mut self, start: StartFrom) -> Self {
        self.start = start;
        self
    }

    /// Delivers only events that the filter selects, and malformed records. Filters in the client: all records are fetched.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the codec's limits: an event beyond them is malformed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Produces [rejected](driver_events_core::Delivery::reject) records unchanged to this topic, with the headers
    /// `dead-letter-topic`, `dead-letter-partition`, `dead-letter-offset` and `dead-letter-reason`. The topic must exist.
    /// Has no effect without a group.
    pub fn dead_letters(mut self, topic: impl Into<String>) -> Self {
        self.dead_letters = Some(topic.into());
        self
    }

    /// Sets the [`TokenProvider`] for the SASL mechanism OAUTHBEARER.
    pub fn token_provider(
        mut self,
        token: impl Fn(Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.token = Some(Arc::new(token));
        self
    }

    /// Creates the consumer, checks that the topics exist, and joins the group, if any. The timeout of each request is ten
    /// seconds, as is that of finding the group's coordinator.
    ///
    /// # Errors
    /// - [`Invalid`](SetupErrorKind::Invalid): a property is unknown, has an invalid value or would weaken the guarantee, or
    ///   a topic or prefix is invalid.
    /// - [`NoTopic`](SetupErrorKind::NoTopic), [`Unauthorized`](SetupErrorKind::Unauthorized),
    ///   [`Unreachable`](SetupErrorKind::Unreachable).
    pub async fn build(self) -> Result<KafkaEventSource, SetupError> {
        let topics = TopicNaming::new(self.topics.clone(), self.prefix.as_deref())?.known_topics();
        let (filter, limits, start) = (self.filter.clone(), self.limits, self.start);
        let group = self.group.clone();
        let is_grouped = group.is_some();
        let dead_letter_topic = self.dead_letters.clone().filter(|_| is_grouped);
        let state = KafkaState::default();
        // Blocks if a token must be fetched.
        let created = metadata::query(&state, {
            let state = state.clone();
            move || self.create_clients(state)
        });
        let (consumer, handle, dead_letters) = created.await?;
        let find_starts = metadata::query(&state, {
            let (consumer, topics, state) = (Arc::clone(&consumer), topics.clone(), state.clone());
            move || find_starts(&consumer, is_grouped, start, &topics, dead_letter_topic, &state)
        });
        let starts = tokio::select! {
            starts = find_starts => starts?,
            error = consumer.poll_events(is_grouped) => {
                let grant = permissions::group(group.as_deref().unwrap_or_default());
                let message = format!("missing permission to join the group: {grant}");
                return Err(SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error));
            }
        };
        for start in starts.iter().flat_map(|starts| starts.elements()) {
            if let Offset::Offset(offset) = start.offset() {
                handle.tracker().seek(start.topic(), start.partition(), offset);
            }
        }
        let started = metadata::query(&state, {
            let consumer = Arc::clone(&consumer);
            let topics = topics.clone();
            move || start_reading(&consumer, &topics, starts.as_ref()).map_err(start_error)
        });
        started.await?;
        let dead_letters = dead_letters.filter(|_| is_grouped);
        let context = SettleContext {
            consumer: handle,
            redeliveries: Redeliveries::default(),
            dead_letters,
        };
        Ok(KafkaEventSource::new(consumer, context, filter, limits, topics, group))
    }

    fn create_clients(
        self,
        state: KafkaState,
    ) -> Result<(Arc<Consumer>, ConsumerHandle, Option<DeadLetters>), SetupError> {
        let dead_letters = match &self.dead_letters {
            Some(topic) => Some(dead_letters(topic, &self.config, self.token.clone())?),
            None => None,
        };
        let mut config = properties::consumer(self.config, self.group.is_some())?;
        // librdkafka requires a group id, even of a standalone consumer.
        let group = self
            .group
            .unwrap_or_else(|| format!("driver-events-{}", Uuid::now_v7()));
        // All other starts are explicit offsets. One out of range was deleted by retention, or its topic was re-created.
        config.set("group.id", group).set("auto.offset.reset", "earliest");
        let tokens = TokenCache::new(self.token, &config)?;
        if let Some(Err(error)) = tokens.as_ref().map(|tokens| tokens.fetch_first(REQUEST_TIMEOUT)) {
            let message = format!("cannot get a token: {error}");
            return Err(SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error));
        }
        let tracker = Arc::<OffsetTracker>::default();
        let context = Context::new(state.clone(), tokens, Arc::clone(&tracker));
        let client: StreamConsumer<_> = client::create(&config, context)?;
        let consumer = Consumer::new(client);
        let handle = ConsumerHandle::new(state, tracker, &consumer);
        Ok((consumer, handle, dead_letters))
    }
}

/// Time between two commits while the group has no coordinator.
const COORDINATOR_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Checks that the topics exist, and returns the start offsets of a standalone source. Blocks until the brokers have
/// responded.
fn find_starts(
    consumer: &Consumer,
    is_grouped: bool,
    start: StartFrom,
    topics: &[String],
    dead_letters: Option<String>,
    state: &KafkaState,
) -> Result<Option<TopicPartitionList>, SetupError> {
    let Some(client) = consumer.client() else {
        return Ok(None);
    };
    if let Some(topic) = dead_letters {
        // A missing topic would otherwise block the partition at the first dead letter.
        metadata::partitions(client.client(), &[topic], state)?;
    }
    let partitions = metadata::partitions(client.client(), topics, state)?;
    if !is_grouped {
        return start.offsets(client, &partitions).map(Some).map_err(start_error);
    }
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        let Err(error) = start.commit(client, &partitions) else {
            return Ok(None);
        };
        let code = error.rdkafka_error_code();
        if has_members(code) {
            return Ok(None);
        }
        if !lacks_coordinator(code) || deadline <= Instant::now() {
            return Err(start_error(error));
        }
        thread::sleep(COORDINATOR_RETRY_INTERVAL);
    }
}

/// Assigns all partitions at the start offsets; without start offsets joins the group.
fn start_reading(consumer: &Consumer, topics: &[String], starts: Option<&TopicPartitionList>) -> KafkaResult<()> {
    let Some(client) = consumer.client() else {
        return Ok(());
    };
    match starts {
        Some(starts) => client.assign(starts),
        None => client.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

/// Returns whether the broker refused the commit because the group has members.
fn has_members(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress)
    )
}

/// Returns whether the group's coordinator is being elected or moved.
fn lacks_coordinator(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(Code::NotCoordinator | Code::CoordinatorLoadInProgress | Code::CoordinatorNotAvailable)
    )
}

fn start_error(error: rdkafka::error::KafkaError) -> SetupError {
    use RDKafkaErrorCode as Code;
    let kind = match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed) => SetupErrorKind::Unauthorized,
        _ => SetupErrorKind::Unreachable,
    };
    SetupError::new(kind, "cannot start reading").with_source(error)
}

fn dead_letters(
    topic: &str,
    config: &ClientConfig,
    token: Option<Arc<TokenProvider>>,
) -> Result<DeadLetters, SetupError> {
    validate_topic_name(topic).map_err(SetupError::invalid)?;
    let config = properties::producer(properties::connection(config), Acks::All)?;
    let tokens = TokenCache::new(token, &config)?;
    let context = Context::new(KafkaState::default(), tokens, ());
    let producer = client::create(&config, context)?;
    Ok(DeadLetters::new(topic.into(), producer))
}

impl fmt::Debug for KafkaEventSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSourceBuilder")
            .field("properties", &PropertyNames(&self.config))
            .field("topics", &self.topics)
            .field("prefix", &self.prefix)
            .field("group", &self.group)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
