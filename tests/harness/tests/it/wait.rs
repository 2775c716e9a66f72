use std::future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use driver_events_harness::{wait_for, wait_until};

#[tokio::test]
async fn a_condition_is_asked_until_it_is_true() {
    let mut asked = 0;
    wait_until("asked three times", Duration::from_secs(10), async || {
        asked += 1;
        asked == 3
    })
    .await;
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn a_value_is_returned() {
    let mut values = [None, Some("there")].into_iter();
    assert_eq!(
        wait_for("a value", Duration::from_secs(10), async || values.next()?).await,
        "there"
    );
}

#[test]
fn a_failure_names_the_place_and_the_condition() {
    let failure = failure(|| wait_until("pigs fly", Duration::from_millis(20), async || false));
    assert!(failure.contains("tests/it/wait.rs:"), "{failure}");
    assert!(failure.ends_with("waited 20ms in vain until pigs fly"), "{failure}");
}

#[test]
fn a_probe_that_hangs_is_a_failure_too() {
    let failure = failure(|| wait_until("it ends", Duration::from_millis(20), async || future::pending().await));
    assert!(failure.ends_with("waited 20ms in vain until it ends"), "{failure}");
}

/// What the panic of a wait says.
fn failure<F: Future<Output = ()>>(wait: impl FnOnce() -> F) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { wait().await }))).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}
