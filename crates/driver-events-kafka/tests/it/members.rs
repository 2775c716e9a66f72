//! Members of a group that are processes of their own: one that is killed, and one that closes and exits.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use crate::support::{config, events, ids, ids_of, in_time, next, tenant};

/// A member that is missed after so many milliseconds: the broker takes six seconds at least.
fn member(mut config: ClientConfig, prefix: &str, session: &str) -> KafkaEventSourceBuilder {
    config
        .set("session.timeout.ms", session)
        .set("heartbeat.interval.ms", "500");
    KafkaEventSource::builder(config).prefix(prefix).group(prefix)
}

const SHORT: &str = "6000";
const LONG: &str = "45000";

const SERVERS: &str = "MEMBER_SERVERS";
const PREFIX: &str = "MEMBER_PREFIX";
const CLOSES: &str = "MEMBER_CLOSES";

/// A process of its own, for the tests below: reads five events and answers the first three. Then it says so and closes,
/// or says so and waits for its end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a process by other tests"]
async fn a_process_that_reads() {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", env::var(SERVERS).unwrap());
    let session = if env::var(CLOSES).is_ok() { LONG } else { SHORT };
    let member = member(config, &env::var(PREFIX).unwrap(), session);
    let mut source = member.build().await.unwrap();
    let mut open = Vec::new();
    for number in 0..5 {
        let delivery = next(&mut source).await;
        match number {
            0..3 => delivery.ack().await.unwrap(),
            _ => open.push(delivery),
        }
    }
    if env::var(CLOSES).is_ok() {
        source.close().await.unwrap();
        say_ready();
        std::process::exit(0);
    }
    say_ready();
    // What was answered is committed meanwhile; what was not is worked on.
    nothing_more(&mut source).await;
}

fn say_ready() {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nready").unwrap();
    stdout.flush().unwrap();
}

async fn nothing_more(source: &mut KafkaEventSource) {
    while let Some(delivery) = source.next().await {
        drop(delivery);
    }
}

fn run_member(prefix: &str, closes: bool) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["members::a_process_that_reads", "--exact", "--ignored", "--nocapture"])
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
    for answer in in_time(sink.send_batch(envelopes.clone())).await {
        answer.unwrap();
    }
    ids_of(&envelopes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_had_not_answered_when_it_was_killed_comes_again() {
    let prefix = tenant(1).await;
    let sent = produce(&prefix, 10).await;
    let mut child = tokio::task::block_in_place(|| run_member(&prefix, false));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut source = in_time(member(config(), &prefix, SHORT).build()).await.unwrap();
    let mut again = Vec::new();
    while again.last() != sent.last() {
        again.extend(ids(&mut source, 1).await);
    }
    // The first three may come again: they are committed every second.
    let begin = sent.len() - again.len();
    assert!(begin <= 3, "{begin} were lost");
    assert_eq!(again, sent[begin..]);
}

/// Leaving goes on in the background where close does not wait for it, and ends with the process: then the partitions
/// have no reader for the session's time.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_closes_its_source_and_exits_has_left_the_group_and_committed() {
    let prefix = tenant(1).await;
    let sent = produce(&prefix, 10).await;
    tokio::task::block_in_place(|| run_member(&prefix, true).wait()).unwrap();
    let began = Instant::now();
    let mut source = in_time(member(config(), &prefix, SHORT).build()).await.unwrap();
    assert_eq!(ids(&mut source, 7).await, sent[3..]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
