//! Reading a stream with ephemeral and durable consumers.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use async_nats::jetstream;
use async_nats::{Client, HeaderMap};
use driver_events_core::conformance::samples;
use driver_events_core::{
    Delivery, DriverEventSink, DriverEventSinkExt, DriverEventSource, Envelope, EventFilter, Position, SourceErrorKind,
};
use driver_events_harness::{NatsCluster, NatsConfig, NatsServer, Proxy, wait_until};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, JetStreamEventSourceBuilder, NatsOptions, SetupErrorKind, StreamSettings,
    ensure_stream,
};
use driver_events_types::EventKind;
use futures_util::StreamExt;

use crate::jetstream_support::{STREAM, server_with_stream};
use crate::support::{TIMEOUT, in_time, options};

const FIXTURES: [&str; 2] = [
    include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson"),
    include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson"),
];

pub(crate) fn reader(server: &NatsServer) -> JetStreamEventSourceBuilder {
    JetStreamEventSource::builder(STREAM).options(quick(options(server)))
}

pub(crate) fn quick(options: NatsOptions) -> NatsOptions {
    options.reconnect_delay(Duration::from_millis(1), Duration::from_millis(20))
}

pub(crate) fn numbered(goals: u32, numbers: std::ops::Range<u32>) -> Vec<Envelope> {
    numbers
        .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
        .collect()
}

pub(crate) async fn store(client: &Client, envelopes: &[Envelope]) {
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    for result in in_time(sink.send_batch(envelopes.to_vec())).await {
        result.unwrap();
    }
}

pub(crate) async fn next(source: &mut JetStreamEventSource) -> Delivery {
    in_time(source.next()).await.unwrap().unwrap()
}

/// Reads `count` events, acks them, and returns their ids.
pub(crate) async fn ids(source: &mut JetStreamEventSource, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let delivery = next(source).await;
        ids.push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    ids
}

pub(crate) fn ids_of(envelopes: &[Envelope]) -> Vec<String> {
    envelopes.iter().map(|envelope| envelope.id().to_string()).collect()
}

pub(crate) fn sequence(delivery: &Delivery) -> u64 {
    match delivery.position() {
        Position::Stream { stream, sequence } if &**stream == STREAM => *sequence,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn assert_idle(source: &mut JetStreamEventSource) {
    let next = tokio::time::timeout(Duration::from_millis(300), source.next()).await;
    assert!(next.is_err(), "{next:?}");
}

#[tokio::test]
async fn fixtures_are_read_byte_for_byte_in_order() {
    for durable in [None, Some("audit")] {
        let (server, client) = server_with_stream().await;
        let lines: Vec<&str> = FIXTURES.iter().flat_map(|fixture| fixture.lines()).collect();
        let sink = JetStreamEventSink::new(client.clone(), STREAM)
            .await
            .unwrap()
            .stamped("urn:test")
            .unwrap();
        for line in &lines {
            sink.send(Envelope::from_json(line.to_string()).unwrap()).await.unwrap();
        }
        let mut builder = reader(&server);
        if let Some(name) = durable {
            builder = builder.durable(name);
        }
        let mut source = builder.build().await.unwrap();
        for (number, line) in lines.iter().enumerate() {
            let delivery = next(&mut source).await;
            let envelope = delivery.envelope().unwrap();
            assert_eq!(envelope.json().unwrap(), line.as_bytes());
            assert_eq!(envelope.source(), "urn:test");
            assert!(envelope.stamp().is_some());
            assert_eq!(sequence(&delivery), u64::try_from(number).unwrap() + 1);
            delivery.ack().await.unwrap();
        }
        assert_idle(&mut source).await;
        in_time(source.close()).await.unwrap();
        let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
        let consumers = stream.get_info().await.unwrap().state.consumer_count;
        assert_eq!(
            consumers,
            usize::from(durable.is_some()),
            "the ephemeral consumer is deleted"
        );
    }
}

#[tokio::test]
async fn messages_without_cloudevents_headers_are_read() {
    let (server, client) = server_with_stream().await;
    let context = jetstream::new(client);
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    let subject = "agent.driver.escalate";
    context.publish(subject, json.into()).await.unwrap().await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "older");
    let published = context.publish_with_headers(subject, headers, json.into()).await;
    published.unwrap().await.unwrap();
    let mut source = reader(&server).build().await.unwrap();
    let first = next(&mut source).await;
    assert_eq!(first.envelope().unwrap().json().unwrap(), json.as_bytes());
    assert_eq!(next(&mut source).await.envelope().unwrap().id().as_str(), "older");
}

#[tokio::test]
async fn durable_consumer_continues_after_close() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(3, 0..30);
    store(&client, &envelopes).await;
    let mut read = Vec::new();
    for _ in 0..3 {
        let mut source = reader(&server).durable("audit").build().await.unwrap();
        read.extend(ids(&mut source, 10).await);
        in_time(source.close()).await.unwrap();
    }
    // `close` has nak'd the prefetched events.
    assert_eq!(read.len(), 30);
    read.sort();
    let mut sent = ids_of(&envelopes);
    sent.sort();
    assert_eq!(read, sent, "each event is read once");
}

