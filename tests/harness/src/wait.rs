//! Waiting for conditions instead of sleeping.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `condition` is true.
///
/// # Panics
/// Panics after `timeout`, with the caller's location and `what`: a sentence such as "the stream holds 10 events".
#[track_caller]
pub fn wait_until<C: AsyncFnMut() -> bool>(
    what: &str,
    timeout: Duration,
    mut condition: C,
) -> impl Future<Output = ()> {
    wait_for(what, timeout, async move || condition().await.then_some(()))
}

/// Waits until `probe` returns a value, and returns it. A probe that does not finish is dropped at the timeout.
///
/// # Panics
/// Panics as [`wait_until`] does.
#[track_caller]
pub fn wait_for<T, P: AsyncFnMut() -> Option<T>>(
    what: &str,
    timeout: Duration,
    mut probe: P,
) -> impl Future<Output = T> {
    // Not an async function: that would report the location of this file.
    let caller = Location::caller();
    async move {
        let value = poll_for(timeout, &mut probe).await;
        value.unwrap_or_else(|| panic!("{caller}: waited {timeout:?} until {what}"))
    }
}

/// Waits until `probe` returns a value. Returns `None` after `timeout`; a probe that does not finish is dropped then.
pub async fn poll_for<T>(timeout: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let value = async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(timeout, value).await.ok()
}

/// Blocks until `probe` returns a value. Returns `None` after `timeout`.
pub fn poll_for_blocking<T>(timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if start.elapsed() >= timeout {
            return None;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Blocks until `condition` is true, and returns whether it became true within `timeout`.
pub(crate) fn poll_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    poll_for_blocking(timeout, || condition().then_some(())).is_some()
}
