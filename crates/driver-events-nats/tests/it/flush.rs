//! Guarantees and errors of `flush` and `close`.

use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, SinkError, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, wait_until};
use driver_events_nats::{NatsEventSink, NatsEventSinkBuilder, NatsOptions, SetupErrorKind};

use crate::support::{Reader, TIMEOUT, client, in_time, options, server};

fn event(number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(1), number))
}

async fn send(sink: &NatsEventSink, numbers: std::ops::Range<u32>) -> Vec<Envelope> {
    let mut sent = Vec::new();
    for number in numbers {
        let envelope = event(number);
        sink.send(envelope.clone()).await.unwrap();
        sent.push(envelope);
    }
    sent
}

fn ids(envelopes: &[Envelope]) -> Vec<&str> {
    envelopes.iter().map(|envelope| envelope.id().as_str()).collect()
}

fn with_short_timeouts(server: &NatsServer) -> NatsEventSinkBuilder {
    NatsEventSink::builder()
        .options(
            options(server)
                .queue_capacity(64)
                .reconnect_delay(Duration::from_millis(10), Duration::from_millis(50)),
        )
        .send_timeout(Duration::from_millis(100))
        .flush_timeout(Duration::from_millis(400))
}

fn expect_in_time(start: Instant, limit: Duration) {
    let took = start.elapsed();
    assert!(took < limit, "took {took:?}");
}

async fn wait_until_connected(sink: &NatsEventSink) {
    let connection = sink.connection().unwrap();
    wait_until("the sink reconnects", TIMEOUT, async || connection.is_connected()).await;
}

fn server_with(user: NatsUser) -> NatsServer {
    NatsServer::start(NatsConfig::new().user(user)).unwrap()
}

fn ada() -> NatsUser {
    NatsUser::with_password("ada", "s3cret")
}

fn as_ada(server: &NatsServer) -> NatsOptions {
    options(server).user_and_password("ada", "s3cret")
}

#[tokio::test]
async fn flush_across_a_reconnect_reports_events_at_risk() {
    let mut server = server();
    for is_own in [true, false] {
        let builder = NatsEventSink::builder();
        let builder = if is_own {
            builder.options(options(&server))
        } else {
            builder.client(client(&server).await)
        };
        let sink = builder.build().await.unwrap();
        send(&sink, 0..3).await;
        in_time(sink.flush()).await.unwrap();
        send(&sink, 3..7).await;
        server.kill().unwrap();
        server.restart().unwrap();
        let error = in_time(sink.flush()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.fate()),
            (SinkErrorKind::Disconnected, Fate::Unknown),
            "{error}"
        );
        assert!(error.to_string().contains("4 events"), "{error}");
        // Reported once; later events are not at risk.
        in_time(sink.flush()).await.unwrap();
        let mut reader = Reader::start(&server, None).await;
        let sent = send(&sink, 7..9).await;
        in_time(sink.flush()).await.unwrap();
        assert_eq!(ids(&reader.read_all().await), ids(&sent), "the sink resends nothing");
        in_time(sink.close()).await.unwrap();
    }
}

/// Every concurrent flush reports the events at risk, not only the first.
#[tokio::test]
async fn concurrent_flushes_all_report_events_at_risk() {
    let mut server = server();
    let sink = NatsEventSink::builder()
        .options(options(&server))
        .build()
        .await
        .unwrap();
    send(&sink, 0..5).await;
    server.kill().unwrap();
    server.restart().unwrap();
    let (first, second) = tokio::join!(sink.flush(), sink.flush());
    for result in [first, second] {
        assert!(result.unwrap_err().to_string().contains("5 events"));
    }
    in_time(sink.flush()).await.unwrap();
}

#[tokio::test]
async fn close_loses_nothing_and_closes_its_own_connection() {
    let server = server();
    let mut reader = Reader::start(&server, None).await;
    for round in 0..5 {
        let sink = NatsEventSink::builder()
            .options(options(&server))
            .build()
            .await
            .unwrap();
        let sent = send(&sink, 0..2_000).await;
        in_time(sink.close()).await.unwrap();
        assert_eq!(ids(&reader.read_all().await), ids(&sent), "round {round}");
        assert!(!sink.connection().unwrap().is_connected());
        let error = sink.send(event(0)).await.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Closed, Fate::NotSent));
        in_time(sink.close()).await.unwrap();
        in_time(sink.flush()).await.unwrap();
    }
}

