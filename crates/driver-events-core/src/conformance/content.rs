use chrono::DateTime;

use super::system_under_test::{SystemUnderTest, event, short};
use super::{Fixture, samples};
use crate::{Envelope, InvalidAttribute, SinkErrorKind, Stamp};

/// Every kind, and hostile texts, are stored with the contract's bytes.
///
/// # Panics
/// The sink does not hold to it.
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

/// What was received and is passed on keeps its bytes, though this version would write others.
///
/// # Panics
/// The sink does not hold to it.
pub async fn stores_received_bytes(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent = [samples::foreign(samples::goal(1))];
    system.send(&sent[0]).await;
    system.expect_stored(&sent).await;
}

/// Events that this version does not know are stored as they are; one that has no subject may be
/// [`Rejected`](SinkErrorKind::Rejected).
///
/// # Panics
/// The sink does not hold to it.
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
            "an event without a subject must be rejected"
        );
    }
    system.expect_stored(&sent).await;
}

/// The attributes come back as they were sent, and those that were not sent do not appear.
///
/// # Panics
/// The sink does not hold to it.
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
        .and_then(|envelope| envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    // Its goal has no stamp before, so that it may get one of its own.
    let plain = event(2, 2);
    let received = samples::foreign(samples::goal(3));
    let unknown = samples::unknown_kind(samples::goal(4)).with_event_type("agent.driver.goal.paused");
    for sent in [valid(full), plain, received, valid(unknown)] {
        system.send(&sent).await;
        system.flush().await;
        let stored = system.stored().await;
        let Some(stored) = stored.iter().find(|stored| stored.goal_id() == sent.goal_id()) else {
            panic!("{} must be stored", short(&sent));
        };
        assert_eq!(stored.id(), sent.id(), "the id must be kept");
        assert_eq!(stored.time(), sent.time(), "the time must be kept");
        assert_eq!(stored.source(), sent.source(), "the source must be kept");
        assert_eq!(stored.stamp(), sent.stamp(), "the run and the sequence must be kept");
        assert_eq!(
            stored.traceparent(),
            sent.traceparent(),
            "the trace context must be kept"
        );
        assert_eq!(stored.subject(), sent.subject(), "the subject must be kept");
    }
}

/// `publish` stores what `send` stores.
///
/// # Panics
/// The sink does not hold to it.
pub async fn publish_matches_send(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let events = samples::every_kind(samples::goal(1));
    for event in &events {
        if let Err(error) = system.sink.publish(event.clone()).await {
            panic!("{} must be published, but: {error:?}", event.kind());
        }
    }
    let sent: Vec<Envelope> = events.into_iter().map(Envelope::new).collect();
    system.expect_stored(&sent).await;
}

fn valid<T>(sample: Result<T, InvalidAttribute>) -> T {
    sample.unwrap_or_else(|error| panic!("the sample is sound: {error}"))
}
