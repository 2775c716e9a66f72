use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{
    DriverEventSink, Envelope, FanOut, FanOutError, Fate, Guarantee, MemoryEventSink, NoopEventSink, Receipt,
    SinkError, SinkErrorKind, Stored,
};
use tokio::sync::Barrier;

use crate::support::{RecordingSink, ShortBatchSink, StubSink, event, failing_sink};

fn stored() -> Receipt {
    Receipt::Stored(Stored {
        log: "log".into(),
        partition: None,
        offset: 1,
        duplicate: false,
    })
}

fn failures<T: Debug + 'static>(error: &SinkError) -> Vec<Option<SinkErrorKind>> {
    let error: &FanOutError<T> = error.source().unwrap().downcast_ref().unwrap();
    error
        .results()
        .iter()
        .map(|result| result.as_ref().err().map(SinkError::kind))
        .collect()
}

#[tokio::test]
async fn returns_the_weakest_receipt() {
    let fan_out = FanOut::new(vec![
        Arc::new(StubSink(|| Ok(stored()))),
        Arc::new(MemoryEventSink::new()),
    ]);
    assert_eq!(fan_out.send(event(1)).await.unwrap(), Receipt::Buffered);
    let fan_out = FanOut::new(vec![Arc::new(StubSink(|| Ok(stored())))]);
    assert_eq!(fan_out.send(event(1)).await.unwrap(), stored());
    let fan_out = FanOut::new(vec![
        Arc::new(RecordingSink::default()),
        Arc::new(MemoryEventSink::new()),
    ]);
    assert_eq!(fan_out.guarantee(), Guarantee::Buffered);
}

#[tokio::test]
async fn without_sinks_discards_every_event() {
    let fan_out = FanOut::new(Vec::new());
    assert_eq!(fan_out.send(event(1)).await.unwrap(), Receipt::Discarded);
    assert_eq!(fan_out.guarantee(), Guarantee::None);
    let results = fan_out.send_batch(vec![event(1), event(2)]).await;
    let receipts: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(receipts, [Receipt::Discarded, Receipt::Discarded]);
    fan_out.flush().await.unwrap();
    fan_out.close().await.unwrap();
}

#[tokio::test]
async fn encodes_once_for_all_sinks() {
    let (a, b) = (MemoryEventSink::new(), MemoryEventSink::new());
    let fan_out = FanOut::new(vec![Arc::new(a.clone()), Arc::new(b.clone())]);
    fan_out.send(event(1)).await.unwrap();
    let (a, b) = (a.envelopes(), b.envelopes());
    assert_eq!(a[0].id(), b[0].id());
    assert_eq!(a[0].json().unwrap().as_ptr(), b[0].json().unwrap().as_ptr());
}

/// Each sink waits for the other, so sequential calls would time out.
#[tokio::test]
async fn calls_all_sinks_concurrently() {
    #[derive(Debug)]
    struct BarrierSink(Arc<Barrier>);

    #[async_trait]
    impl DriverEventSink for BarrierSink {
        async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
            self.0.wait().await;
            Ok(Receipt::Written)
        }

        fn guarantee(&self) -> Guarantee {
            Guarantee::Written
        }

        async fn flush(&self) -> Result<(), SinkError> {
            self.0.wait().await;
            Ok(())
        }
    }

    let barrier = Arc::new(Barrier::new(2));
    let fan_out = FanOut::new(vec![
        Arc::new(BarrierSink(barrier.clone())),
        Arc::new(BarrierSink(barrier)),
    ]);
    let calls = async {
        fan_out.send(event(1)).await.unwrap();
        assert_eq!(fan_out.send_batch(vec![event(1), event(2)]).await.len(), 2);
        fan_out.flush().await.unwrap();
        fan_out.close().await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(30), calls).await.unwrap();
}

