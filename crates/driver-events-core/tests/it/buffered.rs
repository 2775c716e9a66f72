use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::conformance::samples;
use driver_events_core::{
    Backoff, BatchOrder, Buffered, BufferedBuilder, DriverEventSink, DriverEventSinkExt, Envelope, FailingEventSink,
    Fate, Guarantee, MemoryEventSink, OnFull, Receipt, SetupErrorKind, SinkError, SinkErrorKind,
};
use driver_events_types::DriverEvent;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use crate::support::{HangingSink, ShortBatchSink, StubSink, event, event_of, failing_sink};

/// Sends while there are permits.
#[derive(Clone, Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    memory: MemoryEventSink,
}

impl Gate {
    fn closed() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(0)),
            memory: MemoryEventSink::new(),
        }
    }

    fn open(&self) {
        self.permits.add_permits(100_000);
    }
}

#[async_trait]
impl DriverEventSink for Gate {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.permits.acquire().await.unwrap().forget();
        self.memory.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }
}

type Dropped = Arc<Mutex<Vec<(u32, String)>>>;

/// Records each dropped event with its number and reason.
fn recording<S: DriverEventSink>(builder: BufferedBuilder<S>) -> (BufferedBuilder<S>, Dropped) {
    let dropped = Dropped::default();
    let store = Arc::clone(&dropped);
    let builder = builder.on_drop(move |event| {
        let number = number(event.envelope);
        store.lock().unwrap().push((number, format!("{:?}", event.reason)));
    });
    (builder, dropped)
}

fn number(envelope: &Envelope) -> u32 {
    match envelope.event().unwrap() {
        DriverEvent::Escalate { reason, .. } => reason.parse().unwrap(),
        event => event.turn_index().unwrap(),
    }
}

fn numbers(envelopes: &[Envelope]) -> Vec<u32> {
    envelopes.iter().map(number).collect()
}

fn terminal(number: u32) -> Envelope {
    Envelope::new(DriverEvent::Escalate {
        goal_id: samples::goal(1),
        reason: number.to_string(),
    })
}

/// Sends event 0, and waits until the worker has it, so that the buffer is empty and stays as the test fills it.
async fn occupy<S: DriverEventSink>(sink: &Buffered<S>) {
    sink.send(event(0)).await.unwrap();
    while sink.stats().in_flight == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn caller_does_not_wait_for_the_inner_sink() {
    let sink = Buffered::builder(HangingSink, OnFull::Wait).build().unwrap();
    for number in 0..1_000 {
        let sent = sink.send(event(number)).now_or_never();
        assert_eq!(sent.expect("no wait").unwrap(), Receipt::Buffered);
    }
    assert_eq!(sink.batch_order(), BatchOrder::StopsGoal);
    assert_eq!(sink.stats().accepted, 1_000);
}

#[tokio::test]
async fn full_buffer_waits_for_room() {
    let gate = Gate::closed();
    let sink = Buffered::builder(gate.clone(), OnFull::Wait)
        .max_events(2)
        .build()
        .unwrap();
    occupy(&sink).await;
    sink.send(event(1)).await.unwrap();
    sink.send(event(2)).await.unwrap();
    let mut third = Box::pin(sink.send(event(3)));
    assert!((&mut third).now_or_never().is_none());
    gate.open();
    third.await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(numbers(&gate.memory.envelopes()), [0, 1, 2, 3]);
    let stats = sink.stats();
    assert_eq!(
        (stats.accepted, stats.delivered, stats.queued, stats.in_flight),
        (4, 4, 0, 0)
    );
    assert!(stats.dropped.is_empty());
}

#[tokio::test]
async fn newest_events_are_dropped_and_terminal_ones_kept() {
    let gate = Gate::closed();
    let (builder, dropped) = recording(Buffered::builder(gate.clone(), OnFull::DropNewest).max_events(3));
    let sink = builder.build().unwrap();
    assert_eq!(sink.guarantee(), Guarantee::None);
    occupy(&sink).await;
    for number in 1..=3 {
        sink.send(event(number)).await.unwrap();
    }
    let error = sink.send(event(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    sink.send(terminal(5)).await.unwrap();
    sink.send(terminal(6)).await.unwrap();
    sink.send(terminal(7)).await.unwrap();
    assert_eq!(sink.send(terminal(8)).await.unwrap_err().kind(), SinkErrorKind::Full);
    gate.open();
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.to_string(), "3 buffered events were lost: the buffer was full");
    assert_eq!(numbers(&gate.memory.envelopes()), [0, 5, 6, 7]);
    let full = |number| (number, "Full".to_owned());
    assert_eq!(*dropped.lock().unwrap(), [full(4), full(3), full(2), full(1), full(8)]);
    let counts = BTreeMap::from([
        (("full", "escalate"), 1),
        (("full", event(0).kind().to_owned().leak() as &str), 4),
    ]);
    assert_eq!(sink.stats().dropped, counts);
}

#[tokio::test]
async fn oldest_events_are_dropped_and_terminal_ones_kept() {
    let gate = Gate::closed();
    let (builder, dropped) = recording(Buffered::builder(gate.clone(), OnFull::DropOldest).max_events(3));
    let sink = builder.build().unwrap();
    occupy(&sink).await;
    sink.send(terminal(1)).await.unwrap();
    sink.send(event(2)).await.unwrap();
    sink.send(event(3)).await.unwrap();
    sink.send(event(4)).await.unwrap();
    sink.send(terminal(5)).await.unwrap();
    sink.send(terminal(6)).await.unwrap();
    // Only terminal events are left.
    assert_eq!(sink.send(event(7)).await.unwrap_err().kind(), SinkErrorKind::Full);
    sink.send(terminal(8)).await.unwrap();
    gate.open();
    assert!(sink.flush().await.is_err());
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(numbers(&gate.memory.envelopes()), [0, 5, 6, 8]);
    let numbers: Vec<_> = dropped.lock().unwrap().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 3, 4, 7, 1]);
}

