//! Who collects delivery reports under load.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use driver_events_core::DriverEventSink;
use driver_events_kafka::KafkaEventSink;
use driver_events_types::GoalId;

use crate::support::{TEST_TIMEOUT, config, create_tenant, events, in_time};

/// Fewer than librdkafka's queue holds.
const MOST_UNDER_WAY: usize = 20_000;

/// Load for which the poll thread leaves a `poll` that it began before.
const LEAVES_POLL: Duration = Duration::from_millis(300);

/// Remembers whether a thread has woken it.
struct WokenBy {
    thread: ThreadId,
    is_woken: AtomicBool,
}

impl Wake for WokenBy {
    fn wake(self: Arc<Self>) {
        if thread::current().id() == self.thread {
            self.is_woken.store(true, Ordering::Relaxed);
        }
    }
}

/// A report that a caller collects wakes from the thread that sends. The poll thread, which stays away meanwhile, collects the
/// rest once no caller sends.
#[tokio::test]
async fn callers_collect_reports_while_they_send() {
    let prefix = create_tenant(4).await;
    let sink = KafkaEventSink::builder(config()).prefix(&*prefix).build().unwrap();
    // No caller collects before the first report.
    in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.unwrap();
    let sender = Arc::new(WokenBy {
        thread: thread::current().id(),
        is_woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&sender));
    let mut context = Context::from_waker(&waker);
    let mut under_way = VecDeque::new();
    let start = Instant::now();
    while !sender.is_woken.load(Ordering::Relaxed) {
        assert!(
            start.elapsed() < TEST_TIMEOUT,
            "no report wakes from the sender's thread"
        );
        for envelope in events(GoalId::new(), 100) {
            let mut sending = sink.send(envelope);
            // The first poll sends it.
            match sending.as_mut().poll(&mut context) {
                Poll::Ready(result) => drop(result.unwrap()),
                Poll::Pending => under_way.push_back(sending),
            }
        }
        while under_way.len() > MOST_UNDER_WAY
            && let Some(sending) = under_way.pop_front()
        {
            in_time(sending).await.unwrap();
        }
    }
    for sending in under_way {
        in_time(sending).await.unwrap();
    }
    in_time(sink.close()).await.unwrap();
}

/// The events are queued, and their callers gone: the poll thread, which the last of them has sent away for a moment, collects.
#[tokio::test]
async fn reports_of_dropped_callers_are_collected() {
    let prefix = create_tenant(4).await;
    let sink = KafkaEventSink::builder(config()).prefix(&*prefix).build().unwrap();
    in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let start = Instant::now();
    while start.elapsed() < LEAVES_POLL {
        for envelope in events(GoalId::new(), 100) {
            // The first poll sends it.
            if let Poll::Ready(result) = sink.send(envelope).as_mut().poll(&mut context) {
                drop(result.unwrap());
            }
        }
    }
    // Waits for the reports, and does not poll.
    in_time(sink.flush()).await.unwrap();
    in_time(sink.close()).await.unwrap();
}
