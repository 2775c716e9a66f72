use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{
    Backoff, BatchOrder, DriverEventSink, DriverEventSinkExt, Envelope, FailingEventSink, Fate, Guarantee,
    MemoryEventSink, Receipt, SinkError, SinkErrorKind,
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::support::{StubSink, event, event_of, failing_sink};

const SECOND: Duration = Duration::from_secs(1);

fn ids(envelopes: &[Envelope]) -> Vec<&str> {
    envelopes.iter().map(|envelope| envelope.id().as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn retryable_errors_are_retried_with_the_same_id() {
    use SinkErrorKind::{Disconnected, Full, Timeout, Unauthorized};
    let memory = MemoryEventSink::new();
    let flaky = [Disconnected, Full, Timeout, Unauthorized]
        .into_iter()
        .zip(1..)
        .fold(FailingEventSink::new(memory.clone()), |sink, (kind, number)| {
            sink.fail(number, kind)
        });
    let envelope = event(1);
    let receipt = flaky.retried(Backoff::default()).send(envelope.clone()).await;
    assert_eq!(receipt.unwrap(), Receipt::Buffered);
    assert_eq!(ids(&memory.envelopes()), [envelope.id().as_str()]);
}

#[tokio::test(start_paused = true)]
async fn other_errors_are_returned_at_once() {
    use SinkErrorKind::{Closed, Encode, Fatal, Rejected, TooLarge};
    for kind in [Closed, Encode, Fatal, Rejected, TooLarge] {
        let start = Instant::now();
        let sink = failing_sink(kind).retried(Backoff::default());
        let error = sink.send(event(1)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        let results = sink.send_batch(vec![event(1)]).await;
        assert_eq!(results[0].as_ref().unwrap_err().kind(), kind);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_ends_the_attempts_with_the_last_error() {
    let backoff = Backoff::new(SECOND, SECOND).with_deadline(10 * SECOND);
    let sink = failing_sink(SinkErrorKind::Full).retried(backoff);
    let start = Instant::now();
    let error = sink.send(event(1)).await.unwrap_err();
    // The last attempt is made at the deadline.
    assert_eq!(start.elapsed().as_millis(), 10_000, "{error}");
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    assert!(error.to_string().starts_with("gave up after "), "{error}");
    assert!(error.to_string().ends_with(" attempts in 10.0s: Full"), "{error}");
    assert!(error.source().unwrap().is::<SinkError>());

    let start = Instant::now();
    let results = sink
        .send_batch(vec![event_of(1, 1), event_of(2, 1), event_of(1, 2)])
        .await;
    assert_eq!(start.elapsed().as_millis(), 10_000);
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    }
}

/// `Unknown` after a single attempt that may have delivered the event.
#[tokio::test(start_paused = true)]
async fn fate_is_that_of_all_attempts() {
    for (first, second) in [
        (true, SinkErrorKind::Rejected),
        (true, SinkErrorKind::Full),
        (false, SinkErrorKind::Rejected),
    ] {
        let memory = MemoryEventSink::new();
        let sink = FailingEventSink::new(memory.clone());
        let sink = match first {
            true => sink.lose_ack(1, SinkErrorKind::Timeout),
            false => sink.fail(1, SinkErrorKind::Full),
        };
        let sink = sink.fail(2, second).fail(3, SinkErrorKind::Rejected);
        let sink = sink.retried(Backoff::new(SECOND, SECOND));
        let expected = if first { Fate::Unknown } else { Fate::NotSent };
        let error = sink.send(event(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Rejected, expected));
    }
    let sink = FailingEventSink::new(MemoryEventSink::new())
        .lose_ack(1, SinkErrorKind::Timeout)
        .fail(3, SinkErrorKind::Rejected);
    let sink = sink.retried(Backoff::new(SECOND, SECOND));
    let results = sink.send_batch(vec![event_of(1, 1), event_of(2, 1)]).await;
    let error = results[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Rejected, Fate::Unknown));
    assert!(results[1].is_ok());
}

#[tokio::test(start_paused = true)]
async fn progress_starts_the_deadline_again() {
    #[derive(Debug)]
    struct OneInThree(std::sync::atomic::AtomicU32, MemoryEventSink);

    #[async_trait]
    impl DriverEventSink for OneInThree {
        async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
            tokio::time::advance(SECOND).await;
            match self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 {
                2 => self.1.send(envelope).await,
                _ => Err(SinkError::new(SinkErrorKind::Disconnected, "down")),
            }
        }

        fn guarantee(&self) -> Guarantee {
            self.1.guarantee()
        }
    }

    let memory = MemoryEventSink::new();
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO).with_deadline(5 * SECOND);
    let sink = OneInThree(0.into(), memory.clone()).retried(backoff);
    let events: Vec<_> = (0..20).map(event).collect();
    let results = sink.send_batch(events.clone()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(ids(&memory.envelopes()), ids(&events));
}

#[test]
fn delays_grow_to_the_maximum_with_full_jitter() {
    let backoff = Backoff::new(SECOND, 8 * SECOND);
    let most = |failures| (0..1_000).map(|_| backoff.delay(failures)).max().unwrap();
    let least = |failures| (0..1_000).map(|_| backoff.delay(failures)).min().unwrap();
    for (failures, limit) in [
        (1, SECOND),
        (2, 2 * SECOND),
        (3, 4 * SECOND),
        (4, 8 * SECOND),
        (u32::MAX, 8 * SECOND),
    ] {
        assert!(most(failures) <= limit);
        assert!(most(failures) > limit * 9 / 10, "{failures}: {:?}", most(failures));
        assert!(least(failures) < limit / 10, "{failures}: {:?}", least(failures));
    }
    assert_eq!(
        Backoff::new(Duration::MAX, Duration::ZERO).delay(0).min(Duration::ZERO),
        Duration::ZERO
    );
}

/// Fails chosen attempts; delivers later events of a goal behind a failed one.
#[derive(Debug)]
struct WithoutOrder {
    memory: MemoryEventSink,
    failures: std::sync::Mutex<Vec<bool>>,
}

#[async_trait]
impl DriverEventSink for WithoutOrder {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let fails = self.failures.lock().unwrap().pop().unwrap_or(false);
        match fails {
            true => Err(SinkError::new(SinkErrorKind::Disconnected, "down")),
            false => self.memory.send(envelope).await,
        }
    }

    fn guarantee(&self) -> Guarantee {
        self.memory.guarantee()
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::BestEffort
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::new();
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        results
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails, every event is delivered once, in order per goal.
    #[test]
    fn batches_keep_the_order_of_each_goal(
        goals in prop::collection::vec(1_u32..4, 0..30),
        failures in prop::collection::vec(any::<bool>(), 0..60),
        has_order in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let memory = MemoryEventSink::new();
            let events: Vec<_> = goals.iter().enumerate().map(|(number, goal)| event_of(*goal, number as u32)).collect();
            let results = if has_order {
                let mut sink = FailingEventSink::new(memory.clone());
                for (index, fails) in failures.iter().enumerate() {
                    if *fails {
                        sink = sink.fail(index + 1, SinkErrorKind::Disconnected);
                    }
                }
                sink.retried(Backoff::default()).send_batch(events.clone()).await
            } else {
                let sink = WithoutOrder { memory: memory.clone(), failures: failures.into() };
                sink.retried(Backoff::default()).send_batch(events.clone()).await
            };
            assert!(results.iter().all(Result::is_ok));
            for goal in 1..4 {
                let goal_id = event_of(goal, 0).goal_id().unwrap();
                let of_goal: Vec<_> = events.iter().filter(|event| event.goal_id() == Some(goal_id)).cloned().collect();
                assert_eq!(ids(&memory.of_goal(goal_id)), ids(&of_goal));
            }
        });
    }
}

/// Behind an event that failed for good, the later ones of its goal are not sent; other goals go on.
#[tokio::test(start_paused = true)]
async fn goal_stops_behind_an_event_that_is_given_up() {
    let memory = MemoryEventSink::new();
    let sink = WithoutOrder {
        memory: memory.clone(),
        failures: vec![false, false, true].into(),
    };
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO).with_deadline(Duration::ZERO);
    let events = vec![event_of(1, 1), event_of(1, 2), event_of(2, 1), event_of(2, 2)];
    let results = sink.retried(backoff).send_batch(events.clone()).await;
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map(|error| (error.kind(), error.fate())))
        .collect();
    let first = Some((SinkErrorKind::Disconnected, Fate::Unknown));
    let later = Some((SinkErrorKind::Disconnected, Fate::NotSent));
    assert_eq!(kinds, [first, later, None, None]);
    assert_eq!(ids(&memory.envelopes()), ids(&events[2..]));
}

#[tokio::test(start_paused = true)]
async fn flush_and_close_are_not_retried() {
    let sink = StubSink(|| Err(SinkError::new(SinkErrorKind::Timeout, "slow"))).retried(Backoff::default());
    assert!(sink.flush().await.is_err());
    assert!(sink.close().await.is_err());
    assert_eq!(sink.batch_order(), BatchOrder::StopsGoal);
}