/// Nothing is evicted if the events that stay leave no room, by number or by bytes, and all that is needed if they just do.
#[tokio::test]
async fn terminal_events_decide_what_can_be_evicted() {
    let terminal_bytes = terminal(1).json().unwrap().len();
    let (one, other) = (event(2), event(3));
    let event_bytes = one.json().unwrap().len();
    let gate = Gate::closed();
    let max_bytes = terminal_bytes + 2 * event_bytes;
    let builder = Buffered::builder(gate.clone(), OnFull::DropNewest).max_bytes(max_bytes);
    let sink = builder.max_events(3).build().unwrap();
    occupy(&sink).await;
    for envelope in [terminal(1), one, other] {
        sink.send(envelope).await.unwrap();
    }
    let stays = || sink.stats().queued;
    let refused = sink.send(samples::sized(samples::goal(1), 2 * event_bytes + 1)).await;
    assert_eq!((refused.unwrap_err().kind(), stays()), (SinkErrorKind::Full, 3));
    // Exactly what the two others leave.
    sink.send(samples::sized(samples::goal(1), 2 * event_bytes))
        .await
        .unwrap();
    assert_eq!((stays(), sink.stats().queued_bytes), (2, max_bytes));
}

/// Terminal events leave room only if enough of the others can go.
#[tokio::test]
async fn bytes_are_limited_too() {
    let size = event(1).json().unwrap().len();
    let gate = Gate::closed();
    let builder = Buffered::builder(gate.clone(), OnFull::DropOldest).max_bytes(2 * size);
    let sink = builder.build().unwrap();
    occupy(&sink).await;
    sink.send(event(1)).await.unwrap();
    sink.send(event(2)).await.unwrap();
    assert_eq!(sink.stats().queued_bytes, 2 * size);
    sink.send(samples::sized(samples::goal(1), 2 * size)).await.unwrap();
    let stats = sink.stats();
    assert_eq!((stats.queued, stats.queued_bytes), (1, 2 * size));
    let error = sink
        .send(samples::sized(samples::goal(1), 2 * size + 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::TooLarge);
    assert!(error.to_string().contains(&(2 * size).to_string()), "{error}");
}

#[tokio::test]
async fn failures_of_the_inner_sink_are_counted_and_reported() {
    let memory = MemoryEventSink::new();
    let failing = FailingEventSink::new(memory.clone()).fail(2, SinkErrorKind::Rejected);
    let (builder, dropped) = recording(Buffered::builder(failing, OnFull::Wait));
    let sink = builder.build().unwrap();
    for number in 1..=3 {
        sink.send(event(number)).await.unwrap();
    }
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Rejected);
    assert_eq!(
        error.to_string(),
        "1 buffered events were lost: event 2 fails in this test"
    );
    sink.flush().await.unwrap();
    assert_eq!(numbers(&memory.envelopes()), [1, 3]);
    let dropped = dropped.lock().unwrap().clone();
    assert!(
        matches!(dropped.as_slice(), [(2, reason)] if reason.starts_with("Failed(")),
        "{dropped:?}"
    );
    let stats = sink.stats();
    assert_eq!((stats.delivered, stats.dropped.values().sum::<u64>()), (2, 1));
}

