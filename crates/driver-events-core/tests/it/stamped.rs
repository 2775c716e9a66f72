use std::collections::BTreeSet;
use std::sync::Arc;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, MemoryEventSink, SinkErrorKind, Stamp, Stamped};
use driver_events_types::Uuid;

use crate::support::{event_of, failing_sink};

fn stamped() -> Stamped<MemoryEventSink> {
    Stamped::new(MemoryEventSink::new(), "urn:test").unwrap()
}

fn sequence(envelope: &Envelope) -> u64 {
    envelope.stamp().unwrap().sequence
}

fn run(envelope: &Envelope) -> Arc<str> {
    Arc::clone(&envelope.stamp().unwrap().run)
}

#[tokio::test]
async fn numbers_the_events_of_each_goal() {
    let sink = stamped();
    sink.send(event_of(1, 0)).await.unwrap();
    sink.send_batch(vec![event_of(2, 0), event_of(1, 1), event_of(2, 1)])
        .await;
    sink.publish(samples::numbered(samples::goal(1), 2)).await.unwrap();
    let stored = sink.get_ref().envelopes();
    assert_eq!(stored.iter().map(sequence).collect::<Vec<_>>(), [1, 1, 2, 2, 3]);
    let runs: BTreeSet<_> = stored.iter().map(run).collect();
    assert_eq!(runs.len(), 1);
    let name = Uuid::parse_str(runs.first().unwrap()).unwrap();
    assert_eq!(name.get_version_num(), 7);
    assert!(stored.iter().all(|envelope| envelope.source() == "urn:test"));
}

#[tokio::test]
async fn retry_keeps_the_number() {
    let sink = Stamped::new(failing_sink(SinkErrorKind::Disconnected), "urn:test").unwrap();
    let envelope = event_of(1, 0);
    sink.send(envelope.clone()).await.unwrap_err();
    let first = envelope.stamp().unwrap().clone();
    sink.send(envelope.clone()).await.unwrap_err();
    let with_trace = envelope
        .clone()
        .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    sink.send(with_trace.unwrap()).await.unwrap_err();
    assert_eq!(envelope.stamp(), Some(&first));
    let next = event_of(1, 1);
    sink.send(next.clone()).await.unwrap_err();
    assert_eq!(sequence(&next), 2, "a retry uses no further number");
}

#[tokio::test]
async fn keeps_existing_stamp_and_source() {
    let sink = stamped();
    let stamp = Stamp {
        run: "other".into(),
        sequence: 40,
    };
    let envelope = event_of(1, 0)
        .with_stamp(stamp.clone())
        .unwrap()
        .with_source("urn:other")
        .unwrap();
    sink.send(envelope).await.unwrap();
    sink.send(event_of(1, 1)).await.unwrap();
    let stored = sink.get_ref().envelopes();
    assert_eq!((stored[0].stamp(), stored[0].source()), (Some(&stamp), "urn:other"));
    assert_eq!(
        sequence(&stored[1]),
        1,
        "an existing stamp does not advance the counter"
    );
}

#[tokio::test]
async fn event_without_goal_gets_source_but_no_stamp() {
    let sink = stamped();
    sink.send(Envelope::from_json(r#"{"kind":"host_restarted"}"#).unwrap())
        .await
        .unwrap();
    sink.send(samples::unknown_kind(samples::goal(1))).await.unwrap();
    let stored = sink.get_ref().envelopes();
    assert_eq!((stored[0].stamp(), stored[0].source()), (None, "urn:test"));
    assert_eq!(sequence(&stored[1]), 1);
}

#[tokio::test]
async fn exceeding_goal_capacity_starts_a_new_run() {
    let sink = stamped().with_run("first").unwrap().with_goal_capacity(2);
    for goal in [1, 2, 1, 3, 1, 1] {
        sink.send(event_of(goal, 0)).await.unwrap();
    }
    let stored = sink.into_inner().envelopes();
    assert_eq!(stored.iter().map(sequence).collect::<Vec<_>>(), [1, 1, 2, 1, 1, 2]);
    assert!(stored[..3].iter().all(|envelope| &*run(envelope) == "first"));
    let second = run(&stored[3]);
    assert_ne!(&*second, "first");
    assert!(stored[3..].iter().all(|envelope| run(envelope) == second));
}

#[test]
fn rejects_invalid_source_and_run() {
    let error = Stamped::new(MemoryEventSink::new(), "not a uri").unwrap_err();
    assert_eq!(error.name(), "source");
    assert_eq!(
        Stamped::new(MemoryEventSink::new(), "").unwrap_err().to_string(),
        "attribute `source` is empty"
    );
    assert_eq!(stamped().with_run("a\nb").unwrap_err().name(), "producerrun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_tasks_get_distinct_numbers() {
    let sink = Arc::new(stamped());
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                for number in 0..200 {
                    sink.send(event_of(number % 2, number)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for goal in 0..2 {
        let numbers: BTreeSet<u64> = sink
            .get_ref()
            .of_goal(samples::goal(goal))
            .iter()
            .map(sequence)
            .collect();
        assert!(numbers.into_iter().eq(1..=400));
    }
}
