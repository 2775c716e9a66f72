//! Brokers that cannot be reached for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::Direction;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::{
    config_of, events, ids, ids_of, in_time, next, nothing_comes, prefix, proxied_config_of, rough_broker, topic,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_told_once_that_no_broker_can_be_reached_and_reads_on() {
    let broker = rough_broker().await;
    let name = prefix();
    topic(&config_of(&broker), &name, 1).await;
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

/// The other side is gone, and nobody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_swallows_everything_is_given_up_and_the_event_comes_through() {
    let broker = rough_broker().await;
    let name = prefix();
    topic(&config_of(&broker), &name, 1).await;
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
        ids(&mut source, 2).await,
        ids_of(&[envelopes[0].clone(), envelopes[2].clone()])
    );
}

/// What commits and leaves waits for a broker in librdkafka, for minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_no_broker_answers_closes_in_time_and_says_so() {
    let broker = rough_broker().await;
    let name = prefix();
    topic(&config_of(&broker), &name, 1).await;
    let sink = KafkaEventSink::builder(config_of(&broker)).topic(name.as_str()).build();
    let sink = sink.unwrap();
    in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.unwrap();
    let source = KafkaEventSource::builder(proxied_config_of(&broker)).topic(name.as_str());
    let mut source = in_time(source.group(&*name).build()).await.unwrap();
    let delivery = next(&mut source).await;
    let proxy = broker.proxy().unwrap();
    proxy.stall();
    in_time(delivery.ack()).await.unwrap();
    let began = Instant::now();
    let error = in_time(source.close()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Timeout, "{error}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    proxy.heal();
}

fn unreachable() -> KafkaEventSink {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:1");
    KafkaEventSink::new(config).unwrap()
}

/// Time stands still while something goes on, and passes at once where nothing does: it all happens before librdkafka
/// gives up.
#[tokio::test(start_paused = true)]
async fn flush_and_close_end_in_time_and_say_how_many_events_are_left() {
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
async fn close_says_how_many_events_are_still_being_sent() {
    let sink = unreachable();
    let mut batch = sink.send_batch(events(GoalId::new(), 3));
    assert!(futures_util::poll!(&mut batch).is_pending());
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout);
    assert_eq!(error.to_string(), "at least 3 events are still being sent");
}

#[tokio::test]
async fn a_sink_that_is_dropped_says_how_many_events_it_gives_up() {
    let sink = unreachable();
    for envelope in events(GoalId::new(), 5) {
        let mut send = sink.send(envelope);
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    let told = Records::default();
    tracing::subscriber::with_default(told.clone(), || drop(sink));
    assert_eq!(told.records.load(Ordering::Relaxed), 5);
}

/// The field `records` of what is told.
#[derive(Clone, Default)]
struct Records {
    records: Arc<AtomicUsize>,
}

impl Visit for Records {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "records" {
            self.records.store(value.try_into().unwrap(), Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Records {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
