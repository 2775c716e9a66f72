use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::fixture::Fixture;
use super::system_under_test::{SystemUnderTest, event, events};

/// Numbers of polls after which a future is dropped.
const POLLS_BEFORE_DROP: [usize; 4] = [1, 0, 2, 5];

/// Checks that a `send` can be cancelled and retried with the same envelope without loss or reordering.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn survives_cancelled_sends(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent = events(1, 0..40);
    for (envelope, polls) in sent.iter().zip(POLLS_BEFORE_DROP.into_iter().cycle()) {
        poll_and_drop(system.sink.send(envelope.clone()), polls).await;
        system.send(envelope).await;
    }
    system.expect_stored_at_least_once(&sent).await;
}

/// Checks that a `send_batch` can be cancelled and retried with the same envelopes without loss or reordering.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn survives_cancelled_batches(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent: Vec<_> = (0..120).map(|n| event(n % 3, n)).collect();
    for (batch, polls) in sent.chunks(10).zip(POLLS_BEFORE_DROP.into_iter().cycle()) {
        poll_and_drop(system.sink.send_batch(batch.to_vec()), polls).await;
        system.send_batch(batch).await;
    }
    system.expect_stored_at_least_once(&sent).await;
}

/// Checks that `flush` and `close` can be cancelled and called again without loss.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn survives_cancelled_close(fixture: &impl Fixture) {
    for polls in POLLS_BEFORE_DROP {
        let system = SystemUnderTest::start(fixture).await;
        let mut sent = Vec::new();
        for number in 0..5 {
            let envelope = event(1, number);
            system.send(&envelope).await;
            sent.push(envelope);
            poll_and_drop(system.sink.flush(), polls).await;
        }
        poll_and_drop(system.sink.close(), polls).await;
        if let Err(error) = system.sink.close().await {
            panic!("close failed: {error:?}");
        }
        system.expect_stored_without_flush(&sent).await;
    }
}

/// Polls the future at most `polls` times, yields to other tasks after each poll, and drops it.
async fn poll_and_drop<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if polled.is_ready() {
            break;
        }
        tokio::task::yield_now().await;
    }
}
