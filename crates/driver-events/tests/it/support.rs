//! Helpers shared by several tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_events::{Envelope, Options};
use driver_events_harness::wait_until;

use crate::reader;

/// Longer than any successful operation takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Awaits a call that must return within [`TIMEOUT`].
pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(TIMEOUT, call).await;
    result.expect("a call did not return within the timeout")
}

/// The events that the example's reader has handled.
pub(crate) type Handled = Arc<Mutex<Vec<Envelope>>>;

/// Runs the example's reader until it has handled `count` events, and then during `meanwhile`.
pub(crate) async fn read(url: &str, options: &Options, handled: &Handled, count: usize) {
    let handle = |event: &Envelope| handled.lock().unwrap().push(event.clone());
    let stopped = wait_until("the reader handles all events", TIMEOUT, async || {
        handled.lock().unwrap().len() >= count
    });
    in_time(reader::read(url, options, handle, stopped)).await.unwrap();
}

/// Returns the kinds of events, in order.
pub(crate) fn kinds(envelopes: &[Envelope]) -> Vec<String> {
    envelopes.iter().map(|envelope| envelope.kind().to_owned()).collect()
}

/// Asserts that the events are the 18 of the example's driver loop, each once and in the order of its goal.
pub(crate) fn assert_driver_loop(envelopes: &[Envelope]) {
    let mut goals: Vec<_> = envelopes.iter().map(|envelope| envelope.goal_id().unwrap()).collect();
    goals.sort();
    goals.dedup();
    assert_eq!(goals.len(), 3);
    for goal in goals {
        let of_goal: Vec<_> = envelopes.iter().filter(|event| event.goal_id() == Some(goal)).collect();
        let numbers: Vec<_> = of_goal.iter().map(|event| event.stamp().unwrap().sequence).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            (of_goal[0].kind(), of_goal[5].kind()),
            ("goal_started", "goal_completed")
        );
    }
    assert_eq!(envelopes.len(), 18);
}
