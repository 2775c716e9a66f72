//! Sources of a stream during outages, with rejected credentials, and with unfit consumers.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Config;
use driver_events_core::{DriverEventSource, EventFilter, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, Proxy, RawNatsClient, wait_until};
use driver_events_nats::{
    JetStreamEventSource, NatsOptions, SetupErrorKind, StreamSettings, StreamWarning, ensure_stream,
};
use driver_events_types::EventKind;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use crate::jetstream_reading::{assert_idle, assert_reads_in_order, ids, ids_of, next, numbered, quick, reader, store};
use crate::jetstream_support::{
    STREAM, create_stream, default_config, delete_stream, jetstream_server, server_with_stream,
};
use crate::support::{LoggedFailures, TIMEOUT, client, in_time, options};

/// The position of `from_new` is that of the start, not that of the first event.
#[tokio::test(flavor = "multi_thread")]
async fn from_new_reads_events_stored_while_disconnected() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..5)).await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(quick(NatsOptions::new(proxy.address().to_string())))
        .from_new()
        .build()
        .await
        .unwrap();
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    let envelopes = numbered(1, 5..10);
    store(&client, &envelopes).await;
    assert_idle(&mut source).await;
    proxy.refuse(false);
    assert_reads_in_order(&mut source, &envelopes).await;
    in_time(source.close()).await.unwrap();
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    wait_until("the ephemeral consumer is deleted", TIMEOUT, async || {
        stream.get_info().await.unwrap().state.consumer_count == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_outage_is_reported_once_and_a_short_one_never() {
    let (server, client) = server_with_stream().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let options = quick(NatsOptions::new(proxy.address().to_string()));
    let builder = JetStreamEventSource::builder(STREAM).options(options);
    let mut source = builder.build().await.unwrap();
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    assert_idle(&mut source).await;
    proxy.refuse(false);
    let connection = source.connection().unwrap().clone();
    wait_until("the client is reconnected", TIMEOUT, async || connection.is_connected()).await;
    assert_idle(&mut source).await;
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    wait_until("the client is disconnected", TIMEOUT, async || {
        !connection.is_connected()
    })
    .await;
    assert_idle(&mut source).await;
    proxy.refuse(false);
    let envelopes = numbered(1, 0..5);
    store(&client, &envelopes).await;
    assert_eq!(ids(&mut source, 5).await, ids_of(&envelopes));
}

/// Sequences of the old stream are meaningless in the new one.
#[tokio::test(flavor = "multi_thread")]
async fn recreated_stream_closes_the_source() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..10)).await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(quick(NatsOptions::new(proxy.address().to_string())))
        .build()
        .await
        .unwrap();
    ids(&mut source, 10).await;
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    delete_stream(&client).await;
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    store(&client, &numbered(1, 10..30)).await;
    proxy.refuse(false);
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Closed, "{error}");
    assert!(in_time(source.next()).await.is_none());
}

/// The inbox of pull requests is an ordinary subject: a lookup decides whether the consumer is gone.
#[tokio::test(flavor = "multi_thread")]
async fn status_of_another_client_does_not_end_a_source() {
    for durable in [None, Some("audit")] {
        let (server, client) = server_with_stream().await;
        let mut requests = client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>").await.unwrap();
        client.flush().await.unwrap();
        let builder = match durable {
            Some(name) => reader(&server).durable(name),
            None => reader(&server),
        };
        let mut source = builder.build().await.unwrap();
        let read = tokio::spawn(async move { ids(&mut source, 1).await });
        let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
        for status in ["409 Consumer Deleted", "409 Consumer is push based", "400 Bad Request"] {
            let inbox = in_time(requests.next()).await.unwrap().reply.unwrap();
            let headers = format!("NATS/1.0 {status}\r\n\r\n");
            raw.publish_with_headers(inbox.as_bytes(), headers.as_bytes(), b"")
                .unwrap();
            raw.flush().unwrap();
        }
        let envelopes = numbered(1, 0..1);
        store(&client, &envelopes).await;
        assert_eq!(in_time(read).await.unwrap(), ids_of(&envelopes));
    }
}

