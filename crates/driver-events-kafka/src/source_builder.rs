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

use crate::answers::Answers;
use crate::client::Names;
use crate::context::Context;
use crate::dead_letters::DeadLetters;
use crate::member::{Client, Member};
use crate::offsets::Offsets;
use crate::properties::{self, Acks};
use crate::retries::Retries;
use crate::start::{PATIENCE, StartFrom};
use crate::tokens::Tokens;
use crate::topics::{Naming, Topics};
use crate::{
    KafkaEventSource, KafkaState, SetupError, SetupErrorKind, TokenProvider, check, client, permissions, topics,
};

/// Makes a [`KafkaEventSource`]. Nothing is checked before [`build`](Self::build).
///
/// ```no_run
/// use driver_events_core::DriverEventSource;
/// use driver_events_kafka::KafkaEventSource;
/// use rdkafka::ClientConfig;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "127.0.0.1:9092");
/// let mut source = KafkaEventSource::builder(config).group("billing").build().await?;
/// while let Some(delivery) = source.next().await {
///     let delivery = delivery?;
///     match delivery.envelope() {
///         Ok(envelope) => println!("{} {:?}", envelope.kind(), envelope.goal_id()),
///         Err(malformed) => eprintln!("{}: {malformed}", delivery.position()),
///     }
///     delivery.ack().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct KafkaEventSourceBuilder {
    config: ClientConfig,
    naming: Naming,
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
            naming: Naming::default(),
            prefix: None,
            group: None,
            start: StartFrom::default(),
            filter: EventFilter::default(),
            limits: Limits::default(),
            dead_letters: None,
            token: None,
        }
    }

    /// Reads this topic. Begins as [`agent.driver`](crate::DEFAULT_TOPIC).
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.naming = Naming::One(topic.into());
        self
    }

    /// Reads the topics that are named as the subjects of the kinds that this version knows.
    pub fn topic_per_subject(mut self) -> Self {
        self.naming = Naming::PerSubject;
        self
    }

    /// Reads topics of a tenant, whose name and a dot stand before them.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Reads as a member of this consumer group, and commits what is answered. Without it the source reads alone, and
    /// commits nothing.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Where to begin: a group, where it has committed nothing yet. Begins as [`StartFrom::Earliest`].
    pub fn start_from(mut self, start: StartFrom) -> Self {
        self.start = start;
        self
    }

    /// Delivers only what the filter selects, and what is malformed. All of it crosses the network.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Takes events up to these limits; what is beyond is malformed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts records that are [rejected](driver_events_core::Delivery::reject) aside in this topic, as they came, with
    /// headers that tell where from and why: `dead-letter-topic`, `-partition`, `-offset` and `-reason`. In a group only.
    /// The topic must be there.
    pub fn dead_letters(mut self, topic: impl Into<String>) -> Self {
        self.dead_letters = Some(topic.into());
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

    /// Makes the consumer, checks that the topics are there, and joins the group where there is one. The brokers have ten
    /// seconds for each answer, and as long to find a new coordinator for the group.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): a property does not exist, has no such value, or would break a promise of
    /// the source; a name that Kafka does not take. [`NoTopic`](SetupErrorKind::NoTopic),
    /// [`Unauthorized`](SetupErrorKind::Unauthorized), [`Unreachable`](SetupErrorKind::Unreachable).
    pub async fn build(self) -> Result<KafkaEventSource, SetupError> {
        let topics = Topics::new(self.naming.clone(), self.prefix.as_deref())?.known();
        let (filter, limits, start) = (self.filter.clone(), self.limits, self.start);
        let group = self.group.clone();
        let is_grouped = group.is_some();
        let dead_letter_topic = self.dead_letters.clone().filter(|_| is_grouped);
        let state = KafkaState::default();
        // A token may have to be fetched.
        let made = check::ask(&state, {
            let state = state.clone();
            move || self.make(state)
        });
        let (client, member, dead_letters) = made.await?;
        let look = check::ask(&state, {
            let (client, topics, state) = (Arc::clone(&client), topics.clone(), state.clone());
            move || look(&client, is_grouped, start, &topics, dead_letter_topic, &state)
        });
        let starts = tokio::select! {
            starts = look => starts?,
            error = client.serve(is_grouped) => {
                let allow = permissions::group(group.as_deref().unwrap_or_default());
                let message = format!("the permission to join the group is missing: {allow}");
                return Err(SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error));
            }
        };
        for start in starts.iter().flat_map(|starts| starts.elements()) {
            if let Offset::Offset(offset) = start.offset() {
                member.offsets().go_back(start.topic(), start.partition(), offset);
            }
        }
        let begun = check::ask(&state, {
            let client = Arc::clone(&client);
            let topics = topics.clone();
            move || begin(&client, &topics, starts.as_ref()).map_err(not_begun)
        });
        begun.await?;
        let dead_letters = dead_letters.filter(|_| is_grouped);
        let answers = Answers {
            member,
            retries: Retries::default(),
            dead_letters,
        };
        Ok(KafkaEventSource::over(client, answers, filter, limits, topics, group))
    }

    fn make(self, state: KafkaState) -> Result<(Arc<Client>, Member, Option<DeadLetters>), SetupError> {
        let dead_letters = match &self.dead_letters {
            Some(topic) => Some(dead_letters(topic, &self.config, self.token.clone())?),
            None => None,
        };
        let mut config = properties::consumer(self.config, self.group.is_some())?;
        // librdkafka wants a group of those, too, who have none.
        let group = self
            .group
            .unwrap_or_else(|| format!("driver-events-{}", Uuid::now_v7()));
        // Elsewhere a start is an offset. One that is gone means that older records are, or a topic that is new.
        config.set("group.id", group).set("auto.offset.reset", "earliest");
        let tokens = Tokens::of(self.token, &config)?;
        if let Some(Err(error)) = tokens.as_ref().map(|tokens| tokens.fetch_first(PATIENCE)) {
            let message = format!("no token could be had: {error}");
            return Err(SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error));
        }
        let offsets = Arc::<Offsets>::default();
        let context = Context::new(state.clone(), tokens, Arc::clone(&offsets));
        let consumer: StreamConsumer<_> = client::new(&config, context)?;
        let client = Client::new(consumer);
        let member = Member::new(state, offsets, &client);
        Ok((client, member, dead_letters))
    }
}

