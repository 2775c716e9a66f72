//! Events of newer publishers are kept byte for byte.

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, EventKind, GoalId, Limits};

use crate::support::locations::{field_locations, join, object_locations};
use crate::support::tree::{Node, Step, Style};
use crate::support::{GOAL, GOAL_JSON, samples};

/// Asserts that `json` decodes as unknown, with the given kind and path of the unknown value.
fn assert_unknown(json: &str, kind: &str, path: &str) -> Decoded {
    let decoded = Decoded::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin {json}"));
    let expected = Decoded::Unknown {
        kind: kind.to_owned(),
        path: path.to_owned(),
        raw: json.as_bytes().to_vec(),
    };
    assert_eq!(decoded, expected);
    assert_eq!(decoded.to_json().unwrap(), json.as_bytes());
    assert_eq!((decoded.kind(), decoded.known()), (kind, None));
    assert_eq!(decoded.known_kind(), kind.parse().ok());
    let error = DriverEvent::from_json(json.as_bytes()).unwrap_err();
    assert_eq!((error.event_kind(), error.path()), (Some(kind), path));
    assert_eq!(
        error.kind() == DecodeErrorKind::UnknownKind,
        decoded.known_kind().is_none()
    );
    assert!(serde_json::from_str::<DriverEvent>(json).is_err());
    decoded
}

/// Returns the enum values and inner kinds of the event: path, steps, and for a kind the path of its object.
fn enum_values(event: &DriverEvent, json: &Node) -> Vec<(String, Vec<Step>, Option<String>)> {
    let values = field_locations(event, json)
        .into_iter()
        .filter(|location| matches!(location.field.shape, Shape::OneOf(_)));
    let kinds = object_locations(event, json)
        .into_iter()
        .skip(1)
        .filter(|object| object.tagged);
    values
        .map(|location| (location.path.clone(), location.steps(), None))
        .chain(kinds.map(|object| {
            let mut steps = object.steps;
            steps.push(Step::Key("kind".to_owned()));
            (join(&object.path, "kind"), steps, Some(object.path))
        }))
        .collect()
}

#[test]
fn unknown_kind_is_kept() {
    for (event, json) in samples::all() {
        let mut json = Node::parse(&json);
        json.members()[0].1 = Node::Text(r#""goal_paused""#.to_owned());
        json.members().reverse();
        for style in [Style::Compact, Style::Spread] {
            let decoded = assert_unknown(&json.render(style), "goal_paused", "kind");
            assert_eq!(decoded.goal_id(), Some(event.goal_id()));
        }
    }
}

#[test]
fn unknown_value_is_kept_in_every_field() {
    let mut checked = 0;
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, _) in enum_values(&event, &json) {
            for value in [r#""new""#, r#""""#, r#""Turns""#, r#""kind""#, r#""\u0000\u2028""#] {
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(value.to_owned());
                let mut reversed = json.clone();
                reversed.for_each_object(&mut |members| members.reverse());
                for json in [
                    json.render(Style::Compact),
                    json.render(Style::Spread),
                    reversed.render(Style::Compact),
                ] {
                    let decoded = assert_unknown(&json, event.kind().as_str(), &path);
                    assert_eq!(decoded.goal_id(), Some(event.goal_id()));
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 500, "only {checked} texts");
}

#[test]
fn first_unknown_value_in_contract_order_is_reported() {
    let json = format!(
        r#"{{"kind":"goal_started","goal":{{"id":{GOAL_JSON},"description":"","acceptance":[{{"kind":"llm_judge","criterion_text":""}},{{"kind":"b"}},{{"a":1,"kind":"a"}}],"budget":{}}}}}"#,
        samples::GUARDS_JSON
    );
    assert_unknown(&json, "goal_started", "goal.acceptance[1].kind");
    let json = format!(
        r#"{{"kind":"budget_exhausted","usage":{},"axis":"new","goal_id":{GOAL_JSON},"later":{{"kind":"x"}}}}"#,
        samples::USAGE_JSON
    );
    assert_unknown(&json, "budget_exhausted", "axis");
}

#[test]
fn unknown_value_with_another_fault_is_an_error() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, new_object) in enum_values(&event, &json) {
            for location in field_locations(&event, &json)
                .into_iter()
                .filter(|location| location.path != path)
            {
                if location.field.shape == Shape::Json || path.starts_with(&format!("{}.", location.path)) {
                    continue;
                }
                if path.starts_with(&format!("{}[", location.path)) {
                    continue;
                }
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(r#""new""#.to_owned());
                // Invalid for every shape but free JSON.
                *json.at(&location.steps()) = Node::Text("-1.5e400".to_owned());
                let text = json.render(Style::Compact);
                let is_in_unknown_object = new_object
                    .as_ref()
                    .is_some_and(|new| location.path.starts_with(&format!("{new}.")));
                if is_in_unknown_object {
                    // The fields of an unknown kind are not validated.
                    assert_unknown(&text, event.kind().as_str(), &path);
                } else {
                    let error = Decoded::from_json(text.as_bytes()).expect_err(&text);
                    assert_eq!(
                        (error.kind(), error.path()),
                        (DecodeErrorKind::Invalid, &*location.path),
                        "{text}"
                    );
                    assert_eq!(error.event_kind(), Some(event.kind().as_str()));
                }
            }
        }
    }
}