/// Each attempt to recover from one lost connection sees the same next event.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_not_skipped_while_the_consumer_cannot_be_created() {
    let server = jetstream_server();
    let client = client(&server).await;
    let config = Config {
        max_consumers: 1,
        ..default_config()
    };
    create_stream(&client, config).await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(quick(NatsOptions::new(proxy.address().to_string())))
        .build()
        .await
        .unwrap();
    let envelopes = numbered(1, 0..3);
    store(&client, &envelopes[..1]).await;
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes[..1]));
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let names: Vec<_> = stream.consumer_names().try_collect().await.unwrap();
    for name in names {
        stream.delete_consumer(&name).await.unwrap();
    }
    let occupant = pull::Config {
        durable_name: Some("occupant".into()),
        ..Default::default()
    };
    stream.create_consumer(occupant).await.unwrap();
    store(&client, &envelopes[1..]).await;
    let mut attempts = client.subscribe("$JS.API.CONSUMER.CREATE.>").await.unwrap();
    client.flush().await.unwrap();
    proxy.refuse(false);
    let read = tokio::spawn(async move { ids(&mut source, 2).await });
    for _ in 0..10 {
        in_time(attempts.next()).await.unwrap();
    }
    stream.delete_consumer("occupant").await.unwrap();
    assert_eq!(in_time(read).await.unwrap(), ids_of(&envelopes[1..]));
}

/// The ack wait of a message starts when the server sends it, before a slow reader sees it.
#[tokio::test]
async fn prefetch_of_a_slow_reader_is_not_redelivered() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..300);
    store(&client, &envelopes).await;
    let wait = Duration::from_secs(1);
    let mut source = reader(&server).durable("audit").ack_wait(wait).build().await.unwrap();
    // At this pace, all events take three times the ack wait.
    let mut pace = tokio::time::interval(wait * 3 / 300);
    let mut read = Vec::new();
    while read.len() < envelopes.len() {
        let delivery = next(&mut source).await;
        read.push(delivery.envelope().unwrap().id().to_string());
        pace.tick().await;
        delivery.ack().await.unwrap();
    }
    assert!(read == ids_of(&envelopes), "every event once, in order");
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    let consumer = async || stream.consumer_info("audit").await.unwrap();
    wait_until("the server has all acks", TIMEOUT, async || {
        consumer().await.ack_floor.stream_sequence == 300
    })
    .await;
    let redelivered = consumer().await.delivered.consumer_sequence - 300;
    assert_eq!(redelivered, 0, "redelivered messages");
}

#[tokio::test]
async fn dropped_next_loses_nothing() {
    for durable in [false, true] {
        let (server, client) = server_with_stream().await;
        let envelopes = numbered(3, 0..3_000);
        store(&client, &envelopes).await;
        let mut builder = reader(&server);
        if durable {
            builder = builder.durable("audit");
        }
        let mut source = builder.build().await.unwrap();
        let mut read = Vec::new();
        let mut dropped = 0;
        let start = Instant::now();
        while read.len() < envelopes.len() {
            assert!(start.elapsed() < TIMEOUT, "{} of {}", read.len(), envelopes.len());
            tokio::select! {
                biased;
                () = async { tokio::task::yield_now().await } => dropped += 1,
                delivery = source.next() => {
                    let delivery = delivery.unwrap().unwrap();
                    read.push(delivery.envelope().unwrap().id().to_string());
                    delivery.ack().await.unwrap();
                }
            }
        }
        assert!(dropped > 0);
        assert!(read == ids_of(&envelopes), "every event once, in order");
    }
}

#[tokio::test]
async fn readers_of_one_durable_consumer_share_its_events() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(3, 0..2_000);
    let mut one = reader(&server).durable("audit").build().await.unwrap();
    let mut other = reader(&server).durable("audit").build().await.unwrap();
    // Both have sent a pull request before the first event.
    assert_idle(&mut one).await;
    assert_idle(&mut other).await;
    store(&client, &envelopes).await;
    let mut read = [Vec::new(), Vec::new()];
    while read[0].len() + read[1].len() < envelopes.len() {
        let (reader, delivery) = tokio::select! {
            delivery = in_time(one.next()) => (0, delivery),
            delivery = in_time(other.next()) => (1, delivery),
        };
        let delivery = delivery.unwrap().unwrap();
        read[reader].push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    assert!(read.iter().all(|read| !read.is_empty()), "both readers have events");
    let mut all = read.concat();
    all.sort();
    let mut sent = ids_of(&envelopes);
    sent.sort();
    assert!(all == sent, "each event went to one reader");
}

