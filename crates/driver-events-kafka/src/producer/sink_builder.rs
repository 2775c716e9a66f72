use std::error::Error;
use std::fmt;
use std::sync::Arc;

use driver_events_core::{Envelope, SetupError};
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;

use super::publisher::Publisher;
use super::sink::KafkaEventSink;
use crate::client::context::Context;
use crate::client::properties::{self, Acks, PropertyNames};
use crate::client::state::KafkaState;
use crate::client::tokens::{TokenCache, TokenProvider};
use crate::wire::topic_naming::{TopicNameStrategy, TopicNaming};

/// Builder of a [`KafkaEventSink`]. [`build`](Self::build) validates all settings.
///
/// # Examples
/// ```no_run
/// use driver_events_kafka::KafkaEventSink;
/// use rdkafka::ClientConfig;
///
/// # fn example() -> Result<(), driver_events_kafka::SetupError> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "127.0.0.1:9092").set("client.id", "driver-17");
/// let sink = KafkaEventSink::builder(config).prefix("tenant-7").build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct KafkaEventSinkBuilder {
    config: ClientConfig,
    topics: TopicNameStrategy,
    prefix: Option<String>,
    has_headers: bool,
    acks: Acks,
    token: Option<Arc<TokenProvider>>,
}

impl KafkaEventSink {
    /// Creates a sink for the topic [`agent.driver`](crate::DEFAULT_TOPIC), with CloudEvents headers.
    ///
    /// `config` has librdkafka's properties and must set `bootstrap.servers`. No broker is contacted: call
    /// [`check`](Self::check) for that.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): a property is unknown, has an invalid value, or would weaken the
    /// guarantee.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        Self::builder(config).build()
    }

    /// Creates a builder, which sets topics, a prefix, `acks` and a token provider.
    pub fn builder(config: ClientConfig) -> KafkaEventSinkBuilder {
        KafkaEventSinkBuilder {
            config,
            topics: TopicNameStrategy::default(),
            prefix: None,
            has_headers: true,
            acks: Acks::default(),
            token: None,
        }
    }
}

impl KafkaEventSinkBuilder {
    /// Produces all events to this topic. Default: [`agent.driver`](crate::DEFAULT_TOPIC).
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.topics = TopicNameStrategy::Single(topic.into());
        self
    }

    /// Produces each event to the topic named like its subject, such as `agent.driver.escalate`. The events of a goal are
    /// then ordered only within each topic.
    pub fn topic_per_subject(mut self) -> Self {
        self.topics = TopicNameStrategy::PerSubject;
        self
    }

    /// Produces each event to the topic that `name` returns. Events of a goal that go to several topics are ordered only
    /// within each. An invalid topic name is [`Rejected`](driver_events_core::SinkErrorKind::Rejected).
    pub fn topic_fn(mut self, name: impl Fn(&Envelope) -> String + Send + Sync + 'static) -> Self {
        self.topics = TopicNameStrategy::Function(Arc::new(name));
        self
    }

    /// Prefixes each topic with a tenant's name and a dot: `tenant-7.agent.driver`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sends bare JSON without headers. Readers then get no id and no sequence, and cannot detect gaps or duplicates.
    pub fn bare(mut self) -> Self {
        self.has_headers = false;
        self
    }

    /// Sets how many brokers must acknowledge an event. Default: [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
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

    /// Creates the sink. No broker is contacted: call [`check`](KafkaEventSink::check) for that.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): a property is unknown, has an invalid value or would weaken the
    /// guarantee, or a topic or prefix is invalid.
    pub fn build(self) -> Result<KafkaEventSink, SetupError> {
        let topics = TopicNaming::new(self.topics, self.prefix.as_deref())?;
        let config = properties::producer(self.config, self.acks)?;
        let tokens = TokenCache::new(self.token, &config)?;
        let context = Context::new(KafkaState::default(), tokens, Arc::default());
        let publisher = Publisher::new(config, context, topics, self.has_headers, self.acks)?;
        Ok(KafkaEventSink::from_publisher(publisher))
    }
}

impl fmt::Debug for KafkaEventSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSinkBuilder")
            .field("properties", &PropertyNames(&self.config))
            .field("topics", &self.topics)
            .field("prefix", &self.prefix)
            .field("has_headers", &self.has_headers)
            .field("acks", &self.acks)
            .finish_non_exhaustive()
    }
}
