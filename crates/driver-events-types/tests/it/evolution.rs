//! Events of a later version of the contract decode as the rules for its evolution promise to readers of this version.

use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, EventKind};

use crate::support::samples::USAGE_JSON;
use crate::support::{GOAL, GOAL_JSON, assert_decodes};

/// Optional fields are added at the end of an object.
#[test]
fn added_fields_are_ignored() {
    let event = DriverEvent::Escalate {
        goal_id: GOAL,
        reason: "x".into(),
    };
    for added in [
        r#""severity":"high""#,
        r#""severity":null"#,
        r#""contact":{"kind":"pager","goal_id":7,"reason":["y"]}"#,
        r#""cost_usd":1.0,"tokens":18446744073709551616"#,
    ] {
        let json = format!(r#"{{"kind":"escalate","goal_id":{GOAL_JSON},"reason":"x",{added}}}"#);
        assert_decodes(&json, &event);
    }
    let Some((usage, _)) = USAGE_JSON.rsplit_once('}') else {
        panic!("{USAGE_JSON}")
    };
    let json =
        |usage: &str| format!(r#"{{"kind":"attempt_started","goal_id":{GOAL_JSON},"turn_index":1,"usage":{usage}}}"#);
    let event = DriverEvent::from_json(json(USAGE_JSON).as_bytes()).unwrap();
    assert_decodes(&json(&format!(r#"{usage},"gpu_hours":1.5}}"#)), &event);
}

/// An added value is reported with its path, also beside added fields, which a new inner kind may have.
#[test]
fn added_values_and_kinds_are_unknown_at_their_path() {
    for (json, kind, path) in [
        (
            format!(r#"{{"kind":"goal_paused","goal_id":{GOAL_JSON},"resumes_at":"2026-01-01T00:00:00Z"}}"#),
            "goal_paused",
            "kind",
        ),
        (
            format!(
                r#"{{"kind":"budget_exhausted","goal_id":{GOAL_JSON},"axis":"gpu_hours","usage":{USAGE_JSON},"limit":9}}"#
            ),
            "budget_exhausted",
            "axis",
        ),
        (
            format!(
                r#"{{"kind":"attempt_completed","result":{{"goal_id":{GOAL_JSON},"turn_index":1,"outcome":{{"kind":"parked","reason":["not a text"],"until":null}},"usage_after":{USAGE_JSON},"host":"a"}}}}"#
            ),
            "attempt_completed",
            "result.outcome.kind",
        ),
    ] {
        let decoded = Decoded::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin {json}"));
        assert_eq!(decoded.goal_id(), Some(GOAL));
        assert_eq!(decoded.known_kind(), kind.parse::<EventKind>().ok());
        let raw = json.into_bytes();
        let (kind, path) = (kind.to_owned(), path.to_owned());
        assert_eq!(decoded, Decoded::Unknown { kind, path, raw });
    }
}

/// What never changes: a reader takes a changed type and a missing required field for a malformed event, not for a new one.
#[test]
fn changed_and_removed_fields_are_errors() {
    for (fields, path) in [
        (r#""goal_id":7,"reason":"x""#.to_owned(), "goal_id"),
        (format!(r#""goal_id":{GOAL_JSON},"reason":["x"]"#), "reason"),
        (format!(r#""goal_id":{GOAL_JSON},"reason":null"#), "reason"),
    ] {
        let error = Decoded::from_json(format!(r#"{{"kind":"escalate",{fields}}}"#).as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Invalid, path));
    }
    let json = format!(r#"{{"kind":"escalate","goal_id":{GOAL_JSON},"why":"renamed"}}"#);
    let error = Decoded::from_json(json.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Invalid);
    assert!(error.to_string().contains("reason"), "{error}");
}