#[tokio::test]
async fn durable_consumer_with_other_settings_is_refused() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    reader(&server).durable("audit").build().await.unwrap();
    for (builder, setting) in [
        (reader(&server).max_in_flight(1), "max_ack_pending"),
        (reader(&server).ack_wait(Duration::from_secs(7)), "ack_wait"),
    ] {
        let error = builder.durable("audit").build().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains(setting), "{error}");
    }
    // Without explicit settings any value is accepted.
    let mut source = reader(&server).durable("audit").build().await.unwrap();
    ids(&mut source, 1).await;
    let headers_only = pull::Config {
        durable_name: Some("headers".into()),
        headers_only: true,
        filter_subject: "agent.driver.>".into(),
        ..Default::default()
    };
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    stream.create_consumer(headers_only).await.unwrap();
    let error = reader(&server).durable("headers").build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
}

fn ada() -> NatsUser {
    NatsUser::with_password("ada", "s3cret")
}

fn config(user: NatsUser) -> NatsConfig {
    NatsConfig::new().jetstream().user(user)
}

fn ada_at(server: &NatsServer) -> NatsOptions {
    options(server)
        .user_and_password("ada", "s3cret")
        .reconnect_delay(Duration::from_millis(10), Duration::from_millis(50))
}

async fn server_of_ada() -> (NatsServer, async_nats::Client) {
    let server = NatsServer::start(config(ada())).unwrap();
    let client = ada_at(&server).connect().await.unwrap().client().clone();
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn rejected_credentials_are_reported_and_reading_recovers() {
    let (mut server, client) = server_of_ada().await;
    let builder = JetStreamEventSource::builder(STREAM).options(ada_at(&server));
    let mut source = builder.build().await.unwrap();
    server
        .reload(config(NatsUser::with_password("ada", "an0ther")))
        .unwrap();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
    assert!(!format!("{error:?}").contains("s3cret"));
    server.reload(config(ada())).unwrap();
    wait_until("the publisher is reconnected", TIMEOUT, async || {
        client.connection_state() == async_nats::connection::State::Connected
    })
    .await;
    let envelopes = numbered(1, 0..5);
    store(&client, &envelopes).await;
    assert_reads_in_order(&mut source, &envelopes).await;
}

/// The server does not reply to denied pull requests.
#[tokio::test]
async fn denied_pull_requests_are_reported() {
    for durable in [false, true] {
        let (mut server, _client) = server_of_ada().await;
        let mut builder = JetStreamEventSource::builder(STREAM).options(ada_at(&server));
        if durable {
            builder = builder.durable("audit");
        }
        let mut source = builder.build().await.unwrap();
        server
            .reload(config(ada().may_not_publish(&["$JS.API.CONSUMER.MSG.NEXT.>"])))
            .unwrap();
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
        assert!(error.to_string().contains("$JS.API.CONSUMER.MSG.NEXT"), "{error}");
    }
}

/// The source has recovered from the denial, and then from another one.
#[tokio::test]
async fn denied_pull_requests_are_reported_once() {
    let (mut server, client) = server_of_ada().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let options = quick(NatsOptions::new(proxy.address().to_string())).user_and_password("ada", "s3cret");
    let builder = JetStreamEventSource::builder(STREAM).options(options);
    let mut source = builder.durable("audit").build().await.unwrap();
    for denied in ["$JS.API.CONSUMER.MSG.NEXT.>", "$JS.API.CONSUMER.INFO.>"] {
        server.reload(config(ada().may_not_publish(&[denied]))).unwrap();
        proxy.cut();
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
        let denied = denied.trim_end_matches(".>");
        assert!(format!("{error:?}").contains(denied), "{error:?}");
    }
    server.reload(config(ada())).unwrap();
    let envelopes = numbered(1, 0..1);
    store(&client, &envelopes).await;
    loop {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => break delivery.ack().await.unwrap(),
            Err(error) => assert!(format!("{error:?}").contains("CONSUMER.INFO"), "{error:?}"),
        }
    }
    assert_idle(&mut source).await;
}

