use std::task::{Context, Poll, Waker};

use super::fixture::SourceFixture;
use super::source_under_test::{Content, SourceUnderTest, ack, delivery, envelope};
use crate::conformance::samples;
use crate::conformance::system_under_test::{compare, event, short, text};
use crate::envelope::Envelope;

const GOALS: u32 = 4;
const EVENTS_PER_GOAL: u32 = 25;

/// Checks that every event is delivered once, with the bytes with which it was published, and in order within its goal.
/// Events of every kind, [of a later version](samples::future), hostile texts and texts that are not Unicode are among them.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn delivers_in_order(fixture: &impl SourceFixture) {
    let mut sent = interleaved();
    sent.extend(samples::every_kind(samples::goal(9)).into_iter().map(Envelope::new));
    sent.extend(samples::hostile(samples::goal(10)).into_iter().map(Envelope::new));
    sent.extend(samples::future(samples::goal(11)));
    sent.push(samples::cut_text(samples::goal(12)));
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    let mut delivered = Vec::new();
    for _ in &sent {
        let delivery = system.next_event().await;
        delivered.push(envelope(&delivery));
        ack(delivery).await;
    }
    compare(&sent, &delivered);
    system.close().await;
}

/// Checks that id, time, source, stamp and trace context are delivered, if
/// [`keeps_attributes`](super::SourceCapabilities::keeps_attributes) is set.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn keeps_attributes(fixture: &impl SourceFixture) {
    if !fixture.capabilities().keeps_attributes {
        return;
    }
    let mut sent = vec![samples::with_every_attribute(event(1, 1)), event(2, 2)];
    let future = samples::future(samples::goal(3));
    sent.extend(future.into_iter().map(samples::with_every_attribute));
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    for _ in &sent {
        let delivery = system.next_event().await;
        let found = envelope(&delivery);
        let json = text(&found);
        let Some(sent) = sent.iter().find(|sent| text(sent) == json) else {
            panic!("unexpected event: {}", short(&found));
        };
        assert_eq!(found.id(), sent.id(), "id not preserved");
        assert_eq!(found.time(), sent.time(), "time not preserved");
        assert_eq!(found.source(), sent.source(), "source not preserved");
        assert_eq!(found.stamp(), sent.stamp(), "stamp not preserved");
        assert_eq!(found.traceparent(), sent.traceparent(), "trace context not preserved");
        assert_eq!(found.tracestate(), sent.tracestate(), "trace state not preserved");
        assert_eq!(found.subject(), sent.subject(), "subject not preserved");
        ack(delivery).await;
    }
    system.close().await;
}

/// Checks that a malformed message is delivered with its bytes, can be rejected, and does not stop the source.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn delivers_malformed_messages(fixture: &impl SourceFixture) {
    let (before, after) = ([event(1, 1)], [event(1, 2)]);
    let bytes = br#"{"kind":"escalate","goal_id":7}"#;
    let content = [Content::Events(&before), Content::Bytes(bytes), Content::Events(&after)];
    let mut system = SourceUnderTest::start(fixture, &content).await;
    let mut delivered = Vec::new();
    let mut malformed_count = 0;
    for _ in 0..3 {
        let delivery = system.next().await;
        let Err(malformed) = delivery.envelope() else {
            delivered.push(envelope(&delivery));
            ack(delivery).await;
            continue;
        };
        let raw = malformed.raw();
        assert!(
            raw.windows(bytes.len()).any(|part| part == bytes),
            "the bytes of the malformed message are missing: {raw:?}"
        );
        malformed_count += 1;
        let reason = malformed.to_string();
        if let Err(error) = delivery.reject(&reason).await {
            panic!("reject failed: {error:?}");
        }
    }
    assert_eq!(malformed_count, 1, "unexpected number of malformed messages");
    compare(&[before, after].concat(), &delivered);
    system.close().await;
}

/// Checks that a dropped call of `next` loses no delivery.
///
/// # Panics
/// Panics if the source violates this property.
pub async fn survives_cancelled_next(fixture: &impl SourceFixture) {
    let sent = interleaved();
    let mut system = SourceUnderTest::start(fixture, &[Content::Events(&sent)]).await;
    let mut delivered = Vec::new();
    while delivered.len() < sent.len() {
        let polled = {
            let mut next = system.source.next();
            next.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        let delivery = match polled {
            Poll::Ready(item) => delivery(item),
            Poll::Pending => system.next_event().await,
        };
        delivered.push(envelope(&delivery));
        ack(delivery).await;
    }
    compare(&sent, &delivered);
    system.close().await;
}

/// Returns the events of all goals, interleaved.
fn interleaved() -> Vec<Envelope> {
    let numbers = 0..EVENTS_PER_GOAL;
    numbers
        .flat_map(|number| (0..GOALS).map(move |goal| event(goal, number)))
        .collect()
}