/// How soon a group is asked for again that has no broker yet.
const AGAIN: Duration = Duration::from_millis(100);

/// Finds the topics, and where those begin to read who are alone. Blocks until the brokers have answered.
fn look(
    client: &Client,
    is_grouped: bool,
    start: StartFrom,
    topics: &[String],
    dead_letters: Option<String>,
    state: &KafkaState,
) -> Result<Option<TopicPartitionList>, SetupError> {
    let Some(consumer) = client.consumer() else {
        return Ok(None);
    };
    if let Some(topic) = dead_letters {
        // Found at the first dead letter, it would keep the group from getting on.
        check::partitions(consumer.client(), &[topic], state)?;
    }
    let partitions = check::partitions(consumer.client(), topics, state)?;
    if !is_grouped {
        return start.offsets(consumer, &partitions).map(Some).map_err(not_begun);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Err(error) = start.commit(consumer, &partitions) else {
            return Ok(None);
        };
        let code = error.rdkafka_error_code();
        if has_members(code) {
            return Ok(None);
        }
        if !is_moving(code) || deadline <= Instant::now() {
            return Err(not_begun(error));
        }
        thread::sleep(AGAIN);
    }
}

/// Reads all of the partitions alone, from where it is told; or joins the group.
fn begin(client: &Client, topics: &[String], starts: Option<&TopicPartitionList>) -> KafkaResult<()> {
    let Some(consumer) = client.consumer() else {
        return Ok(());
    };
    match starts {
        Some(starts) => consumer.assign(starts),
        None => consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

/// Whether a commit was refused because the group is at work.
fn has_members(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress)
    )
}

/// Whether the group is given to another broker, or to its first.
fn is_moving(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(Code::NotCoordinator | Code::CoordinatorLoadInProgress | Code::CoordinatorNotAvailable)
    )
}

fn not_begun(error: rdkafka::error::KafkaError) -> SetupError {
    use RDKafkaErrorCode as Code;
    let kind = match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed) => SetupErrorKind::Unauthorized,
        _ => SetupErrorKind::Unreachable,
    };
    let message = format!("reading cannot begin within {PATIENCE:?} for each answer");
    SetupError::new(kind, message).with_source(error)
}

fn dead_letters(
    topic: &str,
    config: &ClientConfig,
    token: Option<Arc<TokenProvider>>,
) -> Result<DeadLetters, SetupError> {
    topics::check(topic).map_err(|why| SetupError::invalid(format!("the topic {topic:?} {why}")))?;
    let config = properties::producer(properties::of_clients(config), Acks::All)?;
    let tokens = Tokens::of(token, &config)?;
    let context = Context::new(KafkaState::default(), tokens, ());
    let producer = client::new(&config, context)?;
    Ok(DeadLetters::new(topic.into(), producer))
}

impl fmt::Debug for KafkaEventSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventSourceBuilder")
            .field("properties", &Names(&self.config))
            .field("naming", &self.naming)
            .field("prefix", &self.prefix)
            .field("group", &self.group)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
