//! Members of a group that come, leave, and are killed.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource, Position};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::sync::watch;

use crate::support::{config, events, ids, ids_of, in_time, next, nothing_comes, tenant};

/// Kafka's default for `session.timeout.ms` is 45 seconds; the broker takes six at least.
fn member(mut config: ClientConfig, prefix: &str) -> KafkaEventSourceBuilder {
    config
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500");
    KafkaEventSource::builder(config).prefix(prefix).group(prefix)
}

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
    let mut source = member(config, &env::var(PREFIX).unwrap()).build().await.unwrap();
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
    let mut source = in_time(member(config(), &prefix).build()).await.unwrap();
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
    let mut source = in_time(member(config(), &prefix).build()).await.unwrap();
    assert_eq!(ids(&mut source, 7).await, sent[3..]);
    assert!(began.elapsed() < Duration::from_millis(5_500), "{:?}", began.elapsed());
}

/// What each partition was answered up to, by which member.
type Answered = Arc<Mutex<HashMap<(i32, u64), usize>>>;

async fn work(mut source: KafkaEventSource, answered: Answered, mut leaves: watch::Receiver<bool>) {
    let mut last: HashMap<i32, u64> = HashMap::new();
    loop {
        let delivery = tokio::select! {
            delivery = source.next() => delivery,
            _ = leaves.wait_for(|leaves| *leaves) => break,
        };
        // Outages are none here, and what else is told passes.
        let Ok(delivery) = delivery.unwrap() else { continue };
        let (partition, offset) = match *delivery.position() {
            Position::Partition { partition, offset, .. } => (partition, offset),
            _ => unreachable!("Kafka has partitions"),
        };
        // Within a member's reading offsets rise; it begins anew at what was committed, so no offset is left out.
        if let Some(last) = last.insert(partition, offset) {
            let answered = answered.lock().unwrap();
            for between in last + 1..offset {
                assert!(
                    answered.contains_key(&(partition, between)),
                    "{partition}: {last} to {offset}"
                );
            }
        }
        if delivery.ack().await.is_ok() {
            *answered.lock().unwrap().entry((partition, offset)).or_default() += 1;
        }
    }
    in_time(source.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_under_load_leave_nothing_out() {
    let prefix = tenant(6).await;
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let answered = Answered::default();
    let join = async || {
        let source = in_time(member(config(), &prefix).build()).await.unwrap();
        let (leave, leaves) = watch::channel(false);
        (leave, tokio::spawn(work(source, Arc::clone(&answered), leaves)))
    };
    let mut members = vec![join().await];
    let mut stored = Vec::new();
    for round in 0..6 {
        for _ in 0..20 {
            let goals = (0..50).flat_map(|_| events(GoalId::new(), 1)).collect();
            for answer in in_time(sink.send_batch(goals)).await {
                let driver_events_core::Receipt::Stored(found) = answer.unwrap() else {
                    panic!("not stored");
                };
                stored.push((found.partition.unwrap(), found.offset));
            }
        }
        if round % 3 == 2 {
            let (leave, member) = members.remove(0);
            leave.send(true).unwrap();
            in_time(member).await.unwrap();
        } else {
            members.push(join().await);
        }
    }
    driver_events_harness::wait_until("every record was answered", crate::support::PATIENCE, async || {
        let answered = answered.lock().unwrap();
        stored.iter().all(|place| answered.contains_key(place))
    })
    .await;
    for (leave, member) in members {
        leave.send(true).unwrap();
        in_time(member).await.unwrap();
    }
    // All that was answered is committed, and nothing that was not.
    let mut rest = in_time(member(config(), &prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}