#[test]
fn unknown_value_with_absent_optional_fields_is_kept() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, _) in enum_values(&event, &json) {
            for location in field_locations(&event, &json) {
                if location.field.presence == Presence::Required || path.starts_with(&location.path) {
                    continue;
                }
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(r#""new""#.to_owned());
                let mut without = json.clone();
                without
                    .at(&location.object)
                    .members()
                    .retain(|(key, _)| key != location.field.name);
                assert_unknown(&without.render(Style::Compact), event.kind().as_str(), &path);
                if matches!(
                    location.field.presence,
                    Presence::OmittedWhenNone | Presence::NullWhenNone
                ) {
                    *json.at(&location.steps()) = Node::Text("null".to_owned());
                    assert_unknown(&json.render(Style::Compact), event.kind().as_str(), &path);
                }
            }
        }
    }
}

#[test]
fn broken_text_is_never_unknown() {
    for json in [
        r#"{"kind":"goal_paused""#,
        r#"{"kind":"goal_paused"}}"#,
        r#"{"kind":"goal_paused","kind":"goal_paused"}"#,
        r#"["goal_paused"]"#,
        r#"{}"#,
    ] {
        let error = Decoded::from_json(json.as_bytes()).expect_err(json);
        assert!(
            !matches!(
                error.kind(),
                DecodeErrorKind::UnknownKind | DecodeErrorKind::UnknownValue
            ),
            "{error}"
        );
    }
}

#[test]
fn limits_apply_to_unknown_events() {
    let json = br#"{"kind":"goal_paused","why":[[]]}"#;
    let decode = |limits| {
        Decoded::from_json_with(json, limits)
            .map(drop)
            .map_err(|error| error.kind())
    };
    let limits = Limits::default();
    assert_eq!(decode(limits.with_max_bytes(json.len()).with_max_depth(3)), Ok(()));
    assert_eq!(
        decode(limits.with_max_bytes(json.len() - 1)),
        Err(DecodeErrorKind::TooLarge)
    );
    assert_eq!(decode(limits.with_max_depth(2)), Err(DecodeErrorKind::TooDeep));
}

#[test]
fn unknown_event_keeps_white_space_and_duplicates() {
    let json = " \t{\"kind\" : \"goal_paused\", \"n\":1.50, \"n\":\"\\ud800\", \"\\u0061\":[ ]}\r\n";
    let decoded = assert_unknown(json, "goal_paused", "kind");
    assert_eq!(decoded.goal_id(), None);
}

#[test]
fn goal_id_of_unknown_event_is_read_from_known_fields() {
    let other = r#""00000000-0000-0000-0000-000000000000""#;
    for (fields, expected) in [
        (format!(r#""goal_id":{GOAL_JSON}"#), Some(GOAL)),
        (format!(r#""goal":{{"id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""outcome":{{"goal_id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""result":{{"x":[1],"goal_id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""decision":{{"goal_id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""goal":{{"id":{other}}},"goal_id":{GOAL_JSON}"#), Some(GOAL)),
        (
            format!(r#""outcome":{{"kind":"done"}},"decision":{{"goal_id":{GOAL_JSON}}}"#),
            Some(GOAL),
        ),
        (format!(r#""goal_id":5,"goal":{{"id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""goal_id":null,"goal":{{"id":{GOAL_JSON}}}"#), Some(GOAL)),
        (format!(r#""goal_id":{GOAL_JSON},"goal_id":{other}"#), None),
        (format!(r#""goal":[{GOAL_JSON}]"#), None),
        (format!(r#""elsewhere":{{"goal_id":{GOAL_JSON}}}"#), None),
        (r#""goal_id":"no id""#.to_owned(), None),
        (r#""a":1"#.to_owned(), None),
    ] {
        let decoded = assert_unknown(&format!(r#"{{{fields},"kind":"goal_paused"}}"#), "goal_paused", "kind");
        assert_eq!(decoded.goal_id(), expected, "{fields}");
    }
}

#[test]
fn known_event_returns_its_properties() {
    let event = DriverEvent::Escalate {
        goal_id: GOAL,
        reason: "x".into(),
    };
    let decoded = Decoded::from(event.clone());
    assert_eq!(decoded.known(), Some(&event));
    assert_eq!(
        (decoded.kind(), decoded.known_kind()),
        ("escalate", Some(EventKind::Escalate))
    );
    assert_eq!(decoded.goal_id(), Some(GOAL));
    assert_eq!(decoded.to_json().unwrap(), event.to_json().unwrap());
}

#[test]
fn unknown_event_with_invalid_raw_json_does_not_panic() {
    for raw in [&b"\xff"[..], b"", b"[]", b"{", br#"{"goal_id"#] {
        let decoded = Decoded::Unknown {
            kind: "x".into(),
            path: "kind".into(),
            raw: raw.to_vec(),
        };
        assert_eq!(decoded.goal_id(), None::<GoalId>);
        assert_eq!(decoded.to_json().unwrap(), raw);
    }
}
