//! Sample events, and the output that a consumer in any language must print for them.

use driver_events_core::{DriverEventSink, Envelope, EventId, Stamp, Stamped};

use crate::consumers::Language;

pub(super) const GOAL_RUN: &str = include_str!("../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");
pub(super) const UPSTREAM: &str =
    include_str!("../../crates/driver-events-types/tests/fixtures/upstream-events.ndjson");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACESTATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

/// A percent-encoded source, which a NATS header encodes once more.
pub(super) const SOURCE: &str = "urn:example:driver%20of/%C3%84";

/// The events of both fixtures and one of an unknown kind. Some have a custom id, time or trace context.
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
                .and_then(|envelope| envelope.with_tracestate(TRACESTATE))
                .unwrap(),
            _ => envelope.with_time("2026-01-01T00:00:00.5Z".parse().unwrap()).unwrap(),
        }
    });
    known.chain([unknown]).collect()
}

/// Publishes all [`envelopes`], closes the sink, and returns them.
pub(super) async fn publish(sink: &Stamped<impl DriverEventSink>) -> Vec<Envelope> {
    let sent = envelopes();
    for envelope in &sent {
        sink.send(envelope.clone()).await.unwrap();
    }
    sink.close().await.unwrap();
    sent
}

/// The attributes of a published envelope, by CloudEvents name.
pub(super) fn attributes(envelope: &Envelope) -> impl Iterator<Item = (&'static str, String)> {
    let goal = envelope.goal_id().map(|goal_id| goal_id.to_string());
    let time = envelope.time();
    let stamp = envelope.stamp();
    let all = [
        ("specversion", Some("1.0".to_owned())),
        ("id", Some(envelope.id().to_string())),
        ("source", Some(envelope.source().to_owned())),
        ("type", envelope.subject().map(String::from)),
        ("subject", goal.clone()),
        ("partitionkey", goal),
        (
            "time",
            time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        ),
        ("datacontenttype", Some("application/json".to_owned())),
        ("sequence", stamp.map(|stamp| format!("{:020}", stamp.sequence))),
        ("producerrun", stamp.map(|stamp| stamp.run.to_string())),
        ("traceparent", envelope.traceparent().map(String::from)),
        ("tracestate", envelope.tracestate().map(String::from)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

const GOAL: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";

/// Events of one goal in two runs, with a gap, a duplicate and a late event.
pub(super) fn with_faults() -> Vec<Envelope> {
    let numbers = [(3, "1"), (4, "1"), (4, "1"), (8, "1"), (6, "1"), (1, "2")];
    let envelope = |(sequence, run): (u64, &str)| {
        let json = format!(r#"{{"kind":"escalate","goal_id":"{GOAL}","reason":"x"}}"#);
        let id = EventId::new(format!("{run}.{sequence}")).unwrap();
        let run = run.into();
        let envelope = Envelope::from_json(json).unwrap().with_id(id);
        envelope.with_stamp(Stamp { run, sequence }).unwrap()
    };
    numbers.map(envelope).to_vec()
}

/// Payloads of other publishers: two events without attributes, and a malformed one.
pub(super) const FOREIGN: [&str; 3] = [
    r#"{"kind":"\u001b[2J","goal":{"id":"7"},"nested":{"goal_id":"8"}}"#,
    concat!(
        r#"{"kind":"goal_completed","outcome":{"goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a09","outcome":{"kind":"done"},"#,
        r#""total_turns":1,"usage":{"turns":1,"wall_time":"2s","tokens":3,"consecutive_denies":0},"elapsed":"1m 36s 410ms"}}"#,
    ),
    "[no JSON",
];

/// Checks the output of a consumer for [`with_faults`] followed by [`FOREIGN`].
pub(super) fn assert_reported(language: Language, mut lines: Vec<String>) {
    // The reason differs between languages.
    let last = lines.pop().unwrap();
    assert!(last.starts_with("malformed: "), "{language:?}: {last}");
    let expected = [
        &format!("escalate {GOAL} 3"),
        &format!("escalate {GOAL} 4"),
        &format!("escalate {GOAL} 4 (duplicate)"),
        &format!("escalate {GOAL} 8 (3 missing before)"),
        &format!("escalate {GOAL} 6 (late)"),
        &format!("escalate {GOAL} 1"),
        r"\x1b[2J 7 -",
        "goal_completed 6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a09 - took 96410ms",
    ];
    assert_eq!(lines, expected, "{language:?}");
}
