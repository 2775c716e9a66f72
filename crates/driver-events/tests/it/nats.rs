//! NATS and JetStream, against a real server.

use std::time::Duration;

use driver_events::nats::async_nats::jetstream::{self, stream::Config};
use driver_events::{
    DriverEvent, DriverEventSink, DriverEventSinkExt, DriverEventSource, Envelope, EventId, FanOut, GoalId, Options,
    SetupErrorKind, open_sink, open_source,
};
use driver_events_harness::{NatsConfig, NatsServer};

use crate::support::{Handled, assert_driver_loop, in_time, read};
use crate::{driver_loop, from_config};

fn server() -> NatsServer {
    NatsServer::start(NatsConfig::new().jetstream()).expect("cannot start nats-server")
}

fn stream_url(server: &NatsServer) -> String {
    format!("jetstream://{}/DRIVER", server.client_address())
}

fn escalation(reason: &str) -> DriverEvent {
    let reason = reason.to_owned();
    DriverEvent::Escalate {
        goal_id: GoalId::new(),
        reason,
    }
}

#[tokio::test]
async fn driver_loop_reaches_stream_and_file() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file:{}", folder.path().join("run.ndjson").display());
    driver_loop::run(&stream_url(&server), &file).await.unwrap();
    for url in [stream_url(&server), file] {
        let handled = Handled::default();
        read(&url, &Options::default(), &handled, 18).await;
        assert_driver_loop(&handled.lock().unwrap());
    }
}

/// The events that a stream missed during an outage are published from the file beside it, any number of times.
#[tokio::test]
async fn stream_is_completed_from_the_file() {
    let mut server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file:{}", folder.path().join("run.ndjson").display());
    let mut options = Options::default();
    options.create_stream = true;
    let stream = open_sink(&stream_url(&server), &options).await.unwrap().sink;
    let lines = open_sink(&file, &options).await.unwrap().sink;
    let sink = FanOut::new(vec![stream.clone(), lines])
        .stamped("urn:example:driver")
        .unwrap();
    let envelope = |number: u32| {
        let envelope = Envelope::new(escalation(&number.to_string()));
        // Unique with its source only.
        envelope.with_id(EventId::new(number.to_string()).unwrap())
    };
    sink.send(envelope(1)).await.unwrap();
    stream.close().await.unwrap();
    for number in 2..=4 {
        sink.send(envelope(number)).await.unwrap_err();
    }
    sink.flush().await.unwrap();
    server.kill().unwrap();
    server.restart().unwrap();

    for _ in 0..3 {
        let stream = open_sink(&stream_url(&server), &options).await.unwrap().sink;
        let mut source = open_source(&file, &Options::default()).await.unwrap().source;
        while let Some(delivery) = source.next().await {
            stream.send(delivery.unwrap().into_envelope().unwrap()).await.unwrap();
        }
        stream.close().await.unwrap();
    }
    let handled = Handled::default();
    read(&stream_url(&server), &Options::default(), &handled, 4).await;
    let handled = handled.lock().unwrap();
    let seen: Vec<_> = handled
        .iter()
        .map(|event| (event.id().as_str(), event.stamp().unwrap().sequence))
        .collect();
    assert_eq!(seen, [("1", 1), ("2", 1), ("3", 1), ("4", 1)]);
    let state = server.monitoring("/jsz?streams=1").unwrap();
    assert_eq!(state["messages"].as_u64(), Some(4), "{state}");
}

/// The reader waits for the server to start, and goes on after it was killed. A second reader continues after the first.
#[tokio::test]
async fn reader_survives_a_killed_server() {
    let mut server = server();
    let url = stream_url(&server);
    let mut options = Options::default();
    options.create_stream = true;
    let sink = open_sink(&url, &options).await.unwrap().sink;
    let mut reading = Options::default();
    reading.durable = Some("audit".to_owned());
    let handled = Handled::default();
    let publish = async {
        sink.publish(escalation("before")).await.unwrap();
        server.kill().unwrap();
        server.restart().unwrap();
        sink.publish(escalation("after")).await.unwrap();
    };
    tokio::join!(read(&url, &reading, &handled, 2), in_time(publish));
    sink.publish(escalation("later")).await.unwrap();
    read(&url, &reading, &handled, 3).await;
    let reasons: Vec<_> = handled.lock().unwrap().iter().map(reason).collect();
    assert_eq!(reasons, ["before", "after", "later"]);
    sink.close().await.unwrap();
}