#[tokio::test]
async fn close_leaves_the_callers_client_open() {
    let server = server();
    let mut reader = Reader::start(&server, None).await;
    let client = client(&server).await;
    let own = client.subscribe("own.subject").await.unwrap();
    let sink = NatsEventSink::new(client.clone());
    let sent = send(&sink, 0..2_000).await;
    in_time(sink.close()).await.unwrap();
    assert_eq!(ids(&reader.read_all().await), ids(&sent));
    assert_eq!(sink.send(event(0)).await.unwrap_err().kind(), SinkErrorKind::Closed);

    let second = NatsEventSink::new(client.clone());
    let sent = send(&second, 0..1).await;
    in_time(second.flush()).await.unwrap();
    assert_eq!(ids(&reader.read_all().await), ids(&sent));
    client.publish("own.subject", "x".into()).await.unwrap();
    let mut own = own;
    let message = tokio::time::timeout(TIMEOUT, futures_util::StreamExt::next(&mut own)).await;
    assert!(message.unwrap().is_some(), "subscriptions of the caller stay open");
}

#[tokio::test]
async fn calls_return_in_time_while_the_server_is_down() {
    let mut server = server();
    let sink = with_short_timeouts(&server).build().await.unwrap();
    let connection = sink.connection().unwrap();
    server.kill().unwrap();
    wait_until("the sink is disconnected", TIMEOUT, async || !connection.is_connected()).await;

    let start = Instant::now();
    let mut taken = Vec::new();
    let error = loop {
        let envelope = event(u32::try_from(taken.len()).unwrap());
        match sink.send(envelope.clone()).await {
            Ok(_) => taken.push(envelope),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Disconnected, Fate::NotSent),
        "{error}"
    );
    assert!(error.is_retryable());
    assert!(
        (64..200).contains(&taken.len()),
        "the queue is bounded: {}",
        taken.len()
    );
    let results = sink.send_batch((1_000..1_200).map(event).collect()).await;
    let is_refused = |result: &Result<_, SinkError>| {
        result
            .as_ref()
            .is_err_and(|error| error.kind() == SinkErrorKind::Disconnected)
    };
    assert!(results.len() == 200 && results.iter().all(is_refused));
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
    let error = in_time(sink.close()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
    expect_in_time(start, Duration::from_secs(5));
    assert_eq!(sink.send(event(0)).await.unwrap_err().kind(), SinkErrorKind::Closed);

    // Queued events are sent. They count as at risk, since they cannot be distinguished from lost ones.
    server.restart().unwrap();
    wait_until_connected(&sink).await;
    let error = in_time(sink.close()).await.unwrap_err();
    assert!(
        error.to_string().contains(&format!("{} events", taken.len())),
        "{error}"
    );
    assert!(!connection.is_connected(), "the connection is closed");
    in_time(sink.close()).await.unwrap();
}

#[tokio::test]
async fn sink_may_start_before_its_server() {
    let mut server = server();
    server.kill().unwrap();
    let error = NatsEventSink::builder()
        .options(options(&server))
        .build()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable, "{error}");

    let early = options(&server).connect_in_background();
    let sink = NatsEventSink::builder().options(early).build().await.unwrap();
    assert!(!sink.connection().unwrap().is_connected());
    send(&sink, 0..3).await;
    server.restart().unwrap();
    wait_until_connected(&sink).await;
    sink.flush()
        .await
        .expect("no event was lost: there was no earlier connection");
    in_time(sink.close()).await.unwrap();
}

/// A subscriber to `>` receives the barrier request, so that the server does not report "no responders".
#[tokio::test]
async fn flush_succeeds_with_a_subscriber_to_everything() {
    let server = server();
    let _everything = client(&server).await.subscribe(">").await.unwrap();
    let sink = NatsEventSink::new(client(&server).await);
    for number in 0..3 {
        send(&sink, number..number + 1).await;
        in_time(sink.flush()).await.unwrap();
    }
}

