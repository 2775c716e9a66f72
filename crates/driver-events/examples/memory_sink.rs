//! A unit test of code that publishes events: `MemoryEventSink` keeps them, `FailingEventSink` fails on purpose.
//!
//! ```sh
//! cargo run --package driver-events --example memory_sink
//! ```

#![allow(
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "an example may print and panic"
)]

use driver_events::{DriverEvent, DriverEventSink, FailingEventSink, GoalId, MemoryEventSink, SinkErrorKind};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    hands_over_after_three_errors().await;
    goes_on_without_events().await;
}

/// The code under test: hands the goal to an operator after three errors, and returns whether it did.
async fn on_errors(sink: &dyn DriverEventSink, goal_id: GoalId, errors: u32) -> bool {
    if errors < 3 {
        return false;
    }
    let reason = format!("{errors} errors in a row");
    if let Err(error) = sink.publish(DriverEvent::Escalate { goal_id, reason }).await {
        eprintln!("event not published: {error}");
    }
    true
}

/// The events are in the order in which they were published.
pub async fn hands_over_after_three_errors() {
    let (sink, goal_id) = (MemoryEventSink::new(), GoalId::new());
    for errors in 1..=3 {
        on_errors(&sink, goal_id, errors).await;
    }
    let envelopes = sink.envelopes();
    assert_eq!(envelopes.len(), 1);
    let reason = "3 errors in a row".to_owned();
    assert_eq!(envelopes[0].event(), Some(&DriverEvent::Escalate { goal_id, reason }));
}

/// The driver loop goes on although the broker is down.
pub async fn goes_on_without_events() {
    let sink = FailingEventSink::new(MemoryEventSink::new()).fail(1, SinkErrorKind::Disconnected);
    assert!(on_errors(&sink, GoalId::new(), 3).await);
}
