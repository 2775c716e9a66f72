//! Partitions that are added to the topics of a standalone source.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::time::sleep;

use super::consumer_handle::Consumer;
use crate::admin::metadata;
use crate::client::detached::run_detached;
use crate::client::state::KafkaState;

const REFRESH_INTERVAL: &str = "topic.metadata.refresh.interval.ms";
/// librdkafka's default.
const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// Returns how often metadata is refreshed; `None` if the property disables it.
pub(super) fn refresh_interval(config: &ClientConfig) -> Option<Duration> {
    let Some(milliseconds) = config.get(REFRESH_INTERVAL) else {
        return Some(DEFAULT_REFRESH_INTERVAL);
    };
    let milliseconds = milliseconds.parse().ok().filter(|milliseconds| *milliseconds > 0)?;
    Some(Duration::from_millis(milliseconds))
}

/// Assigns added partitions from their first record. Ends with the consumer.
pub(super) async fn assign_added(consumer: Weak<Consumer>, topics: Vec<String>, state: KafkaState, interval: Duration) {
    let topics: Arc<[String]> = topics.into();
    loop {
        sleep(interval).await;
        let Some(consumer) = consumer.upgrade() else { return };
        let (topics, state) = (Arc::clone(&topics), state.clone());
        let assigned = run_detached({
            let state = state.clone();
            move || assign_once(&consumer, &topics, &state)
        });
        let failure = match assigned.await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        tracing::debug!(error = failure, "cannot look for added partitions");
        state.record_wait(format!("cannot look for added partitions: {failure}"));
    }
}

/// # Errors
/// The error's text.
fn assign_once(consumer: &Consumer, topics: &[String], state: &KafkaState) -> Result<(), String> {
    let Some(client) = consumer.client() else {
        return Ok(());
    };
    let found = metadata::existing_partitions(client.client(), topics, state).map_err(|error| error.to_string())?;
    let assigned = client.assignment().map_err(|error| error.to_string())?;
    let mut added = TopicPartitionList::new();
    for partition in found.elements() {
        let (topic, number) = (partition.topic(), partition.partition());
        if assigned.find_partition(topic, number).is_none() {
            let added = added.add_partition_offset(topic, number, Offset::Beginning);
            added.map_err(|error| error.to_string())?;
        }
    }
    if added.count() == 0 {
        return Ok(());
    }
    tracing::info!(partitions = added.count(), "partitions added");
    client.incremental_assign(&added).map_err(|error| error.to_string())
}