#[tokio::test]
async fn denied_barrier_subject_is_unauthorized() {
    let server = server_with(
        ada()
            .may_publish(&["agent.driver.>", "ada.barrier"])
            .may_subscribe(&["_INBOX.>"]),
    );
    let sink = NatsEventSink::builder().options(as_ada(&server)).build().await.unwrap();
    send(&sink, 0..1).await;
    let start = Instant::now();
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    assert!(error.to_string().contains("_driver_events.barrier"), "{error}");
    expect_in_time(start, Duration::from_secs(5));
    let error = in_time(sink.close()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");

    // With a client of the caller the cause is unknown, but the flush still fails.
    let of_caller = async_nats::ConnectOptions::with_user_and_password("ada".into(), "s3cret".into());
    let of_caller = of_caller.connect(server.client_url()).await.unwrap();
    let builder = NatsEventSink::builder()
        .client(of_caller)
        .flush_timeout(Duration::from_millis(700));
    let sink = builder.clone().build().await.unwrap();
    send(&sink, 0..1).await;
    assert_eq!(in_time(sink.flush()).await.unwrap_err().kind(), SinkErrorKind::Timeout);

    for builder in [builder, NatsEventSink::builder().options(as_ada(&server))] {
        let sink = builder.barrier_subject("ada.barrier").build().await.unwrap();
        send(&sink, 0..1).await;
        in_time(sink.flush()).await.unwrap();
    }
}

#[tokio::test]
async fn denied_inbox_is_unauthorized() {
    let server = server_with(ada().may_publish(&[">"]).may_subscribe(&["ada.inbox.>"]));
    let sink = NatsEventSink::builder().options(as_ada(&server)).build().await.unwrap();
    send(&sink, 0..1).await;
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    assert!(error.to_string().contains("_INBOX."), "{error}");
    let narrow = as_ada(&server).inbox_prefix("ada.inbox");
    let sink = NatsEventSink::builder().options(narrow).build().await.unwrap();
    send(&sink, 0..1).await;
    in_time(sink.flush()).await.unwrap();
}

#[tokio::test]
async fn rejected_events_are_reported() {
    let refusing = || ada().may_not_publish(&["agent.driver.compact.>"]);
    let mut server = server_with(ada());
    let sink = NatsEventSink::builder().options(as_ada(&server)).build().await.unwrap();
    send(&sink, 0..3).await;
    in_time(sink.flush()).await.unwrap();

    server.reload(NatsConfig::new().user(refusing())).unwrap();
    wait_until_rejected(&sink).await;
    let error = sink.send(event(0)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Unauthorized, Fate::NotSent),
        "{error}"
    );
    assert!(error.to_string().contains("agent.driver.compact.completed"), "{error}");
    // Other subjects are not affected.
    let escalate = samples::every_kind(samples::goal(1))
        .into_iter()
        .find(|event| event.kind().as_str() == "escalate");
    sink.publish(escalate.unwrap()).await.unwrap();
    in_time(sink.flush()).await.unwrap();

    server.reload(NatsConfig::new().user(ada())).unwrap();
    let mut reader = Reader::start_as(as_ada(&server), None).await;
    wait_until("events are accepted again", TIMEOUT, async || {
        let is_taken = sink.send(event(1)).await.is_ok();
        is_taken && in_time(sink.flush()).await.is_ok() && !reader.read_all().await.is_empty()
    })
    .await;
    in_time(sink.close()).await.unwrap();
}

/// The server reports a refusal before it replies to the barrier, and the client's event callback runs on another task:
/// `flush` must wait for it. Each sink publishes to a new subject, since a denied subject is rejected before it is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_flush_reports_the_refusals_before_it() {
    let server = server_with(ada().may_not_publish(&["*.agent.driver.>"]));
    let connection = as_ada(&server).connect().await.unwrap();
    for number in 0..200 {
        let builder = NatsEventSink::builder().connection(connection.clone());
        let sink = builder.prefix(format!("tenant-{number}")).build().await.unwrap();
        sink.send(event(0)).await.unwrap();
        let error = in_time(sink.flush()).await.expect_err("the server rejects the event");
        assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "flush {number}: {error}");
    }
}

/// Sends and flushes until a flush reports rejected events.
async fn wait_until_rejected(sink: &NatsEventSink) {
    wait_until("a flush reports rejected events", TIMEOUT, async || {
        let sent = sink.send(event(0)).await.err();
        let flushed = in_time(sink.flush()).await.err();
        let is_rejection =
            |error: SinkError| error.kind() == SinkErrorKind::Unauthorized && error.to_string().contains("rejected");
        sent.is_none() && flushed.is_some_and(is_rejection)
    })
    .await;
}

#[tokio::test]
async fn build_rejects_invalid_settings() {
    let server = server();
    let builder = || NatsEventSink::builder().options(options(&server));
    let wrong = [
        NatsEventSink::builder(),
        builder().prefix("a b"),
        builder().prefix("a.>"),
        builder().barrier_subject("*"),
        builder().barrier_subject("agent.driver.escalate"),
        NatsEventSink::builder().options(options(&server).inbox_prefix("a b")),
        NatsEventSink::builder().options(options(&server).queue_capacity(0)),
    ];
    for builder in wrong {
        let shown = format!("{builder:?}");
        let error = builder.build().await.expect_err(&shown);
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    }
}
