use driver_events_core::{
    BatchOrder, DriverEventSink, DriverEventSinkExt, Guarantee, MemoryEventSink, Receipt, SinkErrorKind,
};

use crate::support::{ShortBatchSink, StubSink, event, failing_sink};

#[tokio::test]
async fn failures_and_panics_are_counted_and_hidden() {
    let sink = failing_sink(SinkErrorKind::Disconnected).best_effort();
    assert_eq!(sink.send(event(1)).await.unwrap(), Receipt::Discarded);
    let results = sink.send_batch(vec![event(1), event(2)]).await;
    let receipts: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(receipts, [Receipt::Discarded, Receipt::Discarded]);
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(sink.failures(), 5);

    let sink = StubSink(|| panic!("a bug")).best_effort();
    assert_eq!(sink.send(event(1)).await.unwrap(), Receipt::Discarded);
    assert_eq!(sink.send_batch(vec![event(1), event(2)]).await.len(), 2);
    sink.flush().await.unwrap();
    assert_eq!(sink.failures(), 4);
}

#[tokio::test]
async fn missing_results_count_as_failures() {
    let sink = ShortBatchSink.best_effort();
    let results = sink.send_batch(vec![event(1), event(2), event(3)]).await;
    assert_eq!(results.len(), 3);
    assert_eq!(sink.failures(), 2);
}

#[tokio::test]
async fn receipts_of_success_pass_and_nothing_is_promised() {
    let sink = MemoryEventSink::new().best_effort();
    assert_eq!(sink.send(event(1)).await.unwrap(), Receipt::Buffered);
    assert_eq!((sink.failures(), sink.get_ref().len()), (0, 1));
    assert_eq!(
        (sink.guarantee(), sink.batch_order()),
        (Guarantee::None, BatchOrder::BestEffort)
    );
}
