//! `spool:` URLs: events on disk, in front of the sinks of other URLs.

use std::fs;

use driver_events::{
    DriverEvent, DriverEventSink, GoalId, Options, Protocol, SetupErrorKind, SinkErrorKind, SinkUrl, open_sink,
};

fn escalate(number: usize) -> DriverEvent {
    DriverEvent::Escalate {
        goal_id: GoalId::new(),
        reason: number.to_string(),
    }
}

#[test]
fn urls_are_checked() {
    for (url, reason) in [
        ("spool:a.db", "missing parameter `to`"),
        ("spool:?to=stdout:", "missing path"),
        ("spool:a.db?to=", "missing value for parameter `to`"),
        ("spool:a.db?to=amqp%3A%2F%2Fh", "unknown scheme `amqp:`"),
        (
            "spool:a.db?to=spool%3Ab.db%3Fto%3Dstdout%3A",
            "a spool cannot be the target of a spool",
        ),
        ("spool:a.db?to=stdout:&durability=disk", "unknown durability `disk`"),
        (
            "spool:a.db?to=stdout:&retention=week",
            "write a number of events or a duration",
        ),
        ("spool:a.db?to=stdout:&max-bytes=1G", "`max-bytes`"),
        (
            "spool:a.db?to=stdout:&format=json",
            "unknown parameter `format`: expected `to`",
        ),
        ("spool:a.db?to=nats://ada:s3cret@h", "unexpected `@` after the `?`"),
    ] {
        let error = SinkUrl::parse(url).unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let url =
        SinkUrl::parse("spool:///a%20b.db?to=stdout%3A&to=file:b&durability=power&retention=7d&max-bytes=9").unwrap();
    assert_eq!(url.protocol(), Protocol::Spool);
    assert_eq!(url.to_string(), "spool:/a b.db?to=stdout:&to=file:b");
}

#[cfg(feature = "nats")]
#[test]
fn secrets_of_targets_are_not_shown() {
    let url = SinkUrl::parse("spool:a.db?to=nats%3A%2F%2Fada%3As3cret%40h%3A4222%3Fbare").unwrap();
    assert_eq!(url.to_string(), "spool:a.db?to=nats://..@h:4222?bare");
    assert!(!format!("{url:?}").contains("s3cret"), "{url:?}");
}

#[tokio::test]
async fn every_target_gets_every_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = format!(
        "spool:{}?to=file:{}&to=file:{}%3Fformat=json",
        path("events.db").display(),
        path("a.ndjson").display(),
        path("b.ndjson").display()
    );
    let sink = open_sink(&url, &Options::default()).await.unwrap().sink;
    let second = open_sink(&url, &Options::default()).await.unwrap_err();
    assert_eq!(second.kind(), SetupErrorKind::Unreachable);
    for number in 0..10 {
        sink.publish(escalate(number)).await.unwrap();
    }
    sink.close().await.unwrap();
    for name in ["a.ndjson", "b.ndjson"] {
        let text = fs::read_to_string(path(name)).unwrap();
        assert_eq!(text.lines().count(), 10, "{name}");
    }
}

/// A target in a folder that does not exist yet.
#[tokio::test]
async fn target_is_opened_once_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let url = format!(
        "spool:{}?to=file:{}",
        folder.path().join("events.db").display(),
        missing.join("a.ndjson").display()
    );
    let opened = open_sink(&url, &Options::default()).await.unwrap();
    opened.sink.publish(escalate(1)).await.unwrap();
    while opened.last_error().is_none() {
        tokio::task::yield_now().await;
    }
    let error = opened.last_error().unwrap();
    assert!(error.contains("a.ndjson`: cannot open the target: "), "{error}");
    fs::create_dir(&missing).unwrap();
    opened.sink.close().await.unwrap();
    assert_eq!(fs::read_to_string(missing.join("a.ndjson")).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn timeout_limits_close() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.timeout = Some(std::time::Duration::from_millis(1));
    let url = format!(
        "spool:{}?to=file:{}",
        folder.path().join("events.db").display(),
        folder.path().join("missing/a.ndjson").display()
    );
    let sink = open_sink(&url, &options).await.unwrap().sink;
    sink.publish(escalate(1)).await.unwrap();
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout);
    assert!(error.to_string().contains("they stay in the spool"), "{error}");
}

/// The first process starts and ends while the server is down.
#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn loop_without_broker_loses_nothing() {
    use driver_events::{DriverEventSource, open_source};
    use driver_events_harness::{NatsConfig, NatsServer};

    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let stream = format!("jetstream://{}/DRIVER", server.client_address());
    server.kill().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("spool:{}?to={stream}", folder.path().join("events.db").display());
    let mut options = Options::default();
    options.create_stream = true;
    options.timeout = Some(std::time::Duration::from_millis(100));
    let sink = open_sink(&url, &options).await.unwrap().sink;
    for number in 0..20 {
        sink.publish(escalate(number)).await.unwrap();
    }
    sink.close().await.unwrap_err();

    server.restart().unwrap();
    options.timeout = Some(crate::support::TIMEOUT);
    let sink = open_sink(&url, &options).await.unwrap().sink;
    sink.publish(escalate(20)).await.unwrap();
    sink.close().await.unwrap();
    let mut source = open_source(&stream, &Options::default()).await.unwrap().source;
    let mut reasons = Vec::new();
    while reasons.len() < 21 {
        let delivery = crate::support::in_time(source.next()).await.unwrap().unwrap();
        match delivery.envelope().unwrap().event() {
            Some(DriverEvent::Escalate { reason, .. }) => reasons.push(reason.parse::<usize>().unwrap()),
            other => panic!("unexpected event {other:?}"),
        }
    }
    reasons.sort_unstable();
    assert_eq!(reasons, (0..21).collect::<Vec<_>>());
}

#[tokio::test]
async fn file_is_a_source() {
    use driver_events::{DriverEventSource, open_source};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db").display().to_string();
    let missing = open_source(&format!("spool:{path}"), &Options::default())
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), SetupErrorKind::NotFound);
    let mut options = Options::default();
    options.timeout = Some(std::time::Duration::from_millis(1));
    let sink = open_sink(&format!("spool:{path}?to=file:{path}/none/a"), &options)
        .await
        .unwrap()
        .sink;
    sink.publish(escalate(7)).await.unwrap();
    for url in [format!("spool:{path}"), format!("spool:{path}?follow")] {
        let mut source = open_source(&url, &Options::default()).await.unwrap().source;
        let delivery = source.next().await.unwrap().unwrap();
        assert_eq!(delivery.envelope().unwrap().kind(), "escalate");
        assert_eq!(delivery.position().to_string(), format!("{path}#1"));
        if !url.contains('?') {
            assert!(source.next().await.is_none());
        }
    }
    let error = open_source(&format!("spool:{path}?to=stdout:"), &Options::default())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("unknown parameter `to`: expected `follow`"),
        "{error}"
    );
}
