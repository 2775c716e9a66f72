//! Every fault is told with its kind, its path and its place in the text.

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeError, DecodeErrorKind, DriverEvent, Limits};

use crate::support::places::{holders, join, places};
use crate::support::tree::{Node, Step, Style};
use crate::support::{GOAL_JSON, samples};

fn error_of(json: &str) -> DecodeError {
    assert!(
        serde_json::from_str::<DriverEvent>(json).is_err(),
        "serde's trait accepts {json}"
    );
    DriverEvent::from_json(json.as_bytes()).expect_err(json)
}

/// Decodes the event in four forms; the error must name the path in each, and the place of the value at `steps`.
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
            let place = format!(" at line {} column {}", error.line(), error.column());
            assert_eq!(
                error.to_string(),
                format!("{}.{path}: {}{place}", event.kind(), error.message())
            );
        }
    }
}

/// JSON that the shape refuses, and where in it the fault is.
fn wrong_values(shape: Shape) -> &'static [(&'static str, &'static str)] {
    match shape {
        Shape::Text => &[
            ("5", ""),
            ("true", ""),
            ("[]", ""),
            ("{}", ""),
            (r#""\ud800""#, ""),
            (r#""\udc00\ud800""#, ""),
        ],
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
        Shape::Json => &[
            ("1e400", ""),
            (r#"{"a":[-1e400]}"#, ""),
            (r#""\ud800""#, ""),
            (r#"{"\udc00":1}"#, ""),
        ],
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
        other => panic!("{other:?} is not tested"),
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_at_every_place() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for place in places(&event, &json) {
            for (wrong, inside) in wrong_values(place.field.shape) {
                let mut json = json.clone();
                *json.at(&place.steps()) = if inside.is_empty() {
                    Node::Text((*wrong).to_owned())
                } else {
                    Node::parse(wrong)
                };
                let mut steps = place.steps();
                match *inside {
                    // Of what is missing the place is the object that should have it.
                    "" | ".kind?" => {}
                    "[0]" => steps.push(Step::Index(0)),
                    _ => steps.push(Step::Key("kind".to_owned())),
                }
                let path = format!("{}{}", place.path, inside.trim_end_matches('?'));
                assert_fault(&event, &json, DecodeErrorKind::Invalid, &path, &steps);
            }
        }
    }
}

#[test]
fn an_array_of_values_is_no_struct() {
    let mut found = 0;
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for holder in holders(&event, &json).into_iter().skip(1) {
            let mut json = json.clone();
            let object = json.at(&holder.steps);
            // Exactly the values that the struct has, in its order.
            let values: Vec<_> = object.members().drain(..).map(|(_, value)| value).collect();
            *object = Node::Array(values);
            assert_fault(&event, &json, DecodeErrorKind::Invalid, &holder.path, &holder.steps);
            found += 1;
        }
    }
    assert!(found > 50, "only {found} structs");
}

#[test]
fn a_missing_field_is_named_at_the_object_that_should_have_it() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for place in places(&event, &json) {
            if place.field.presence == Presence::Required {
                let mut json = json.clone();
                json.at(&place.holder)
                    .members()
                    .retain(|(key, _)| key != place.field.name);
                assert_fault(&event, &json, DecodeErrorKind::Invalid, &place.path, &place.holder);
            }
        }
    }
}

#[test]
fn a_field_that_stands_twice_is_refused_at_every_level() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for holder in holders(&event, &json) {
            for (key, value) in json.clone().at(&holder.steps).members().clone() {
                let mut json = json.clone();
                json.at(&holder.steps).members().push((key.clone(), value));
                let mut steps = holder.steps.clone();
                steps.push(Step::Key(key.clone()));
                // Of two values with the same key, the later one is found.
                assert_fault(
                    &event,
                    &json,
                    DecodeErrorKind::Invalid,
                    &join(&holder.path, &key),
                    &steps,
                );
            }
        }
    }
}

#[test]
fn a_key_that_is_no_text_is_a_fault_of_the_object() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for holder in holders(&event, &json) {
            let text = json.render(Style::Compact);
            let (_, offset) = json.render_and_find(Style::Compact, &holder.steps);
            let text = format!(r#"{}"\ud800":1,{}"#, &text[..=offset], &text[offset + 1..]);
            let error = error_of(&text);
            assert_eq!(
                (error.kind(), error.path(), error.offset()),
                (DecodeErrorKind::Syntax, &*holder.path, offset)
            );
        }
    }
}

#[test]
fn what_is_no_event_has_no_kind() {
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
        (r#"{"kind":"\ud800"}"#, "kind", 8),
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
fn a_doubled_kind_is_a_fault_even_of_unknown_events() {
    let error = error_of(r#"{"kind":"goal_paused","kind":"goal_paused"}"#);
    assert_eq!(
        (error.kind(), error.path(), error.offset()),
        (DecodeErrorKind::Invalid, "kind", 29)
    );
    assert_eq!(error.event_kind(), Some("goal_paused"));
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
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
            "{} is not near {offset} in {json}",
            error.offset()
        );
        assert!(error.offset() <= json.len());
    }
}

#[test]
fn bytes_that_are_no_utf8_are_told_with_their_place() {
    let error = DriverEvent::from_json(b"{\"kind\":\"escalate\",\n\"reason\":\"a\xffb\"}").unwrap_err();
    assert_eq!(
        (error.kind(), error.event_kind()),
        (DecodeErrorKind::Syntax, Some("escalate"))
    );
    assert_eq!((error.offset(), error.line(), error.column()), (31, 2, 12));
}

#[test]
fn truncated_text_still_names_the_kind() {
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
fn what_was_not_parsed_still_names_the_kind() {
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
fn messages_are_short_and_printable_whatever_the_text_holds() {
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
