use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, NoopEventSink, Receipt};

#[tokio::test]
async fn always_answers_ok() {
    let s = NoopEventSink;
    for event in samples::every_kind(samples::goal(1)) {
        assert_eq!(s.send(Envelope::new(event.clone())).await.unwrap(), Receipt::Discarded);
        s.publish(event).await.unwrap();
    }
    s.send(samples::not_finite(samples::goal(1))).await.unwrap();
    s.flush().await.unwrap();
    s.close().await.unwrap();
    s.send(samples::too_large(samples::goal(1))).await.unwrap();
    assert_eq!(s.guarantee(), Guarantee::None);
}
