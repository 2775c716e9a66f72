//! Topics that change while they are read and written.

use std::time::Duration;

use driver_events_core::{DriverEventSink, DriverEventSource, Receipt};
use driver_events_harness::wait_until;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, StartFrom};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::task::block_in_place;

use crate::support::{
    TEST_TIMEOUT, broker, config, create_topic, events, ids_of, in_time, next_delivery, read_ids, unique_prefix,
};

/// Refreshes metadata more often than every five minutes, the default.
fn fresh_metadata_config() -> ClientConfig {
    let mut config = config();
    config.set("topic.metadata.refresh.interval.ms", "500");
    config
}

async fn add_partitions(topic: &str, count: usize) {
    let admin: AdminClient<DefaultClientContext> = config().create().unwrap();
    let partitions = NewPartitions::new(topic, count);
    let results = in_time(admin.create_partitions([&partitions], &AdminOptions::new()));
    results.await.unwrap().remove(0).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn added_partitions_are_read_from_the_first_record() {
    for grouped in [true, false] {
        let name = unique_prefix();
        create_topic(&config(), &name, 1).await;
        let sink = KafkaEventSink::builder(fresh_metadata_config())
            .topic(name.as_str())
            .build()
            .unwrap();
        let mut source = KafkaEventSource::builder(fresh_metadata_config()).topic(name.as_str());
        if grouped {
            source = source.group(&*name);
        }
        // `Latest` is resolved at the start; the partitions are added later.
        let source = source.start_from(StartFrom::Latest);
        let mut source = in_time(source.build()).await.unwrap();
        let first = events(GoalId::new(), 1);
        in_time(sink.send(first[0].clone())).await.unwrap();
        assert_eq!(read_ids(&mut source, 1).await, ids_of(&first));
        add_partitions(&name, 4).await;
        // Sends until the sink uses the last new partition.
        let mut sent = Vec::new();
        wait_until("a new partition is used", TEST_TIMEOUT, async || {
            let envelope = events(GoalId::new(), 1).remove(0);
            sent.push(envelope.id().to_string());
            let receipt = in_time(sink.send(envelope)).await.unwrap();
            matches!(receipt, Receipt::Stored(stored) if stored.partition == Some(3))
        })
        .await;
        let mut read = read_ids(&mut source, sent.len()).await;
        read.sort();
        sent.sort();
        assert_eq!(read, sent);
    }
}

/// A leader cannot be made to move during the one request for the offset, so the mock cluster says that it has moved.
#[tokio::test(flavor = "multi_thread")]
async fn build_waits_while_the_leader_moves() {
    let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).unwrap();
    cluster.create_topic("agent.driver", 1, 1).unwrap();
    cluster.request_errors(
        RDKafkaApiKey::ListOffsets,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 3],
    );
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    let source = KafkaEventSource::builder(config).start_from(StartFrom::Latest);
    in_time(source.build()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_topic_is_written_and_read() {
    for grouped in [true, false] {
        let name = unique_prefix();
        create_topic(&config(), &name, 1).await;
        let sink = KafkaEventSink::builder(fresh_metadata_config())
            .topic(name.as_str())
            .build()
            .unwrap();
        let mut builder = KafkaEventSource::builder(fresh_metadata_config()).topic(name.as_str());
        if grouped {
            builder = builder.group(&*name);
        }
        let mut source = in_time(builder.clone().build()).await.unwrap();
        let before = events(GoalId::new(), 20);
        for result in in_time(sink.send_batch(before.clone())).await {
            result.unwrap();
        }
        assert_eq!(read_ids(&mut source, 20).await, ids_of(&before));
        block_in_place(|| broker().admin().delete_topic(&name)).unwrap();
        create_topic(&config(), &name, 1).await;
        let after = events(GoalId::new(), 5);
        for envelope in &after {
            // The event is rejected until the sink has the new topic's metadata.
            wait_until("the event is stored", TEST_TIMEOUT, async || {
                in_time(sink.send(envelope.clone())).await.is_ok()
            })
            .await;
        }
        // Reads the new topic from its first record.
        let mut read = Vec::new();
        while read.len() < 5 {
            match in_time(source.next()).await.unwrap() {
                Ok(delivery) => {
                    read.push(delivery.envelope().unwrap().id().to_string());
                    delivery.ack().await.unwrap();
                }
                // The consumer may notice that the topic was deleted.
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        assert_eq!(read, ids_of(&after), "grouped: {grouped}");
        in_time(source.close()).await.unwrap();
        if grouped {
            let more = events(GoalId::new(), 1);
            in_time(sink.send(more[0].clone())).await.unwrap();
            let mut again = in_time(builder.build()).await.unwrap();
            let delivery = tokio::time::timeout(Duration::from_secs(30), next_delivery(&mut again))
                .await
                .unwrap();
            assert_eq!(delivery.envelope().unwrap().id(), more[0].id());
        }
    }
}

/// The new topic has more partitions than the old one.
#[tokio::test(flavor = "multi_thread")]
async fn standalone_source_reads_recreated_topic_with_more_partitions() {
    let name = unique_prefix();
    create_topic(&config(), &name, 1).await;
    let new_sink = || {
        KafkaEventSink::builder(fresh_metadata_config())
            .topic(name.as_str())
            .build()
    };
    let before = events(GoalId::new(), 200);
    for result in in_time(new_sink().unwrap().send_batch(before.clone())).await {
        result.unwrap();
    }
    let source = KafkaEventSource::builder(fresh_metadata_config()).topic(name.as_str());
    let mut source = in_time(source.build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 200).await, ids_of(&before));
    block_in_place(|| broker().admin().delete_topic(&name)).unwrap();
    create_topic(&config(), &name, 3).await;
    let after: Vec<_> = (0..60).flat_map(|_| events(GoalId::new(), 1)).collect();
    let mut partitions = std::collections::HashSet::new();
    for result in in_time(new_sink().unwrap().send_batch(after.clone())).await {
        let Ok(Receipt::Stored(stored)) = result else {
            panic!("{result:?}");
        };
        partitions.insert(stored.partition);
    }
    assert_eq!(partitions.len(), 3);
    let mut read = read_ids(&mut source, 60).await;
    let mut sent = ids_of(&after);
    read.sort();
    sent.sort();
    assert_eq!(read, sent);
}
