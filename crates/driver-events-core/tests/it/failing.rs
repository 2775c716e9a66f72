use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, FailingEventSink, Fate, MemoryEventSink, Receipt, SinkErrorKind};

use crate::support::event;

#[tokio::test]
async fn chosen_events_fail_and_others_are_forwarded() {
    let memory = MemoryEventSink::new();
    let sink = FailingEventSink::new(memory.clone())
        .fail(2, SinkErrorKind::Disconnected)
        .lose_ack(3, SinkErrorKind::Timeout);
    let mut outcomes = Vec::new();
    for number in 1..=4 {
        let result = sink.send(event(number)).await;
        outcomes.push(result.map_err(|error| (error.kind(), error.fate(), error.to_string())));
    }
    let failed = |kind, fate, number| Err((kind, fate, format!("event {number} fails in this test")));
    let expected = [
        Ok(Receipt::Buffered),
        failed(SinkErrorKind::Disconnected, Fate::NotSent, 2),
        failed(SinkErrorKind::Timeout, Fate::Unknown, 3),
        Ok(Receipt::Buffered),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(memory.len(), 3, "event 2 was not sent");
}

#[tokio::test]
async fn delayed_events_arrive_later() {
    let delay = Duration::from_millis(20);
    let sink = FailingEventSink::new(MemoryEventSink::new()).delay(delay);
    let start = Instant::now();
    sink.send(event(1)).await.unwrap();
    assert!(start.elapsed() >= delay);
    assert_eq!(sink.into_inner().len(), 1);
}
