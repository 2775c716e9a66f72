//! The examples that need no URL.

#[cfg(feature = "conformance")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_sink_passes_the_suite() {
    crate::own_sink::passes_the_suite().await;
}

#[tokio::test]
async fn unit_tests_of_the_example_pass() {
    crate::memory_sink::hands_over_after_three_errors().await;
    crate::memory_sink::goes_on_without_events().await;
}