/// Without acks the server redelivers everything.
#[tokio::test]
async fn denied_acks_are_reported() {
    let (mut server, client) = server_of_ada().await;
    store(&client, &numbered(1, 0..3)).await;
    server.reload(config(ada().may_not_publish(&["$JS.ACK.>"]))).unwrap();
    let builder = JetStreamEventSource::builder(STREAM).options(ada_at(&server));
    let mut source = builder.durable("audit").build().await.unwrap();
    ids(&mut source, 3).await;
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
    assert!(error.to_string().contains("$JS.ACK."), "{error}");
}

#[tokio::test]
async fn close_fails_in_time_without_a_server() {
    let (mut server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..100)).await;
    let mut source = reader(&server).durable("audit").build().await.unwrap();
    ids(&mut source, 1).await;
    server.kill().unwrap();
    let start = Instant::now();
    let error = in_time(source.close()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    assert!(start.elapsed() < Duration::from_secs(8));
}

/// A caller that redraws a display between two short waits never waits long enough in one call.
#[tokio::test]
async fn missing_heartbeats_are_noticed_by_a_caller_who_waits_in_short_slices() {
    let (server, _client) = server_with_stream().await;
    let failures = LoggedFailures::of("short-slices");
    let builder = JetStreamEventSource::builder(STREAM).options(options(&server).name("short-slices"));
    let mut source = builder.build().await.unwrap();
    server.freeze().unwrap();
    let noticed = async {
        while !failures.contain("no heartbeat") {
            let next = timeout(Duration::from_millis(20), source.next()).await;
            assert!(next.is_err(), "{next:?}");
        }
    };
    in_time(noticed).await;
    server.thaw().unwrap();
}

#[tokio::test]
async fn start_time_after_year_9999_is_refused() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    ensure_stream(&client(&server).await, &StreamSettings::new(STREAM))
        .await
        .unwrap();
    let far = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let error = reader(&server).from_time(far).build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    let long_ago = std::time::SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    reader(&server).from_time(long_ago).build().await.unwrap();
}

#[tokio::test]
async fn wrong_prefix_is_refused() {
    let (server, _client) = server_with_stream().await;
    for durable in [false, true] {
        let mut builder = reader(&server).prefix("tenant-7");
        if durable {
            builder = builder.durable("audit");
        }
        let error = in_time(builder.build()).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains("tenant-7.agent.driver.>"), "{error}");
    }
}

/// The settings of these streams do not show that the prefix is wrong.
#[tokio::test]
async fn wrong_prefix_on_a_mirror_or_a_stream_with_sources_is_a_warning() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..3)).await;
    let context = jetstream::new(client.clone());
    let origin = || jetstream::stream::Source {
        name: STREAM.into(),
        ..Default::default()
    };
    let mirror = Config {
        name: "MIRROR".into(),
        mirror: Some(origin()),
        ..Default::default()
    };
    let sourced = Config {
        name: "SOURCED".into(),
        sources: Some(vec![origin()]),
        ..Default::default()
    };
    for config in [mirror, sourced] {
        let name = config.name.clone();
        let stream = context.create_stream(config).await.unwrap();
        let builder = || JetStreamEventSource::builder(&name).options(options(&server));
        let has_messages = async || stream.get_info().await.unwrap().state.messages == 3;
        wait_until("the stream has the messages", TIMEOUT, has_messages).await;
        let source = builder().prefix("wrong").build().await.unwrap();
        let expected = StreamWarning::HasNoEvents {
            wildcard: "wrong.agent.driver.>".into(),
        };
        assert_eq!(source.warnings(), [expected], "{name}");
        // The kind that is read may be yet to come.
        let filter = EventFilter::everything().kinds([EventKind::Escalate]);
        let source = builder().filter(filter).build().await.unwrap();
        assert_eq!(source.warnings(), [], "{name}");
    }
}
