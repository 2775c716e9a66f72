//! Metadata requests: existence, partitions and replicas of topics.

use std::time::Duration;

use driver_events_core::{SetupError, SetupErrorKind};
use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use crate::client::permissions;
use crate::client::state::KafkaState;

/// Timeout of one request to the brokers.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a blocking request on tokio's blocking pool. Returns early if all brokers refuse the credentials.
pub(crate) async fn query<T: Send + 'static>(
    state: &KafkaState,
    request: impl FnOnce() -> Result<T, SetupError> + Send + 'static,
) -> Result<T, SetupError> {
    let refusals = state.refusals();
    tokio::select! {
        result = tokio::task::spawn_blocking(request) => result.unwrap_or_else(|error| {
            Err(SetupError::new(SetupErrorKind::Unreachable, "the request to the brokers was aborted").with_source(error))
        }),
        () = state.refused_after(refusals) => Err(refused(state)),
    }
}

/// Returns the partitions of the topics, which must exist. Blocks until a broker has responded.
pub(crate) fn partitions<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    state: &KafkaState,
) -> Result<TopicPartitionList, SetupError> {
    let metadata = metadata(client, state)?;
    let mut partitions = TopicPartitionList::new();
    for topic in topics {
        add_partitions(find(&metadata, topic)?, &mut partitions);
    }
    Ok(partitions)
}

/// Returns the partitions of those topics that exist. Blocks until a broker has responded.
pub(crate) fn existing_partitions<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    state: &KafkaState,
) -> Result<TopicPartitionList, SetupError> {
    let metadata = metadata(client, state)?;
    let mut partitions = TopicPartitionList::new();
    for topic in topics.iter().filter_map(|topic| find(&metadata, topic).ok()) {
        add_partitions(topic, &mut partitions);
    }
    Ok(partitions)
}

fn add_partitions(topic: &MetadataTopic, partitions: &mut TopicPartitionList) {
    for partition in topic.partitions() {
        partitions.add_partition(topic.name(), partition.id());
    }
}

/// Returns the number of partitions of a topic, and the lowest number of replicas of a partition. Blocks until a broker
/// has responded.
pub(crate) fn partition_and_replica_counts<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    state: &KafkaState,
) -> Result<(usize, usize), SetupError> {
    let metadata = metadata(client, state)?;
    let partitions = find(&metadata, topic)?.partitions();
    let replicas = partitions.iter().map(|partition| partition.replicas().len()).min();
    Ok((partitions.len(), replicas.unwrap_or_default()))
}

/// Returns a topic whose name differs only in `.` and `_`, if there is one. Blocks until a broker has responded.
pub(crate) fn colliding_topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    state: &KafkaState,
) -> Result<Option<String>, SetupError> {
    let metadata = metadata(client, state)?;
    let name_in_metrics = |name: &str| name.replace('.', "_");
    let mut names = metadata.topics().iter().map(MetadataTopic::name);
    let found = names.find(|name| name_in_metrics(name) == name_in_metrics(topic));
    Ok(found.map(str::to_owned))
}

fn metadata<C: ClientContext>(client: &Client<C>, state: &KafkaState) -> Result<Metadata, SetupError> {
    // A request for a single topic would create it on brokers with `auto.create.topics.enable`.
    client
        .fetch_metadata(None, REQUEST_TIMEOUT)
        .map_err(|error| metadata_error(error, state))
}

fn find<'a>(metadata: &'a Metadata, topic: &str) -> Result<&'a MetadataTopic, SetupError> {
    metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic)
        .ok_or_else(|| {
            let grant = permissions::topic("Describe", topic);
            let message = format!("topic `{topic}` does not exist or is not visible: create it or {grant}");
            SetupError::new(SetupErrorKind::NotFound, message)
        })
}

fn metadata_error(error: KafkaError, state: &KafkaState) -> SetupError {
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
    SetupError::new(kind, format!("cannot reach any broker{last}")).with_source(error)
}

fn refused(state: &KafkaState) -> SetupError {
    let reason = state.refusal().unwrap_or_default();
    SetupError::new(
        SetupErrorKind::Unauthorized,
        format!("the brokers refuse the credentials: {reason}"),
    )
}
