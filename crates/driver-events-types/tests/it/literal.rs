//! The exact bytes of every event, and the alternative forms that the decoder accepts.

use driver_events_types::{DriverEvent, Uuid};

use crate::support::tree::{Node, Style};
use crate::support::{GOAL, GOAL_JSON, assert_decodes, assert_encodes, decode, encode, samples};

#[test]
fn every_variant_has_its_literal_json() {
    for (event, json) in samples::all() {
        assert_encodes(&event, &json);
        assert_decodes(&json, &event);
    }
}

#[test]
fn kind_is_accepted_at_any_position() {
    for (event, json) in samples::all() {
        let mut rotated = Node::parse(&json);
        let mut count = 0;
        rotated.for_each_object(&mut |members| {
            let len = members.len();
            if members.first().is_some_and(|(key, _)| key == "kind") {
                count += 1;
                // A different position in each object, often the last.
                members[..].rotate_left(1 + count % len.max(2).saturating_sub(1));
            }
        });
        assert_decodes(&rotated.render(Style::Compact), &event);
    }
}

#[test]
fn kind_is_accepted_last() {
    for (event, json) in samples::all() {
        let mut reversed = Node::parse(&json);
        reversed.for_each_object(&mut |members| members.reverse());
        assert_decodes(&reversed.render(Style::Compact), &event);
    }
}

#[test]
fn white_space_is_accepted_between_tokens() {
    for (event, json) in samples::all() {
        assert_decodes(&Node::parse(&json).render(Style::Spread), &event);
    }
}

#[test]
fn escaped_keys_and_kinds_are_accepted() {
    let json = format!(r#"{{"\u006bind":"e\u0073calate","goal_i\u0064":{GOAL_JSON},"reason":"\u0078"}}"#);
    assert_decodes(
        &json,
        &DriverEvent::Escalate {
            goal_id: GOAL,
            reason: "x".into(),
        },
    );
}

#[test]
fn unknown_fields_are_ignored() {
    let strange = [
        r#"null"#,
        r#"1e400"#,
        r#"[[[[{"kind":"deny"}]]]]"#,
        r#"{"kind":{"kind":7},"goal_id":null}"#,
        r#""\ud800""#,
        r#""$serde_json::private::Number""#,
    ];
    for (event, json) in samples::all() {
        let mut wider = Node::parse(&json);
        for object in crate::support::locations::object_locations(&event, &wider.clone()) {
            let members = wider.at(&object.steps).members();
            for (index, value) in strange.iter().enumerate() {
                let at = (index * 2).min(members.len());
                members.insert(at, (format!("x_{index}"), Node::Text((*value).to_owned())));
                // A duplicate of an unknown field is ignored too.
                members.push((format!("x_{index}"), Node::Text((*value).to_owned())));
            }
        }
        assert_eq!(decode(&wider.render(Style::Compact)), event);
    }
}

#[test]
fn similar_key_is_not_mistaken_for_a_field() {
    // `max_consecutive_413` is a field of another type and `consecutive413` an enum value.
    let json = format!(
        r#"{{"kind":"budget_exhausted","goal_id":{GOAL_JSON},"axis":"turns","usage":{{"turns":1,"wall_time":"0s","tokens":1,"consecutive_denies":0,"consecutive413":9,"max_consecutive_413":9}}}}"#
    );
    let DriverEvent::BudgetExhausted { usage, .. } = decode(&json) else {
        panic!("{json}")
    };
    assert_eq!(usage.consecutive_413, 0);
}

#[test]
fn ids_are_decoded_in_every_form() {
    let written = r#""6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#;
    for form in [
        "6F2C1F0E-8F5B-4F53-9D7C-0B1F6A0C1A01",
        "6f2c1f0e8f5b4f539d7c0b1f6a0c1a01",
        "{6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01}",
        "urn:uuid:6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01",
    ] {
        let event = decode(&format!(r#"{{"kind":"escalate","goal_id":"{form}","reason":""}}"#));
        assert_eq!(event.goal_id(), GOAL);
        assert_eq!(
            encode(&event),
            format!(r#"{{"kind":"escalate","goal_id":{written},"reason":""}}"#)
        );
    }
    assert_eq!(GOAL.to_string(), written.trim_matches('"'));
    assert_eq!(GOAL.0, Uuid::parse_str(written.trim_matches('"')).unwrap());
}

#[test]
fn times_are_decoded_with_any_offset_and_encoded_in_utc() {
    for (read, written) in [
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02T03:04:05-00:30", "2026-01-02T03:34:05Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.0Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500Z"),
        ("2026-01-02T03:04:05.1234Z", "2026-01-02T03:04:05.123400Z"),
        ("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.123456700Z"),
        ("2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.000000001Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
    ] {
        let json = |time: &str| {
            format!(
                r#"{{"kind":"acceptance","goal_id":{GOAL_JSON},"verdict":{{"met":true,"failures":[],"evaluated_at":"{time}","elapsed_ms":0}}}}"#
            )
        };
        assert_eq!(encode(&decode(&json(read))), json(written));
    }
}

#[test]
fn durations_are_encoded_in_humantime_format() {
    for (read, written) in [
        ("0", "0s"),
        ("90s", "1m 30s"),
        ("1h30min", "1h 30m"),
        ("1.5s", "1s 500ms"),
        ("1000000000ns", "1s"),
        ("2weeks 1day", "15days"),
        ("1month 1y", "1year 1month"),
        ("1µs", "1us"),
        ("3s 212ms 409us 705ns", "3s 212ms 409us 705ns"),
        (
            "584542046090years 7months 15days 17h 5m 3s 999ms 999us 999ns",
            "584542046090years 7months 15days 17h 5m 3s 999ms 999us 999ns",
        ),
    ] {
        let json = |time: &str| {
            format!(
                r#"{{"kind":"attempt_started","goal_id":{GOAL_JSON},"turn_index":0,"usage":{{"turns":0,"wall_time":"{time}","tokens":0,"consecutive_denies":0,"consecutive_errors":0,"consecutive_413":0}}}}"#
            )
        };
        assert_eq!(encode(&decode(&json(read))), json(written));
    }
}
