//! Unreachable brokers.

use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{CapturedTracing, Direction, KafkaBroker, KafkaConfig, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::task::block_in_place;
use tracing::Level;

use crate::support::{
    TEST_TIMEOUT, config_of, create_topic, events, expect_no_delivery, ids_of, in_time, next_delivery, proxied_broker,
    proxied_config_of, read_ids, unique_prefix,
};

#[tokio::test(flavor = "multi_thread")]
async fn outage_is_reported_once_and_reader_reconnects() {
    let broker = proxied_broker().await;
    let name = unique_prefix();
    create_topic(&config_of(&broker), &name, 1).await;
    let sink = KafkaEventSink::builder(config_of(&broker)).topic(name.as_str()).build();
    let sink = sink.unwrap();
    let mut config = proxied_config_of(&broker);
    config
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "20");
    let source = KafkaEventSource::builder(config).topic(name.as_str()).group(&*name);
    let mut source = in_time(source.build()).await.unwrap();
    let proxy = broker.proxy().unwrap();
    for envelope in events(GoalId::new(), 2) {
        in_time(sink.send(envelope.clone())).await.unwrap();
        let delivery = next_delivery(&mut source).await;
        assert_eq!(delivery.envelope().unwrap().id().to_string(), ids_of(&[envelope])[0]);
        in_time(delivery.ack()).await.unwrap();

        proxy.refuse(true);
        assert!(proxy.cut() > 0);
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
        let cause = source.state().last_error().unwrap();
        assert!(error.to_string().ends_with(&cause), "{error}: {cause}");
        // About twenty connection attempts fail meanwhile.
        expect_no_delivery(&mut source).await;
        proxy.refuse(false);
    }
}

/// The peer is gone without closing the connection.
#[tokio::test(flavor = "multi_thread")]
async fn half_open_connection_times_out_and_sink_reconnects() {
    let broker = proxied_broker().await;
    let name = unique_prefix();
    create_topic(&config_of(&broker), &name, 1).await;
    let mut config = proxied_config_of(&broker);
    config.set("message.timeout.ms", "3000");
    let sink = KafkaEventSink::builder(config).topic(name.as_str()).build().unwrap();
    let envelopes = events(GoalId::new(), 3);
    in_time(sink.send(envelopes[0].clone())).await.unwrap();
    let proxy = broker.proxy().unwrap();
    proxy.half_open(Direction::ToServer);
    let error = in_time(sink.send(envelopes[1].clone())).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout, "{error}");
    proxy.heal();
    in_time(sink.send(envelopes[2].clone())).await.unwrap();
    in_time(sink.close()).await.unwrap();
    let source = KafkaEventSource::builder(config_of(&broker)).topic(name.as_str());
    let mut source = in_time(source.build()).await.unwrap();
    assert_eq!(
        read_ids(&mut source, 2).await,
        ids_of(&[envelopes[0].clone(), envelopes[2].clone()])
    );
}

