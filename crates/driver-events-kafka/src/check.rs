//! Whether the topics are there.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::Producer as _;

use crate::generation::Generation;
use crate::{KafkaState, SetupError, SetupErrorKind, permissions};

/// How long the brokers have to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the brokers on a thread where that may block. Where all of them refuse the credentials, nobody waits for an answer.
pub(crate) async fn ask<T: Send + 'static>(
    state: &KafkaState,
    question: impl FnOnce() -> Result<T, SetupError> + Send + 'static,
) -> Result<T, SetupError> {
    let refusals = state.refusals();
    tokio::select! {
        answer = tokio::task::spawn_blocking(question) => answer.unwrap_or_else(|error| {
            Err(SetupError::new(SetupErrorKind::Unreachable, "the check ended unfinished").with_source(error))
        }),
        () = state.refused_after(refusals) => Err(refused(state)),
    }
}

/// Whether the topics are there. Blocks until a broker has answered.
pub(crate) fn topics_exist(generation: &Generation, topics: &[String], state: &KafkaState) -> Result<(), SetupError> {
    match generation.producer() {
        Some(producer) => partitions(producer.client(), topics, state).map(|_| ()),
        None => Err(SetupError::new(SetupErrorKind::Unreachable, "the producer has ended")),
    }
}

/// The partitions of the topics. Blocks until a broker has answered.
pub(crate) fn partitions<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    state: &KafkaState,
) -> Result<TopicPartitionList, SetupError> {
    let metadata = metadata(client, state)?;
    let mut partitions = TopicPartitionList::new();
    for topic in topics {
        for partition in find(&metadata, topic)?.partitions() {
            partitions.add_partition(topic, partition.id());
        }
    }
    Ok(partitions)
}

/// How many partitions a topic has, and how many replicas each of them at least. Blocks until a broker has answered.
pub(crate) fn shape<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    state: &KafkaState,
) -> Result<(usize, usize), SetupError> {
    let metadata = metadata(client, state)?;
    let partitions = find(&metadata, topic)?.partitions();
    let replicas = partitions.iter().map(|partition| partition.replicas().len()).min();
    Ok((partitions.len(), replicas.unwrap_or_default()))
}

fn metadata<C: ClientContext>(client: &Client<C>, state: &KafkaState) -> Result<Metadata, SetupError> {
    // Asking for one topic by its name would make it where brokers make topics by themselves.
    client
        .fetch_metadata(None, PATIENCE)
        .map_err(|error| no_answer(error, state))
}

fn find<'a>(metadata: &'a Metadata, topic: &str) -> Result<&'a MetadataTopic, SetupError> {
    metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic)
        .ok_or_else(|| {
            let allow = permissions::topic("Describe", topic);
            let message = format!("the topic {topic:?} does not exist, or may not be seen: make it, or {allow}");
            SetupError::new(SetupErrorKind::NoTopic, message)
        })
}

fn no_answer(error: KafkaError, state: &KafkaState) -> SetupError {
    if state.refusal().is_some() {
        return refused(state).with_source(error);
    }
    let kind = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            SetupErrorKind::Unauthorized
        }
        _ => SetupErrorKind::Unreachable,
    };
    let last = state.last_error().map(|last| format!(": {last}")).unwrap_or_default();
    SetupError::new(kind, format!("no broker answered{last}")).with_source(error)
}

fn refused(state: &KafkaState) -> SetupError {
    let why = state.refusal().unwrap_or_default();
    SetupError::new(
        SetupErrorKind::Unauthorized,
        format!("the brokers refuse the credentials: {why}"),
    )
}
