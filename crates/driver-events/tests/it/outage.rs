//! A driver loop whose sink is behind a buffer that retries goes on without its broker, and loses nothing.

use std::time::Duration;

use driver_events::{
    Backoff, Buffered, Deduplicator, DriverEvent, DriverEventSink, DriverEventSinkExt, DriverEventSource, GoalId,
    OnFull, Options, open_sink, open_source,
};
use futures_util::FutureExt;

use crate::support::{TIMEOUT, in_time};

const EVENTS: u32 = 500;

enum Step {
    Kill,
    Restart,
}

/// Publishes the first event with the broker, and the others without it. No call waits: its first poll returns the receipt.
/// Reads the first copy of each event, in order.
async fn publish_without_broker(url: &str, mut broker: impl FnMut(Step)) {
    let mut options = Options::default();
    options.create_stream = url.starts_with("jetstream:");
    options.timeout = Some(Duration::from_secs(2));
    let transport = open_sink(url, &options).await.unwrap().sink;
    let sink = Buffered::builder(transport.retried(Backoff::default()), OnFull::DropOldest)
        .close_timeout(TIMEOUT)
        .build()
        .unwrap();
    let goal_id = GoalId::new();
    let event = |number: u32| DriverEvent::Escalate {
        goal_id,
        reason: number.to_string(),
    };
    sink.publish(event(0)).await.unwrap();
    sink.flush().await.unwrap();
    broker(Step::Kill);
    for number in 1..EVENTS {
        let published = sink.publish(event(number)).now_or_never();
        published.expect("a call waited for the broker").unwrap();
    }
    broker(Step::Restart);
    sink.close().await.unwrap();

    let mut source = open_source(url, &Options::default()).await.unwrap().source;
    let mut known = Deduplicator::new(EVENTS as usize);
    let mut number = 0;
    while number < EVENTS {
        let delivery = in_time(source.next()).await.unwrap().unwrap();
        let envelope = delivery.envelope().unwrap();
        if known.insert(envelope) {
            assert_eq!(envelope.event(), Some(&event(number)));
            number += 1;
        }
    }
}

#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn outage_of_jetstream_costs_neither_time_nor_events() {
    use driver_events_harness::{NatsConfig, NatsServer};

    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let url = format!("jetstream://{}/DRIVER", server.client_address());
    let step = |step| match step {
        Step::Kill => server.kill().unwrap(),
        Step::Restart => server.restart().unwrap(),
    };
    publish_without_broker(&url, step).await;
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread")]
async fn outage_of_kafka_costs_neither_time_nor_events() {
    use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};

    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let servers = broker.bootstrap_servers(KafkaListener::Plain).unwrap();
    broker.admin().create_topic("loop", 1, 1, &[]).unwrap();
    let step = |step| match step {
        Step::Kill => broker.kill().unwrap(),
        Step::Restart => broker.restart().unwrap(),
    };
    publish_without_broker(&format!("kafka://{servers}/loop"), step).await;
}
