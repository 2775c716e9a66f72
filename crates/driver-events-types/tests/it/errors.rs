//! Decoding errors have their kind, path and position.

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeError, DecodeErrorKind, DriverEvent, Limits};

use crate::support::locations::{field_locations, join, object_locations};
use crate::support::tree::{Node, Step, Style};
use crate::support::{GOAL_JSON, samples};

fn error_of(json: &str) -> DecodeError {
    assert!(
        serde_json::from_str::<DriverEvent>(json).is_err(),
        "serde's trait accepted {json}"
    );
    DriverEvent::from_json(json.as_bytes()).expect_err(json)
}

/// Decodes the event in four renderings and asserts the error, its path and the offset of the value at `steps`.
fn assert_fault(event: &DriverEvent, json: &Node, kind: DecodeErrorKind, path: &str, steps: &[Step]) {
    let mut reversed = json.clone();
    reversed.members().reverse();
    for json in [json, &reversed] {
        for style in [Style::Compact, Style::Spread] {
            let (text, offset) = json.render_and_find(style, steps);
            let error = error_of(&text);
            assert_eq!(
                (error.kind(), error.event_kind(), error.path(), error.offset()),
                (kind, Some(event.kind().as_str()), path, offset),
                "{error}\nin {text}"
            );
            let before = &text[..offset];
            assert_eq!(error.line(), before.matches('\n').count() + 1);
            assert_eq!(
                error.column(),
                offset - before.rfind('\n').map_or(0, |newline| newline + 1) + 1
            );
            let position = format!(" at line {} column {}", error.line(), error.column());
            assert_eq!(
                error.to_string(),
                format!("{}.{path}: {}{position}", event.kind(), error.message())
            );
        }
    }
}

