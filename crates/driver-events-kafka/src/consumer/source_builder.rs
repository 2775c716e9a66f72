use std::error::Error;
use std::fmt;
use std::sync::Arc;

use driver_events_core::{EventFilter, SetupError, SetupErrorKind};
use driver_events_types::Limits;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::{ClientConfig, Offset};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::added_partitions::{assign_added, refresh_interval};
use super::batch_searches::BatchSearches;
use super::callbacks::ConsumerRole;
use super::consumer_handle::{Consumer, ConsumerHandle};
use super::dead_letters::DeadLetters;
use super::end::SourceEnd;
use super::errors::missing_group_permission;
use super::missed_records::MissedRecords;
use super::offset_resets::OffsetResets;
use super::offset_tracker::OffsetTracker;
use super::redelivery::Redeliveries;
use super::settle::SettleContext;
use super::source::{KafkaEventSource, ReadSettings};
use super::stalled_partitions::StalledPartitions;
use super::start_from::StartFrom;
use super::start_reading::{find_starts, start_error, start_reading};
use super::unreadable_batches::BatchSearch;
use crate::admin::metadata::{self, REQUEST_TIMEOUT};
use crate::client::context::Context;
use crate::client::creation;
use crate::client::properties::{self, PropertyNames};
use crate::client::state::KafkaState;
use crate::client::tokens::{TokenCache, TokenProvider};
use crate::wire::topic_naming::{TopicNameStrategy, TopicNaming};

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

impl KafkaEventSource {
    /// Creates a builder. `config` has librdkafka's properties and must set `bootstrap.servers`.
    pub fn builder(config: ClientConfig) -> KafkaEventSourceBuilder {
        KafkaEventSourceBuilder {
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
}

impl KafkaEventSourceBuilder {
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

    /// Produces [rejected](driver_events_core::Delivery::reject) records to this topic, with their key, value and headers. The
    /// topic must exist. Has no effect without a group.
    ///
    /// | added header | value |
    /// |---|---|
    /// | `dead-letter-topic`, `dead-letter-partition`, `dead-letter-offset` | origin of the record |
    /// | `dead-letter-timestamp` | timestamp of the record in milliseconds, if it has one; that of the dead letter is the current time |
    /// | `dead-letter-reason` | the reason, up to 4,096 bytes |
    /// | `dead-letter-omitted` | `value`, or `key, value and headers`, if the broker refuses them for their size. The value is then JSON with `topic`, `partition`, `offset`, `length` and `sha256` of the value |
    ///
    /// A record without a key gets the key `TOPIC/PARTITION/OFFSET` if the broker requires one. If the broker refuses the dead
    /// letter for another reason than an outage (the topic was deleted, WRITE is not granted), the source ends with
    /// [`Fatal`](driver_events_core::SourceErrorKind::Fatal), since reading on would never commit anything.
    pub fn dead_letters(mut self, topic: impl Into<String>) -> Self {
        self.dead_letters = Some(topic.into());
        self
    }

    /// Sets the [`TokenProvider`] for the SASL mechanism OAUTHBEARER.
    pub fn token_provider(
        mut self,
        token: impl Fn(Option<&str>) -> Result<OAuthToken, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
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
    /// - [`NotFound`](SetupErrorKind::NotFound), [`Unauthorized`](SetupErrorKind::Unauthorized),
    ///   [`Unreachable`](SetupErrorKind::Unreachable).
    pub async fn build(self) -> Result<KafkaEventSource, SetupError> {
        let topics = TopicNaming::new(self.topics.clone(), self.prefix.as_deref())?.known_topics();
        let (filter, limits, start) = (self.filter.clone(), self.limits, self.start);
        let group = self.group.clone();
        let is_grouped = group.is_some();
        let dead_letter_topic = self.dead_letters.clone().filter(|_| is_grouped);
        let refresh_interval = refresh_interval(&self.config).filter(|_| !is_grouped);
        let state = KafkaState::default();
        let (resets, received_resets) = mpsc::unbounded_channel();
        let (stalled, received_stalled) = mpsc::unbounded_channel();
        // Blocks if a token must be fetched.
        let created = metadata::query(&state, {
            let state = state.clone();
            move || self.create_clients(state, OffsetResets(resets), StalledPartitions::new(stalled))
        });
        let Clients {
            consumer,
            handle,
            dead_letters,
            search,
        } = created.await?;
        let find_starts = metadata::query(&state, {
            let (consumer, topics, state) = (Arc::clone(&consumer), topics.clone(), state.clone());
            move || find_starts(&consumer, is_grouped, start, &topics, dead_letter_topic, &state)
        });
        let starts = tokio::select! {
            starts = find_starts => starts?,
            error = consumer.poll_events(is_grouped) => {
                let message = missing_group_permission(group.as_deref());
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
        let mut background = JoinSet::new();
        if let Some(interval) = refresh_interval {
            background.spawn(assign_added(Arc::downgrade(&consumer), topics.clone(), state, interval));
        }
        let dead_letters = dead_letters.filter(|_| is_grouped);
        let context = SettleContext {
            consumer: handle,
            redeliveries: Redeliveries::default(),
            dead_letters,
            end: SourceEnd::default(),
        };
        let settings = ReadSettings {
            filter,
            limits,
            topics,
            group,
        };
        Ok(KafkaEventSource::new(
            consumer,
            context,
            settings,
            MissedRecords::new(received_resets),
            BatchSearches::new(search, received_stalled),
            background,
        ))
    }

    fn create_clients(
        self,
        state: KafkaState,
        resets: OffsetResets,
        stalled: StalledPartitions,
    ) -> Result<Clients, SetupError> {
        let dead_letters = match &self.dead_letters {
            Some(topic) => Some(DeadLetters::new(
                topic,
                &self.config,
                self.token.clone(),
                state.clone(),
            )?),
            None => None,
        };
        let is_grouped = self.group.is_some();
        let mut config = properties::consumer(self.config, is_grouped)?;
        // librdkafka requires a group id, even of a standalone consumer.
        let group = self
            .group
            .unwrap_or_else(|| format!("driver-events-{}", Uuid::now_v7()));
        // Other start positions are explicit offsets. If one is out of range, retention deleted the record, or the
        // topic was re-created.
        config.set("group.id", group).set("auto.offset.reset", "earliest");
        // Offset resets are warnings.
        if (config.log_level as i32) < RDKafkaLogLevel::Warning as i32 {
            config.set_log_level(RDKafkaLogLevel::Warning);
        }
        let tokens = TokenCache::new(self.token, &config)?;
        if let Some(Err(error)) = tokens.as_ref().map(|tokens| tokens.fetch_first(REQUEST_TIMEOUT)) {
            let message = format!("cannot get a token: {error}");
            return Err(SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error));
        }
        let tracker = Arc::<OffsetTracker>::default();
        let role = ConsumerRole {
            tracker: Arc::clone(&tracker),
            resets,
            stalled,
            is_grouped,
        };
        let search = BatchSearch::new(config.clone(), tokens.clone(), is_grouped);
        let context = Context::new(state.clone(), tokens, role);
        let consumer = Consumer::new(creation::create(&config, context)?, Arc::clone(&tracker));
        let handle = ConsumerHandle::new(state, tracker, &consumer);
        Ok(Clients {
            consumer,
            handle,
            dead_letters,
            search,
        })
    }
}

/// librdkafka's clients of a source.
struct Clients {
    consumer: Arc<Consumer>,
    handle: ConsumerHandle,
    dead_letters: Option<DeadLetters>,
    search: BatchSearch,
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
