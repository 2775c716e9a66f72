//! Limits of consumers, streams and servers that are below ours, and pauses.

use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::ConsumerLimits;
use async_nats::jetstream::{self};
use driver_events_core::DriverEventSource;
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{StreamSettings, ensure_stream};
use serde_json::json;

use crate::jetstream_reading::{ids, ids_of, numbered, reader, store};
use crate::jetstream_support::{STREAM, create_stream, default_config, jetstream_server, server_with_stream};
use crate::support::{TIMEOUT, client, in_time, options};

fn consumer(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.into()),
        filter_subject: "agent.driver.>".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn pull_requests_keep_the_limits_of_the_consumer() {
    let (server, client) = server_with_stream().await;
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let events = numbered(3, 0..40);
    store(&client, &events).await;
    let batch = pull::Config {
        max_batch: 3,
        ..consumer("batch")
    };
    let expires = pull::Config {
        max_expires: Duration::from_millis(300),
        ..consumer("expires")
    };
    let bytes = pull::Config {
        max_bytes: 100,
        ..consumer("bytes")
    };
    let all = pull::Config {
        max_batch: 1,
        max_expires: Duration::from_millis(1),
        max_bytes: 1,
        max_ack_pending: 2,
        ..consumer("all")
    };
    for config in [batch, expires, bytes, all] {
        let name = config.durable_name.clone().unwrap();
        stream.create_consumer(config).await.unwrap();
        let mut source = reader(&server).durable(&name).build().await.unwrap();
        assert_eq!(ids(&mut source, events.len()).await, ids_of(&events), "{name}");
        in_time(source.close()).await.unwrap();
    }
}

#[tokio::test]
async fn limits_that_are_lowered_meanwhile_do_not_end_the_source() {
    let (server, client) = server_with_stream().await;
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    stream.create_consumer(consumer("lowered")).await.unwrap();
    let events = numbered(3, 0..120);
    store(&client, &events).await;
    let mut source = reader(&server).durable("lowered").build().await.unwrap();
    let mut read = ids(&mut source, 1).await;
    let lower = pull::Config {
        max_batch: 2,
        max_expires: Duration::from_secs(1),
        ..consumer("lowered")
    };
    stream.update_consumer(lower).await.unwrap();
    read.extend(ids(&mut source, events.len() - 1).await);
    assert_eq!(read, ids_of(&events));
}

#[tokio::test]
async fn sources_keep_the_limits_of_the_server() {
    let limits = json!({ "max_request_batch": 5, "max_ack_pending": 10 });
    let config = NatsConfig::new().jetstream_setting("limits", limits);
    let server = NatsServer::start(config).unwrap();
    let client = client(&server).await;
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    let events = numbered(3, 0..40);
    store(&client, &events).await;
    for durable in [None, Some("audit")] {
        let mut builder = reader(&server);
        if let Some(name) = durable {
            builder = builder.durable(name);
        }
        let mut source = builder.build().await.unwrap();
        assert_eq!(ids(&mut source, events.len()).await, ids_of(&events), "{durable:?}");
    }
}

#[tokio::test]
async fn sources_keep_the_consumer_limits_of_the_stream() {
    let server = jetstream_server();
    let client = client(&server).await;
    let limits = ConsumerLimits {
        inactive_threshold: Duration::from_secs(60),
        max_ack_pending: 10,
    };
    let config = jetstream::stream::Config {
        consumer_limits: Some(limits),
        ..default_config()
    };
    create_stream(&client, config).await;
    let events = numbered(3, 0..40);
    store(&client, &events).await;
    for durable in [None, Some("audit")] {
        let mut builder = reader(&server);
        if let Some(name) = durable {
            builder = builder.durable(name);
        }
        let mut source = builder.build().await.unwrap();
        assert_eq!(ids(&mut source, events.len()).await, ids_of(&events), "{durable:?}");
    }
}

#[tokio::test]
async fn a_paused_consumer_is_reported_until_messages_come() {
    let (server, client) = server_with_stream().await;
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    stream.create_consumer(consumer("paused")).await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(3_600);
    stream.pause_consumer("paused", until.into()).await.unwrap();
    let events = numbered(3, 0..2);
    store(&client, &events).await;
    let connection = options(&server).connect().await.unwrap();
    let builder = reader(&server).connection(connection.clone()).durable("paused");
    let mut source = builder.build().await.unwrap();
    let reading = tokio::spawn(async move {
        let error = in_time(source.next()).await.unwrap().unwrap_err();
        (ids(&mut source, 1).await, error)
    });
    let is_reported = async || {
        let error = connection.last_error();
        error.is_some_and(|error| error.starts_with("consumer `paused` is paused until 20") && error.ends_with('Z'))
    };
    wait_until("the pause is reported", TIMEOUT, is_reported).await;
    stream.resume_consumer("paused").await.unwrap();
    let (read, error) = in_time(reading).await.unwrap();
    assert!(
        error.is_retryable() && error.to_string().starts_with("consumer `paused` is paused until 20"),
        "{error}"
    );
    assert_eq!(read, ids_of(&events)[..1]);
    assert_eq!(connection.last_error(), None);
}
