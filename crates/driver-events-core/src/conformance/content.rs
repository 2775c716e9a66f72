use std::collections::{HashMap, VecDeque};

use super::fixture::Fixture;
use super::samples;
use super::system_under_test::{SystemUnderTest, event, short};
use crate::envelope::Envelope;
use crate::sink::sink_error::SinkErrorKind;

/// Checks that events of every kind, and hostile texts, are stored with the bytes of the wire contract.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn stores_every_kind(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let mut events = samples::every_kind(samples::goal(1));
    events.extend(samples::hostile(samples::goal(2)));
    let sent: Vec<Envelope> = events.into_iter().map(Envelope::new).collect();
    for envelope in &sent {
        system.send(envelope).await;
    }
    system.expect_stored(&sent).await;
}

/// Checks that the bytes of a received event are stored unchanged, even if this version would encode it differently.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn stores_received_bytes(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent = [samples::foreign(samples::goal(1)), samples::cut_text(samples::goal(2))];
    for envelope in &sent {
        system.send(envelope).await;
    }
    system.expect_stored(&sent).await;
}

/// Checks that [events of a later version](samples::future) are stored unchanged. An event without a subject may be
/// [`Rejected`](SinkErrorKind::Rejected), depending on the capabilities.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn stores_unknown_kinds(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let mut sent = samples::future(samples::goal(1));
    system.send_batch(&sent).await;
    let without_subject = samples::unknown_kind(samples::goal(2));
    if system.capabilities.accepts_unknown_without_subject {
        system.send(&without_subject).await;
        sent.push(without_subject);
    } else {
        let result = system.sink.send(without_subject).await;
        let kind = result.as_ref().map_err(|error| error.kind());
        assert_eq!(
            kind,
            Err(SinkErrorKind::Rejected),
            "unexpected result for an event without a subject"
        );
    }
    system.expect_stored(&sent).await;
}

/// Checks that attributes are stored unchanged, and that unset attributes stay unset.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn keeps_attributes(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    if !(system.capabilities.stores && system.capabilities.keeps_attributes) {
        return;
    }
    let mut sent = vec![samples::with_every_attribute(event(1, 1)), event(2, 2)];
    sent.push(samples::foreign(samples::goal(3)));
    let future = samples::future(samples::goal(4));
    sent.extend(future.into_iter().map(samples::with_every_attribute));
    system.send_batch(&sent).await;
    system.flush().await;
    let stored = system.stored().await;
    // A sink may encode an event again, so that its bytes do not identify it; its place among those of its goal does.
    let mut stored_by_goal = HashMap::<_, VecDeque<_>>::new();
    for stored in &stored {
        stored_by_goal.entry(stored.goal_id()).or_default().push_back(stored);
    }
    for sent in sent {
        let stored = stored_by_goal.get_mut(&sent.goal_id()).and_then(VecDeque::pop_front);
        let Some(stored) = stored else {
            panic!("event not stored: {}", short(&sent));
        };
        assert_eq!(stored.id(), sent.id(), "id not preserved");
        assert_eq!(stored.time(), sent.time(), "time not preserved");
        assert_eq!(stored.source(), sent.source(), "source not preserved");
        assert_eq!(stored.stamp(), sent.stamp(), "stamp not preserved");
        assert_eq!(stored.traceparent(), sent.traceparent(), "trace context not preserved");
        assert_eq!(stored.tracestate(), sent.tracestate(), "trace state not preserved");
        assert_eq!(stored.subject(), sent.subject(), "subject not preserved");
    }
}

/// Checks that `publish` stores the same bytes as `send`.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn publish_matches_send(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let events = samples::every_kind(samples::goal(1));
    for event in &events {
        if let Err(error) = system.sink.publish(event.clone()).await {
            panic!("publish of {} failed: {error:?}", event.kind());
        }
    }
    let sent: Vec<Envelope> = events.into_iter().map(Envelope::new).collect();
    system.expect_stored(&sent).await;
}
