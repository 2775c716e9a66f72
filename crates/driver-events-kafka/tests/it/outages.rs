//! Brokers that cannot be reached for a while.

use driver_events_core::{DriverEventSink, DriverEventSource, SourceErrorKind};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::GoalId;

use crate::support::{config_of, events, ids_of, in_time, next, nothing_comes};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_told_once_that_no_broker_can_be_reached_and_reads_on() {
    let broker = KafkaBroker::start(KafkaConfig::new().proxied()).unwrap();
    let direct = config_of(&broker);
    in_time(ensure_topic(&direct, &TopicSettings::new().partitions(1)))
        .await
        .unwrap();
    let sink = KafkaEventSink::new(direct.clone()).unwrap();
    let mut config = direct;
    config
        .set(
            "bootstrap.servers",
            broker.bootstrap_servers(KafkaListener::Proxied).unwrap(),
        )
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "20");
    let mut source = in_time(KafkaEventSource::builder(config).group("g").build())
        .await
        .unwrap();
    let proxy = broker.proxy().unwrap();
    for envelope in events(GoalId::new(), 2) {
        in_time(sink.send(envelope.clone())).await.unwrap();
        let delivery = next(&mut source).await;
        assert_eq!(delivery.envelope().unwrap().id().to_string(), ids_of(&[envelope])[0]);
        in_time(delivery.ack()).await.unwrap();

        proxy.refuse(true);
        assert!(proxy.cut() > 0);
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
        // Meanwhile it tries to connect some twenty times.
        nothing_comes(&mut source).await;
        proxy.refuse(false);
    }
}
