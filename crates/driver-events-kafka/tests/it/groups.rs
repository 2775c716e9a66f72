//! Members join and leave a group under load.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use driver_events_core::{DriverEventSink, DriverEventSource, Position};
use driver_events_harness::wait_until;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use crate::support::{TEST_TIMEOUT, config, create_tenant, events, expect_all_committed, ids_of, in_time};

const GOALS: usize = 20;
const ROUNDS: usize = 40;

/// A member that reads and acks until it leaves.
struct Reader {
    leave: oneshot::Sender<bool>,
    task: JoinHandle<()>,
}

impl Reader {
    async fn join(prefix: &str, seen: &Arc<Mutex<Vec<String>>>) -> Self {
        let builder = KafkaEventSource::builder(config()).prefix(prefix).group(prefix);
        let mut source = in_time(builder.build()).await.unwrap();
        let (leave, mut leaving) = oneshot::channel();
        let seen = Arc::clone(seen);
        let task = tokio::spawn(async move {
            // The last acked offset of each partition.
            let mut last: HashMap<i32, u64> = HashMap::new();
            loop {
                let delivery = tokio::select! {
                    delivery = source.next() => delivery.unwrap().unwrap(),
                    closes = &mut leaving => {
                        if closes.unwrap() {
                            in_time(source.close()).await.unwrap();
                        }
                        return;
                    }
                };
                let (partition, offset) = match *delivery.position() {
                    Position::Partition { partition, offset, .. } => (partition, offset),
                    _ => unreachable!("Kafka has partitions"),
                };
                let id = delivery.envelope().unwrap().id().to_string();
                // An ack after a rebalance is stale, and the record is redelivered.
                if delivery.ack().await.is_ok() {
                    let before = last.insert(partition, offset);
                    assert!(before.is_none_or(|before| before < offset), "{before:?}, then {offset}");
                    seen.lock().await.push(id);
                }
            }
        });
        Self { leave, task }
    }

    async fn leave(self, closes: bool) {
        self.leave.send(closes).unwrap();
        in_time(self.task).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_join_and_leave_under_load_and_none_is_missed() {
    let prefix = create_tenant(6).await;
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let goals: Vec<_> = (0..GOALS).map(|_| GoalId::new()).collect();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let mut readers = vec![Reader::join(&prefix, &seen).await];
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        let batch: Vec<_> = goals.iter().flat_map(|goal| events(*goal, 5)).collect();
        for result in in_time(sink.send_batch(batch.clone())).await {
            result.unwrap();
        }
        sent.extend(ids_of(&batch));
        match round % 8 {
            1 | 3 => readers.push(Reader::join(&prefix, &seen).await),
            5 => readers.remove(0).leave(true).await,
            7 => readers.remove(0).leave(false).await,
            _ => {}
        }
    }
    wait_until("every event is read", TEST_TIMEOUT, async || {
        let seen = seen.lock().await;
        let seen: HashSet<_> = seen.iter().collect();
        sent.iter().all(|id| seen.contains(id))
    })
    .await;
    for reader in readers {
        reader.leave(true).await;
    }
    expect_all_committed(&prefix).await;
}
