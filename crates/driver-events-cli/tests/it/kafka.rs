//! Kafka targets and sources on a real broker.

use std::collections::HashSet;
use std::time::SystemTime;

use driver_events::chrono::{DateTime, Utc};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, KafkaRawRecord, wait_until};
use serde_json::Value;

use crate::kafka_broker::{address, broker, fresh, stored};
use crate::support::{GOAL_RUN, Running, TEST_TIMEOUT, by_goal, fixture, run, run_with};

/// Returns a line with an event.
fn escalate(reason: &str) -> String {
    crate::support::escalate(reason) + "\n"
}

fn publish(lines: &str, url: &str) {
    let ended = run_with(lines.as_bytes(), ["publish", "--to", url, "--create-topic"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Reads `count` events and checks that nothing else is reported.
fn read(url: &str, count: usize, options: &[&str]) -> String {
    let count = count.to_string();
    let tail = ["tail", "--from", url, "--count", &count, "--format", "json"];
    let ended = run(tail.iter().chain(options));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{options:?}");
    ended.stdout().to_owned()
}

#[test]
fn published_events_are_read_in_order_of_each_goal() {
    for (name, count) in [("goal-run.ndjson", 44), ("upstream-events.ndjson", 157)] {
        let (url, topic) = fresh();
        let url = format!("{url}&partitions=3");
        let path = fixture(name);
        let ended = run(["publish", path.to_str().unwrap(), "--to", &url, "--create-topic"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stderr, format!("{count} events delivered to {url}\n"));
        let url = url.replace("&partitions=3", "");
        let published = std::fs::read_to_string(&path).unwrap();
        assert!(by_goal(&read(&url, count, &[])) == by_goal(&published), "{name}");
        let stored: i64 = (0..3)
            .map(|partition| stored(broker(), &topic, partition).unwrap())
            .sum();
        assert_eq!(stored, count as i64);
    }
}

/// The session timeout exceeds the timeout of the test, so each member must leave its group.
#[test]
fn each_group_reads_each_event_once() {
    let (url, _) = fresh();
    publish(GOAL_RUN, &url);
    let group = |name, count| {
        let options = ["--group", name, "-X", "session.timeout.ms=300000"];
        read(&url, count, &options)
    };
    let read_first = group("audit", 10) + &group("audit", 34);
    assert_eq!(read_first, GOAL_RUN);
    assert_eq!(group("billing", 44), GOAL_RUN);
    publish(&escalate("new"), &url);
    assert_eq!(
        group("audit", 1),
        escalate("new"),
        "committed events must not be read again"
    );
}

/// The other member of the group uses another strategy.
#[test]
fn member_that_a_group_does_not_accept_is_warned_about_once() {
    let (url, _) = fresh();
    publish(&escalate("first"), &url);
    let tail = ["tail", "--from", &url, "--group", "g", "--format", "json"];
    let first = Running::start(tail);
    assert_eq!(first.stdout_line() + "\n", escalate("first"));
    let second = Running::start(tail.iter().chain(&["-X", "partition.assignment.strategy=range"]));
    let warning = second.stderr_line();
    assert!(
        warning.contains("use another `partition.assignment.strategy`"),
        "{warning}"
    );
    first.signal("-INT");
    first.wait();
    publish(&escalate("second"), &url);
    assert_eq!(second.stdout_line() + "\n", escalate("second"));
    second.signal("-INT");
    let ended = second.wait();
    assert_eq!(ended.stderr.matches("strategy").count(), 0, "{}", ended.stderr);
}

#[test]
fn session_timeout_outside_the_brokers_bounds_is_an_error() {
    let (url, _) = fresh();
    publish(&escalate("first"), &url);
    let ended = run([
        "tail",
        "--from",
        &url,
        "--group",
        "g",
        "-X",
        "session.timeout.ms=3600000",
        "-X",
        "max.poll.interval.ms=3600000",
    ]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("`session.timeout.ms` is outside"),
        "{}",
        ended.stderr
    );
}

#[test]
fn console_consumer_reads_values_keys_and_headers() {
    let (url, topic) = fresh();
    publish(GOAL_RUN, &url);
    let records = broker().read_with_console(&topic, 44).unwrap();
    let lines: HashSet<&str> = GOAL_RUN.lines().collect();
    let mut ids = HashSet::new();
    for record in &records {
        assert!(lines.contains(record.value.as_deref().unwrap()));
        let header = |name: &str| {
            let found = record.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(header("ce_subject"), record.key.as_deref());
        assert_eq!(header("content-type"), Some("application/json"));
        assert!(header("ce_type").unwrap().starts_with("agent.driver."));
        ids.insert(header("ce_id").unwrap());
    }
    assert_eq!(ids.len(), 44);
}

#[test]
fn bare_omits_headers() {
    let (url, topic) = fresh();
    publish(&escalate("bare"), &format!("{url}&bare&acks=leader"));
    let records = broker().read_with_console(&topic, 1).unwrap();
    assert_eq!(records[0].headers, []);
    assert_eq!(read(&url, 1, &[]), escalate("bare"));
}

#[test]
fn per_subject_topics_are_created_and_read() {
    let (url, topic) = fresh();
    let url = format!("{url}&per-subject");
    publish(GOAL_RUN, &url);
    let mut found: Vec<String> = read(&url, 44, &[]).lines().map(String::from).collect();
    let mut expected: Vec<&str> = GOAL_RUN.lines().collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let is_escalation = |line: &&str| line.starts_with("{\"kind\":\"escalate\"");
    let escalations = GOAL_RUN.lines().filter(is_escalation).count();
    assert_eq!(
        stored(broker(), &format!("{topic}.escalate"), 0),
        Some(escalations as i64)
    );
}

#[test]
fn existing_topic_is_checked_and_not_changed() {
    let (url, topic) = fresh();
    let settings = [("cleanup.policy", "compact"), ("retention.ms", "1000")];
    broker().admin().create_topic(&topic, 2, 1, &settings).unwrap();
    let asked = format!("{url}&partitions=3&retention=7d");
    let ended = run_with(
        escalate("one").as_bytes(),
        ["publish", "--to", &asked, "--create-topic"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for warning in [
        "partitions: 2 instead of 3",
        "retention.ms: `1000` instead of `604800000`",
        "cleanup.policy=compact deletes all but the last event of each goal",
    ] {
        let line = format!("warning: {asked}: {warning}\n");
        assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    }
    let partitions = broker().admin().partitions().unwrap();
    assert_eq!(
        partitions.iter().filter(|partition| partition.topic == topic).count(),
        2
    );
}

#[test]
fn tail_applies_start_position_and_filter() {
    let (url, _) = fresh();
    publish(GOAL_RUN, &url);
    let first = GOAL_RUN.lines().next().unwrap();
    assert_eq!(read(&url, 1, &["--since", "1h"]).trim_end(), first);
    let between = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339();
    publish(&escalate("new"), &url);
    assert_eq!(read(&url, 1, &["--since", &between]), escalate("new"));
    assert_eq!(
        read(&url, 1, &["--since", &between, "--group", "late"]),
        escalate("new")
    );
    let decision: Value = serde_json::from_str(&read(&url, 1, &["--kind", "decision"])).unwrap();
    assert_eq!(decision["kind"], "decision");
}

#[tokio::test(flavor = "multi_thread")]
async fn offset_latest_reads_new_events() {
    let (url, _) = fresh();
    publish(&escalate("old"), &url);
    let tail = Running::start(["tail", "--from", &format!("{url}&offset=latest"), "--format", "json"]);
    let mut published = 0;
    let mut shown = None;
    // The reader does not report when it has found the end of the topic.
    wait_until("an event is printed", TEST_TIMEOUT, async || {
        published += 1;
        publish(&escalate(&published.to_string()), &url);
        shown = tail.try_stdout_line();
        shown.is_some()
    })
    .await;
    let shown = shown.unwrap() + "\n";
    assert!(
        (1..=published).any(|number| escalate(&number.to_string()) == shown),
        "{shown}"
    );
    tail.signal("-INT");
    let ended = tail.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn signal_commits_printed_events() {
    let (url, _) = fresh();
    publish(&escalate("first"), &url);
    for (reason, signal) in [("first", "-INT"), ("second", "-TERM")] {
        let tail = Running::start(["tail", "--from", &url, "--group", "audit", "--format", "json"]);
        assert_eq!(tail.stdout_line() + "\n", escalate(reason));
        tail.signal(signal);
        let ended = tail.wait();
        assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, "", ""));
        publish(&escalate("second"), &url);
    }
}

#[test]
fn malformed_record_is_reported_and_dead_lettered() {
    let (url, topic) = fresh();
    let dead = format!("{topic}.dead");
    broker().admin().create_topic(&dead, 1, 1, &[]).unwrap();
    publish(&escalate("first"), &url);
    broker().write_with_console(&topic, &[("k", "{\"kind\":1}")]).unwrap();
    publish(&escalate("third"), &url);
    let tail = ["tail", "--from", &url, "--count", "2", "--format", "json"];
    let ended = run(tail.iter().chain(&["--group", "audit", "--dead-letters", "not-there"]));
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    assert!(
        ended.stderr.contains("topic `not-there` does not exist"),
        "{}",
        ended.stderr
    );
    let ended = run(tail.iter().chain(&["--group", "audit", "--dead-letters", &dead]));
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.stdout(), escalate("first") + &escalate("third"));
    assert!(ended.stderr.starts_with(&format!("{topic}[0]#1:")), "{}", ended.stderr);
    let records = broker().read_with_console(&dead, 1).unwrap();
    assert_eq!(records[0].value.as_deref(), Some("{\"kind\":1}"));
    let offset = ("dead-letter-offset".to_owned(), "1".to_owned());
    assert!(records[0].headers.contains(&offset), "{:?}", records[0].headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_publish_after_delivery() {
    let (url, topic) = fresh();
    let mut running = Running::start(["publish", "--to", &url, "--create-topic"]);
    running.write(&escalate("one").repeat(100));
    wait_until("an event is stored", TEST_TIMEOUT, async || {
        stored(broker(), &topic, 0) > Some(0)
    })
    .await;
    running.signal("-TERM");
    let ended = running.wait();
    assert_eq!(ended.code, 143, "{}", ended.stderr);
    let count = stored(broker(), &topic, 0).unwrap();
    let summary = format!("stopped after line {count} of -\n{count} events delivered to {url}\n");
    assert_eq!(ended.stderr, summary);
}

#[test]
fn missing_topic_is_reported() {
    let (url, topic) = fresh();
    for arguments in [["publish", "--to", &url], ["tail", "--from", &url]] {
        let ended = run(arguments);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let reason = format!("error: cannot open `{url}`: topic `{topic}` does not exist or is not visible");
        assert!(ended.stderr.starts_with(&reason), "{}", ended.stderr);
        let hint = ": correct its name, or create it with the option `create-topic` of a sink\n";
        assert!(ended.stderr.ends_with(hint), "{}", ended.stderr);
    }
    assert_eq!(stored(broker(), &topic, 0), None, "the topic must not be created");
}

#[test]
fn unreachable_broker_is_reported() {
    let ended = run(["publish", "--to", "kafka://127.0.0.1:1"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let reason = "error: cannot open `kafka://127.0.0.1:1`: cannot reach any broker";
    assert!(ended.stderr.starts_with(reason), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("Connection refused").count(),
        1,
        "{}",
        ended.stderr
    );
}

/// The broker refuses the batch in which the event is.
#[test]
fn event_in_the_future_is_rejected_alone() {
    let (url, topic) = fresh();
    let line = |number: u32, time: &str| {
        let goal_id = format!("00000000-0000-4000-8000-{number:012}");
        format!(
            r#"{{"specversion":"1.0","id":"id{number}","source":"urn:t","type":"agent.driver.escalate","time":"{time}","data":{{"kind":"escalate","goal_id":"{goal_id}","reason":"r"}}}}"#
        )
    };
    let mut lines: Vec<_> = (0..201).map(|number| line(number, "2026-01-01T00:00:00Z")).collect();
    lines[100] = line(100, "2030-01-01T00:00:00Z");
    let ended = run_with(lines.join("\n").as_bytes(), ["publish", "--to", &url, "--create-topic"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let summary = format!("200 events delivered to {url}, 1 line rejected\n");
    assert!(ended.stderr.ends_with(&summary), "{}", ended.stderr);
    assert!(ended.stderr.contains("-:101"), "{}", ended.stderr);
    assert_eq!(stored(broker(), &topic, 0), Some(200));
}

/// rdkafka panics on the name.
#[test]
fn header_name_that_is_not_utf8_is_ignored() {
    let (url, topic) = fresh();
    publish(&escalate("first"), &url);
    let record = KafkaRawRecord {
        value: Some(escalate("second").trim_end().into()),
        headers: vec![(b"X-Author\xe9".to_vec(), Some(b"x".to_vec()))],
        timestamp: -1,
        ..KafkaRawRecord::default()
    };
    broker().write_raw(&topic, 0, &[record]).unwrap();
    assert_eq!(
        read(&url, 2, &["--group", "audit"]),
        escalate("first") + &escalate("second")
    );
    assert_eq!(read(&url, 2, &[]), escalate("first") + &escalate("second"));
}

/// Retention does the same.
#[test]
fn records_deleted_before_they_were_read_are_reported() {
    let (url, topic) = fresh();
    publish(&escalate("1").repeat(20), &url);
    read(&url, 5, &["--group", "audit"]);
    broker().admin().delete_records(&topic, 0, 15).unwrap();
    let tail = ["tail", "--from", &url, "--group", "audit", "--format", "json"];
    let tail = Running::start(tail);
    let warning = tail.stderr_line();
    let missed = format!("warning: missed 10 records of `{topic}`, partition 0, offsets 5 to 14: ");
    assert!(warning.starts_with(&missed), "{warning}");
    for _ in 0..5 {
        tail.stdout_line();
    }
    tail.signal("-INT");
    tail.wait();
}

/// The bootstrap address works, but the broker advertises one that refuses connections.
#[tokio::test(flavor = "multi_thread")]
async fn unreachable_advertised_listener_is_named() {
    let broker = KafkaBroker::start(KafkaConfig::new().proxied()).unwrap();
    broker.admin().create_topic("agent.driver", 1, 1, &[]).unwrap();
    let advertised = address(&broker, KafkaListener::Proxied);
    broker.proxy().unwrap().refuse(true);
    let url = format!(
        "kafka://{}",
        broker.unadvertised_address(KafkaListener::Proxied).unwrap()
    );
    let ended = run_with(escalate("x").as_bytes(), ["publish", "--to", &url, "--timeout", "8s"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let error = ended.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(
        error.contains(&advertised) && error.contains("refused"),
        "{}",
        ended.stderr
    );
    let tail = Running::start(["tail", "--from", &url]);
    let warning = tail.stderr_line();
    assert!(
        warning.contains(&advertised) && warning.contains("refused"),
        "{warning}"
    );
    tail.signal("-INT");
    tail.wait();
}
