//! A broker that is killed under load: nothing that was acknowledged is lost, nothing is stored twice, and the order of
//! each goal holds.

use std::sync::Arc;

use driver_events_core::DriverEventSink;
use driver_events_harness::{KafkaBroker, KafkaConfig};
use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};

use crate::support::load::{Load, are_stored_once_in_order};
use crate::support::{config_of, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_with_ten_thousand_events_under_way_loses_and_doubles_nothing() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let config = config_of(&broker);
    in_time(ensure_topic(&config, &TopicSettings::new().partitions(3)))
        .await
        .unwrap();
    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let load = Load::start(&sink, 2_500);
    for _ in 0..3 {
        load.goes_on(500).await;
        broker = tokio::task::spawn_blocking(move || {
            broker.kill().unwrap();
            broker.restart().unwrap();
            broker
        })
        .await
        .unwrap();
    }
    let sent = load.end().await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
    are_stored_once_in_order(config, &sent).await;
}
