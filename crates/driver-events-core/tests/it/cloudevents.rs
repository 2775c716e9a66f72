use bytes::Bytes;
use chrono::DateTime;
use driver_events_core::cloudevents::{
    ReceivedAttributes, is_structured, looks_structured, read_structured, visit_attributes, write_structured,
};
use driver_events_core::conformance::samples;
use driver_events_core::{Envelope, EventId, SinkErrorKind, Stamp};
use driver_events_types::{DriverEvent, GoalId, Limits, Uuid};

/// An envelope with every attribute.
fn full() -> Envelope {
    let event = DriverEvent::Escalate {
        goal_id: GoalId(Uuid::from_u128(1)),
        reason: "x".into(),
    };
    Envelope::new(event)
        .with_id(EventId::new("an \"id\"").unwrap())
        .with_time(DateTime::from_timestamp_nanos(1_767_225_600_120_000_000))
        .and_then(|envelope| envelope.with_source("urn:test"))
        .and_then(|envelope| {
            envelope.with_stamp(Stamp {
                run: "night".into(),
                sequence: 7,
            })
        })
        .and_then(|envelope| envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        .unwrap()
}

fn structured(envelope: &Envelope) -> String {
    let mut line = b"before ".to_vec();
    write_structured(envelope, &mut line).unwrap();
    String::from_utf8(line)
        .unwrap()
        .strip_prefix("before ")
        .unwrap()
        .to_owned()
}

fn read(text: &str) -> Result<Envelope, (usize, String)> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    read_structured(&text, Limits::default()).map_err(|error| (error.offset(), error.to_string()))
}

const FULL: &str = concat!(
    r#"{"specversion":"1.0","id":"an \"id\"","source":"urn:test","type":"agent.driver.escalate","#,
    r#""subject":"00000000-0000-0000-0000-000000000001","time":"2026-01-01T00:00:00.120Z","#,
    r#""datacontenttype":"application/json","sequence":"00000000000000000007","producerrun":"night","#,
    r#""partitionkey":"00000000-0000-0000-0000-000000000001","#,
    r#""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","#,
    r#""data":{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"x"}}"#,
);

#[test]
fn the_structured_form_is_one_line() {
    assert_eq!(structured(&full()), FULL);
}

#[test]
fn what_is_absent_is_left_out() {
    let json = r#"{"kind":"host_restarted"}"#;
    let envelope = Envelope::from_json(json)
        .unwrap()
        .with_event_type("agent.driver.host.restarted")
        .unwrap();
    let envelope = envelope.with_id(EventId::new("1").unwrap());
    let expected = concat!(
        r#"{"specversion":"1.0","id":"1","source":"urn:driver-events:unset","type":"agent.driver.host.restarted","#,
        r#""datacontenttype":"application/json","data":{"kind":"host_restarted"}}"#
    );
    assert_eq!(structured(&envelope), expected);
}

#[test]
fn binary_attributes_are_the_same() {
    let envelope = full();
    let mut found = Vec::new();
    visit_attributes(&envelope, |name, value| {
        found.push((name, value.to_owned()));
        Ok(())
    })
    .unwrap();
    let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, &**value)).collect();
    let goal_id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        found,
        [
            ("specversion", "1.0"),
            ("id", "an \"id\""),
            ("source", "urn:test"),
            ("type", "agent.driver.escalate"),
            ("subject", goal_id),
            ("time", "2026-01-01T00:00:00.120Z"),
            ("datacontenttype", "application/json"),
            ("sequence", "00000000000000000007"),
            ("producerrun", "night"),
            ("partitionkey", goal_id),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ]
    );
    let mut received = ReceivedAttributes::default();
    for (name, value) in found {
        received.set(name, value).unwrap();
    }
    let copy = received
        .apply_to(Envelope::from_json(envelope.json().unwrap().clone()).unwrap())
        .unwrap();
    assert_eq!(structured(&copy), FULL);
}

#[test]
fn a_kind_without_a_type_has_no_structured_form() {
    let envelope = samples::unknown_kind(samples::goal(1));
    let refused = visit_attributes(&envelope, |name, _| panic!("it shows {name}"));
    assert_eq!(refused.unwrap_err().kind(), SinkErrorKind::Rejected);
    let mut line = b"as it was".to_vec();
    assert_eq!(
        write_structured(&envelope, &mut line).unwrap_err().kind(),
        SinkErrorKind::Rejected
    );
    let unencodable = samples::not_finite(samples::goal(1));
    assert_eq!(
        write_structured(&unencodable, &mut line).unwrap_err().kind(),
        SinkErrorKind::Encode
    );
    assert_eq!(line, b"as it was");
}

#[test]
fn every_sample_round_trips() {
    let events = samples::every_kind(samples::goal(1))
        .into_iter()
        .chain(samples::hostile(samples::goal(1)));
    let unknown = samples::unknown_kind(samples::goal(1))
        .with_event_type("agent.driver.goal.paused")
        .unwrap();
    for envelope in events
        .map(Envelope::new)
        .chain([samples::foreign(samples::goal(1)), unknown])
    {
        let line = structured(&envelope);
        assert!(!line.contains(['\n', '\r']));
        let copy = read(&line).unwrap();
        assert_eq!(copy.json().unwrap(), envelope.json().unwrap());
        assert_eq!(structured(&copy), line);
    }
}