#[tokio::test]
async fn reading_starts_at_the_chosen_position() {
    let (server, client) = server_with_stream().await;
    let before = numbered(1, 0..5);
    store(&client, &before).await;
    let info = jetstream::new(client.clone())
        .get_stream(STREAM)
        .await
        .unwrap()
        .get_info()
        .await;
    let last = SystemTime::from(info.unwrap().state.last_timestamp);
    let mut new = reader(&server).from_new().build().await.unwrap();
    wait_until("two milliseconds have passed", TIMEOUT, async || {
        SystemTime::now() > last + Duration::from_millis(2)
    })
    .await;
    let after = numbered(1, 5..10);
    store(&client, &after).await;
    assert_eq!(ids(&mut new, 5).await, ids_of(&after));
    let mut since = reader(&server)
        .from_time(last + Duration::from_millis(1))
        .build()
        .await
        .unwrap();
    assert_eq!(ids(&mut since, 5).await, ids_of(&after));
    let mut all = reader(&server).from_start().build().await.unwrap();
    assert_eq!(ids(&mut all, 10).await, ids_of(&[before, after].concat()));
}

#[tokio::test]
async fn filter_selects_kinds_and_goals() {
    for durable in [false, true] {
        let (server, client) = server_with_stream().await;
        let every = samples::every_kind(samples::goal(1));
        let other = samples::every_kind(samples::goal(2));
        let envelopes: Vec<_> = every.into_iter().chain(other).map(Envelope::new).collect();
        store(&client, &envelopes).await;
        let filter = EventFilter::everything()
            .kinds([EventKind::Escalate, EventKind::GoalStarted])
            .goals([samples::goal(2)]);
        let wanted: Vec<_> = envelopes
            .into_iter()
            .filter(|envelope| filter.selects(envelope))
            .collect();
        assert_eq!(wanted.len(), 2);
        let mut builder = reader(&server).filter(filter);
        if durable {
            builder = builder.durable("audit");
        }
        let mut source = builder.build().await.unwrap();
        assert_eq!(ids(&mut source, 2).await, ids_of(&wanted));
        assert_idle(&mut source).await;
        in_time(source.close()).await.unwrap();
        if durable {
            // The source acks events of other goals; the server does not send other kinds.
            let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
            let info = stream.consumer_info("audit").await.unwrap();
            assert_eq!((info.num_ack_pending, info.num_pending), (0, 0));
            assert_eq!(info.delivered.consumer_sequence, 4);
        }
    }
}

#[tokio::test]
async fn unfit_consumer_is_refused_and_never_changed() {
    let (server, client) = server_with_stream().await;
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    let config = jetstream::consumer::pull::Config {
        durable_name: Some("audit".into()),
        filter_subject: "agent.driver.escalate".into(),
        ..Default::default()
    };
    stream.create_consumer(config).await.unwrap();
    let error = reader(&server).durable("audit").build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
    assert!(error.to_string().contains("agent.driver.escalate"), "{error}");
    let fit = EventFilter::everything().kinds([EventKind::Escalate]);
    reader(&server).durable("audit").filter(fit).build().await.unwrap();
}

#[tokio::test]
async fn missing_stream_and_invalid_settings_fail_the_build() {
    let (server, _client) = server_with_stream().await;
    let missing = JetStreamEventSource::builder("OTHER")
        .options(options(&server))
        .build()
        .await;
    assert_eq!(missing.unwrap_err().kind(), SetupErrorKind::NotFound);
    for invalid in [
        reader(&server).durable("a.b"),
        reader(&server).durable("a").max_in_flight(0),
        reader(&server).durable("a").ack_wait(Duration::ZERO),
        reader(&server).prefix("a b"),
        reader(&server).dead_letters("a.*"),
        JetStreamEventSource::builder(STREAM),
    ] {
        assert_eq!(
            in_time(invalid.build()).await.unwrap_err().kind(),
            SetupErrorKind::Invalid
        );
    }
}

#[tokio::test]
async fn deleted_stream_or_durable_consumer_closes_the_source() {
    for durable in [false, true] {
        let (server, client) = server_with_stream().await;
        let mut builder = reader(&server);
        if durable {
            builder = builder.durable("audit");
        }
        let mut source = builder.build().await.unwrap();
        assert_idle(&mut source).await;
        let context = jetstream::new(client);
        if durable {
            context
                .get_stream(STREAM)
                .await
                .unwrap()
                .delete_consumer("audit")
                .await
                .unwrap();
        } else {
            context.delete_stream(STREAM).await.unwrap();
        }
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Closed, "{error}");
        assert!(in_time(source.next()).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_ephemeral_consumer_is_recreated() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..10);
    store(&client, &envelopes[..5]).await;
    let mut source = reader(&server).build().await.unwrap();
    assert_reads_in_order(&mut source, &envelopes[..5]).await;
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let names: Vec<String> = stream.consumer_names().map(Result::unwrap).collect().await;
    assert_eq!(names.len(), 1);
    stream.delete_consumer(&names[0]).await.unwrap();
    store(&client, &envelopes[5..]).await;
    assert_reads_in_order(&mut source, &envelopes[5..]).await;
}

