//! Kafka compared with rdkafka's producers and consumer, on a dedicated broker.

mod compression;
mod consuming;
mod pauses;
mod producing;
mod raw;

use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};
use rdkafka::ClientConfig;

use crate::Failure;
use crate::report::Report;

const PARTITIONS: i32 = 4;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    let broker = KafkaBroker::start(KafkaConfig::new())?;
    producing::run(report, &broker)?;
    consuming::run(report, &broker)?;
    pauses::run(report, &broker)?;
    compression::run(&broker)
}

fn config(broker: &KafkaBroker) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers(KafkaListener::Plain)?);
    Ok(config)
}

/// Runs `f` with a new topic, and deletes the topic.
fn with_topic<T>(broker: &KafkaBroker, work: impl FnOnce(&str) -> Result<T, Failure>) -> Result<T, Failure> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // A new name each time: clients cache the metadata of a deleted topic.
    let topic = format!("bench-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    broker.admin().create_topic(&topic, PARTITIONS, 1, &[])?;
    let result = work(&topic)?;
    broker.admin().delete_topic(&topic)?;
    Ok(result)
}
