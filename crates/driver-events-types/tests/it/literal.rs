//! Exact bytes, and the other forms of them that are read.

use driver_events_types::{DriverEvent, Uuid};

use crate::support::tree::{Node, Style};
use crate::support::{GOAL, GOAL_JSON, assert_reads, assert_writes, decode, encode, samples};

#[test]
fn every_variant_is_written_and_read_as_these_bytes() {
    for (event, json) in samples::all() {
        assert_writes(&event, &json);
        assert_reads(&json, &event);
    }
}

#[test]
fn the_kind_may_stand_anywhere_at_every_level() {
    for (event, json) in samples::all() {
        let mut rotated = Node::parse(&json);
        let mut count = 0;
        rotated.for_each_object(&mut |members| {
            let places = members.len();
            if members.first().is_some_and(|(key, _)| key == "kind") {
                count += 1;
                // Another place in every object, and the last one often.
                members[..].rotate_left(1 + count % places.max(2).saturating_sub(1));
            }
        });
        assert_reads(&rotated.render(Style::Compact), &event);
    }
}

#[test]
fn the_kind_may_stand_last_at_every_level() {
    for (event, json) in samples::all() {
        let mut reversed = Node::parse(&json);
        reversed.for_each_object(&mut |members| members.reverse());
        assert_reads(&reversed.render(Style::Compact), &event);
    }
}

#[test]
fn white_space_may_stand_between_any_two_tokens() {
    for (event, json) in samples::all() {
        assert_reads(&Node::parse(&json).render(Style::Spread), &event);
    }
}

#[test]
fn keys_and_kinds_may_be_written_with_escapes() {
    let json = format!(r#"{{"\u006bind":"e\u0073calate","goal_i\u0064":{GOAL_JSON},"reason":"\u0078"}}"#);
    assert_reads(
        &json,
        &DriverEvent::Escalate {
            goal_id: GOAL,
            reason: "x".into(),
        },
    );
}

#[test]
fn fields_that_are_not_in_the_contract_are_ignored() {
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
        for holder in crate::support::places::holders(&event, &wider.clone()) {
            let members = wider.at(&holder.steps).members();
            for (index, value) in strange.iter().enumerate() {
                let at = (index * 2).min(members.len());
                members.insert(at, (format!("x_{index}"), Node::Text((*value).to_owned())));
                // Twice the same: what is ignored is ignored.
                members.push((format!("x_{index}"), Node::Text((*value).to_owned())));
            }
        }
        assert_eq!(decode(&wider.render(Style::Compact)), event);
    }
}

#[test]
fn a_key_of_another_type_is_not_taken_for_a_field() {
    // `max_consecutive_413` is a field and `consecutive413` a value: neither stands for the other.
    let json = format!(
        r#"{{"kind":"budget_exhausted","goal_id":{GOAL_JSON},"axis":"turns","usage":{{"turns":1,"wall_time":"0s","tokens":1,"consecutive_denies":0,"consecutive413":9,"max_consecutive_413":9}}}}"#
    );
    let DriverEvent::BudgetExhausted { usage, .. } = decode(&json) else {
        panic!("{json}")
    };
    assert_eq!(usage.consecutive_413, 0);
}

#[test]
fn ids_are_read_in_every_form_and_written_in_one() {
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
fn times_are_read_with_any_offset_and_written_in_utc() {
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
fn durations_are_written_as_humantime_prints_them() {
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
