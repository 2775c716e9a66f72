//! Topics that change while they are in use.

use std::time::Duration;

use driver_events_core::{DriverEventSink, DriverEventSource, SourceErrorKind};
use driver_events_harness::wait_until;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use tokio::task::block_in_place;

use crate::support::{PATIENCE, broker, config, events, ids, ids_of, in_time, next, prefix, topic};

/// Metadata is five minutes old at most, unless the caller says otherwise.
fn curious() -> ClientConfig {
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
async fn a_group_reads_partitions_that_are_added_from_their_first_record() {
    let name = prefix();
    topic(&config(), &name, 1).await;
    let sink = KafkaEventSink::builder(curious()).topic(name.as_str()).build().unwrap();
    let source = KafkaEventSource::builder(curious()).topic(name.as_str()).group(&*name);
    // The latest is what was there at the start; this comes later.
    let source = source.start_from(driver_events_kafka::StartFrom::Latest);
    let mut source = in_time(source.build()).await.unwrap();
    let first = events(GoalId::new(), 1);
    in_time(sink.send(first[0].clone())).await.unwrap();
    assert_eq!(ids(&mut source, 1).await, ids_of(&first));
    add_partitions(&name, 4).await;
    // Until the sink uses the new ones.
    let mut sent = Vec::new();
    wait_until("a new partition is used", PATIENCE, async || {
        let envelope = events(GoalId::new(), 1).remove(0);
        sent.push(envelope.id().to_string());
        let receipt = in_time(sink.send(envelope)).await.unwrap();
        format!("{receipt:?}").contains("partition: Some(3)")
    })
    .await;
    let mut read = ids(&mut source, sent.len()).await;
    read.sort();
    sent.sort();
    assert_eq!(read, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_and_made_anew_is_written_and_read_on() {
    for grouped in [true, false] {
        let name = prefix();
        topic(&config(), &name, 1).await;
        let sink = KafkaEventSink::builder(curious()).topic(name.as_str()).build().unwrap();
        let mut builder = KafkaEventSource::builder(curious()).topic(name.as_str());
        if grouped {
            builder = builder.group(&*name);
        }
        let mut source = in_time(builder.clone().build()).await.unwrap();
        let before = events(GoalId::new(), 20);
        for answer in in_time(sink.send_batch(before.clone())).await {
            answer.unwrap();
        }
        assert_eq!(ids(&mut source, 20).await, ids_of(&before));
        block_in_place(|| broker().admin().delete_topic(&name)).unwrap();
        topic(&config(), &name, 1).await;
        let after = events(GoalId::new(), 5);
        for envelope in &after {
            // Told that the topic is not there, a driver tries again.
            wait_until("the event is stored", PATIENCE, async || {
                in_time(sink.send(envelope.clone())).await.is_ok()
            })
            .await;
        }
        // Those of the old topic are gone; the new one's come, from the first on.
        let mut read = Vec::new();
        while read.len() < 5 {
            match in_time(source.next()).await.unwrap() {
                Ok(delivery) => {
                    read.push(delivery.envelope().unwrap().id().to_string());
                    delivery.ack().await.unwrap();
                }
                // It may look while there is no such topic.
                Err(error) => assert!(
                    error.is_retryable() || error.kind() == SourceErrorKind::Closed,
                    "{error}"
                ),
            }
        }
        assert_eq!(read, ids_of(&after), "grouped: {grouped}");
        in_time(source.close()).await.unwrap();
        if grouped {
            let more = events(GoalId::new(), 1);
            in_time(sink.send(more[0].clone())).await.unwrap();
            let mut again = in_time(builder.build()).await.unwrap();
            let delivery = tokio::time::timeout(Duration::from_secs(30), next(&mut again))
                .await
                .unwrap();
            assert_eq!(delivery.envelope().unwrap().id(), more[0].id());
        }
    }
}
