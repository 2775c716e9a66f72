use std::collections::HashSet;
use std::time::Duration;

use super::fixture::SourceFixture;
use super::source_under_test::{Content, SourceUnderTest, ack, envelope};
use crate::conformance::system_under_test::{compare, events};

/// Checks that a reader that continues after `close` gets the events that were not settled, in order within their goal, and
/// none that was acked, if [`redelivers`](super::SourceCapabilities::redelivers) is set.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn redelivers_unsettled_events(fixture: &impl SourceFixture) {
    if !fixture.capabilities().redelivers {
        return;
    }
    let sent = events(1, 0..6);
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    let (acked, unsettled) = sent.split_at(2);
    for _ in acked {
        let delivery = system.next_event().await;
        ack(delivery).await;
    }
    // Dropped without an ack.
    drop(system.next_event().await);
    system.reopen().await;
    let mut delivered = Vec::new();
    for _ in unsettled {
        let delivery = system.next_event().await;
        delivered.push(envelope(&delivery));
        ack(delivery).await;
    }
    compare(unsettled, &delivered);
    system.close().await;
}

/// Checks that a nacked event is redelivered, if [`redelivers`](super::SourceCapabilities::redelivers) is set.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn redelivers_nacked_events(fixture: &impl SourceFixture) {
    if !fixture.capabilities().redelivers {
        return;
    }
    let sent = events(1, 0..3);
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    let nacked = system.next_event().await;
    let id = envelope(&nacked).id().clone();
    if let Err(error) = nacked.nack(Duration::from_millis(1)).await {
        panic!("nack failed: {error:?}");
    }
    let mut missing: HashSet<_> = sent.iter().map(|envelope| envelope.id().clone()).collect();
    assert!(missing.contains(&id), "unexpected event: id {id}");
    while !missing.is_empty() {
        let delivery = system.next_event().await;
        missing.remove(envelope(&delivery).id());
        // Later events of the log may be redelivered with the nacked one, and earlier deliveries of them are then stale.
        let _ = delivery.ack().await;
    }
    system.close().await;
}
