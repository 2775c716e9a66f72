//! A broker is killed under load: no acknowledged event is lost, none is stored twice, and each goal stays in order.

use std::sync::Arc;

use driver_events_core::DriverEventSink;
use driver_events_harness::{KafkaBroker, KafkaConfig};
use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};

use crate::support::load::{Load, expect_stored_once_in_order};
use crate::support::{config_of, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn broker_crash_with_events_in_flight_loses_none() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let mut config = config_of(&broker);
    // A restart of the broker takes long on a busy machine, and no event may time out.
    config.set("message.timeout.ms", "120000");
    in_time(ensure_topic(&config, &TopicSettings::new().partitions(3)))
        .await
        .unwrap();
    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let load = Load::start(&sink, 2_500);
    for _ in 0..3 {
        load.wait_for_acks(500).await;
        broker = tokio::task::spawn_blocking(move || {
            broker.kill().unwrap();
            broker.restart().unwrap();
            broker
        })
        .await
        .unwrap();
    }
    let sent = load.stop().await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
    expect_stored_once_in_order(config, &sent).await;
}
