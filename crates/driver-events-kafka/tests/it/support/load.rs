//! A sink under load, and checks of the topic afterwards.

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

use super::{TEST_TIMEOUT, events, expect_no_delivery, in_time, next_delivery};

const GOALS: usize = 4;
/// Batches beyond those that a test waits for: they are in flight when the fault happens.
const EXTRA_BATCHES: usize = 4 * GOALS;

/// Tasks that send batches on demand, each for its own goal.
pub(crate) struct Load {
    tasks: Vec<JoinHandle<Vec<Envelope>>>,
    acknowledged: Arc<AtomicUsize>,
    batches: Arc<Semaphore>,
    batch_size: usize,
}

impl Load {
    /// Starts the tasks. Each event must be acknowledged in time, whatever fault happens.
    pub(crate) fn start(sink: &Arc<KafkaEventSink>, batch_size: usize) -> Self {
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
                    let events = events(goal, batch_size);
                    for result in in_time(sink.send_batch(events.clone())).await {
                        result.unwrap();
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
            batch_size,
        }
    }

    /// Waits until this many more events are acknowledged.
    pub(crate) async fn wait_for_acks(&self, events: usize) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        self.batches
            .add_permits(events.div_ceil(self.batch_size) + EXTRA_BATCHES);
        wait_until("events are acknowledged", TEST_TIMEOUT, async || {
            self.acknowledged.load(Ordering::Relaxed) >= before + events
        })
        .await;
    }

    /// Stops the load and returns the acknowledged events of each goal.
    pub(crate) async fn stop(self) -> Vec<Vec<Envelope>> {
        self.batches.close();
        let mut sent = Vec::new();
        for task in self.tasks {
            sent.push(in_time(task).await.unwrap());
        }
        sent
    }
}

/// Checks that the default topic has each of these events once, in order within its goal, and no others.
pub(crate) async fn expect_stored_once_in_order(config: ClientConfig, sent: &[Vec<Envelope>]) {
    let mut source = in_time(KafkaEventSource::builder(config).build()).await.unwrap();
    expect_read_once_in_order(&mut source, sent, |_| ()).await;
    expect_no_delivery(&mut source).await;
}

/// Calls `before_each` with the number of events read so far.
pub(crate) async fn expect_read_once_in_order(
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
        let delivery = next_delivery(source).await;
        let envelope = delivery.envelope().unwrap();
        let expected = missing.get_mut(&envelope.goal_id()).unwrap().pop();
        assert_eq!(expected.as_ref(), Some(envelope.id()), "each event once, in order");
    }
}