/// Any order, blanks, escapes in the names, and attributes that are none of ours.
#[test]
fn reads_what_others_write() {
    let text = concat!(
        r#" { "data" : {"kind": "host_restarted"}, "comexampleflag": true, "count": 7, "time": "2026-01-01T01:00:00+01:00","#,
        r#" "type": "t", "datacontenttype": "application/json", "sourc\u0065": "/s", "id": "1", "specversion": "1.0" } "#,
    );
    let envelope = read(text).unwrap();
    assert_eq!(
        (envelope.kind(), envelope.subject(), envelope.source()),
        ("host_restarted", Some("t"), "/s")
    );
    assert_eq!(envelope.time(), Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(&envelope.json().unwrap()[..], br#"{"kind": "host_restarted"}"#);
}

#[test]
fn tells_the_place_of_what_is_malformed() {
    let missing = |name| Err((0, format!("the attribute `{name}` is missing, or no text")));
    let with = |old: &str, new: &str| {
        assert!(FULL.contains(old));
        read(&FULL.replace(old, new)).map(drop)
    };
    let at = |place: &str| FULL.find(place).unwrap();
    assert_eq!(with(r#""specversion":"1.0","#, ""), missing("specversion"));
    assert_eq!(with(r#""id":"an \"id\"""#, r#""id":7"#), missing("id"));
    assert_eq!(with(r#""source""#, r#""sauce""#), missing("source"));
    assert_eq!(with(r#""type""#, r#""typo""#), missing("type"));
    assert_eq!(
        with(r#""data""#, r#""data_base64""#),
        Err((0, "the CloudEvent has no `data`".into()))
    );
    assert_eq!(
        with(r#""1.0""#, r#""2.0""#),
        Err((
            at(r#""1.0""#),
            "the attribute `specversion` is not 1.0, the version that is understood here".into()
        ))
    );
    assert_eq!(
        with("urn:test", "urn: test"),
        Err((
            at(r#""urn:test"#),
            "the attribute `source` is no URI-reference (RFC 3986)".into()
        ))
    );
    assert_eq!(
        with("2026-01-01", "2026-13-01"),
        Err((at(r#""2026"#), "the attribute `time` is no RFC 3339 time".into()))
    );
    assert_eq!(
        with("00000000000000000007", "+7"),
        Err((
            at(r#""0000000000000000000"#),
            "the attribute `sequence` is no whole number".into()
        ))
    );
    assert_eq!(
        with(r#""producerrun":"night","#, ""),
        Err((0, "the attribute `sequence` stands without a producerrun".into()))
    );
    assert_eq!(
        with(r#""reason":"x""#, r#""reason":7"#),
        Err((
            at(r#""x"}"#),
            "escalate.reason: invalid type: integer `7`, expected a string".into()
        ))
    );
    assert_eq!(
        read("[]").map(drop),
        Err((0, "the CloudEvent is no JSON object".into()))
    );
    let torn = &FULL[..FULL.len() - 1];
    assert_eq!(
        read(torn).map(drop),
        Err((torn.len(), "the CloudEvent is no JSON object".into()))
    );
    let on_two_lines = "{\n\"specversion\":\"1.0\",}";
    assert_eq!(
        read(on_two_lines).map(drop).unwrap_err().0,
        on_two_lines.find('}').unwrap()
    );
}

/// It may end up on a terminal or in a log.
#[test]
fn what_is_told_of_a_malformed_event_is_short_and_printable() {
    let kind = format!("\\u001b[31m\\n{}", "x".repeat(3000));
    let event = format!(r#"{{"kind":"{kind}","deep":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    let structured = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{event}}}"#);
    let (_, reason) = read(&structured).unwrap_err();
    assert!(reason.starts_with("\\u{1b}[31m\\nxxx"), "{reason}");
    assert!(
        reason.ends_with("xxx: JSON nests deeper than the limit of 64 levels"),
        "{reason}"
    );
    assert!(reason.len() < 250, "{reason}");
}

#[test]
fn times_that_utc_cannot_write_are_refused() {
    let mut received = ReceivedAttributes::default();
    assert_eq!(
        received.set("time", "9999-12-31T23:59:59-01:00").unwrap_err().name(),
        "time"
    );
    assert_eq!(
        received.set("time", "0000-01-01T00:00:00+01:00").unwrap_err().name(),
        "time"
    );
    received.set("time", "9999-12-31T23:59:59+01:00").unwrap();
}

#[test]
fn the_content_type_tells_structured_mode() {
    for content_type in [
        "application/cloudevents+json",
        "application/cloudevents",
        " Application/CloudEvents+JSON; charset=utf-8",
    ] {
        assert!(is_structured(content_type), "{content_type}");
    }
    for content_type in [
        "application/json",
        "",
        "application/cloudevent",
        "text/application/cloudevents",
    ] {
        assert!(!is_structured(content_type), "{content_type}");
    }
}

#[test]
fn tells_bare_events_from_structured_ones() {
    assert!(looks_structured(FULL.as_bytes()));
    assert!(!looks_structured(br#"{"kind":"escalate","specversion":"1.0"}"#));
    assert!(!looks_structured(br#"{"id":"1"}"#));
    assert!(!looks_structured(b"specversion"));
    assert!(!looks_structured("[".repeat(100_000).as_bytes()));
}
