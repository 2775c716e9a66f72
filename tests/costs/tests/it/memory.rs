//! The memory of a live goal is what the documentation says.

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use driver_events_core::{
    Deduplicator, DriverEventSink, Envelope, NoopEventSink, Observation, SequenceTracker, Stamp, Stamped,
};
use driver_events_types::{DriverEvent, GoalId};
use futures_util::FutureExt;

/// Numbers of goals just before and after a hash table doubles, and between.
const GOALS: [usize; 4] = [28_000, 29_000, 40_000, 57_000];

/// Returns the least and the most bytes that `fill` keeps for each goal.
fn bytes_per_goal<T>(fill: impl Fn(usize) -> T) -> (u64, u64) {
    let per_goal = GOALS.map(|goals| {
        let mut kept = None;
        let bytes = measure(|| kept = Some(fill(goals))).bytes_current;
        drop(black_box(kept));
        u64::try_from(bytes).unwrap() / goals as u64
    });
    let least = per_goal.iter().min().copied().unwrap();
    let most = per_goal.iter().max().copied().unwrap();
    (least, most)
}

fn envelope() -> Envelope {
    Envelope::new(DriverEvent::Escalate {
        goal_id: GoalId::new(),
        reason: String::new(),
    })
}

#[test]
fn stamped_keeps_a_number_for_each_goal() {
    let (least, most) = bytes_per_goal(|goals| {
        let sink = Stamped::new(NoopEventSink, "urn:example:driver")
            .unwrap()
            .with_goal_capacity(goals);
        for _ in 0..goals {
            sink.send(envelope()).now_or_never().unwrap().unwrap();
        }
        sink
    });
    assert_eq!((least, most), (28, 56));
}

#[test]
fn sequence_tracker_keeps_a_number_and_a_run_for_each_goal() {
    let (least, most) = bytes_per_goal(|goals| {
        let mut tracker = SequenceTracker::new(goals);
        let run: Arc<str> = Arc::from("0198c5f2-7a1e-7cc3-98a5-2f1f6f0c1a01");
        for _ in 0..goals {
            let run = Arc::clone(&run);
            let envelope = envelope().with_stamp(Stamp { run, sequence: 1 }).unwrap();
            assert_eq!(tracker.observe(&envelope), Observation::First { sequence: 1 });
        }
        tracker
    });
    assert_eq!((least, most), (74, 146));
}

#[test]
fn deduplicator_keeps_an_id_for_each_event() {
    let (least, most) = bytes_per_goal(|events| {
        let mut seen = Deduplicator::new(events);
        for _ in 0..events {
            assert!(seen.insert(&envelope()));
        }
        seen
    });
    assert_eq!((least, most), (129, 192));
}
