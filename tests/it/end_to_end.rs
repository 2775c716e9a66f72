//! From the driver loop through decorators and a fan-out into a file, and back through a source.

use std::collections::HashMap;
use std::sync::Arc;

use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, DriverEventSource, Envelope, EventFilter, FanOut, MemoryEventSink,
    NdjsonSource, Observation, SequenceTracker,
};
use driver_events_stdout::{Format, WriterEventSink};
use driver_events_types::{DriverEvent, EventKind, GoalId};

const GOAL_RUN: &str = include_str!("../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");

fn events() -> Vec<DriverEvent> {
    GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()).unwrap())
        .collect()
}

#[tokio::test]
async fn published_events_are_read_back_in_order_with_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let bare = directory.path().join("bare.ndjson");
    let cloudevents = directory.path().join("cloudevents.ndjson");
    let memory = MemoryEventSink::new();
    let decisions = Arc::new(MemoryEventSink::new());

    let fan_out = FanOut::new(vec![
        Arc::new(memory) as Arc<dyn DriverEventSink>,
        Arc::new(
            WriterEventSink::builder()
                .format(Format::Json)
                .append_to(&bare)
                .unwrap(),
        ),
        Arc::new(WriterEventSink::append_to(&cloudevents).unwrap()),
        Arc::new(Arc::clone(&decisions).filtered(EventFilter::everything().kinds([EventKind::Decision]))),
    ]);
    let sink: Arc<dyn DriverEventSink> = Arc::new(fan_out.stamped("urn:example:driver").unwrap());
    for event in events() {
        sink.publish(event).await.unwrap();
    }
    sink.close().await.unwrap();

    assert_eq!(std::fs::read_to_string(&bare).unwrap(), GOAL_RUN);
    let expected = events()
        .iter()
        .filter(|event| event.kind() == EventKind::Decision)
        .count();
    assert_eq!(decisions.events().len(), expected);

    let text = std::fs::read(&cloudevents).unwrap();
    let mut source = NdjsonSource::new("cloudevents.ndjson", &text[..]);
    let mut tracker = SequenceTracker::default();
    let mut last: HashMap<GoalId, u64> = HashMap::new();
    let mut read = Vec::new();
    while let Some(delivery) = source.next().await {
        let delivery = delivery.unwrap();
        let envelope: &Envelope = delivery.envelope().unwrap();
        assert_eq!(envelope.source(), "urn:example:driver");
        let goal_id = envelope.goal_id().unwrap();
        let sequence = envelope.stamp().unwrap().sequence;
        let before = last.insert(goal_id, sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1);
        match tracker.observe(envelope) {
            Observation::First { sequence } => assert_eq!((sequence, before), (1, 0)),
            Observation::Next => assert!(before > 0),
            other => panic!("{other:?} at {}", delivery.position()),
        }
        read.push(envelope.event().unwrap().clone());
        delivery.ack().await.unwrap();
    }
    assert_eq!(read, events());
}
