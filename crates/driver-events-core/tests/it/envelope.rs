use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use driver_events_core::conformance::samples;
use driver_events_core::{Envelope, EventId, SOURCE_UNSET, SinkError, SinkErrorKind};
use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, EncodeErrorKind, GoalId, Limits, Uuid};

use crate::support::event;

#[test]
fn clones_share_the_generated_id() {
    let envelope = event(1);
    let clone = envelope.clone();
    let id = clone.id().clone();
    assert_eq!(envelope.id(), &id);
    assert_eq!(Uuid::parse_str(id.as_str()).unwrap().get_version_num(), 7);
    assert_ne!(event(1).id(), &id);
}

#[test]
fn new_envelope_has_the_current_time_and_no_other_attribute() {
    let now = || DateTime::<Utc>::from(SystemTime::now());
    let before = now();
    let envelope = event(1);
    let time = envelope.time().unwrap();
    assert!(before <= time && time <= now(), "{time}");
    assert_eq!((envelope.source(), envelope.stamp()), (SOURCE_UNSET, None));
    assert_eq!(envelope.traceparent(), None);
}

#[test]
fn changed_clone_keeps_the_id_and_the_json() {
    let envelope = event(1);
    let traced = envelope
        .clone()
        .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .unwrap();
    assert_eq!(traced.id(), envelope.id());
    assert_eq!((envelope.traceparent(), envelope.source()), (None, SOURCE_UNSET));
    let renamed = envelope.clone().with_id(EventId::new("42").unwrap());
    assert_eq!(renamed.id().as_str(), "42");
    assert_ne!(envelope.id().as_str(), "42");
    assert_eq!(
        renamed.json().unwrap().as_ptr(),
        envelope.json().unwrap().as_ptr(),
        "clones share the JSON"
    );
}

#[test]
fn encodes_once_for_all_clones() {
    let envelope = event(1);
    let clone = envelope.clone();
    assert_eq!(envelope.json().unwrap().as_ptr(), clone.json().unwrap().as_ptr());
    assert_eq!(
        &envelope.json().unwrap()[..],
        samples::numbered(samples::goal(1), 1).to_json().unwrap()
    );
}

#[test]
fn keeps_received_bytes() {
    for sample in [
        samples::foreign(samples::goal(1)),
        samples::unknown_kind(samples::goal(1)),
    ] {
        let received = Bytes::from(sample.json().unwrap().to_vec());
        let envelope = Envelope::from_json(received.clone()).unwrap();
        assert_eq!(envelope.json().unwrap().as_ptr(), received.as_ptr());
        assert_eq!(envelope.goal_id(), Some(samples::goal(1)));
        assert_eq!(envelope.time(), None);
    }
}

#[test]
fn unknown_kind_has_the_received_type_as_subject() {
    let envelope = samples::unknown_kind(samples::goal(1));
    assert!(matches!(envelope.decoded(), Decoded::Unknown { path, .. } if path == "kind"));
    assert_eq!(
        (envelope.kind(), envelope.subject(), envelope.event()),
        ("goal_paused", None, None)
    );
    let envelope = envelope.with_event_type("agent.driver.goal.paused").unwrap();
    assert_eq!(envelope.subject(), Some("agent.driver.goal.paused"));
}

