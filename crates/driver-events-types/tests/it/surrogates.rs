//! Strings that are not Unicode: halves of surrogate pairs, as JavaScript writes them.

use driver_events_types::contract::Shape;
use driver_events_types::{DecodeErrorKind, Decoded, DriverEvent, Limits, replace_lone_surrogates};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::locations::{field_locations, object_locations};
use crate::support::tree::{Node, Step, Style};
use crate::support::{GOAL, GOAL_JSON, cases, decode, encode, samples, strategies};

/// JSON text of a string, and what it is decoded to.
const STRINGS: [(&str, &str); 16] = [
    (r"cut \ud83d", "cut \u{fffd}"),
    (r"\ud83d mid", "\u{fffd} mid"),
    (r"\udc00", "\u{fffd}"),
    (r"\uDBFF", "\u{fffd}"),
    (r"\udfff\udbff", "\u{fffd}\u{fffd}"),
    (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
    (r"\ud83d\ude00\ude00", "😀\u{fffd}"),
    (r"\ud83d\n", "\u{fffd}\n"),
    (r#"\ud83d\""#, "\u{fffd}\""),
    (r"\ud83d\\ude00", "\u{fffd}\\ude00"),
    (r"\\\ud83d", "\\\u{fffd}"),
    (r"\\ud83d \ud83d", "\\ud83d \u{fffd}"),
    (r"\ud83d\u0041", "\u{fffd}A"),
    (r"\ud83dud83d", "\u{fffd}ud83d"),
    (r"\ud7ff\ue000\ud800", "\u{d7ff}\u{e000}\u{fffd}"),
    ("\u{1f600}\\ud83d\u{e9}", "😀\u{fffd}é"),
];

/// JSON text of strings that are Unicode.
const UNICODE: [(&str, &str); 4] = [
    (r"\ud83d\ude00", "😀"),
    (r"\\ud83d", "\\ud83d"),
    (r"\\\\ud83d", "\\\\ud83d"),
    (r"\ud7ff\ue000", "\u{d7ff}\u{e000}"),
];

fn escalate(reason: &str) -> String {
    format!(r#"{{"kind":"escalate","goal_id":{GOAL_JSON},"reason":"{reason}"}}"#)
}

fn reason(json: &str) -> String {
    match DriverEvent::from_json(json.as_bytes()) {
        Ok(DriverEvent::Escalate { reason, .. }) => reason,
        other => panic!("{other:?}\nof {json}"),
    }
}

#[test]
fn lone_surrogate_is_decoded_as_replacement_character() {
    for (text, expected) in STRINGS {
        let json = escalate(text);
        assert_eq!(reason(&json), expected, "{json}");
        assert!(serde_json::from_str::<DriverEvent>(&json).is_err(), "{json}");
        let replaced = replace_lone_surrogates(json.as_bytes()).unwrap();
        assert_eq!(replaced.len(), json.len(), "{json}");
        assert_eq!(replace_lone_surrogates(&replaced), None, "{json}");
    }
    for (text, expected) in UNICODE {
        let json = escalate(text);
        assert_eq!(reason(&json), expected, "{json}");
        assert_eq!(replace_lone_surrogates(json.as_bytes()), None, "{json}");
    }
}

/// Incomplete escapes are syntax errors, with and without a lone surrogate before them.
#[test]
fn damaged_escape_is_no_surrogate() {
    for text in [r"\ud8", r"\ud83d\ude0", r"\ud83g", r"\u+83d", r"\ud83d\x", r"\ud83d\"] {
        let json = escalate(text);
        let error = DriverEvent::from_json(json.as_bytes()).expect_err(&json);
        assert_eq!(error.kind(), DecodeErrorKind::Syntax, "{json}");
    }
    for text in [r"\", r"\u", r"\ud8", r"\ud83d\", r"\ud83d\ud"] {
        let _ = replace_lone_surrogates(text.as_bytes());
    }
}

/// Every text of the contract, and an unknown field before the others in every object.
#[test]
fn every_string_may_have_a_lone_surrogate() {
    let lone = || Node::Text(r#""\ud83d""#.to_owned());
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for object in object_locations(&event, &json) {
            let mut wider = json.clone();
            wider.at(&object.steps).members().insert(0, ("KEY".to_owned(), lone()));
            let text = wider.render(Style::Compact).replace("KEY", r"\udc00");
            assert_eq!(decode(&text), event, "{text}");
        }
        for location in field_locations(&event, &json) {
            if location.field.shape == Shape::Text {
                let mut cut = json.clone();
                *cut.at(&location.steps()) = lone();
                decode(&cut.render(Style::Compact));
            }
        }
    }
}

#[test]
fn free_json_and_its_keys_may_have_lone_surrogates() {
    let json = format!(
        r#"{{"kind":"decision","decision":{{"id":{GOAL_JSON},"goal_id":{GOAL_JSON},"turn_index":0,"tool":"\udc00","input":{{"\ud83d":["\ud83d",{{"a\udc00":"\udc00"}}],"x":"\ud83d"}},"choice":{{"kind":"deny","message":"\ud83d"}},"rationale":"\ud83d","decided_at":"2026-01-01T00:00:00Z"}}}}"#
    );
    let Ok(DriverEvent::Decision { decision }) = DriverEvent::from_json(json.as_bytes()) else {
        panic!("{json}");
    };
    let expected = serde_json::json!({"\u{fffd}": ["\u{fffd}", {"a\u{fffd}": "\u{fffd}"}], "x": "\u{fffd}"});
    assert_eq!(decision.input, expected);
    assert_eq!((&*decision.tool, &*decision.rationale), ("\u{fffd}", "\u{fffd}"));
}

/// As with duplicate keys, the last value wins. The received bytes keep both.
#[test]
fn keys_that_become_equal_keep_the_last_value() {
    let json = format!(
        r#"{{"kind":"goal_started","goal":{{"id":{GOAL_JSON},"description":"","acceptance":[],"budget":{{"max_turns":1,"max_wall_time":"1s","max_tokens":1,"max_consecutive_denies":1}},"metadata":{{"\ud83d":1,"\udc00":2}}}}}}"#
    );
    let Ok(DriverEvent::GoalStarted { goal }) = DriverEvent::from_json(json.as_bytes()) else {
        panic!("{json}");
    };
    assert_eq!(
        serde_json::Value::Object(goal.metadata),
        serde_json::json!({"\u{fffd}": 2})
    );
}

#[test]
fn unknown_event_keeps_its_lone_surrogates() {
    let json = format!(r#"{{"kind":"paus\ud83d","\udc00":1,"goal_id":{GOAL_JSON}}}"#);
    let decoded = Decoded::from_json(json.as_bytes()).unwrap();
    assert!(matches!(&decoded, Decoded::Unknown { kind, path, .. } if kind == "paus\u{fffd}" && path == "kind"));
    assert_eq!(decoded.goal_id(), Some(GOAL));
    assert_eq!(decoded.to_json().unwrap(), json.as_bytes());
}

/// An error is at its position in the received bytes.
#[test]
fn other_fault_keeps_its_position() {
    let event = DriverEvent::Escalate {
        goal_id: GOAL,
        reason: "x".into(),
    };
    let mut json = Node::parse(&String::from_utf8(event.to_json().unwrap()).unwrap());
    json.members().insert(
        1,
        (
            "x".to_owned(),
            Node::Text(r#"["\ud83d",{"\udc00":"é\ud83d"}]"#.to_owned()),
        ),
    );
    let steps = [Step::Key("reason".to_owned())];
    *json.at(&steps) = Node::Text("7".to_owned());
    for style in [Style::Compact, Style::Spread] {
        let (text, offset) = json.render_and_find(style, &steps);
        let error = DriverEvent::from_json(text.as_bytes()).unwrap_err();
        assert_eq!((error.path(), error.offset()), ("reason", offset), "{text}");
    }
}

#[test]
fn limits_apply_to_lone_surrogates() {
    let json = escalate(r"\ud83d");
    let limits = Limits::default();
    let decode = |limits| {
        DriverEvent::from_json_with(json.as_bytes(), limits)
            .map(drop)
            .map_err(|error| error.kind())
    };
    assert_eq!(decode(limits.with_max_bytes(json.len())), Ok(()));
    assert_eq!(
        decode(limits.with_max_bytes(json.len() - 1)),
        Err(DecodeErrorKind::TooLarge)
    );
}

/// Text of escapes, many of them surrogates, and its value by the rules of WTF-16.
fn escapes() -> impl Strategy<Value = (String, String)> {
    let unit = prop_oneof![
        4 => prop::sample::select(vec![0xd83d_u16, 0xdbff, 0xd800, 0xde00, 0xdc00, 0xdfff]),
        1 => any::<u16>(),
    ];
    prop::collection::vec(unit, 0..12).prop_map(|units| {
        let json = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        (json, String::from_utf16_lossy(&units))
    })
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_escapes_are_decoded_as_utf_16((json, expected) in escapes()) {
        prop_assert_eq!(reason(&escalate(&json)), expected);
    }

    #[test]
    fn inserted_escapes_never_panic_and_keep_positions(
        event in strategies::event(),
        inserted in prop::collection::vec((any::<Index>(), escapes()), 1..4),
    ) {
        let mut json = encode(&event).into_bytes();
        for (at, (escapes, _)) in inserted {
            let at = at.index(json.len() + 1);
            json.splice(at..at, escapes.into_bytes());
        }
        match Decoded::from_json(&json) {
            Ok(Decoded::Known(event)) => prop_assert_eq!(decode(&encode(&event)), event),
            Ok(unknown) => prop_assert_eq!(unknown.to_json().unwrap(), json),
            Err(error) => prop_assert!(error.offset() <= json.len()),
        }
    }
}