/// Returns invalid JSON for the shape, each with the path of the fault inside it.
fn wrong_values(shape: Shape) -> &'static [(&'static str, &'static str)] {
    match shape {
        Shape::Text => &[("5", ""), ("true", ""), ("[]", ""), ("{}", "")],
        Shape::Bool => &[("0", ""), (r#""true""#, "")],
        Shape::I32 => &[("2147483648", ""), ("-2147483649", ""), ("1.0", ""), (r#""1""#, "")],
        Shape::U32 => &[("-1", ""), ("4294967296", ""), ("1.5", ""), ("-0", ""), (r#""1""#, "")],
        Shape::U64 => &[
            ("-1", ""),
            ("18446744073709551616", ""),
            ("1e0", ""),
            (r#""1""#, ""),
            ("[1]", ""),
        ],
        Shape::F64 => &[
            (r#""1""#, ""),
            ("1e400", ""),
            ("-1e400", ""),
            (r#""NaN""#, ""),
            ("{}", ""),
        ],
        Shape::Id => &[("5", ""), (r#""""#, ""), (r#""6f2c1f0e""#, ""), ("[]", "")],
        Shape::Time => &[
            ("5", ""),
            (r#""yesterday""#, ""),
            (r#""2026-01-02""#, ""),
            (r#""2026-01-02T03:04:05""#, ""),
            (r#""2026-02-30T00:00:00Z""#, ""),
            (r#""10000-01-01T00:00:00Z""#, ""),
            (r#""+10000-01-01T00:00:00Z""#, ""),
            (r#""9999-12-31T23:59:59-00:01""#, ""),
            (r#""0000-01-01T00:00:00+00:01""#, ""),
        ],
        Shape::Duration => &[
            ("5", ""),
            (r#""""#, ""),
            (r#"" ""#, ""),
            (r#""1""#, ""),
            (r#""1s 0""#, ""),
            (r#""-1s""#, ""),
            (r#""1 fortnight""#, ""),
            (r#""1.0000000001s""#, ""),
            (r#""18446744073709551616s""#, ""),
            (r#""18446744073709551615s 1000000000ns""#, ""),
            (r#""18446744073709551615s 1s""#, ""),
        ],
        Shape::Json => &[("1e400", ""), (r#"{"a":[-1e400]}"#, "")],
        Shape::Map => &[("5", ""), ("[]", ""), (r#""x""#, ""), (r#"{"a":1e400}"#, "")],
        Shape::Array(_) => &[
            ("5", ""),
            ("{}", ""),
            (r#""x""#, ""),
            ("[[]]", "[0]"),
            ("[null]", "[0]"),
        ],
        Shape::Struct(_) => &[("5", ""), ("[]", ""), (r#"["x",1,2,3,4,5,6,7,8]"#, ""), (r#""x""#, "")],
        Shape::Tagged(_) => &[
            ("5", ""),
            ("[]", ""),
            (r#""allow""#, ""),
            ("{}", ".kind?"),
            (r#"{"reason":"x"}"#, ".kind?"),
            (r#"{"kind":5}"#, ".kind"),
            (r#"{"kind":null}"#, ".kind"),
            (r#"{"kind":["allow"]}"#, ".kind"),
        ],
        Shape::OneOf(_) => &[
            ("5", ""),
            ("null", ""),
            ("{}", ""),
            (r#"{"turns":null}"#, ""),
            (r#"["turns"]"#, ""),
        ],
        other => panic!("no test for {other:?}"),
    }
}

#[test]
fn wrong_type_is_reported_for_every_field() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for location in field_locations(&event, &json) {
            for (wrong, inside) in wrong_values(location.field.shape) {
                let mut json = json.clone();
                *json.at(&location.steps()) = if inside.is_empty() {
                    Node::Text((*wrong).to_owned())
                } else {
                    Node::parse(wrong)
                };
                let mut steps = location.steps();
                match *inside {
                    // A missing field is reported at its object.
                    "" | ".kind?" => {}
                    "[0]" => steps.push(Step::Index(0)),
                    _ => steps.push(Step::Key("kind".to_owned())),
                }
                let path = format!("{}{}", location.path, inside.trim_end_matches('?'));
                assert_fault(&event, &json, DecodeErrorKind::Invalid, &path, &steps);
            }
        }
    }
}

#[test]
fn array_in_place_of_struct_is_refused() {
    let mut checked = 0;
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for object in object_locations(&event, &json).into_iter().skip(1) {
            let mut json = json.clone();
            let node = json.at(&object.steps);
            // The struct's values in its order, which serde's derive would accept.
            let values: Vec<_> = node.members().drain(..).map(|(_, value)| value).collect();
            *node = Node::Array(values);
            assert_fault(&event, &json, DecodeErrorKind::Invalid, &object.path, &object.steps);
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} structs");
}

#[test]
fn missing_field_is_reported_at_its_object() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for location in field_locations(&event, &json) {
            if location.field.presence == Presence::Required {
                let mut json = json.clone();
                json.at(&location.object)
                    .members()
                    .retain(|(key, _)| key != location.field.name);
                assert_fault(
                    &event,
                    &json,
                    DecodeErrorKind::Invalid,
                    &location.path,
                    &location.object,
                );
            }
        }
    }
}

#[test]
fn duplicate_field_is_refused_at_every_level() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for object in object_locations(&event, &json) {
            for (key, value) in json.clone().at(&object.steps).members().clone() {
                let mut json = json.clone();
                json.at(&object.steps).members().push((key.clone(), value));
                let mut steps = object.steps.clone();
                steps.push(Step::Key(key.clone()));
                // `render_and_find` returns the offset of the last value with the key.
                assert_fault(
                    &event,
                    &json,
                    DecodeErrorKind::Invalid,
                    &join(&object.path, &key),
                    &steps,
                );
            }
        }
    }
}

#[test]
fn json_without_kind_is_missing_kind() {
    for (json, path, offset) in [
        ("5", "", 0),
        (" [1]", "", 1),
        (r#""goal_started""#, "", 0),
        ("null", "", 0),
        (r#"["escalate"]"#, "", 0),
        ("\n{}", "kind", 1),
        (r#"{"Kind":"escalate"}"#, "kind", 0),
        (r#"{"kind":null}"#, "kind", 8),
        (r#"{"kind":{"kind":"escalate"}}"#, "kind", 8),
        (r#"{"goal_id":1,"kind":7}"#, "kind", 20),
    ] {
        let error = error_of(json);
        assert_eq!(
            (error.kind(), error.event_kind(), error.path(), error.offset()),
            (DecodeErrorKind::MissingKind, None, path, offset),
            "{json}"
        );
    }
}

#[test]
fn duplicate_kind_of_unknown_event_is_refused() {
    let error = error_of(r#"{"kind":"goal_paused","kind":"goal_paused"}"#);
    assert_eq!(
        (error.kind(), error.path(), error.offset()),
        (DecodeErrorKind::Invalid, "kind", 29)
    );
    assert_eq!(error.event_kind(), Some("goal_paused"));
}

#[test]
fn syntax_error_is_reported_with_offset() {
    for (json, offset, event_kind) in [
        ("", 0, None),
        ("   ", 3, None),
        ("{", 1, None),
        (r#"{"kind":"escalate""#, 18, Some("escalate")),
        (r#"{"kind":"escalate",}"#, 19, Some("escalate")),
        (r#"{"kind":"escalate"} {"kind":"escalate"}"#, 20, Some("escalate")),
        (r#"{"kind":"escalate"}x"#, 19, Some("escalate")),
        (r#"{"kind":"escalate","reason":tru}"#, 31, Some("escalate")),
        (r#"{"kind":"escalate","reason":01}"#, 29, Some("escalate")),
        ("{\"kind\":\"escalate\",\n\"reason\":'x'}", 29, Some("escalate")),
        ("{\"kind\":\"escalate\",\"reason\":\"a\nb\"}", 30, Some("escalate")),
        (r#"{"reason":NaN,"kind":"escalate"}"#, 10, None),
    ] {
        let error = error_of(json);
        assert_eq!(
            (error.kind(), error.path(), error.event_kind()),
            (DecodeErrorKind::Syntax, "", event_kind),
            "{json}"
        );
        assert!(
            error.offset().abs_diff(offset) <= 1,
            "offset {} is not near {offset} in {json}",
            error.offset()
        );
        assert!(error.offset() <= json.len());
    }
}

#[test]
fn invalid_utf8_is_reported_with_position() {
    let error = DriverEvent::from_json(b"{\"kind\":\"escalate\",\n\"reason\":\"a\xffb\"}").unwrap_err();
    assert_eq!(
        (error.kind(), error.event_kind()),
        (DecodeErrorKind::Syntax, Some("escalate"))
    );
    assert_eq!((error.offset(), error.line(), error.column()), (31, 2, 12));
}

#[test]
fn truncated_text_reports_kind() {
    for (event, json) in samples::all() {
        let kind_ends = json.find(',').unwrap();
        for end in 0..json.len() {
            let error = DriverEvent::from_json(&json.as_bytes()[..end]).expect_err(&json);
            let kind = (end >= kind_ends).then_some(event.kind().as_str());
            assert_eq!(
                (error.kind(), error.event_kind()),
                (DecodeErrorKind::Syntax, kind),
                "{}",
                &json[..end.min(40)]
            );
            assert!(error.offset() <= end);
        }
    }
}

#[test]
fn too_large_text_reports_kind() {
    let json = format!(
        r#"{{"kind":"escalate","goal_id":{GOAL_JSON},"reason":"{}"}}"#,
        "x".repeat(9000)
    );
    let error = DriverEvent::from_json_with(json.as_bytes(), Limits::default().with_max_bytes(8000)).unwrap_err();
    assert_eq!(
        (error.kind(), error.event_kind()),
        (DecodeErrorKind::TooLarge, Some("escalate"))
    );
    assert_eq!(error.offset(), 8000);
}

#[test]
fn messages_about_hostile_text_are_short_and_printable() {
    let control = r"\u001b[2J\u202e\r\n\u2028";
    let hostile = control.repeat(2000);
    for json in [
        format!(r#"{{"kind":"{hostile}"}}"#),
        format!(r#"{{"kind":"escalate","goal_id":"{control}","reason":""}}"#),
        format!(
            r#"{{"kind":"budget_exhausted","goal_id":{GOAL_JSON},"axis":"{hostile}","usage":{}}}"#,
            samples::USAGE_JSON
        ),
        format!(r#"{{"kind":"attempt_started","goal_id":{GOAL_JSON},"turn_index":"{hostile}"}}"#),
        format!(r#"{{"kind":"goal_completed","outcome":{{"goal_id":{GOAL_JSON},"outcome":"{hostile}"}}}}"#),
    ] {
        let error = error_of(&json);
        assert!(error.message().chars().count() <= 401);
        for text in [error.message().to_owned(), error.to_string()] {
            assert!(text.len() < 3000, "{} bytes", text.len());
            assert!(text.contains(r"\u{1b}"), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\n', '\u{2028}']), "{text}");
        }
    }
}

#[test]
fn messages_state_the_cause() {
    let goal = format!(r#""goal_id":{GOAL_JSON}"#);
    for (json, expected) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("{}", "missing field `kind` at line 1 column 1"),
        (
            r#"{"kind":5}"#,
            "invalid type: integer `5`, expected a string at line 1 column 9",
        ),
        (
            r#"{"kind":"escalate","goal_id":5,"reason":""}"#,
            "escalate.goal_id: invalid type: integer `5`, expected a formatted UUID string at line 1 column 30",
        ),
        (
            &format!(r#"{{"kind":"escalate",{goal}}}"#),
            "escalate.reason: missing field `reason` at line 1 column 1",
        ),
        (
            &format!(r#"{{"kind":"escalate",{goal},"reason":"","reason":""}}"#),
            "escalate.reason: duplicate field `reason` at line 1 column 90",
        ),
        (
            r#"{"kind":"goal\u0007"}"#,
            r"goal\u{7}.kind: unknown event kind `goal\u{7}` at line 1 column 9",
        ),
        (
            &format!(r#"{{"kind":"extract_memories_skipped",{goal},"reason":"new"}}"#),
            "extract_memories_skipped.reason: unknown ExtractSkipReason `new` at line 1 column 94",
        ),
        (
            &format!(
                r#"{{"kind":"replay_decision",{goal},"turn_index":0,"decision":{{"kind":"new"}},"error_message":""}}"#
            ),
            "replay_decision.decision.kind: unknown ReplayDecision kind `new` at line 1 column 110",
        ),
        (
            &format!(r#"{{"kind":"acceptance",{goal},"verdict":{{"met":true,"evaluated_at":"now","elapsed_ms":0}}}}"#),
            "acceptance.verdict.evaluated_at: invalid RFC 3339 time `now`: premature end of input at line 1 column 108",
        ),
        (
            &format!(
                r#"{{"kind":"acceptance",{goal},"verdict":{{"met":true,"evaluated_at":"9999-12-31T23:59:59-01:00","elapsed_ms":0}}}}"#
            ),
            "acceptance.verdict.evaluated_at: time out of range: RFC 3339 allows the years 0000 to 9999 in UTC at line 1 column 108",
        ),
        (
            &format!(
                r#"{{"kind":"attempt_started",{goal},"turn_index":0,"usage":{{"turns":0,"wall_time":"1 fortnight"}}}}"#
            ),
            concat!(
                "attempt_started.usage.wall_time: invalid duration `1 fortnight`, expected a form like `1m 36s 410ms`: ",
                "unknown time unit \"fortnight\", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, ",
                "years (and few variations) at line 1 column 122"
            ),
        ),
    ] {
        assert_eq!(error_of(json).to_string(), expected, "{json}");
    }

    let text = br#"{"kind":"escalate","reason":[[]]}"#;
    for (limits, expected) in [
        (
            Limits::default().with_max_bytes(20),
            "escalate: text of 33 bytes exceeds the limit of 20 bytes at line 1 column 21",
        ),
        (
            Limits::default().with_max_depth(2),
            "escalate: JSON nests deeper than the limit of 2 levels at line 1 column 30",
        ),
    ] {
        assert_eq!(
            DriverEvent::from_json_with(text, limits).unwrap_err().to_string(),
            expected
        );
    }
    assert_eq!(
        DriverEvent::from_json(b"{\"kind\":\"\xff").unwrap_err().to_string(),
        "text is not UTF-8: invalid utf-8 sequence of 1 bytes from index 9 at line 1 column 10"
    );
}

/// serde's traits know no positions, but they say what they expect.
#[test]
fn serde_errors_say_what_is_expected() {
    let goal = r#""goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#;
    let usage = r#""turns":0,"tokens":0,"consecutive_denies":0,"consecutive_errors":0,"consecutive_413":0"#;
    for (json, expected) in [
        ("5".to_owned(), "an object with a `kind`"),
        (
            format!(r#"{{"kind":"attempt_started",{goal},"turn_index":0,"usage":5}}"#),
            "an object",
        ),
        (
            format!(r#"{{"kind":"attempt_started",{goal},"turn_index":0,"usage":{{"wall_time":5,{usage}}}}}"#),
            "a duration such as `1m 36s 410ms`",
        ),
        (
            format!(r#"{{"kind":"auto_dream_outcome",{goal},"outcome_kind":5}}"#),
            "a string",
        ),
    ] {
        let error = serde_json::from_str::<DriverEvent>(&json).unwrap_err().to_string();
        let expected = format!("invalid type: integer `5`, expected {expected} at ");
        assert!(error.starts_with(&expected), "{json}: {error}");
    }
}