#[tokio::test]
async fn failure_does_not_affect_other_sinks() {
    use SinkErrorKind::{Fatal, Rejected, Timeout};
    let memory = MemoryEventSink::new();
    let fan_out = FanOut::new(vec![
        Arc::new(failing_sink(Timeout)),
        Arc::new(memory.clone()),
        Arc::new(StubSink(|| panic!("a bug"))),
        Arc::new(failing_sink(Rejected)),
    ]);
    let error = fan_out.send(event(1)).await.unwrap_err();
    assert_eq!(memory.len(), 1);
    assert_eq!(
        failures::<Receipt>(&error),
        [Some(Timeout), None, Some(Fatal), Some(Rejected)]
    );
    assert_eq!(
        error.to_string(),
        "sink 0 (StubSink): Timeout; sink 2 (StubSink): panicked: a bug; sink 3 (StubSink): Rejected"
    );
    assert_eq!(error.source().unwrap().to_string(), "3 of 4 sinks failed");
    assert_eq!((error.kind(), error.is_retryable()), (Fatal, false));

    let results = fan_out.send_batch(vec![event(2), event(3)]).await;
    assert_eq!(memory.len(), 3);
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(
            failures::<Receipt>(&error),
            [Some(Timeout), None, Some(Fatal), Some(Rejected)]
        );
    }
    for error in [fan_out.flush().await.unwrap_err(), fan_out.close().await.unwrap_err()] {
        assert_eq!(
            failures::<()>(&error),
            [Some(Timeout), None, Some(Fatal), Some(Rejected)]
        );
    }
    assert_eq!(
        memory.send(event(4)).await.unwrap_err().kind(),
        SinkErrorKind::Closed,
        "the other sinks are closed"
    );
}

#[tokio::test]
async fn combines_kind_and_fate_of_failures() {
    use SinkErrorKind::{Disconnected, Full, Rejected, Timeout};
    type Sink = Arc<dyn DriverEventSink>;
    let fails = |kind| Arc::new(failing_sink(kind)) as Sink;
    let accepts = || Arc::new(MemoryEventSink::new()) as Sink;
    let discards = || Arc::new(NoopEventSink) as Sink;
    let cases = [
        (vec![fails(Full), fails(Timeout)], Full, Fate::Unknown),
        (vec![fails(Full), fails(Full)], Full, Fate::NotSent),
        (vec![fails(Full), fails(Rejected)], Rejected, Fate::NotSent),
        (vec![fails(Full), accepts()], Full, Fate::Unknown),
        (vec![fails(Full), discards()], Full, Fate::NotSent),
        (
            vec![accepts(), fails(Rejected), fails(Disconnected)],
            Rejected,
            Fate::Unknown,
        ),
    ];
    for (sinks, kind, fate) in cases {
        let error = FanOut::new(sinks).send(event(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (kind, fate), "{error:?}");
    }
}

#[tokio::test]
async fn missing_batch_results_are_fatal() {
    let memory = MemoryEventSink::new();
    let fan_out = FanOut::new(vec![Arc::new(ShortBatchSink), Arc::new(memory.clone())]);
    let results = fan_out.send_batch(vec![event(1), event(2), event(3)]).await;
    assert_eq!(results.len(), 3);
    assert_eq!(results[0].as_ref().unwrap(), &Receipt::Buffered);
    for result in &results[1..] {
        let error = result.as_ref().unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Fatal, Fate::Unknown));
    }
    assert_eq!(memory.len(), 3);
}

#[tokio::test]
async fn combines_batch_results_by_envelope() {
    let small = MemoryEventSink::bounded(1);
    let fan_out = FanOut::new(vec![Arc::new(small), Arc::new(MemoryEventSink::bounded(2))]);
    let results = fan_out.send_batch(vec![event(1), event(2), event(3)]).await;
    assert!(results[0].is_ok());
    let full = Some(SinkErrorKind::Full);
    assert_eq!(failures::<Receipt>(results[1].as_ref().unwrap_err()), [full, None]);
    assert_eq!(failures::<Receipt>(results[2].as_ref().unwrap_err()), [full, full]);
}

#[tokio::test]
async fn error_calls_sinks_by_the_given_names() {
    let sinks: [(&str, Arc<dyn DriverEventSink>); 2] = [
        ("audit file", Arc::new(MemoryEventSink::bounded(0))),
        ("stream", Arc::new(MemoryEventSink::new())),
    ];
    let error = FanOut::named(sinks).send(event(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "audit file: memory sink is full: capacity 0");
}

#[test]
fn sinks_are_returned_in_order() {
    let first: Arc<dyn DriverEventSink> = Arc::new(MemoryEventSink::new());
    let second: Arc<dyn DriverEventSink> = Arc::new(RecordingSink::default());
    let fan_out = FanOut::new(vec![first.clone(), second.clone()]);
    let is_same = |sinks: &[Arc<dyn DriverEventSink>]| {
        sinks.len() == 2 && Arc::ptr_eq(&sinks[0], &first) && Arc::ptr_eq(&sinks[1], &second)
    };
    assert!(is_same(fan_out.sinks()));
    assert!(is_same(&fan_out.into_sinks()));
}
