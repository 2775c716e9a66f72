//! NATS targets and sources on a real server.

use std::time::{Duration, SystemTime};

use async_nats::jetstream;
use driver_events::chrono::{DateTime, Utc};
use driver_events_harness::{Direction, NatsConfig, NatsServer, Proxy, wait_until};
use futures_util::StreamExt;

use crate::support::{GOAL_RUN, Running, TEST_TIMEOUT, by_goal, fixture, run, run_with, sequenced};

/// Returns a line with an event.
fn escalate(reason: &str) -> String {
    crate::support::escalate(reason) + "\n"
}

fn server() -> NatsServer {
    NatsServer::start(NatsConfig::new().jetstream()).unwrap()
}

fn core(server: &NatsServer) -> String {
    format!("nats://{}", server.client_address())
}

fn stream(server: &NatsServer) -> String {
    format!("jetstream://{}/DRIVER", server.client_address())
}

async fn stored(server: &NatsServer) -> u64 {
    let client = async_nats::connect(server.client_url()).await.unwrap();
    match jetstream::new(client).get_stream("DRIVER").await {
        Ok(stream) => stream.get_info().await.unwrap().state.messages,
        Err(_) => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_stores_published_events_once() {
    let server = server();
    let url = stream(&server);
    for (name, count) in [("goal-run.ndjson", 44), ("upstream-events.ndjson", 157)] {
        let url = format!("{url}?prefix=t{count}").replace("/DRIVER", &format!("/D{count}"));
        let path = fixture(name);
        let publish = ["publish", path.to_str().unwrap(), "--to", &url, "--create-stream"];
        for known in [String::new(), format!(", {count} already stored")] {
            let ended = run(publish);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            assert_eq!(ended.stderr, format!("{count} events delivered to {url}{known}\n"));
        }
        let number = count.to_string();
        let tail = ["tail", "--from", &url, "--count", &number, "--format", "json"];
        let ended = run(tail);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let published = std::fs::read_to_string(&path).unwrap();
        assert!(by_goal(ended.stdout()) == by_goal(&published), "{name}");
        let client = async_nats::connect(server.client_url()).await.unwrap();
        let stream = jetstream::new(client).get_stream(format!("D{count}")).await.unwrap();
        let info = stream.get_info().await.unwrap();
        assert_eq!(info.state.messages, count, "the second run must store nothing");
        assert_eq!(info.config.num_replicas, 1);
        assert!(
            info.config.duplicate_window > Duration::from_secs(300),
            "the window must exceed the retry timeout"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriber_receives_events_with_headers() {
    let server = server();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    let mut subscriber = client.subscribe("agent.driver.>").await.unwrap();
    client.flush().await.unwrap();
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &core(&server)]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for line in GOAL_RUN.lines() {
        let message = tokio::time::timeout(TEST_TIMEOUT, subscriber.next())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(message.payload, line);
        let headers = message.headers.unwrap();
        assert_eq!(headers.get("ce-type").unwrap().as_str(), message.subject.as_str());
        assert_eq!(headers.get("ce-id"), headers.get("Nats-Msg-Id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_prints_new_events() {
    let server = server();
    let tail = Running::start(["tail", "--from", &core(&server), "--count", "44", "--format", "json"]);
    let client = async_nats::connect(server.client_url()).await.unwrap();
    wait_until("the reader has subscribed", TEST_TIMEOUT, async || {
        let connections = server.monitoring("/subsz?subs=1").unwrap();
        connections.to_string().contains("agent.driver.>")
    })
    .await;
    drop(client);
    assert_eq!(
        run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &core(&server)]).code,
        0
    );
    let ended = tail.wait();
    assert_eq!((ended.code, ended.stdout()), (0, GOAL_RUN));
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_survives_a_server_restart() {
    let mut server = server();
    let url = stream(&server);
    let mut publish = Running::start(["publish", "--to", &url, "--create-stream"]);
    let lines: Vec<String> = (0..600).map(|number| escalate(&number.to_string())).collect();
    for (round, lines) in lines.chunks(200).enumerate() {
        publish.write(&lines[..100].concat());
        wait_until("an event is stored", TEST_TIMEOUT, async || {
            stored(&server).await > round as u64 * 200
        })
        .await;
        server.kill().unwrap();
        publish.write(&lines[100..].concat());
        server.restart().unwrap();
        wait_until("all events are stored", TEST_TIMEOUT, async || {
            stored(&server).await >= (round as u64 + 1) * 200
        })
        .await;
    }
    publish.close_stdin();
    let ended = publish.wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("600 events delivered"), "{}", ended.stderr);
    assert_eq!(stored(&server).await, 600);
    let ended = run(["tail", "--from", &url, "--count", "600", "--format", "json"]);
    assert!(
        ended.stdout() == lines.concat(),
        "each event must be stored once and in order"
    );
}

/// Core NATS loses messages in flight on a disconnect, and the sink does not retain them.
#[tokio::test(flavor = "multi_thread")]
async fn publish_resends_events_lost_by_a_disconnect() {
    let server = server();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    let mut subscriber = client.subscribe("agent.driver.>").await.unwrap();
    client.flush().await.unwrap();
    let link = Proxy::start(server.client_address()).unwrap();
    let mut publish = Running::start(["publish", "--to", &format!("nats://{}", link.address())]);
    publish.write(&escalate("first"));
    let mut next = async || {
        let message = tokio::time::timeout(TEST_TIMEOUT, subscriber.next()).await.unwrap();
        String::from_utf8(message.unwrap().payload.to_vec()).unwrap() + "\n"
    };
    assert_eq!(next().await, escalate("first"));
    wait_until("the first event is flushed", TEST_TIMEOUT, async || {
        let connections = server.monitoring("/connz").unwrap();
        let mut connections = connections["connections"].as_array().unwrap().iter();
        connections.any(|connection| connection["name"] == "driver-events" && connection["in_msgs"] == 2)
    })
    .await;

    link.half_open(Direction::ToServer);
    let lines: Vec<String> = (0..100).map(|number| escalate(&number.to_string())).collect();
    publish.write(&lines.concat());
    // The flush cannot complete, as no data reaches the server.
    let warning = publish.stderr_line();
    assert!(warning.ends_with("; retrying for 5m"), "{warning}");
    link.heal();
    for line in &lines {
        assert_eq!(next().await, *line);
    }
    publish.close_stdin();
    let ended = publish.wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("101 events delivered to "), "{}", ended.stderr);
}

/// Each event is printed once, not in order: the server redelivers released messages after others.
#[tokio::test(flavor = "multi_thread")]
async fn durable_consumer_continues_after_printed_events() {
    let server = server();
    let url = stream(&server);
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url, "--create-stream"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut printed = Vec::new();
    for count in ["10", "20", "14"] {
        let ended = run([
            "tail",
            "--from",
            &url,
            "--durable",
            "audit",
            "--count",
            count,
            "--format",
            "json",
        ]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        printed.extend(ended.stdout().lines().map(String::from));
    }
    let mut expected: Vec<&str> = GOAL_RUN.lines().collect();
    printed.sort();
    expected.sort();
    assert_eq!(printed, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_acks_printed_events() {
    let server = server();
    let url = stream(&server);
    let ended = run_with(
        escalate("first").as_bytes(),
        ["publish", "--to", &url, "--create-stream"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let tail = ["tail", "--from", &url, "--durable", "audit", "--format", "json"];
    for (reason, signal) in [("first", "-INT"), ("second", "-TERM")] {
        let tail = Running::start(tail);
        assert_eq!(tail.stdout_line() + "\n", escalate(reason));
        tail.signal(signal);
        let ended = tail.wait();
        assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, "", ""));
        let ended = run_with(escalate("second").as_bytes(), ["publish", "--to", &url]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_publish_during_an_outage() {
    for path in ["", "/DRIVER"] {
        let mut server = server();
        let url = if path.is_empty() {
            core(&server)
        } else {
            stream(&server)
        };
        let mut arguments = vec!["publish", "--to", &url];
        arguments.extend((!path.is_empty()).then_some("--create-stream"));
        let mut publish = Running::start(arguments);
        publish.write(&escalate("first"));
        wait_until("the server has the first event", TEST_TIMEOUT, async || match path {
            "" => server.monitoring("/connz").unwrap()["connections"][0]["in_msgs"].as_u64() >= Some(1),
            _ => stored(&server).await == 1,
        })
        .await;
        server.kill().unwrap();
        publish.write(&escalate("second"));
        let warning = publish.stderr_line();
        assert!(warning.starts_with(&format!("warning: {url}: ")), "{warning}");
        publish.signal("-INT");
        let ended = publish.wait();
        assert_eq!(ended.code, 130, "{}", ended.stderr);
        assert!(ended.stderr.contains("\nstopped "), "{}", ended.stderr);
        assert!(ended.stderr.ends_with(" unconfirmed\n"), "{}", ended.stderr);
    }
}

/// CloudEvents makes the pair of source and id unique, and a prefix is a tenant.
#[tokio::test(flavor = "multi_thread")]
async fn equal_ids_of_two_sources_and_prefixes_are_stored() {
    let server = server();
    let config = jetstream::stream::Config {
        name: "DRIVER".into(),
        subjects: ["", "tenant-1.", "tenant-2."]
            .map(|prefix| format!("{prefix}agent.driver.>"))
            .into(),
        ..Default::default()
    };
    let client = async_nats::connect(server.client_url()).await.unwrap();
    jetstream::new(client).create_stream(config).await.unwrap();
    let url = stream(&server);
    let lines = [sequenced("1", 1), sequenced("2", 2)].join("\n");
    let other = lines.replace("urn:test", "urn:other");
    for (lines, more) in [
        (&lines, ""),
        (&other, ""),
        (&lines, "?prefix=tenant-1"),
        (&lines, "?prefix=tenant-2"),
    ] {
        for already_stored in ["", ", 2 already stored"] {
            let url = format!("{url}{more}");
            let ended = run_with(lines.as_bytes(), ["publish", "--to", &url]);
            let summary = format!("2 events delivered to {url}{already_stored}\n");
            assert_eq!((ended.code, ended.stderr), (0, summary));
        }
    }
    assert_eq!(stored(&server).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_applies_start_position_and_filter() {
    let server = server();
    let url = stream(&server);
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url, "--create-stream"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let since = run([
        "tail", "--from", &url, "--since", "1h", "--count", "1", "--format", "json",
    ]);
    assert_eq!(since.stdout().lines().next(), GOAL_RUN.lines().next());
    let kind = run([
        "tail", "--from", &url, "--kind", "decision", "--count", "1", "--format", "json",
    ]);
    assert!(kind.stdout().contains("\"kind\":\"decision\""));
    let new = Running::start([
        "tail",
        "--from",
        &format!("{url}?offset=latest"),
        "--count",
        "1",
        "--format",
        "json",
    ]);
    wait_until("the reader has its consumer", TEST_TIMEOUT, async || {
        let consumers = server.monitoring("/jsz?consumers=1").unwrap();
        consumers["consumers"].as_u64() == Some(1)
    })
    .await;
    let between = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339();
    let line = escalate("new");
    assert_eq!(run_with(line.as_bytes(), ["publish", "--to", &url]).code, 0);
    assert_eq!(new.wait().stdout(), line);
    let since = [
        "tail", "--from", &url, "--since", &between, "--count", "1", "--format", "json",
    ];
    assert_eq!(run(since).stdout(), line);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_message_is_reported_and_skipped() {
    let server = server();
    let url = stream(&server);
    assert_eq!(
        run_with(
            escalate("first").as_bytes(),
            ["publish", "--to", &url, "--create-stream"]
        )
        .code,
        0
    );
    let client = async_nats::connect(server.client_url()).await.unwrap();
    let context = jetstream::new(client);
    let published = context.publish("agent.driver.escalate", "{\"kind\":1}".into()).await;
    published.unwrap().await.unwrap();
    assert_eq!(
        run_with(escalate("third").as_bytes(), ["publish", "--to", &url]).code,
        0
    );
    let ended = run(["tail", "--from", &url, "--count", "2", "--format", "json"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.stdout(), escalate("first") + &escalate("third"));
    assert!(ended.stderr.starts_with("DRIVER#2:"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_server_is_reported() {
    let ended = run(["publish", "--to", "nats://127.0.0.1:1"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let prefix = "error: cannot open `nats://127.0.0.1:1`: ";
    assert!(ended.stderr.starts_with(prefix), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("Connection refused").count(),
        1,
        "{}",
        ended.stderr
    );
}
