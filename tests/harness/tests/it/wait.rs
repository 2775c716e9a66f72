use std::future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use driver_events_harness::{wait_for, wait_until};

#[tokio::test]
async fn wait_until_polls_until_the_condition_is_true() {
    let mut polls = 0;
    wait_until("polled three times", Duration::from_secs(10), async || {
        polls += 1;
        polls == 3
    })
    .await;
    assert_eq!(polls, 3);
}

#[tokio::test]
async fn wait_for_returns_the_value() {
    let mut values = [None, Some("there")].into_iter();
    assert_eq!(
        wait_for("a value", Duration::from_secs(10), async || values.next()?).await,
        "there"
    );
}

#[test]
fn timeout_reports_caller_and_condition() {
    let failure = failure(|| wait_until("pigs fly", Duration::from_millis(20), async || false));
    assert!(failure.contains("tests/it/wait.rs:"), "{failure}");
    assert!(failure.ends_with("waited 20ms until pigs fly"), "{failure}");
}

#[test]
fn hanging_probe_times_out() {
    let failure = failure(|| wait_until("it ends", Duration::from_millis(20), async || future::pending().await));
    assert!(failure.ends_with("waited 20ms until it ends"), "{failure}");
}

/// Returns the panic message of a wait.
fn failure<F: Future<Output = ()>>(wait: impl FnOnce() -> F) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { wait().await }))).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}
