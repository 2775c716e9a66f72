use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, NoopEventSink, Receipt};

#[tokio::test]
async fn accepts_and_discards_every_event() {
    let sink = NoopEventSink;
    for event in samples::every_kind(samples::goal(1)) {
        assert_eq!(
            sink.send(Envelope::new(event.clone())).await.unwrap(),
            Receipt::Discarded
        );
        sink.publish(event).await.unwrap();
    }
    let unencodable = sink.send(samples::not_finite(samples::goal(1))).await;
    assert_eq!(unencodable.unwrap(), Receipt::Discarded);
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
    let after_close = sink.send(samples::too_large(samples::goal(1))).await;
    assert_eq!(after_close.unwrap(), Receipt::Discarded);
    assert_eq!(sink.guarantee(), Guarantee::None);
}