fn reason(envelope: &Envelope) -> String {
    match envelope.event() {
        Some(DriverEvent::Escalate { reason, .. }) => reason.clone(),
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn configuration_opens_and_creates_a_stream() {
    let server = server();
    let url = stream_url(&server);
    let config = format!("sink = \"{url}\"\n[options]\ncreate-stream = true\nduplicate-window = \"10min\"\n");
    from_config::run(&config).await.unwrap();
    let opened = open_sink(&url, &Options::default()).await.unwrap();
    assert!(opened.retains_unflushed);
    // The window, less the sink's own retries.
    assert_eq!(opened.longest_outage.as_secs(), 600 - 3 * 30);
    assert_eq!((opened.possible_duplicates(), opened.warnings.len()), (0, 0));
    opened.sink.close().await.unwrap();
}

/// The window of a stream that is created fits the retries.
#[tokio::test]
async fn long_timeout_creates_a_stream_that_fits() {
    let server = server();
    let mut options = Options::default();
    (options.create_stream, options.timeout) = (true, Some(Duration::from_secs(300)));
    options.duplicate_window = options.timeout;
    let error = open_sink(&stream_url(&server), &options).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("option `duplicate-window` must be longer than `timeout`"),
        "{error}"
    );
    options.duplicate_window = None;
    let opened = open_sink(&stream_url(&server), &options).await.unwrap();
    assert_eq!(opened.longest_outage.as_secs(), 300);
    opened.sink.close().await.unwrap();
}

#[tokio::test]
async fn timeout_out_of_range_is_refused() {
    let server = server();
    let core = format!("nats://{}", server.client_address());
    for check_later in [false, true] {
        for timeout in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
            let mut options = Options::default();
            (options.check_later, options.timeout) = (check_later, Some(timeout));
            for url in [&core, &stream_url(&server)] {
                let error = open_sink(url, &options).await.unwrap_err();
                assert_eq!(error.kind(), SetupErrorKind::Invalid, "{url} {timeout:?}: {error}");
                assert!(error.to_string().contains("timeout"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn missing_stream_and_server_are_told_apart() {
    let mut server = server();
    let url = stream_url(&server);
    let error = open_sink(&url, &Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);
    assert!(
        error
            .to_string()
            .contains("or create it with the option `create-stream`"),
        "{error}"
    );
    server.kill().unwrap();
    let error = open_source(&url, &Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable);
}

#[tokio::test]
async fn sinks_open_while_the_server_is_down() {
    let mut server = server();
    let mut options = Options::default();
    options.create_stream = true;
    in_time(open_sink(&stream_url(&server), &options))
        .await
        .unwrap()
        .sink
        .close()
        .await
        .unwrap();
    server.kill().unwrap();
    let mut later = Options::default();
    later.check_later = true;
    let stream = in_time(open_sink(&stream_url(&server), &later)).await.unwrap();
    let core = in_time(open_sink(&server.client_url(), &later)).await.unwrap();
    assert!(stream.longest_outage.is_zero() && !core.retains_unflushed);
    let send = async { tokio::join!(stream.sink.publish(escalation("a")), core.sink.publish(escalation("b"))) };
    let restart = async { server.restart().unwrap() };
    let ((stored, queued), ()) = in_time(async { tokio::join!(send, restart) }).await;
    stored.unwrap();
    queued.unwrap();
    stream.sink.close().await.unwrap();
    core.sink.close().await.unwrap();
}

#[tokio::test]
async fn warnings_of_the_stream_are_returned() {
    let server = server();
    let client = driver_events::nats::async_nats::connect(server.client_url())
        .await
        .unwrap();
    let config = Config {
        name: "DRIVER".into(),
        subjects: vec!["agent.driver.>".into()],
        max_age: Duration::from_secs(3_600),
        ..Default::default()
    };
    jetstream::new(client).create_stream(config).await.unwrap();
    let opened = open_sink(&stream_url(&server), &Options::default()).await.unwrap();
    assert_eq!(opened.warnings.len(), 1, "{:?}", opened.warnings);
    opened.sink.close().await.unwrap();
}
