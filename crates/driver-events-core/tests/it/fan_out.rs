use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::{
    DriverEventSink, Envelope, FanOut, FanOutError, Fate, Guarantee, MemoryEventSink, NoopEventSink, Receipt,
    SinkError, SinkErrorKind, Stored,
};
use tokio::sync::Barrier;

use crate::support::{Answers, AnswersOne, Recording, event, failing};

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
async fn the_receipt_is_the_weakest() {
    let fan_out = FanOut::new(vec![
        Arc::new(Answers(|| Ok(stored()))),
        Arc::new(MemoryEventSink::new()),
    ]);
    assert_eq!(fan_out.send(event(1)).await.unwrap(), Receipt::Buffered);
    let fan_out = FanOut::new(vec![Arc::new(Answers(|| Ok(stored())))]);
    assert_eq!(fan_out.send(event(1)).await.unwrap(), stored());
    let fan_out = FanOut::new(vec![Arc::new(Recording::default()), Arc::new(MemoryEventSink::new())]);
    assert_eq!(fan_out.guarantee(), Guarantee::Buffered);
}

#[tokio::test]
async fn without_a_sink_everything_is_discarded() {
    let fan_out = FanOut::new(Vec::new());
    assert_eq!(fan_out.send(event(1)).await.unwrap(), Receipt::Discarded);
    assert_eq!(fan_out.guarantee(), Guarantee::None);
    assert_eq!(fan_out.send_batch(vec![event(1), event(2)]).await.len(), 2);
    fan_out.flush().await.unwrap();
    fan_out.close().await.unwrap();
}

#[tokio::test]
async fn all_sinks_get_the_same_encoding() {
    let (a, b) = (MemoryEventSink::new(), MemoryEventSink::new());
    let fan_out = FanOut::new(vec![Arc::new(a.clone()), Arc::new(b.clone())]);
    fan_out.send(event(1)).await.unwrap();
    let (a, b) = (a.envelopes(), b.envelopes());
    assert_eq!(a[0].id(), b[0].id());
    assert_eq!(a[0].json().unwrap().as_ptr(), b[0].json().unwrap().as_ptr());
}

/// Each sink waits until the other was asked: one after the other would wait for ever.
#[tokio::test]
async fn asks_all_sinks_at_once() {
    #[derive(Debug)]
    struct Meets(Arc<Barrier>);

    #[async_trait]
    impl DriverEventSink for Meets {
        async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
            self.0.wait().await;
            Ok(Receipt::Written)
        }

        async fn flush(&self) -> Result<(), SinkError> {
            self.0.wait().await;
            Ok(())
        }
    }

    let barrier = Arc::new(Barrier::new(2));
    let fan_out = FanOut::new(vec![Arc::new(Meets(barrier.clone())), Arc::new(Meets(barrier))]);
    fan_out.send(event(1)).await.unwrap();
    assert_eq!(fan_out.send_batch(vec![event(1), event(2)]).await.len(), 2);
    fan_out.flush().await.unwrap();
    fan_out.close().await.unwrap();
}

#[tokio::test]
async fn one_that_fails_hides_nothing() {
    use SinkErrorKind::{Fatal, Rejected, Timeout};
    let memory = MemoryEventSink::new();
    let fan_out = FanOut::new(vec![
        Arc::new(failing(Timeout)),
        Arc::new(memory.clone()),
        Arc::new(Answers(|| panic!("a bug"))),
        Arc::new(failing(Rejected)),
    ]);
    let error = fan_out.send(event(1)).await.unwrap_err();
    assert_eq!(memory.len(), 1);
    assert_eq!(
        failures::<Receipt>(&error),
        [Some(Timeout), None, Some(Fatal), Some(Rejected)]
    );
    assert_eq!(error.to_string(), "3 of 4 sinks failed");
    assert_eq!(
        error.source().unwrap().to_string(),
        "sink 0: Timeout; sink 2: the sink panicked: a bug; sink 3: Rejected"
    );
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
        "the others are closed"
    );
}

#[tokio::test]
async fn the_error_says_what_to_do_and_what_may_have_happened() {
    use SinkErrorKind::{Disconnected, Full, Rejected, Timeout};
    type Sink = Arc<dyn DriverEventSink>;
    let fails = |kind| Arc::new(failing(kind)) as Sink;
    let takes = || Arc::new(MemoryEventSink::new()) as Sink;
    let drops = || Arc::new(NoopEventSink) as Sink;
    let cases = [
        (vec![fails(Full), fails(Timeout)], Full, Fate::Unknown),
        (vec![fails(Full), fails(Full)], Full, Fate::NotSent),
        (vec![fails(Full), fails(Rejected)], Rejected, Fate::NotSent),
        (vec![fails(Full), takes()], Full, Fate::Unknown),
        (vec![fails(Full), drops()], Full, Fate::NotSent),
        (
            vec![takes(), fails(Rejected), fails(Disconnected)],
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
async fn a_sink_that_answers_a_batch_short_is_fatal_for_the_rest() {
    let memory = MemoryEventSink::new();
    let fan_out = FanOut::new(vec![Arc::new(AnswersOne), Arc::new(memory.clone())]);
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
async fn a_batch_is_combined_by_place() {
    let small = MemoryEventSink::bounded(1);
    let fan_out = FanOut::new(vec![Arc::new(small), Arc::new(MemoryEventSink::bounded(2))]);
    let results = fan_out.send_batch(vec![event(1), event(2), event(3)]).await;
    assert!(results[0].is_ok());
    let full = Some(SinkErrorKind::Full);
    assert_eq!(failures::<Receipt>(results[1].as_ref().unwrap_err()), [full, None]);
    assert_eq!(failures::<Receipt>(results[2].as_ref().unwrap_err()), [full, full]);
}

#[test]
fn gives_its_sinks_back() {
    let fan_out = FanOut::new(vec![Arc::new(NoopEventSink)]);
    assert_eq!(fan_out.sinks().len(), 1);
    assert_eq!(fan_out.into_sinks().len(), 1);
}
