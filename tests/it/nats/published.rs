//! What is published, and what a reader in any language must see of it.

use std::collections::BTreeMap;

use driver_events_core::{Envelope, EventId};
use serde_json::{Value, json};

const GOAL_RUN: &str = include_str!("../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");
const UPSTREAM: &str = include_str!("../../../crates/driver-events-types/tests/fixtures/upstream-events.ndjson");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A source, percent-encoded as references are, which a header encodes once more.
pub(super) const SOURCE: &str = "urn:example:driver%20of/%C3%84";

/// Both fixtures, and a kind that nobody knows. Some have ids and trace contexts of their own.
pub(super) fn envelopes() -> Vec<Envelope> {
    let unknown = r#"{"kind":"goal_paused","goal":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","why":["a",1]}"#;
    let unknown = Envelope::from_json(unknown).unwrap();
    let unknown = unknown.with_event_type("agent.driver.goal.paused").unwrap();
    let fixtures = GOAL_RUN.lines().chain(UPSTREAM.lines()).enumerate();
    let known = fixtures.map(|(number, line)| {
        let envelope = Envelope::from_json(line).unwrap();
        match number % 3 {
            0 => envelope,
            1 => envelope
                .with_id(EventId::new(format!("step {number}: 100% \"ready\" — ✓")).unwrap())
                .with_traceparent(TRACEPARENT)
                .unwrap(),
            _ => envelope.with_time("2026-01-01T00:00:00.5Z".parse().unwrap()).unwrap(),
        }
    });
    known.chain([unknown]).collect()
}

/// What a consumer prints of an envelope that was sent, without its note. `name` picks the headers that must be there.
pub(super) fn printed(envelope: &Envelope, has_header: impl Fn(&str) -> bool) -> Value {
    let subject = envelope.subject().unwrap();
    let goal = envelope.goal_id().map(|goal_id| goal_id.to_string());
    let stamp = envelope.stamp();
    let headers = [
        ("ce-specversion", Some("1.0".to_owned())),
        ("ce-id", Some(envelope.id().to_string())),
        ("nats-msg-id", Some(envelope.id().to_string())),
        ("ce-source", Some(envelope.source().to_owned())),
        ("ce-type", Some(subject.to_owned())),
        ("ce-subject", goal.clone()),
        ("ce-partitionkey", goal),
        (
            "ce-time",
            envelope
                .time()
                .map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        ),
        ("ce-datacontenttype", Some("application/json".to_owned())),
        ("ce-sequence", stamp.map(|stamp| format!("{:020}", stamp.sequence))),
        ("ce-producerrun", stamp.map(|stamp| stamp.run.to_string())),
        ("ce-traceparent", envelope.traceparent().map(String::from)),
    ];
    let headers: BTreeMap<_, _> = headers
        .into_iter()
        .filter(|(name, _)| has_header(name))
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let payload = std::str::from_utf8(envelope.json().unwrap()).unwrap();
    json!({ "subject": subject, "headers": headers, "payload": payload, "note": "" })
}
