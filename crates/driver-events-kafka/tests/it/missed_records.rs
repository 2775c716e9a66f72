//! Records that are deleted before they are read.

use driver_events_core::{DriverEventSink, DriverEventSource, SourceErrorKind};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::task::block_in_place;

use crate::reading::produce;
use crate::support::{broker, config, create_tenant, events, ids_of, in_time, read_ids, topic_of};

fn delete_before(topic: &str, offset: i64) {
    block_in_place(|| broker().admin().delete_records(topic, 0, offset)).unwrap();
}

fn reader(prefix: &str) -> KafkaEventSourceBuilder {
    KafkaEventSource::builder(config()).prefix(prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn group_reports_records_deleted_while_it_was_away() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 30);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 5).await, ids_of(&envelopes[..5]));
    in_time(source.close()).await.unwrap();
    delete_before(&topic_of(&prefix), 20);
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let mut missed = None;
    let mut read = Vec::new();
    while read.len() < 10 || missed.is_none() {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => {
                read.push(delivery.envelope().unwrap().id().to_string());
                delivery.ack().await.unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind(), SourceErrorKind::Lagged, "{error}");
                missed = Some(error.to_string());
            }
        }
    }
    assert_eq!(read, ids_of(&envelopes[20..]));
    let topic = topic_of(&prefix);
    assert_eq!(
        missed.unwrap(),
        format!(
            "missed 15 records of `{topic}`, partition 0, offsets 5 to 19: they were deleted before they were read"
        )
    );
    in_time(source.close()).await.unwrap();
    // Reported once.
    produce(&prefix, &envelopes[..1]).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&envelopes[..1]));
}

/// No record is left to be read.
#[tokio::test(flavor = "multi_thread")]
async fn group_reports_that_all_records_were_deleted() {
    let prefix = create_tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 30)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    read_ids(&mut source, 5).await;
    in_time(source.close()).await.unwrap();
    delete_before(&topic_of(&prefix), 30);
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Lagged);
    let missed = format!(
        "missed 25 records of `{}`, partition 0, offsets 5 to 29: ",
        topic_of(&prefix)
    );
    assert!(error.to_string().starts_with(&missed), "{error}");
}

/// A reader that closes before the records are looked up.
#[tokio::test(flavor = "multi_thread")]
async fn close_reports_records_that_next_has_not() {
    let prefix = create_tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 30)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    read_ids(&mut source, 5).await;
    in_time(source.close()).await.unwrap();
    delete_before(&topic_of(&prefix), 20);
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let reported = match in_time(source.next()).await.unwrap() {
        Ok(delivery) => {
            delivery.ack().await.unwrap();
            in_time(source.close()).await
        }
        Err(error) => Err(error),
    };
    let error = reported.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Lagged, "{error}");
    assert!(error.to_string().starts_with("missed 15 records"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_lookup_reports_an_unknown_number() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    let sink = KafkaEventSink::builder(config.clone()).topic("t").build().unwrap();
    for event in events(GoalId::new(), 2) {
        in_time(sink.send(event)).await.unwrap();
    }
    let mut source = in_time(KafkaEventSource::builder(config).topic("t").build())
        .await
        .unwrap();
    read_ids(&mut source, 2).await;
    cluster.request_errors(
        RDKafkaApiKey::Fetch,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE],
    );
    // Of the lookup, and of librdkafka's own.
    let denied = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 6];
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &denied);
    let lagged = async {
        loop {
            match source.next().await.unwrap() {
                Err(error) if error.kind() == SourceErrorKind::Lagged => return error,
                _ => {}
            }
        }
    };
    let error = in_time(lagged).await;
    let missed = "missed records of `t`, partition 0, from offset 2: their number is unknown, since the lookup failed";
    assert_eq!(error.to_string(), missed);
    assert!(std::error::Error::source(&error).is_some());
    in_time(source.close()).await.unwrap();
}
