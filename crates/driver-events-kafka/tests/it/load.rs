//! Events without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::wait_until;
use driver_events_kafka::KafkaEventSink;
use driver_events_types::GoalId;
use tokio::task::JoinHandle;

use crate::support::{PATIENCE, events, in_time};

/// Some tasks that send batches of events, each of a goal of its own, until they are told to stop.
pub(crate) struct Load {
    tasks: Vec<JoinHandle<Vec<Envelope>>>,
    acknowledged: Arc<AtomicUsize>,
    has_enough: Arc<AtomicBool>,
}

impl Load {
    pub(crate) fn on(sink: &Arc<KafkaEventSink>, tasks: usize, batch: usize) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let has_enough = Arc::new(AtomicBool::new(false));
        let send = |_| {
            let (sink, acknowledged, has_enough) =
                (Arc::clone(sink), Arc::clone(&acknowledged), Arc::clone(&has_enough));
            tokio::spawn(async move {
                let goal = GoalId::new();
                let mut sent = Vec::new();
                while !has_enough.load(Ordering::Relaxed) {
                    let batch = events(goal, batch);
                    for answer in in_time(sink.send_batch(batch.clone())).await {
                        answer.unwrap();
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    sent.extend(batch);
                }
                sent
            })
        };
        Self {
            tasks: (0..tasks).map(send).collect(),
            acknowledged,
            has_enough,
        }
    }

    /// Waits until so many more are acknowledged.
    pub(crate) async fn go_on(&self, count: usize) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        wait_until("events are acknowledged", PATIENCE, async || {
            self.acknowledged.load(Ordering::Relaxed) >= before + count
        })
        .await;
    }

    /// What each task has sent.
    pub(crate) async fn stop(self) -> Vec<Vec<Envelope>> {
        self.has_enough.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for task in self.tasks {
            sent.push(in_time(task).await.unwrap());
        }
        sent
    }
}
