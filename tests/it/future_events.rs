//! Events of a later version pass byte for byte, with their attributes, from one transport to the next, through every decorator
//! and a spool. Each sink, decorator and source alone passes the conformance suites with the same events.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{
    Backoff, Buffered, DriverEventSink, DriverEventSinkExt, DriverEventSource, Envelope, EventFilter, FailingEventSink,
    MemoryEventSink, NdjsonSource, NoopEventSink, OnFull, Redaction, SinkErrorKind, Trace, TraceContext,
};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, NatsEventSink, NatsEventSource, StreamSettings, ensure_stream,
};
use driver_events_spool::{Retention, SpoolEventSource, SpoolFile, SpooledSink};
use driver_events_stdout::{Format, WriterEventSink};

use crate::kafka;

const TIMEOUT: Duration = Duration::from_secs(60);
/// Prefix of the subjects of core NATS, so that the stream does not capture them.
const CORE: &str = "core";
const STREAM: &str = "DRIVER";
/// Attributes of events that were published without them.
const SOURCE: &str = "urn:example:relay";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Events of a later version, of which the first half has every attribute and the others have none.
fn future() -> Vec<Envelope> {
    let full = samples::future(samples::goal(1))
        .into_iter()
        .map(samples::with_every_attribute);
    full.chain(samples::future(samples::goal(2))).collect()
}

/// The sink inside every decorator.
fn decorated(sink: impl DriverEventSink) -> impl DriverEventSink {
    let retried = sink
        .observed()
        .with_timeout(TIMEOUT)
        .retried(Backoff::new(Duration::ZERO, Duration::ZERO));
    let buffered = Buffered::builder(retried, OnFull::Wait).build().unwrap();
    let filtered = buffered.best_effort().filtered(EventFilter::everything());
    let trace = Trace::new(TRACEPARENT, None::<&str>).unwrap();
    let traced = TraceContext::new(filtered.fan_out_with(NoopEventSink), move || Some(trace.clone()));
    traced.redacted(Redaction::none()).stamped(SOURCE).unwrap()
}

/// The bytes of an event.
fn bytes(envelope: &Envelope) -> String {
    envelope.json().unwrap().escape_ascii().to_string()
}

/// The bytes of an event and all of its attributes.
fn bytes_and_attributes(envelope: &Envelope) -> String {
    let attributes = (
        envelope.id(),
        envelope.time(),
        envelope.source(),
        envelope.stamp(),
        (envelope.traceparent(), envelope.tracestate()),
        envelope.subject(),
    );
    format!("{} {attributes:?}", bytes(envelope))
}

/// Asserts that the events have the same content, in order within each goal. Events without a goal have no order.
fn assert_same(found: &[Envelope], sent: &[Envelope], place: &str, content: impl Fn(&Envelope) -> String) {
    let by_goal = |envelopes: &[Envelope]| {
        let mut goals = BTreeMap::<_, Vec<_>>::new();
        for envelope in envelopes {
            let goal = envelope.goal_id().map(|goal_id| goal_id.0);
            goals.entry(goal).or_default().push(content(envelope));
        }
        goals.entry(None).or_default().sort();
        goals
    };
    let found = by_goal(found);
    for (goal, sent) in by_goal(sent) {
        let found = found.get(&goal).map(Vec::as_slice).unwrap_or_default();
        for (index, sent) in sent.iter().enumerate() {
            assert_eq!(found.get(index), Some(sent), "event {index} of {place}");
        }
        assert_eq!(found.len(), sent.len(), "{place}");
    }
}

/// Asserts that bytes and attributes are the same.
fn assert_lossless(found: &[Envelope], sent: &[Envelope], place: &str) {
    assert_same(found, sent, place, bytes_and_attributes);
}

async fn send_all(sink: &dyn DriverEventSink, envelopes: &[Envelope]) {
    for result in sink.send_batch(envelopes.to_vec()).await {
        result.unwrap();
    }
}

/// Reads `count` events.
async fn read(source: &mut dyn DriverEventSource, count: usize) -> Vec<Envelope> {
    let mut read = Vec::new();
    while read.len() < count {
        let delivery = tokio::time::timeout(TIMEOUT, source.next()).await.unwrap();
        let delivery = delivery.unwrap().unwrap();
        let envelope = delivery.envelope();
        read.push(envelope.unwrap_or_else(|malformed| panic!("{malformed}")).clone());
        delivery.ack().await.unwrap();
    }
    source.close().await.unwrap();
    read
}

async fn read_file(path: &Path, count: usize) -> Vec<Envelope> {
    let text = std::fs::read(path).unwrap();
    read(&mut NdjsonSource::new("events", &text[..]), count).await
}

/// A server with a stream.
async fn nats() -> (NatsServer, async_nats::Client) {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    (server, client)
}

async fn core_sink(client: &async_nats::Client) -> NatsEventSink {
    let sink = NatsEventSink::builder().client(client.clone()).prefix(CORE);
    sink.build().await.unwrap()
}

async fn core_source(client: &async_nats::Client) -> NatsEventSource {
    let source = NatsEventSource::builder().client(client.clone()).prefix(CORE);
    source.build().await.unwrap()
}

