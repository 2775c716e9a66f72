use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, MemoryEventSink, Receipt, SinkErrorKind};
use driver_events_types::EventKind;

use crate::support::{event, event_of};

#[tokio::test]
async fn keeps_events_and_selects_by_goal_and_kind() {
    let sink = MemoryEventSink::new();
    let clone = sink.clone();
    assert!(sink.is_empty());
    assert_eq!(sink.send(event_of(1, 0)).await.unwrap(), Receipt::Buffered);
    clone.send(event_of(2, 0)).await.unwrap();
    clone.send(event_of(1, 1)).await.unwrap();
    sink.send(samples::unknown_kind(samples::goal(1))).await.unwrap();
    assert_eq!((sink.len(), clone.len(), sink.is_empty()), (4, 4, false));
    let of_goal: Vec<_> = sink
        .of_goal(samples::goal(1))
        .iter()
        .map(Envelope::kind)
        .map(str::to_owned)
        .collect();
    assert_eq!(of_goal, ["compact_completed", "compact_completed", "goal_paused"]);
    assert_eq!(sink.of_kind(EventKind::CompactCompleted).len(), 3);
    assert_eq!(sink.of_kind(EventKind::Escalate).len(), 0);
    let known = [(1, 0), (2, 0), (1, 1)].map(|(goal, number)| samples::numbered(samples::goal(goal), number));
    assert_eq!(sink.events(), known);
    assert_eq!(sink.envelopes().len(), 4);
    assert_eq!(sink.drain().len(), 4);
    assert!(clone.is_empty());
}

#[tokio::test]
async fn returns_full_at_capacity_until_drained() {
    let sink = MemoryEventSink::bounded(2);
    let results = sink.send_batch(vec![event(1), event(2), event(3)]).await;
    assert!(results[0].is_ok() && results[1].is_ok());
    let error = results[2].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    assert!(error.is_retryable());
    assert_eq!(sink.drain().len(), 2);
    sink.send(event(3)).await.unwrap();
}

#[tokio::test]
async fn rejects_events_that_cannot_be_encoded() {
    let sink = MemoryEventSink::new();
    let kind = |result: Result<Receipt, driver_events_core::SinkError>| result.unwrap_err().kind();
    assert_eq!(
        kind(sink.send(samples::not_finite(samples::goal(1))).await),
        SinkErrorKind::Encode
    );
    assert_eq!(
        kind(sink.send(samples::too_large(samples::goal(1))).await),
        SinkErrorKind::TooLarge
    );
    assert!(sink.is_empty());
}

#[tokio::test]
async fn wait_for_returns_the_first_events() {
    let sink = MemoryEventSink::new();
    assert!(sink.wait_for(0).await.is_empty());
    let waiter = tokio::spawn({
        let sink = sink.clone();
        async move { sink.wait_for(3).await }
    });
    for number in 1..=4 {
        tokio::task::yield_now().await;
        sink.send(event(number)).await.unwrap();
    }
    let first = waiter.await.unwrap();
    assert_eq!(first.len(), 3);
    assert_eq!(first[2].id(), sink.envelopes()[2].id());
    assert_eq!(sink.len(), 4, "wait_for removes no events");
}

/// A lost wake-up of a waiter would time out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_sends_wake_every_waiter() {
    for _ in 0..200 {
        let sink = MemoryEventSink::new();
        let waiters: Vec<_> = (1..=4)
            .map(|count| {
                let sink = sink.clone();
                tokio::spawn(async move { sink.wait_for(count).await.len() })
            })
            .collect();
        let senders: Vec<_> = (0..4)
            .map(|number| {
                let sink = sink.clone();
                tokio::spawn(async move { sink.send(event(number)).await })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap().unwrap();
        }
        for (waiter, count) in waiters.into_iter().zip(1..) {
            let waited = tokio::time::timeout(Duration::from_secs(30), waiter).await;
            assert_eq!(waited.unwrap().unwrap(), count);
        }
    }
}

#[tokio::test]
async fn cancelled_wait_removes_no_events() {
    let sink = MemoryEventSink::new();
    {
        let mut wait = pin!(sink.wait_for(1));
        poll_fn(|context| {
            assert!(wait.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        sink.send(event(1)).await.unwrap();
    }
    assert_eq!(sink.wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn close_ends_a_wait() {
    let sink = MemoryEventSink::new();
    sink.send(event(1)).await.unwrap();
    let waiter = tokio::spawn({
        let sink = sink.clone();
        async move { sink.wait_for(2).await.len() }
    });
    tokio::task::yield_now().await;
    sink.close().await.unwrap();
    assert_eq!(waiter.await.unwrap(), 1);
    assert_eq!(sink.send(event(2)).await.unwrap_err().kind(), SinkErrorKind::Closed);
    assert_eq!(sink.len(), 1, "events stay readable after close");
}

#[tokio::test]
async fn debug_output_shows_only_the_number_of_events() {
    let sink = MemoryEventSink::default();
    assert_eq!(format!("{sink:?}"), "MemoryEventSink(0 events)");
    sink.send(event(1)).await.unwrap();
    sink.send(event(2)).await.unwrap();
    assert_eq!(format!("{sink:?}"), "MemoryEventSink(2 events)");
}
