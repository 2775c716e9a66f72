use std::fmt;
use std::sync::Arc;

use driver_events_core::Envelope;
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;

use crate::client::Names;
use crate::context::{Context, Producing};
use crate::producer::Producer;
use crate::properties::{self, Acks};
use crate::tokens::Tokens;
use crate::topics::{Naming, Topics};
use crate::{KafkaEventSink, KafkaState, SetupError, TokenProvider};

/// Makes a [`KafkaEventSink`]. Nothing is checked before [`build`](Self::build).
///
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
    naming: Naming,
    prefix: Option<String>,
    has_headers: bool,
    acks: Acks,
    token: Option<Arc<TokenProvider>>,
}

impl KafkaEventSinkBuilder {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            naming: Naming::default(),
            prefix: None,
            has_headers: true,
            acks: Acks::default(),
            token: None,
        }
    }

    /// Produces all events to this topic. Begins as [`agent.driver`](crate::DEFAULT_TOPIC).
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.naming = Naming::One(topic.into());
        self
    }

    /// Produces every event to a topic that is named as its subject: `agent.driver.escalate`. Events of one goal then
    /// have an order within each topic only.
    pub fn topic_per_subject(mut self) -> Self {
        self.naming = Naming::PerSubject;
        self
    }

    /// Produces every event to the topic that `name` gives. Where events of one goal go to several topics, they have an
    /// order within each only. An event with a name that Kafka does not take is
    /// [`Rejected`](driver_events_core::SinkErrorKind::Rejected).
    pub fn topic_fn(mut self, name: impl Fn(&Envelope) -> String + Send + Sync + 'static) -> Self {
        self.naming = Naming::By(Arc::new(name));
        self
    }

    /// Puts a tenant's name and a dot before every topic: `tenant-7.agent.driver`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sends the bare JSON without headers: readers get no id and no sequence, and see no gaps and no duplicates.
    pub fn bare(mut self) -> Self {
        self.has_headers = false;
        self
    }

    /// How many brokers must have an event before it counts as stored. Begins as [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Gives the tokens for the SASL mechanism OAUTHBEARER: see [`TokenProvider`].
    pub fn token_provider(
        mut self,
        token: impl Fn(Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.token = Some(Arc::new(token));
        self
    }

    /// Makes the producer. No broker is asked: [`check`](KafkaEventSink::check) does.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): a property does not exist, has no such value, or would break a
    /// promise of the sink; a topic or a prefix that Kafka does not take.
    pub fn build(self) -> Result<KafkaEventSink, SetupError> {
        let topics = Topics::new(self.naming, self.prefix.as_deref())?;
        let config = properties::producer(self.config, self.acks)?;
        let tokens = Tokens::of(self.token, &config)?;
        let context = Context::new(KafkaState::default(), tokens, Producing::default());
        let producer = Producer::new(config, context, topics, self.has_headers, self.acks)?;
        Ok(KafkaEventSink::over(producer))
    }
}

impl fmt::Debug for KafkaEventSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSinkBuilder")
            .field("properties", &Names(&self.config))
            .field("naming", &self.naming)
            .field("prefix", &self.prefix)
            .field("has_headers", &self.has_headers)
            .field("acks", &self.acks)
            .finish_non_exhaustive()
    }
}