/// Commit and leave block in librdkafka for minutes.
#[tokio::test(flavor = "multi_thread")]
async fn source_close_times_out_with_stalled_broker() {
    let broker = proxied_broker().await;
    let name = unique_prefix();
    create_topic(&config_of(&broker), &name, 1).await;
    let sink = KafkaEventSink::builder(config_of(&broker)).topic(name.as_str()).build();
    let sink = sink.unwrap();
    in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.unwrap();
    let source = KafkaEventSource::builder(proxied_config_of(&broker)).topic(name.as_str());
    let mut source = in_time(source.group(&*name).build()).await.unwrap();
    let delivery = next_delivery(&mut source).await;
    let proxy = broker.proxy().unwrap();
    proxy.stall();
    in_time(delivery.ack()).await.unwrap();
    let began = Instant::now();
    let error = in_time(source.close()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Timeout, "{error}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let last_error = source.state().last_error().unwrap();
    assert!(last_error.contains(&cause), "{last_error}");
    proxy.heal();
}

/// A member without partitions has idle connections. librdkafka reports all brokers as down when they are closed.
#[tokio::test(flavor = "multi_thread")]
async fn closed_idle_connections_are_no_outage() {
    let broker = KafkaConfig::new().property("connections.max.idle.ms", "2000");
    let broker = block_in_place(|| KafkaBroker::start(broker)).unwrap();
    let mut config = config_of(&broker);
    create_topic(&config, "agent.driver", 1).await;
    config
        .set("statistics.interval.ms", "100")
        // Brokers usually close after ten minutes, which librdkafka does not log either.
        .set("log.connection.close", "false")
        .set("heartbeat.interval.ms", "100");
    let member = || KafkaEventSource::builder(config.clone()).group("g").build();
    let mut sources = [in_time(member()).await.unwrap(), in_time(member()).await.unwrap()];
    let states = [0, 1].map(|index: usize| sources[index].state().clone());
    let [first, second] = &mut sources;
    // Bootstrap and broker connections of a member without partitions.
    let closed = wait_until("idle connections are closed", TEST_TIMEOUT, async || {
        let disconnects = states.iter().map(|state| {
            let statistics = state.statistics();
            let brokers = statistics.iter().flat_map(|statistics| statistics.brokers.values());
            let brokers = brokers.filter(|broker| broker.source != "logical");
            brokers
                .filter_map(|broker| broker.disconnects)
                .max()
                .unwrap_or_default()
        });
        disconnects.max() >= Some(5)
    });
    tokio::select! {
        () = closed => {}
        next = first.next() => panic!("{next:?}"),
        next = second.next() => panic!("{next:?}"),
    }
    for cause in states.iter().filter_map(|state| state.last_error()) {
        assert!(cause.contains("coordinator"), "{cause}");
    }
}

/// The one broker cannot create the topic of committed offsets, so no coordinator is ever available.
#[tokio::test(flavor = "multi_thread")]
async fn wait_for_coordinator_is_the_last_error() {
    let broker = KafkaConfig::new().property("offsets.topic.replication.factor", "3");
    let broker = block_in_place(|| KafkaBroker::start(broker)).unwrap();
    let mut config = config_of(&broker);
    create_topic(&config, "agent.driver", 1).await;
    config.set("statistics.interval.ms", "100");
    let mut source = in_time(KafkaEventSource::builder(config).group("g").build())
        .await
        .unwrap();
    let state = source.state().clone();
    let has_cause = wait_until("the cause is known", TEST_TIMEOUT, async || {
        state.last_error().is_some_and(|cause| cause.contains("coordinator"))
    });
    tokio::select! {
        () = has_cause => {}
        next = source.next() => panic!("{next:?}"),
    }
}

fn unreachable() -> KafkaEventSink {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:1");
    KafkaEventSink::new(config).unwrap()
}

/// Paused time skips the sink's waits, so it ends before librdkafka, with real time, times out the records.
#[tokio::test(start_paused = true)]
async fn flush_and_close_time_out_with_undelivered_count() {
    let sink = unreachable();
    for envelope in events(GoalId::new(), 7) {
        let mut send = sink.send(envelope);
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    for error in [sink.flush().await.unwrap_err(), sink.close().await.unwrap_err()] {
        assert_eq!(error.kind(), SinkErrorKind::Timeout);
        assert_eq!(error.to_string(), "7 events are not delivered yet");
    }
}

#[tokio::test(start_paused = true)]
async fn close_times_out_with_count_of_events_being_sent() {
    let sink = unreachable();
    let mut batch = sink.send_batch(events(GoalId::new(), 3));
    assert!(futures_util::poll!(&mut batch).is_pending());
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout);
    assert_eq!(error.to_string(), "at least 3 events are still being sent");
}

#[tokio::test]
async fn dropped_sink_logs_undelivered_count() {
    let sink = unreachable();
    for envelope in events(GoalId::new(), 5) {
        let mut send = sink.send(envelope);
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    let tracing_log = CapturedTracing::of_this_thread(&["driver_events_kafka"]).unwrap();
    drop(sink);
    assert!(
        tracing_log.contains(Level::WARN, "driver_events_kafka", "records=5"),
        "{tracing_log:?}"
    );
}