#[test]
fn unknown_value_has_the_subject_of_its_kind() {
    let goal_id = GoalId(Uuid::nil());
    let json = format!(r#"{{"kind":"extract_memories_skipped","goal_id":"{goal_id}","reason":"holiday"}}"#);
    let envelope = Envelope::from_json(json).unwrap();
    assert_eq!(envelope.event(), None);
    assert_eq!(envelope.subject(), Some("agent.driver.extract_memories.skipped"));
    assert_eq!(envelope.goal_id(), Some(goal_id));
}

#[test]
fn from_json_rejects_invalid_and_too_large_events() {
    assert_eq!(
        Envelope::from_json("{}").unwrap_err().kind(),
        DecodeErrorKind::MissingKind
    );
    let small = Limits::default().with_max_bytes(10);
    let json = samples::foreign(samples::goal(1)).json().unwrap().clone();
    assert_eq!(
        Envelope::from_json_with(json, small).unwrap_err().kind(),
        DecodeErrorKind::TooLarge
    );
}

#[test]
fn applies_custom_limits() {
    let event = samples::numbered(samples::goal(1), 1);
    let envelope = Envelope::with_limits(event, Limits::default().with_max_bytes(10));
    let error = envelope.json().unwrap_err();
    assert_eq!(error.kind(), EncodeErrorKind::TooLarge);
    assert_eq!(SinkError::from(error).kind(), SinkErrorKind::TooLarge);
    assert!(samples::sized(samples::goal(1), 1 << 20).json().is_ok());
}

#[test]
fn debug_output_omits_the_event() {
    let secret = DriverEvent::Escalate {
        goal_id: samples::goal(1),
        reason: "a secret".into(),
    };
    let printed = format!("{:?}", Envelope::new(secret));
    assert!(printed.contains("escalate") && !printed.contains("secret"), "{printed}");
}

#[test]
fn write_line_appends_and_caches_json_only_if_shared() {
    let event = samples::every_kind(samples::goal(1)).swap_remove(0);
    let json = event.to_json().unwrap();

    let alone = Envelope::new(event.clone());
    let mut out = b"before ".to_vec();
    alone.write_line(&mut out).unwrap();
    assert_eq!(out, [b"before ", &json[..]].concat());

    let shared = Envelope::new(event);
    let other = shared.clone();
    out.clear();
    shared.write_line(&mut out).unwrap();
    assert_eq!(out, json);
    assert_eq!(shared.json().unwrap().as_ptr(), other.json().unwrap().as_ptr());

    let too_deep = samples::deep(samples::goal(1), 100_000);
    assert_eq!(
        too_deep.write_line(&mut out).unwrap_err().kind(),
        EncodeErrorKind::TooDeep
    );
    assert_eq!(out, json);
}

#[test]
fn write_line_replaces_line_feeds_with_spaces() {
    for kind in ["escalate", "unknown_kind"] {
        let json = format!(
            "{{\r\n\"kind\":\n\"{kind}\",\"goal_id\":\"{}\",\n\"reason\":\"\\n\"}}",
            samples::goal(1)
        );
        let envelope = Envelope::from_json(json.clone()).unwrap();
        let mut line = b"\n".to_vec();
        envelope.write_line(&mut line).unwrap();
        assert_eq!(line, format!("\n{}", json.replace('\n', " ")).into_bytes());
        assert_eq!(envelope.json().unwrap(), json.as_bytes());
        let mut bytes = Vec::new();
        envelope.write_json(&mut bytes).unwrap();
        assert_eq!(bytes, json.as_bytes());
    }
}

#[test]
fn into_event_returns_a_known_event() {
    let event = samples::numbered(samples::goal(1), 7);
    let envelope = Envelope::new(event.clone());
    let clone = envelope.clone();
    let changed = envelope.clone().with_id(EventId::new("7").unwrap());
    assert_eq!(envelope.into_event(), Some(event.clone()));
    assert_eq!(changed.into_event(), Some(event.clone()));
    assert_eq!(clone.into_event(), Some(event));
    assert_eq!(samples::unknown_kind(samples::goal(1)).into_event(), None);
}

/// The default recursive drop would overflow this stack and abort.
#[test]
fn dropping_a_deeply_nested_event_does_not_overflow() {
    let work = || {
        drop(samples::deep(samples::goal(1), 100_000));

        let encoded = samples::deep(samples::goal(1), 100_000);
        assert_eq!(encoded.json().unwrap_err().kind(), EncodeErrorKind::TooDeep);
        drop(encoded.clone());
        drop(encoded);
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}
