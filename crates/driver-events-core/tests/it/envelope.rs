use bytes::Bytes;
use driver_events_core::conformance::samples;
use driver_events_core::{Envelope, EventId, SOURCE_UNSET, SinkError, SinkErrorKind};
use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, EncodeErrorKind, GoalId, Limits, Uuid};

use crate::support::event;

#[test]
fn clones_share_the_id_that_is_minted() {
    let envelope = event(1);
    let clone = envelope.clone();
    let id = clone.id().clone();
    assert_eq!(envelope.id(), &id);
    assert_eq!(Uuid::parse_str(id.as_str()).unwrap().get_version_num(), 7);
    assert_ne!(event(1).id(), &id);
}

#[test]
fn a_clone_with_other_attributes_names_the_same_event() {
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
        "the event is shared all the same"
    );
}

#[test]
fn is_encoded_once() {
    let envelope = event(1);
    let clone = envelope.clone();
    assert_eq!(envelope.json().unwrap().as_ptr(), clone.json().unwrap().as_ptr());
    assert_eq!(
        &envelope.json().unwrap()[..],
        samples::numbered(samples::goal(1), 1).to_json().unwrap()
    );
}

#[test]
fn received_bytes_are_kept() {
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
fn an_unknown_event_keeps_what_it_tells() {
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
fn a_value_that_is_not_known_has_the_subject_of_its_kind() {
    let goal_id = GoalId(Uuid::nil());
    let json = format!(r#"{{"kind":"extract_memories_skipped","goal_id":"{goal_id}","reason":"holiday"}}"#);
    let envelope = Envelope::from_json(json).unwrap();
    assert_eq!(envelope.event(), None);
    assert_eq!(envelope.subject(), Some("agent.driver.extract_memories.skipped"));
    assert_eq!(envelope.goal_id(), Some(goal_id));
}

#[test]
fn what_is_no_event_is_refused() {
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
fn limits_are_the_callers() {
    let event = samples::numbered(samples::goal(1), 1);
    let envelope = Envelope::with_limits(event, Limits::default().with_max_bytes(10));
    let error = envelope.json().unwrap_err();
    assert_eq!(error.kind(), EncodeErrorKind::TooLarge);
    assert_eq!(SinkError::from(error).kind(), SinkErrorKind::TooLarge);
    assert!(samples::sized(samples::goal(1), 1 << 20).json().is_ok());
}

#[test]
fn prints_no_text_of_the_event() {
    let secret = DriverEvent::Escalate {
        goal_id: samples::goal(1),
        reason: "a secret".into(),
    };
    let printed = format!("{:?}", Envelope::new(secret));
    assert!(printed.contains("escalate") && !printed.contains("secret"), "{printed}");
}

#[test]
fn a_line_is_appended_and_its_json_kept_only_for_those_who_share_it() {
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

    let refused = samples::deep(samples::goal(1), 100_000);
    assert_eq!(
        refused.write_line(&mut out).unwrap_err().kind(),
        EncodeErrorKind::TooDeep
    );
    assert_eq!(out, json);
}

#[test]
fn line_feeds_between_the_tokens_of_received_json_become_blanks() {
    for kind in ["escalate", "unheard_of"] {
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

/// Dropping a value that nests so deep the usual way would overflow this stack and abort.
#[test]
fn events_of_any_depth_are_dropped_safely() {
    let work = || {
        drop(samples::deep(samples::goal(1), 100_000));

        let asked = samples::deep(samples::goal(1), 100_000);
        assert_eq!(asked.json().unwrap_err().kind(), EncodeErrorKind::TooDeep);
        drop(asked.clone());
        drop(asked);
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}
