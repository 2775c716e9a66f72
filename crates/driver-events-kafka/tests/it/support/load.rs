//! Sinks under load, and what their topic must have afterwards.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_core::{DriverEventSink, Envelope, EventId};
use driver_events_harness::wait_until;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{PATIENCE, events, in_time, next, nothing_comes};

const GOALS: usize = 4;
/// The batches that may follow those that were waited for: what is under way when a fault comes.
const MORE: usize = 4 * GOALS;

/// Tasks that send batches, each of a goal of its own, as many as are asked for and some more.
pub(crate) struct Load {
    tasks: Vec<JoinHandle<Vec<Envelope>>>,
    acknowledged: Arc<AtomicUsize>,
    batches: Arc<Semaphore>,
    batch: usize,
}

impl Load {
    /// Batches of so many events. Each must be acknowledged in time, whatever happens.
    pub(crate) fn start(sink: &Arc<KafkaEventSink>, batch: usize) -> Self {
        let acknowledged = Arc::<AtomicUsize>::default();
        let batches = Arc::new(Semaphore::new(0));
        let send = |_| {
            let sink = Arc::clone(sink);
            let (acknowledged, batches) = (Arc::clone(&acknowledged), Arc::clone(&batches));
            tokio::spawn(async move {
                let goal = GoalId::new();
                let mut sent = Vec::new();
                while let Ok(permit) = batches.acquire().await {
                    permit.forget();
                    let events = events(goal, batch);
                    for answer in in_time(sink.send_batch(events.clone())).await {
                        answer.unwrap();
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    sent.extend(events);
                }
                sent
            })
        };
        let tasks = (0..GOALS).map(send).collect();
        Self {
            tasks,
            acknowledged,
            batches,
            batch,
        }
    }

    /// Waits until so many more events are acknowledged.
    pub(crate) async fn goes_on(&self, events: usize) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        self.batches.add_permits(events.div_ceil(self.batch) + MORE);
        wait_until("events are acknowledged", PATIENCE, async || {
            self.acknowledged.load(Ordering::Relaxed) >= before + events
        })
        .await;
    }

    /// Ends the load. All that it gives was acknowledged, a list for each goal.
    pub(crate) async fn end(self) -> Vec<Vec<Envelope>> {
        self.batches.close();
        let mut sent = Vec::new();
        for task in self.tasks {
            sent.push(in_time(task).await.unwrap());
        }
        sent
    }
}

/// The default topic has each of these events once, those of a goal in their order, and no others.
pub(crate) async fn are_stored_once_in_order(config: ClientConfig, sent: &[Vec<Envelope>]) {
    let mut source = in_time(KafkaEventSource::builder(config).build()).await.unwrap();
    are_read_once_in_order(&mut source, sent, |_| ()).await;
    nothing_comes(&mut source).await;
}

/// Calls `before_each` with how many events were read.
pub(crate) async fn are_read_once_in_order(
    source: &mut KafkaEventSource,
    sent: &[Vec<Envelope>],
    before_each: impl Fn(usize),
) {
    let ids =
        |events: &Vec<Envelope>| -> Vec<EventId> { events.iter().rev().map(|event| event.id().clone()).collect() };
    let mut missing: HashMap<_, _> = sent
        .iter()
        .map(|events| (events.first().unwrap().goal_id(), ids(events)))
        .collect();
    for number in 0..sent.iter().map(Vec::len).sum() {
        before_each(number);
        let delivery = next(source).await;
        let envelope = delivery.envelope().unwrap();
        let expected = missing.get_mut(&envelope.goal_id()).unwrap().pop();
        assert_eq!(expected.as_ref(), Some(envelope.id()), "in order, each once");
    }
}
