//! Waiting for a condition, never for a time.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is asked.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `condition` is true.
///
/// # Panics
/// When it is not within `timeout`, with a message that says where and for what was waited: word `what` as in "the
/// stream holds 10 events".
#[track_caller]
pub fn wait_until<C: AsyncFnMut() -> bool>(
    what: &str,
    timeout: Duration,
    mut condition: C,
) -> impl Future<Output = ()> {
    wait_for(what, timeout, async move || condition().await.then_some(()))
}

/// Waits until `probe` has a value, and returns it. A probe that hangs is dropped when the time is over.
///
/// # Panics
/// As [`wait_until`] does.
#[track_caller]
pub fn wait_for<T, P: AsyncFnMut() -> Option<T>>(
    what: &str,
    timeout: Duration,
    mut probe: P,
) -> impl Future<Output = T> {
    // An asynchronous function would name this file as the place of the failure.
    let caller = Location::caller();
    async move {
        let value = async {
            loop {
                if let Some(value) = probe().await {
                    return value;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(timeout, value).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: waited {timeout:?} in vain until {what}"),
        }
    }
}

/// For code that is not asynchronous: whether `condition` came true within `timeout`.
pub(crate) fn became_true(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= timeout {
            return false;
        }
        thread::sleep(PAUSE);
    }
}
