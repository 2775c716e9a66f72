use chrono::DateTime;

use super::fixture::Fixture;
use super::samples;
use super::system_under_test::{SystemUnderTest, event, short, valid};
use crate::envelope::Envelope;
use crate::envelope::attributes::Stamp;
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

/// Checks that events of unknown kinds are stored unchanged. An event without a subject may be
/// [`Rejected`](SinkErrorKind::Rejected), depending on the capabilities.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn stores_unknown_kinds(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let with_subject = valid(samples::unknown_kind(samples::goal(1)).with_event_type("agent.driver.goal.paused"));
    let mut sent = vec![with_subject];
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
    let full = event(1, 1)
        .with_id(valid(crate::EventId::new("an id/ü \"1\" %0A\\")))
        .with_time(DateTime::from_timestamp_nanos(1_767_225_600_123_456_789))
        .and_then(|envelope| envelope.with_source("urn:example:tests/a%20b?c=d#e"))
        .and_then(|envelope| {
            envelope.with_stamp(Stamp {
                run: "run \"ü\"".into(),
                sequence: u64::MAX,
            })
        })
        .and_then(|envelope| envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        .and_then(|envelope| envelope.with_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    let plain = event(2, 2);
    let received = samples::foreign(samples::goal(3));
    let unknown = samples::unknown_kind(samples::goal(4)).with_event_type("agent.driver.goal.paused");
    for sent in [valid(full), plain, received, valid(unknown)] {
        system.send(&sent).await;
        system.flush().await;
        let stored = system.stored().await;
        let Some(stored) = stored.iter().find(|stored| stored.goal_id() == sent.goal_id()) else {
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
