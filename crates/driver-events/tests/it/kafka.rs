//! Kafka, against a real broker.

use driver_events::{DriverEventSink, Options, SetupErrorKind, open_sink};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};

use crate::support::{Handled, assert_driver_loop, in_time, read};
use crate::{driver_loop, from_config};

/// A single test, since a broker starts for seconds.
#[tokio::test]
async fn driver_loop_configuration_and_reader_work_over_kafka() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).expect("cannot start Kafka");
    let brokers = broker.bootstrap_servers(KafkaListener::Plain).unwrap();
    let url = |topic: &str| format!("kafka://{brokers}/{topic}");

    let error = open_sink(&url("missing"), &Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);
    assert!(
        error.to_string().contains("create it with the option `create-topic`"),
        "{error}"
    );
    let mut later = Options::default();
    later.check_later = true;
    let opened = open_sink(&url("missing"), &later).await.unwrap();
    assert!(opened.longest_outage.is_zero());
    opened.sink.close().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = format!("file:{}", folder.path().join("run.ndjson").display());
    driver_loop::run(&url("loop"), &file).await.unwrap();
    let mut reading = Options::default();
    reading.group = Some("audit".to_owned());
    // The group notices sooner that the connection of a member was lost.
    reading.kafka_properties = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1000")]
        .into_iter()
        .collect();
    let handled = Handled::default();
    read(&url("loop"), &reading, &handled, 18).await;
    assert_driver_loop(&handled.lock().unwrap());

    // The group continues after the events that it has committed, also when the broker was killed.
    let url_of_loop = url("loop");
    let handled = Handled::default();
    broker.kill().unwrap();
    broker.restart().unwrap();
    let more = async { driver_loop::run(&url_of_loop, &file).await.unwrap() };
    let reading = read(&url_of_loop, &reading, &handled, 18);
    in_time(async { tokio::join!(more, reading) }).await;
    assert_driver_loop(&handled.lock().unwrap());

    let config = format!("sink = \"{}\"\n[options]\ncreate-topic = true\n", url("config"));
    from_config::run(&config).await.unwrap();
    let handled = Handled::default();
    read(&url("config"), &Options::default(), &handled, 1).await;
}
