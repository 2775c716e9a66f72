//! A sink that is built before its server and its stream exist.

use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, wait_until};
use driver_events_nats::{JetStreamEventSink, NatsOptions, SetupErrorKind, StreamSettings, ensure_stream};
use futures_util::future::join_all;

use crate::jetstream_support::{STREAM, create_stream, default_config, jetstream_server, read_stream};
use crate::support::{TIMEOUT, client, in_time};

fn event(number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(1), number))
}

/// All callers wait for one lookup; then the batch may be atomic.
#[tokio::test]
async fn driver_starts_while_the_server_is_down() {
    let mut server = jetstream_server();
    ensure_stream(&client(&server).await, &StreamSettings::new(STREAM))
        .await
        .unwrap();
    server.kill().unwrap();

    let options = NatsOptions::new(server.client_url()).connect_in_background();
    let builder = JetStreamEventSink::builder(STREAM).options(options);
    let sink = in_time(builder.build()).await.unwrap();
    assert_eq!(sink.duplicate_window(), None);
    assert_eq!(sink.warnings(), []);
    let single = sink.send(event(1));
    let batch = sink.send_batch((2..102).map(event).collect());
    let restart = async { server.restart().unwrap() };
    let (single, batch, ()) = in_time(async { tokio::join!(single, batch, restart) }).await;
    single.unwrap();
    assert!(batch.iter().all(Result::is_ok), "{batch:?}");
    assert_eq!(read_stream(&client(&server).await, STREAM).await.len(), 101);
    assert!(sink.duplicate_window().is_some());
    sink.close().await.unwrap();
}

#[tokio::test]
async fn sends_report_what_the_check_finds_until_it_succeeds() {
    let server = jetstream_server();
    let client = client(&server).await;
    let builder = JetStreamEventSink::builder(STREAM).client(client.clone()).check_later();
    let sink = in_time(builder.build()).await.unwrap();

    let error = in_time(sink.send(event(1))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Disconnected, Fate::NotSent)
    );
    let batch = in_time(sink.send_batch(vec![event(1), event(2)])).await;
    let kinds: Vec<_> = batch.into_iter().map(|result| result.unwrap_err().kind()).collect();
    assert_eq!(kinds, [SinkErrorKind::Disconnected; 2]);

    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    wait_until("the new stream is used", TIMEOUT, async || {
        sink.send(event(1)).await.is_ok()
    })
    .await;
    assert_eq!(read_stream(&client, STREAM).await.len(), 1);
}

/// A stream that does not fit may be corrected: the error is retryable, and all callers share one failed lookup.
#[tokio::test]
async fn unfit_stream_is_retried_after_it_is_corrected() {
    let server = jetstream_server();
    let client = client(&server).await;
    let mut config = default_config();
    config.duplicate_window = Duration::from_secs(1);
    create_stream(&client, config).await;
    let sink = JetStreamEventSink::builder(STREAM).client(client.clone()).check_later();
    let sink = sink.build().await.unwrap();
    let sends = join_all((1..=100).map(|number| sink.send(event(number))));
    for result in in_time(sends).await {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (SinkErrorKind::Disconnected, true)
        );
        let expected = "cannot use stream `DRIVER`: stream `DRIVER` has a duplicate window of 1s";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let context = async_nats::jetstream::new(client.clone());
    context.update_stream(&default_config()).await.unwrap();
    wait_until("the corrected stream is used", TIMEOUT, async || {
        sink.send(event(1)).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn empty_batch_waits_for_nothing() {
    let options = NatsOptions::new("nats://127.0.0.1:9");
    let sink = JetStreamEventSink::builder(STREAM).options(options).check_later();
    let sink = in_time(sink.build()).await.unwrap();
    assert_eq!(in_time(sink.send_batch(Vec::new())).await.len(), 0);
}

/// No server replies for an account without JetStream: somebody may enable it.
#[tokio::test]
async fn server_without_jetstream_is_unreachable() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let client = client(&server).await;
    let error = in_time(JetStreamEventSink::new(client.clone(), STREAM))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable);
    let sink = JetStreamEventSink::builder(STREAM).client(client).check_later();
    let sink = sink.retry_timeout(Duration::from_millis(500)).build().await.unwrap();
    let error = in_time(sink.send(event(1))).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
}

#[tokio::test]
async fn wrong_settings_fail_at_once_though_checks_are_later() {
    let options = NatsOptions::new("nats://127.0.0.1:9").connect_in_background();
    let builder = JetStreamEventSink::builder("not a name").options(options.clone());
    assert_eq!(builder.build().await.unwrap_err().kind(), SetupErrorKind::Invalid);

    let sink = JetStreamEventSink::builder(STREAM).options(options);
    let sink = sink.retry_timeout(Duration::from_millis(100)).build().await.unwrap();
    let error = in_time(sink.send(event(1))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Disconnected, Fate::NotSent)
    );
}

#[tokio::test]
async fn rejected_credentials_fail_the_first_send() {
    let config = NatsConfig::new()
        .jetstream()
        .user(NatsUser::with_password("ada", "s3cret"));
    let server = NatsServer::start(config).unwrap();
    let options = NatsOptions::new(server.client_url()).connect_in_background();
    let options = options.user_and_password("ada", "wr0ng");
    let sink = JetStreamEventSink::builder(STREAM)
        .options(options)
        .build()
        .await
        .unwrap();
    let error = in_time(sink.send(event(1))).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
}
