//! What a newer publisher sends is kept whole.

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, EventKind, GoalId, Limits};

use crate::support::places::{holders, join, places};
use crate::support::tree::{Node, Step, Style};
use crate::support::{GOAL, GOAL_JSON, samples};

/// Reads what is not known, by its kind and the place of what is new.
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

/// Where a value may be new, below the event itself: its path, and the object around it if that is of the new kind.
fn words(event: &DriverEvent, json: &Node) -> Vec<(String, Vec<Step>, Option<String>)> {
    let values = places(event, json)
        .into_iter()
        .filter(|place| matches!(place.field.shape, Shape::OneOf(_)));
    let kinds = holders(event, json).into_iter().skip(1).filter(|holder| holder.tagged);
    values
        .map(|place| (place.path.clone(), place.steps(), None))
        .chain(kinds.map(|holder| {
            let mut steps = holder.steps;
            steps.push(Step::Key("kind".to_owned()));
            (join(&holder.path, "kind"), steps, Some(holder.path))
        }))
        .collect()
}

#[test]
fn an_unknown_kind_is_kept() {
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
fn an_unknown_value_is_kept_wherever_it_stands() {
    let mut found = 0;
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, _) in words(&event, &json) {
            for word in [r#""new""#, r#""""#, r#""Turns""#, r#""kind""#, r#""\u0000\u2028""#] {
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(word.to_owned());
                let mut reversed = json.clone();
                reversed.for_each_object(&mut |members| members.reverse());
                for json in [
                    json.render(Style::Compact),
                    json.render(Style::Spread),
                    reversed.render(Style::Compact),
                ] {
                    let decoded = assert_unknown(&json, event.kind().as_str(), &path);
                    assert_eq!(decoded.goal_id(), Some(event.goal_id()));
                    found += 1;
                }
            }
        }
    }
    assert!(found > 500, "only {found} places");
}

#[test]
fn of_several_unknown_values_the_first_of_the_contract_is_named() {
    let json = format!(
        r#"{{"kind":"goal_started","goal":{{"id":{GOAL_JSON},"description":"","acceptance":[{{"kind":"llm_judge","criterion_text":""}},{{"kind":"b"}},{{"a":1,"kind":"a"}}],"budget":{}}}}}"#,
        samples::GUARDS_JSON
    );
    assert_unknown(&json, "goal_started", "goal.acceptance[1].kind");
    let json = format!(
        r#"{{"kind":"budget_exhausted","usage":{},"axis":"patience","goal_id":{GOAL_JSON},"later":{{"kind":"x"}}}}"#,
        samples::USAGE_JSON
    );
    assert_unknown(&json, "budget_exhausted", "axis");
}

#[test]
fn an_unknown_value_beside_another_fault_is_an_error() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, new_object) in words(&event, &json) {
            for place in places(&event, &json).into_iter().filter(|place| place.path != path) {
                if place.field.shape == Shape::Json || path.starts_with(&format!("{}.", place.path)) {
                    continue;
                }
                if path.starts_with(&format!("{}[", place.path)) {
                    continue;
                }
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(r#""new""#.to_owned());
                // No field takes this.
                *json.at(&place.steps()) = Node::Text("-1.5e400".to_owned());
                let text = json.render(Style::Compact);
                let inside_the_new = new_object
                    .as_ref()
                    .is_some_and(|new| place.path.starts_with(&format!("{new}.")));
                if inside_the_new {
                    // Nobody here knows what the fields of a new kind look like.
                    assert_unknown(&text, event.kind().as_str(), &path);
                } else {
                    let error = Decoded::from_json(text.as_bytes()).expect_err(&text);
                    assert_eq!(
                        (error.kind(), error.path()),
                        (DecodeErrorKind::Invalid, &*place.path),
                        "{text}"
                    );
                    assert_eq!(error.event_kind(), Some(event.kind().as_str()));
                }
            }
        }
    }
}

#[test]
fn what_may_be_absent_is_no_fault_beside_an_unknown_value() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for (path, steps, _) in words(&event, &json) {
            for place in places(&event, &json) {
                if place.field.presence == Presence::Required || path.starts_with(&place.path) {
                    continue;
                }
                let mut json = json.clone();
                *json.at(&steps) = Node::Text(r#""new""#.to_owned());
                let mut without = json.clone();
                without
                    .at(&place.holder)
                    .members()
                    .retain(|(key, _)| key != place.field.name);
                assert_unknown(&without.render(Style::Compact), event.kind().as_str(), &path);
                if matches!(place.field.presence, Presence::OmittedWhenNone | Presence::NullWhenNone) {
                    *json.at(&place.steps()) = Node::Text("null".to_owned());
                    assert_unknown(&json.render(Style::Compact), event.kind().as_str(), &path);
                }
            }
        }
    }
}

#[test]
fn what_is_broken_is_never_unknown() {
    for json in [
        r#"{"kind":"goal_paused""#,
        r#"{"kind":"goal_paused"}}"#,
        r#"{"kind":"goal_paused","kind":"goal_paused"}"#,
        r#"{"kind":"goal_paused","\ud800":1}"#,
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
fn the_limits_hold_for_what_is_unknown() {
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
fn the_bytes_of_an_unknown_event_are_not_touched() {
    let json = " \t{\"kind\" : \"goal_paused\", \"n\":1.50, \"n\":\"\\ud800\", \"\\u0061\":[ ]}\r\n";
    let decoded = assert_unknown(json, "goal_paused", "kind");
    assert_eq!(decoded.goal_id(), None);
}

#[test]
fn the_goal_of_an_unknown_event_is_found_where_known_kinds_have_it() {
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
fn a_known_event_is_itself() {
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
fn an_unknown_event_that_a_caller_made_up_does_no_harm() {
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
