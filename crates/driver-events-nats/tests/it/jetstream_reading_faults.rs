//! What a reader of a stream is not told wrongly, and does not miss, whatever happens around it.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use driver_events_core::{DriverEventSource, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, Proxy, wait_until};
use driver_events_nats::{JetStreamEventSource, NatsOptions, SetupErrorKind, StreamSettings, ensure_stream};

use crate::jetstream_reading::{ids, ids_of, next, nothing_comes, numbered, quick, reader, reads_through, store};
use crate::jetstream_support::{STREAM, server_with_stream};
use crate::support::{PATIENCE, client, in_time, options};

/// The place of a reader that begins with what is new is that of its start, and not that of its first event.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_while_the_link_is_down_is_new_to_who_reads_what_is_new() {
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
    nothing_comes(&mut source).await;
    proxy.refuse(false);
    reads_through(&mut source, &envelopes).await;
    in_time(source.close()).await.unwrap();
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    wait_until("nothing is left behind", PATIENCE, async || {
        stream.get_info().await.unwrap().state.consumer_count == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_down_for_long_is_told_once_and_a_short_while_never() {
    let (server, client) = server_with_stream().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let options = quick(NatsOptions::new(proxy.address().to_string()));
    let builder = JetStreamEventSource::builder(STREAM).options(options);
    let mut source = builder.build().await.unwrap();
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    nothing_comes(&mut source).await;
    proxy.refuse(false);
    let connection = source.connection().unwrap().clone();
    wait_until("the link is back", PATIENCE, async || connection.is_connected()).await;
    nothing_comes(&mut source).await;
    proxy.refuse(true);
    assert_eq!(proxy.cut(), 1);
    wait_until("the link is down", PATIENCE, async || !connection.is_connected()).await;
    nothing_comes(&mut source).await;
    proxy.refuse(false);
    let envelopes = numbered(1, 0..5);
    store(&client, &envelopes).await;
    assert_eq!(ids(&mut source, 5).await, ids_of(&envelopes));
}

/// Its numbers begin again, so that a place in the old one means nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_not_taken_for_the_old_one() {
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
    jetstream::new(client.clone()).delete_stream(STREAM).await.unwrap();
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    store(&client, &numbered(1, 10..30)).await;
    proxy.refuse(false);
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Closed, "{error}");
    assert!(in_time(source.next()).await.is_none());
}

#[tokio::test]
async fn what_a_slow_reader_has_waiting_does_not_come_twice() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..150);
    store(&client, &envelopes).await;
    let wait = Duration::from_secs(1);
    let mut source = reader(&server).durable("audit").ack_wait(wait).build().await.unwrap();
    let mut read = Vec::new();
    while read.len() < envelopes.len() {
        let delivery = next(&mut source).await;
        read.push(delivery.envelope().unwrap().id().to_string());
        tokio::time::sleep(Duration::from_millis(20)).await;
        delivery.ack().await.unwrap();
    }
    assert!(read == ids_of(&envelopes), "every event once, in order");
    nothing_comes(&mut source).await;
}

#[tokio::test]
async fn next_may_be_dropped_at_any_time() {
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
            assert!(start.elapsed() < PATIENCE, "{} of {}", read.len(), envelopes.len());
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
    // Both ask before there is anything.
    nothing_comes(&mut one).await;
    nothing_comes(&mut other).await;
    store(&client, &envelopes).await;
    let mut read = [Vec::new(), Vec::new()];
    while read[0].len() + read[1].len() < envelopes.len() {
        let (who, delivery) = tokio::select! {
            delivery = in_time(one.next()) => (0, delivery),
            delivery = in_time(other.next()) => (1, delivery),
        };
        let delivery = delivery.unwrap().unwrap();
        read[who].push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    assert!(read.iter().all(|read| !read.is_empty()), "both have some");
    let mut all = read.concat();
    all.sort();
    let mut sent = ids_of(&envelopes);
    sent.sort();
    assert!(all == sent, "each went to one of them");
}

#[tokio::test]
async fn a_durable_consumer_with_other_limits_than_were_asked_for_is_refused() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    reader(&server).durable("audit").build().await.unwrap();
    for (other, what) in [
        (reader(&server).max_in_flight(1), "max_ack_pending"),
        (reader(&server).ack_wait(Duration::from_secs(7)), "ack_wait"),
    ] {
        let error = other.durable("audit").build().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::UnfitConsumer, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    // Who asks for nothing takes it as it is.
    let mut as_it_is = reader(&server).durable("audit").build().await.unwrap();
    ids(&mut as_it_is, 1).await;
    let headers_only = jetstream::consumer::pull::Config {
        durable_name: Some("headers".into()),
        headers_only: true,
        filter_subject: "agent.driver.>".into(),
        ..Default::default()
    };
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    stream.create_consumer(headers_only).await.unwrap();
    let error = reader(&server).durable("headers").build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::UnfitConsumer, "{error}");
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
async fn credentials_that_turn_bad_are_told_to_a_reader() {
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
    wait_until("the publisher is back", PATIENCE, async || {
        client.connection_state() == async_nats::connection::State::Connected
    })
    .await;
    let envelopes = numbered(1, 0..5);
    store(&client, &envelopes).await;
    reads_through(&mut source, &envelopes).await;
}

/// The server says nothing to who may not ask: that would be a silence without end.
#[tokio::test]
async fn a_reader_that_may_not_ask_for_messages_is_told() {
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

/// Else everything would come again and again, and nobody would know why.
#[tokio::test]
async fn a_reader_that_may_not_answer_is_told() {
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
async fn a_reader_is_closed_in_time_while_no_server_is_there() {
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

#[tokio::test]
async fn an_answer_that_cannot_be_sent_is_told_in_time() {
    let (mut server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    let connection = quick(options(&server)).connect().await.unwrap();
    let builder = JetStreamEventSource::builder(STREAM).connection(connection.clone());
    let mut source = builder.durable("audit").build().await.unwrap();
    let delivery = next(&mut source).await;
    server.kill().unwrap();
    wait_until("the link is down", PATIENCE, async || !connection.is_connected()).await;
    // Others fill what the client has room for.
    let fill = async {
        loop {
            connection.client().publish("other", "".into()).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_millis(500), fill)
        .await
        .unwrap_err();
    let error = in_time(delivery.ack()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
}

#[tokio::test]
async fn a_time_that_no_server_knows_is_refused() {
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

/// As with a wrong prefix.
#[tokio::test]
async fn a_stream_that_never_has_such_events_is_refused() {
    let (server, _client) = server_with_stream().await;
    for durable in [false, true] {
        let mut builder = reader(&server).prefix("tenant-7");
        if durable {
            builder = builder.durable("audit");
        }
        let error = in_time(builder.build()).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::UnfitStream, "{error}");
        assert!(error.to_string().contains("tenant-7.agent.driver.>"), "{error}");
    }
}
