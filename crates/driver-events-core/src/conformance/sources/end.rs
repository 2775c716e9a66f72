use super::fixture::SourceFixture;
use super::source_under_test::{Content, SourceUnderTest, ack};
use crate::conformance::system_under_test::events;

/// Checks that `close` succeeds, that `next` then returns `None`, and that `close` may be called again.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn closes(fixture: &impl SourceFixture) {
    let sent = events(1, 0..3);
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    let delivery = system.next_event().await;
    ack(delivery).await;
    for _ in 0..2 {
        system.close().await;
        if let Some(item) = system.source.next().await {
            panic!("unexpected delivery after close: {item:?}");
        }
    }
}
