//! Members in child processes: one is killed, one closes and exits.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use crate::support::{config, create_tenant, events, ids_of, in_time, next_delivery, read_ids};

/// A member with this session timeout in milliseconds, of which the broker accepts at least 6000.
fn member(mut config: ClientConfig, prefix: &str, session: &str) -> KafkaEventSourceBuilder {
    config
        .set("session.timeout.ms", session)
        .set("heartbeat.interval.ms", "500");
    KafkaEventSource::builder(config).prefix(prefix).group(prefix)
}

const SHORT_SESSION: &str = "6000";
const LONG_SESSION: &str = "45000";

const SERVERS: &str = "MEMBER_SERVERS";
const PREFIX: &str = "MEMBER_PREFIX";
const CLOSES: &str = "MEMBER_CLOSES";

/// The child process of the tests below: reads five events and acks the first three. Then it closes, reports that it is
/// ready and exits, or reports that it is ready and waits to be killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "child process of other tests"]
async fn member_process() {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", env::var(SERVERS).unwrap());
    let session = if env::var(CLOSES).is_ok() {
        LONG_SESSION
    } else {
        SHORT_SESSION
    };
    let member = member(config, &env::var(PREFIX).unwrap(), session);
    let mut source = member.build().await.unwrap();
    let mut unsettled = Vec::new();
    for number in 0..5 {
        let delivery = next_delivery(&mut source).await;
        match number {
            0..3 => delivery.ack().await.unwrap(),
            _ => unsettled.push(delivery),
        }
    }
    if env::var(CLOSES).is_ok() {
        source.close().await.unwrap();
        report_ready();
        std::process::exit(0);
    }
    report_ready();
    // Keeps polling, so that the acked deliveries are committed.
    poll_until_killed(&mut source).await;
}

fn report_ready() {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nready").unwrap();
    stdout.flush().unwrap();
}

async fn poll_until_killed(source: &mut KafkaEventSource) {
    while let Some(delivery) = source.next().await {
        drop(delivery);
    }
}

fn run_member(prefix: &str, closes: bool) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "member_processes::member_process",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(SERVERS, config().get("bootstrap.servers").unwrap())
        .env(PREFIX, prefix)
        .stdout(Stdio::piped());
    if closes {
        command.env(CLOSES, "");
    }
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
    child
}

async fn produce(prefix: &str, count: usize) -> Vec<String> {
    let sink = KafkaEventSink::builder(config()).prefix(prefix).build().unwrap();
    let envelopes = events(GoalId::new(), count);
    for result in in_time(sink.send_batch(envelopes.clone())).await {
        result.unwrap();
    }
    ids_of(&envelopes)
}

#[tokio::test(flavor = "multi_thread")]
async fn unsettled_events_of_killed_process_are_redelivered() {
    let prefix = create_tenant(1).await;
    let sent = produce(&prefix, 10).await;
    let mut child = tokio::task::block_in_place(|| run_member(&prefix, false));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut source = in_time(member(config(), &prefix, SHORT_SESSION).build()).await.unwrap();
    let mut redelivered = Vec::new();
    while redelivered.last() != sent.last() {
        redelivered.extend(read_ids(&mut source, 1).await);
    }
    // The acks of the first three may not have been committed yet.
    let committed = sent.len() - redelivered.len();
    assert!(committed <= 3, "{committed} events committed, 3 acked");
    assert_eq!(redelivered, sent[committed..]);
}

/// A process that exits before it has left the group would keep its partitions for the session timeout.
#[tokio::test(flavor = "multi_thread")]
async fn close_commits_and_leaves_before_process_exit() {
    let prefix = create_tenant(1).await;
    let sent = produce(&prefix, 10).await;
    tokio::task::block_in_place(|| run_member(&prefix, true).wait()).unwrap();
    let began = Instant::now();
    let mut source = in_time(member(config(), &prefix, SHORT_SESSION).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 7).await, sent[3..]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