/// Asserts that every event is delivered once, in order. Retryable errors are skipped.
pub(crate) async fn assert_reads_in_order(source: &mut JetStreamEventSource, envelopes: &[Envelope]) {
    let mut read = Vec::with_capacity(envelopes.len());
    while read.len() < envelopes.len() {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => read.push(delivery.envelope().unwrap().id().to_string()),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    assert!(read == ids_of(envelopes), "every event once, in order");
}

/// Reads and acks until all events were delivered. Acks may be lost with a killed server, so duplicates are allowed.
async fn assert_reads_all(source: &mut JetStreamEventSource, envelopes: &[Envelope]) {
    let mut missing: HashSet<String> = ids_of(envelopes).into_iter().collect();
    while !missing.is_empty() {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => {
                missing.remove(delivery.envelope().unwrap().id().as_str());
                delivery.ack().await.unwrap();
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_continue_after_a_server_restart() {
    let (mut server, client) = server_with_stream().await;
    let mut source = reader(&server).build().await.unwrap();
    let wait = Duration::from_secs(1);
    let mut durable = reader(&server).durable("audit").ack_wait(wait).build().await.unwrap();
    for round in 0..3 {
        let envelopes = numbered(1, round * 1_000..(round + 1) * 1_000);
        store(&client, &envelopes).await;
        assert_reads_in_order(&mut source, &envelopes[..300]).await;
        assert_reads_all(&mut durable, &envelopes).await;
        server.kill().unwrap();
        server.restart().unwrap();
        assert_reads_in_order(&mut source, &envelopes[300..]).await;
        wait_until("the publisher is reconnected", TIMEOUT, async || {
            client.connection_state() == async_nats::connection::State::Connected
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_nothing_and_keep_the_order() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..20_000);
    store(&client, &envelopes).await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let options = quick(NatsOptions::new(proxy.address().to_string()));
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(options)
        .build()
        .await
        .unwrap();
    let mut read = Vec::new();
    let mut cuts = 0;
    while read.len() < envelopes.len() {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => {
                read.push(delivery.envelope().unwrap().id().to_string());
                if read.len() % 700 == 0 {
                    cuts += proxy.cut();
                }
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    assert!(cuts >= 20, "{cuts}");
    assert!(read == ids_of(&envelopes), "every event once, in order");
}

/// The connection stays open, so only missing pings reveal the stall.
#[tokio::test(flavor = "multi_thread")]
async fn reading_continues_after_a_stalled_connection() {
    let (server, client) = server_with_stream().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let options = quick(NatsOptions::new(proxy.address().to_string())).ping_interval(Duration::from_millis(300));
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(options)
        .build()
        .await
        .unwrap();
    proxy.stall();
    let envelopes = numbered(1, 0..1_000);
    store(&client, &envelopes).await;
    assert_idle(&mut source).await;
    proxy.heal();
    assert_reads_in_order(&mut source, &envelopes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_continue_after_the_stream_leader_is_killed() {
    let mut cluster = NatsCluster::start(3, NatsConfig::new().jetstream()).unwrap();
    let client = async_nats::connect(cluster.client_url().split(',').collect::<Vec<_>>())
        .await
        .unwrap();
    let settings = StreamSettings::new(STREAM).replicas(3);
    cluster.wait_until_ready().unwrap();
    ensure_stream(&client, &settings).await.unwrap();
    let envelopes = numbered(1, 0..3_000);
    store(&client, &envelopes).await;
    let add = |options: NatsOptions, server: &NatsServer| options.server(server.client_url());
    let first = NatsOptions::new(cluster.servers()[0].client_url());
    let connection = quick(cluster.servers().iter().fold(first, add))
        .connect()
        .await
        .unwrap();
    let builder = || JetStreamEventSource::builder(STREAM).connection(connection.clone());
    let mut source = builder().build().await.unwrap();
    let mut durable = builder()
        .durable("audit")
        .ack_wait(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    assert_reads_in_order(&mut source, &envelopes[..1_000]).await;
    assert_reads_all(&mut durable, &envelopes[..1_000]).await;
    let info = jetstream::new(client)
        .get_stream(STREAM)
        .await
        .unwrap()
        .get_info()
        .await
        .unwrap();
    let leader = info.cluster.unwrap().leader.unwrap();
    cluster.server(&leader).unwrap().kill().unwrap();
    assert_reads_in_order(&mut source, &envelopes[1_000..]).await;
    assert_reads_all(&mut durable, &envelopes[1_000..]).await;
}