async fn stream_source(client: &async_nats::Client) -> JetStreamEventSource {
    let source = JetStreamEventSource::builder(STREAM).client(client.clone());
    source.from_start().build().await.unwrap()
}

fn kafka_sink(topic: &str) -> KafkaEventSink {
    let sink = KafkaEventSink::builder(kafka::config(&kafka::shared().broker));
    sink.topic(topic).build().unwrap()
}

async fn kafka_source(topic: &str) -> KafkaEventSource {
    let source = KafkaEventSource::builder(kafka::config(&kafka::shared().broker));
    source.topic(topic).build().await.unwrap()
}

/// The spool delivers to every kind of sink at once, and keeps what it delivered.
#[tokio::test(flavor = "multi_thread")]
async fn future_events_pass_a_spool_to_every_transport() {
    let (_server, client) = nats().await;
    let topic = "future.spooled";
    kafka::create_topic(&kafka::shared().broker, topic, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let [file, cloudevents, bare] =
        ["events.db", "cloudevents.ndjson", "bare.ndjson"].map(|name| folder.path().join(name));
    let mut core = core_source(&client).await;
    let stream = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let lines = WriterEventSink::builder()
        .format(Format::Json)
        .append_to(&bare)
        .unwrap();

    let spool = SpooledSink::builder(&file)
        .retention(Retention::Count(1_000))
        .close_timeout(TIMEOUT)
        .deliver_to("cloudevents", WriterEventSink::append_to(&cloudevents).unwrap())
        .deliver_to("bare", lines)
        .deliver_to("core", core_sink(&client).await)
        .deliver_to("stream", stream)
        .deliver_to("kafka", kafka_sink(topic));
    let sink = decorated(spool.open().await.unwrap());
    let sent = future();
    send_all(&sink, &sent).await;
    sink.close().await.unwrap();
    assert!(sent.iter().all(|envelope| envelope.traceparent().is_some()));

    let count = sent.len();
    assert_lossless(&read(&mut core, count).await, &sent, "core NATS");
    assert_lossless(&read_file(&cloudevents, count).await, &sent, "the file");
    let mut source = stream_source(&client).await;
    assert_lossless(&read(&mut source, count).await, &sent, "the stream");
    assert_lossless(&read(&mut kafka_source(topic).await, count).await, &sent, "Kafka");
    let mut source = SpoolEventSource::open(&file).await.unwrap();
    assert_lossless(&read(&mut source, count).await, &sent, "the spool");
    // Bare lines have no attributes.
    assert_same(&read_file(&bare, count).await, &sent, "the bare lines", bytes);
}

/// Each transport gets what another one delivered.
#[tokio::test(flavor = "multi_thread")]
async fn future_events_pass_from_transport_to_transport() {
    let (_server, client) = nats().await;
    let topic = "future.relayed";
    kafka::create_topic(&kafka::shared().broker, topic, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let [first, last] = ["first", "last"].map(|name| folder.path().join(name));
    let sent = future();
    let count = sent.len();

    let sink = decorated(WriterEventSink::append_to(&first).unwrap());
    send_all(&sink, &sent).await;
    sink.close().await.unwrap();

    let stream = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sink = decorated(stream);
    send_all(&sink, &read_file(&first, count).await).await;
    sink.close().await.unwrap();

    let sink = decorated(kafka_sink(topic));
    send_all(&sink, &read(&mut stream_source(&client).await, count).await).await;
    sink.close().await.unwrap();

    let mut core = core_source(&client).await;
    let sink = decorated(core_sink(&client).await);
    send_all(&sink, &read(&mut kafka_source(topic).await, count).await).await;
    sink.close().await.unwrap();

    let sink = decorated(WriterEventSink::append_to(&last).unwrap());
    send_all(&sink, &read(&mut core, count).await).await;
    sink.close().await.unwrap();
    assert_lossless(&read_file(&last, count).await, &sent, "the last file");
}

#[tokio::test(flavor = "multi_thread")]
async fn future_events_are_dead_letters_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.db");
    let sent = future();
    let memory = MemoryEventSink::new();
    let refusing = (1..=sent.len()).fold(FailingEventSink::new(memory.clone()), |sink, number| {
        sink.fail(number, SinkErrorKind::Rejected)
    });
    let spool = SpooledSink::builder(&file).deliver_to("memory", refusing);
    let spool = Arc::new(spool.open().await.unwrap());
    send_all(&spool, &sent).await;
    wait_until("every event is dead", TIMEOUT, async || {
        spool.health().targets[0].dead == sent.len() as u64
    })
    .await;

    let mut opened = SpoolFile::open(&file).unwrap();
    let letters = opened.dead_letters(0, sent.len()).unwrap();
    let dead: Vec<_> = letters.iter().map(|letter| letter.event.clone().unwrap()).collect();
    assert_lossless(&dead, &sent, "the dead letters");
    let numbers: Vec<_> = letters.iter().map(|letter| letter.number).collect();
    opened.retry(&numbers).unwrap();
    wait_until("every event is delivered", TIMEOUT, async || memory.len() == sent.len()).await;
    assert_lossless(&memory.envelopes(), &sent, "the target");
    spool.close().await.unwrap();
}
