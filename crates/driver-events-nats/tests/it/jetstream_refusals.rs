//! Errors of the stream and the server while the sink is in use.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self};
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, wait_until};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};

use crate::jetstream_support::{
    STREAM, check_stored, create_stream, default_config, jetstream_server, read_stream, send, server_with_stream,
};
use crate::support::{TIMEOUT, client, in_time, options};

fn event(goal: u32, number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(goal), number))
}

#[tokio::test]
async fn full_stream_fails_at_once_and_recovers_after_a_purge() {
    let server = jetstream_server();
    let client = client(&server).await;
    let config = Config {
        max_messages: 5,
        discard: DiscardPolicy::New,
        ..default_config()
    };
    create_stream(&client, config).await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent: Vec<_> = (0..9).map(|number| event(1, number)).collect();
    let start = Instant::now();
    let results = in_time(sink.send_batch(sent.clone())).await;
    assert!(start.elapsed() < Duration::from_secs(5), "a full stream is not retried");
    for (number, result) in results.iter().enumerate() {
        let failed = result.as_ref().err().map(|error| (error.kind(), error.fate()));
        assert_eq!(failed, (number >= 5).then_some((SinkErrorKind::Full, Fate::NotSent)));
    }
    check_stored(&sent, &results, &read_stream(&client, STREAM).await);
    let error = send(&sink, &event(2, 0)).await.unwrap_err();
    assert_eq!(error.to_string(), "stream is full: maximum messages exceeded (10077)");

    jetstream::new(client.clone())
        .get_stream(STREAM)
        .await
        .unwrap()
        .purge()
        .await
        .unwrap();
    send(&sink, &event(2, 0)).await.unwrap();
}

#[tokio::test]
async fn results_of_a_batch_are_in_the_order_of_its_events() {
    let server = jetstream_server();
    let client = client(&server).await;
    create_stream(
        &client,
        Config {
            max_message_size: 10_000,
            ..default_config()
        },
    )
    .await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let batch = vec![
        event(1, 0),
        samples::sized(samples::goal(1), 20_000),
        event(1, 1),
        Envelope::new(samples::numbered(samples::goal(2), 0)),
        samples::not_finite(samples::goal(1)),
        samples::sized(samples::goal(2), 2_000_000),
        event(1, 2),
        event(2, 1),
        samples::unknown_kind(samples::goal(2)),
    ];
    let results = in_time(sink.send_batch(batch.clone())).await;
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map(|error| error.kind()))
        .collect();
    let (too_large, encode, rejected) = (
        Some(SinkErrorKind::TooLarge),
        Some(SinkErrorKind::Encode),
        Some(SinkErrorKind::Rejected),
    );
    assert_eq!(
        kinds,
        [None, too_large, None, None, encode, too_large, None, None, rejected],
        "{results:?}"
    );
    check_stored(&batch, &results, &read_stream(&client, STREAM).await);
}

/// With a core subscriber the server does not report "no responders", and a deleted stream looks like a slow one.
#[tokio::test]
async fn deleted_stream_fails_sends_until_it_is_created_again() {
    for has_subscriber in [false, true] {
        let (_server, client) = server_with_stream().await;
        let sink = JetStreamEventSink::builder(STREAM)
            .client(client.clone())
            .ack_timeout(Duration::from_millis(300))
            .build()
            .await
            .unwrap();
        send(&sink, &event(1, 0)).await.unwrap();
        let _subscriber = match has_subscriber {
            true => Some(client.subscribe("agent.driver.>").await.unwrap()),
            false => None,
        };
        jetstream::new(client.clone()).delete_stream(STREAM).await.unwrap();
        let start = Instant::now();
        let results = in_time(sink.send_batch((0..100).map(|number| event(number % 5, number)).collect())).await;
        assert!(start.elapsed() < Duration::from_secs(4));
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
        }
        let error = send(&sink, &event(1, 1)).await.unwrap_err();
        assert_eq!(error.to_string(), "stream `DRIVER` was deleted: create it again");

        ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
        wait_until("the sink publishes to the new stream", TIMEOUT, async || {
            sink.send(event(1, 2)).await.is_ok()
        })
        .await;
    }
}

fn ada() -> NatsUser {
    NatsUser::with_password("ada", "s3cret")
}

fn config(user: NatsUser) -> NatsConfig {
    NatsConfig::new().jetstream().user(user)
}

#[tokio::test]
async fn revoked_permission_fails_until_it_is_granted_again() {
    let mut server = NatsServer::start(config(ada())).unwrap();
    let options = options(&server)
        .user_and_password("ada", "s3cret")
        .reconnect_delay(Duration::from_millis(10), Duration::from_millis(50));
    let connection = options.connect().await.unwrap();
    ensure_stream(connection.client(), &StreamSettings::new(STREAM))
        .await
        .unwrap();
    let sink = JetStreamEventSink::builder(STREAM)
        .connection(connection)
        .build()
        .await
        .unwrap();
    send(&sink, &event(1, 0)).await.unwrap();

    server
        .reload(config(ada().may_not_publish(&["agent.driver.compact.>"])))
        .unwrap();
    let start = Instant::now();
    let error = send(&sink, &event(1, 1)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "fails before the retry timeout"
    );
    assert!(error.to_string().contains("agent.driver.compact.completed"), "{error}");
    let allowed = samples::every_kind(samples::goal(1)).remove(0);
    in_time(sink.publish(allowed)).await.unwrap();

    server.reload(config(ada())).unwrap();
    let mut number = 1;
    wait_until("publishing succeeds again", TIMEOUT, async || {
        number += 1;
        sink.send(event(1, number)).await.is_ok()
    })
    .await;
}

/// async-nats reports rejected credentials only to its event callback.
#[tokio::test]
async fn rejected_credentials_fail_until_they_are_valid_again() {
    let mut server = NatsServer::start(config(ada())).unwrap();
    let options = options(&server)
        .user_and_password("ada", "s3cret")
        .reconnect_delay(Duration::from_millis(10), Duration::from_millis(50));
    let connection = options.connect().await.unwrap();
    ensure_stream(connection.client(), &StreamSettings::new(STREAM))
        .await
        .unwrap();
    let sink = JetStreamEventSink::builder(STREAM)
        .connection(connection)
        .build()
        .await
        .unwrap();
    send(&sink, &event(1, 0)).await.unwrap();
    server
        .reload(config(NatsUser::with_password("ada", "an0ther")))
        .unwrap();
    wait_until("publishing is unauthorized", TIMEOUT, async || {
        let start = Instant::now();
        let error = sink.send(event(1, 1)).await.err();
        assert!(start.elapsed() < Duration::from_secs(5));
        error.is_some_and(|error| {
            error.kind() == SinkErrorKind::Unauthorized && !format!("{error:?}").contains("s3cret")
        })
    })
    .await;
    server.reload(config(ada())).unwrap();
    wait_until("publishing succeeds again", TIMEOUT, async || {
        sink.send(event(1, 1)).await.is_ok()
    })
    .await;
    in_time(sink.close()).await.unwrap();
}
