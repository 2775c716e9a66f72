use std::time::Duration;

use driver_events_core::{DriverEventSink, DriverEventSinkExt, FailingEventSink, Fate, MemoryEventSink, SinkErrorKind};

use crate::support::{HangingSink, event};

#[tokio::test(start_paused = true)]
async fn each_call_is_limited() {
    let sink = HangingSink.with_timeout(Duration::from_secs(5));
    let error = sink.send(event(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Timeout, Fate::Unknown));
    assert_eq!(error.to_string(), "no result within 5s");
    let results = sink.send_batch(vec![event(1), event(2)]).await;
    assert_eq!(results.len(), 2);
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Timeout, Fate::Unknown));
    }
    assert_eq!(sink.flush().await.unwrap_err().kind(), SinkErrorKind::Timeout);
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Timeout);
}

#[tokio::test]
async fn results_within_the_limit_pass_unchanged() {
    let sink = FailingEventSink::new(MemoryEventSink::new()).fail(1, SinkErrorKind::Rejected);
    let sink = sink.with_timeout(Duration::from_secs(60));
    assert_eq!(sink.send(event(1)).await.unwrap_err().kind(), SinkErrorKind::Rejected);
    sink.send(event(2)).await.unwrap();
    assert_eq!(sink.get_ref().get_ref().len(), 1);
}