#[tokio::test]
async fn panics_and_missing_results_are_failures() {
    let sink = Buffered::builder(StubSink(|| panic!("a bug")), OnFull::Wait)
        .build()
        .unwrap();
    sink.send(event(1)).await.unwrap();
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Fatal);
    assert!(error.to_string().contains("a bug"), "{error}");

    let sink = Buffered::builder(ShortBatchSink, OnFull::Wait).build().unwrap();
    sink.send_batch(vec![event(1), event(2)]).await;
    sink.close().await.unwrap_err();
    assert_eq!(sink.stats().delivered, 1);
}

/// A callback that panics harms neither the caller nor the worker.
#[tokio::test]
async fn panic_of_the_callback_is_caught() {
    let builder = Buffered::builder(failing_sink(SinkErrorKind::Rejected), OnFull::Wait);
    let sink = builder.on_drop(|_| panic!("a bug of the caller")).build().unwrap();
    sink.send(event(1)).await.unwrap();
    assert_eq!(sink.flush().await.unwrap_err().kind(), SinkErrorKind::Rejected);
    sink.send(event(2)).await.unwrap();
    assert_eq!(sink.flush().await.unwrap_err().kind(), SinkErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn close_fails_with_the_number_left() {
    let (builder, dropped) = recording(Buffered::builder(HangingSink, OnFull::Wait));
    let sink = builder.close_timeout(Duration::from_secs(5)).build().unwrap();
    occupy(&sink).await;
    sink.send(event(1)).await.unwrap();
    sink.send(event(2)).await.unwrap();
    let error = sink.close().await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Timeout, Fate::Unknown));
    assert_eq!(error.to_string(), "closed after 5s with 3 events left");
    assert_eq!(sink.send(event(3)).await.unwrap_err().kind(), SinkErrorKind::Closed);
    // The worker is aborted: the event in flight is reported, too.
    while dropped.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    let closed = |number| (number, "Closed".to_owned());
    assert_eq!(*dropped.lock().unwrap(), [closed(1), closed(2), closed(0)]);
    assert_eq!(sink.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn close_within_its_time_delivers_what_is_retried() {
    let memory = MemoryEventSink::new();
    let flaky = (1..=5).fold(FailingEventSink::new(memory.clone()), |sink, number| {
        sink.fail(number, SinkErrorKind::Disconnected)
    });
    let sink = Buffered::builder(flaky.retried(Backoff::default()), OnFull::Wait)
        .build()
        .unwrap();
    for number in 0..10 {
        sink.send(event(number)).await.unwrap();
    }
    sink.close().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(numbers(&memory.envelopes()), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn worker_finishes_after_a_drop() {
    let gate = Gate::closed();
    let sink = Buffered::builder(gate.clone(), OnFull::Wait).build().unwrap();
    for number in 0..10 {
        sink.send(event(number)).await.unwrap();
    }
    drop(sink);
    gate.open();
    assert_eq!(gate.memory.wait_for(10).await.len(), 10);
}

/// Without a drop guard the worker, and with it the connection of the inner sink, would live as long as the runtime.
#[tokio::test]
async fn worker_ends_after_a_drop() {
    let gate = Gate::closed();
    let sink = Buffered::builder(gate.clone(), OnFull::Wait).build().unwrap();
    occupy(&sink).await;
    drop(sink);
    gate.open();
    while Arc::strong_count(&gate.permits) > 1 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn defaults_are_as_documented() {
    let builder = Buffered::builder(MemoryEventSink::new(), OnFull::Wait);
    let text = format!("{builder:?}");
    assert!(
        text.contains("max_events: 10000, max_bytes: 16777216, close_timeout: 10s"),
        "{text}"
    );
    let text = format!("{:?}", builder.close_timeout(Duration::MAX));
    assert!(text.contains("close_timeout: 31536000s"), "{text}");
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Events that the worker has not delivered are lost with its runtime, in flight or not: flush and close fail.
#[test]
fn end_of_the_runtime_finishes_the_sink() {
    for is_sending in [false, true] {
        for closes in [false, true] {
            let runtime = one_thread();
            let gate = Gate::closed();
            let sink = runtime.block_on(async {
                let sink = Buffered::builder(gate.clone(), OnFull::Wait).build().unwrap();
                if is_sending {
                    occupy(&sink).await;
                } else {
                    sink.send(event(1)).await.unwrap();
                }
                sink
            });
            drop(runtime);
            gate.open();
            one_thread().block_on(async {
                assert_eq!(sink.send(event(2)).await.unwrap_err().kind(), SinkErrorKind::Closed);
                let result = if closes { sink.close().await } else { sink.flush().await };
                let error = result.unwrap_err();
                assert_eq!(error.kind(), SinkErrorKind::Closed);
                assert!(error.to_string().contains("1 buffered events were lost"), "{error}");
            });
            assert_eq!(sink.stats().dropped.values().sum::<u64>(), 1);
        }
    }
}

#[tokio::test]
async fn a_close_timeout_may_be_as_long_as_possible() {
    let sink = Buffered::builder(MemoryEventSink::new(), OnFull::Wait)
        .close_timeout(Duration::MAX)
        .build()
        .unwrap();
    sink.send(event(1)).await.unwrap();
    sink.close().await.unwrap();
}

#[test]
fn no_runtime_is_an_error() {
    let error = Buffered::builder(MemoryEventSink::new(), OnFull::Wait)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid);
}

/// Events that arrive later do not hold up a flush, and those that were evicted do not shorten it.
#[tokio::test]
async fn flush_waits_for_earlier_events_alone() {
    let gate = Gate::closed();
    let sink = Buffered::builder(gate.clone(), OnFull::DropNewest)
        .max_events(3)
        .build()
        .unwrap();
    occupy(&sink).await;
    sink.send(event(1)).await.unwrap();
    let mut flush = Box::pin(sink.flush());
    assert!((&mut flush).now_or_never().is_none());
    sink.send(event(2)).await.unwrap();
    sink.send(event(3)).await.unwrap();
    sink.send(terminal(4)).await.unwrap();
    sink.send(terminal(5)).await.unwrap();
    assert!((&mut flush).now_or_never().is_none());
    gate.permits.add_permits(1);
    assert_eq!(gate.memory.wait_for(1).await.len(), 1);
    tokio::task::yield_now().await;
    assert!((&mut flush).now_or_never().is_none());
    gate.open();
    assert!(flush.await.is_err());
    assert_eq!(numbers(&gate.memory.envelopes()), [0, 1, 4, 5]);
}

#[tokio::test]
async fn invalid_events_are_refused_at_once() {
    let sink = Buffered::builder(MemoryEventSink::new(), OnFull::Wait).build().unwrap();
    let error = sink.send(samples::not_finite(samples::goal(1))).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Encode);
    let results = sink
        .send_batch(vec![
            event_of(1, 1),
            samples::not_finite(samples::goal(1)),
            event_of(1, 2),
        ])
        .await;
    let is_ok: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, true]);
}
