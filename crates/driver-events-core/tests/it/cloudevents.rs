use std::error::Error;

use bytes::Bytes;
use chrono::DateTime;
use data_encoding::BASE64;
use driver_events_core::cloudevents::{
    ReceivedAttributes, is_structured, looks_structured, read_structured, visit_attributes, write_structured,
};
use driver_events_core::conformance::samples;
use driver_events_core::{Envelope, EventId, SinkError, SinkErrorKind, Stamp};
use driver_events_types::{DecodeErrorKind, DriverEvent, GoalId, Limits, Uuid};

use crate::support::event;

/// Returns an envelope with every attribute.
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
        .and_then(|envelope| envelope.with_tracestate("rojo=1,congo=2"))
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
    r#""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"rojo=1,congo=2","#,
    r#""data":{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"x"}}"#,
);

#[test]
fn writes_structured_mode_on_one_line() {
    assert_eq!(structured(&full()), FULL);
}

#[test]
fn omits_unset_attributes() {
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
fn binary_mode_has_the_same_attributes() {
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
            ("tracestate", "rojo=1,congo=2"),
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

/// A reader must not lose an event for the sake of a foreign trace state.
#[test]
fn invalid_tracestate_is_ignored() {
    let mut received = ReceivedAttributes::default();
    received.set("tracestate", "not a list").unwrap();
    let json = full().json().unwrap().clone();
    let envelope = received.apply_to(Envelope::from_json(json).unwrap()).unwrap();
    assert_eq!(envelope.tracestate(), None);
}

/// Tracing libraries write an id of zeros if there is no trace.
#[test]
fn invalid_traceparent_is_ignored() {
    for traceparent in [
        "00-00000000000000000000000000000000-0000000000000000-00",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "unknown",
        "",
    ] {
        let envelope = read(&FULL.replace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", traceparent));
        let envelope = envelope.unwrap();
        assert_eq!(envelope.traceparent(), None, "{traceparent}");
        assert_eq!(envelope.id(), full().id());
    }
}

/// The extension is not ours alone, and its values are any texts.
#[test]
fn sequence_without_producerrun_is_ignored() {
    for sequence in ["00000000000000000007", "17", "2026-01-01/abc"] {
        let text = FULL.replace(r#""producerrun":"night","#, "");
        let envelope = read(&text.replace("00000000000000000007", sequence)).unwrap();
        assert_eq!(envelope.stamp(), None, "{sequence}");
        assert_eq!(envelope.id(), full().id());
    }
}

#[test]
fn tracestate_without_traceparent_is_not_written() {
    let envelope = event(1).with_tracestate("rojo=1").unwrap();
    assert!(!structured(&envelope).contains("tracestate"));
}

#[test]
fn visiting_stops_at_the_first_error() {
    let mut visited = Vec::new();
    let result = visit_attributes(&full(), |name, _| {
        visited.push(name);
        match name {
            "source" => Err(SinkError::new(SinkErrorKind::Full, "no space")),
            _ => Ok(()),
        }
    });
    assert_eq!(result.unwrap_err().kind(), SinkErrorKind::Full);
    assert_eq!(visited, ["specversion", "id", "source"]);
}

#[test]
fn rejects_events_without_subject_or_encoding() {
    let envelope = samples::unknown_kind(samples::goal(1));
    let result = visit_attributes(&envelope, |name, _| panic!("unexpected attribute {name}"));
    assert_eq!(result.unwrap_err().kind(), SinkErrorKind::Rejected);
    let mut line = b"before".to_vec();
    assert_eq!(
        write_structured(&envelope, &mut line).unwrap_err().kind(),
        SinkErrorKind::Rejected
    );
    let unencodable = samples::not_finite(samples::goal(1));
    assert_eq!(
        write_structured(&unencodable, &mut line).unwrap_err().kind(),
        SinkErrorKind::Encode
    );
    assert_eq!(line, b"before");
}

#[test]
fn structured_mode_round_trips_every_sample() {
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

/// Any order of keys, spaces, escapes in names, and unknown attributes.
#[test]
fn reads_cloudevents_of_other_publishers() {
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
fn reports_reason_and_position_of_errors() {
    let missing = |name| Err((0, format!("attribute `{name}` is missing or not a string")));
    let with = |old: &str, new: &str| {
        assert!(FULL.contains(old));
        read(&FULL.replace(old, new)).map(drop)
    };
    let at = |text: &str| FULL.find(text).unwrap();
    assert_eq!(with(r#""specversion":"1.0","#, ""), missing("specversion"));
    assert_eq!(with(r#""id":"an \"id\"""#, r#""id":7"#), missing("id"));
    assert_eq!(with(r#""source""#, r#""sauce""#), missing("source"));
    assert_eq!(with(r#""type""#, r#""typo""#), missing("type"));
    assert_eq!(
        with(r#""data""#, r#""date""#),
        Err((0, "CloudEvent has no `data`".into()))
    );
    assert_eq!(
        with(r#""data""#, r#""data_base64""#),
        Err((
            at(r#"{"kind""#) + 7,
            "`data_base64` is not a base64 text (RFC 4648)".into()
        ))
    );
    assert_eq!(
        with(r#""1.0""#, r#""2.0""#),
        Err((
            at(r#""1.0""#),
            "attribute `specversion` is not `1.0`, the supported version".into()
        ))
    );
    assert_eq!(
        with("urn:test", "urn: test"),
        Err((
            at(r#""urn:test"#),
            "attribute `source` is not a URI reference (RFC 3986)".into()
        ))
    );
    assert_eq!(
        with("2026-01-01", "2026-13-01"),
        Err((at(r#""2026"#), "attribute `time` is not an RFC 3339 time".into()))
    );
    assert_eq!(
        with("00000000000000000007", "+7"),
        Err((0, "attribute `sequence` is not an unsigned integer".into()))
    );
    assert_eq!(
        with(r#""sequence":"00000000000000000007","#, ""),
        Err((0, "attribute `producerrun` requires `sequence`".into()))
    );
    assert_eq!(
        with(r#""reason":"x""#, r#""reason":7"#),
        Err((
            at(r#""x"}"#),
            "escalate.reason: invalid type: integer `7`, expected a string".into()
        ))
    );
    assert_eq!(read("[]").map(drop), Err((0, "CloudEvent is not a JSON object".into())));
    let truncated = &FULL[..FULL.len() - 1];
    assert_eq!(
        read(truncated).map(drop),
        Err((truncated.len(), "CloudEvent is not a JSON object".into()))
    );
    let on_two_lines = "{\n\"specversion\":\"1.0\",}";
    assert_eq!(
        read(on_two_lines).map(drop).unwrap_err().0,
        on_two_lines.find('}').unwrap()
    );
}

/// `null` is absent, in both directions. An empty value is invalid, unless the event itself determines the attribute.
#[test]
fn absent_null_and_empty_attributes_differ() {
    let missing = |name: &str| Err(format!("attribute `{name}` is missing or not a string"));
    let is_empty = |name: &str| Err(format!("attribute `{name}` is empty"));
    let invalid = |name: &str, reason: &str| Err(format!("attribute `{name}` {reason}"));
    type Outcome = Result<(), String>;
    let cases: [(&str, Outcome, Outcome); 13] = [
        (
            "specversion",
            missing("specversion"),
            invalid("specversion", "is not `1.0`, the supported version"),
        ),
        ("id", missing("id"), is_empty("id")),
        ("source", missing("source"), is_empty("source")),
        ("type", missing("type"), is_empty("type")),
        ("subject", Ok(()), Ok(())),
        ("time", Ok(()), invalid("time", "is not an RFC 3339 time")),
        ("datacontenttype", Ok(()), Ok(())),
        (
            "sequence",
            invalid("producerrun", "requires `sequence`"),
            invalid("sequence", "is not an unsigned integer"),
        ),
        // Other publishers number events without a run, and write ids of zeros: that costs no event.
        ("producerrun", Ok(()), is_empty("producerrun")),
        ("partitionkey", Ok(()), Ok(())),
        ("traceparent", Ok(()), Ok(())),
        ("tracestate", Ok(()), Ok(())),
        ("comexample", Ok(()), Ok(())),
    ];
    for (name, absent, empty) in cases {
        let all: serde_json::Value = serde_json::from_str(FULL).unwrap();
        let with = |value: Option<&str>| {
            let mut all = all.clone();
            let members = all.as_object_mut().unwrap();
            members.remove(name);
            if let Some(value) = value {
                members.insert(name.to_owned(), serde_json::from_str(value).unwrap());
            }
            read(&all.to_string()).map_err(|(_, reason)| reason)
        };
        let (omitted, null) = (with(None), with(Some("null")));
        match (&omitted, &null) {
            (Ok(omitted), Ok(null)) => assert_eq!(structured(omitted), structured(null), "{name}"),
            _ => assert_eq!(null.as_ref().err(), omitted.as_ref().err(), "{name}"),
        }
        assert_eq!(null.map(drop), absent, "null {name}");
        assert_eq!(with(Some(r#""""#)).map(drop), empty, "empty {name}");
    }
    assert_eq!(
        with_data(r#""data":null"#).map(drop),
        Err((0, "CloudEvent has no `data`".into()))
    );
}

/// Every attribute is written as a text that is not empty, or not at all.
#[test]
fn absent_attributes_are_not_written_as_null_or_empty() {
    let unknown = Envelope::from_json(r#"{"kind":"host_restarted"}"#).unwrap();
    for envelope in [full(), event(1), unknown.with_event_type("t").unwrap()] {
        let line: serde_json::Value = serde_json::from_str(&structured(&envelope)).unwrap();
        for (name, value) in line.as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
            assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{name}: {value}");
        }
    }
}

/// Returns the envelope of a CloudEvent with these members.
fn with_data(members: &str) -> Result<Envelope, (usize, String)> {
    read(&format!(
        r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",{members}}}"#
    ))
}

#[test]
fn reads_base64_data() {
    let json = r#"{"kind": "escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"\ud83d"}"#;
    for encoded in [
        BASE64.encode(json.as_bytes()),
        BASE64.encode(json.as_bytes()).replace('/', r"\/"),
    ] {
        for members in [
            format!(r#""data_base64":"{encoded}""#),
            format!(r#""data":null,"data_base64":"{encoded}","x":"\udc00""#),
        ] {
            let envelope = with_data(&members).unwrap();
            assert_eq!(envelope.json().unwrap(), json, "{members}");
            assert_eq!(envelope.id().as_str(), "1");
        }
    }
    assert_eq!(
        with_data(r#""data":{"kind":"x"},"data_base64":null"#).unwrap().kind(),
        "x"
    );
    for (members, offset, reason) in [
        (
            r#""data_base64":7"#,
            68,
            "`data_base64` is not a base64 text (RFC 4648)",
        ),
        (
            r#""data_base64":"e30""#,
            68,
            "`data_base64` is not a base64 text (RFC 4648)",
        ),
        (
            r#""data_base64":"e30=","data":{}"#,
            68,
            "CloudEvent has both `data` and `data_base64`",
        ),
        (r#""data_base64":"e30=""#, 68, "missing field `kind`"),
    ] {
        assert_eq!(
            with_data(members).map(drop),
            Err((offset, reason.to_owned())),
            "{members}"
        );
    }
}

/// As agents in JavaScript write them: in the data, in attributes, in their names.
#[test]
fn lone_surrogates_are_read_as_replacement_characters() {
    let data = r#"{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"cut \ud83d"}"#;
    for text in [
        FULL.replace(r#""id":"an \"id\"""#, r#""id":"an \ud83d""#),
        FULL.replace("night", r"\udc00"),
        FULL.replace(r#""specversion""#, r#""x\ud83d":"\ud83d","specversion""#),
        FULL.replace(r#""reason":"x""#, r#""reason":"cut \ud83d""#),
    ] {
        assert!(looks_structured(text.as_bytes()), "{text}");
        let envelope = read(&text).unwrap();
        let json = envelope.json().unwrap().clone();
        assert!(
            text.contains(std::str::from_utf8(&json).unwrap()),
            "received bytes are kept: {json:?}"
        );
        let again = structured(&envelope);
        assert_eq!(structured(&read(&again).unwrap()), again);
    }
    let cut = read(&FULL.replace(r#""id":"an \"id\"""#, r#""id":"an \ud83d""#)).unwrap();
    assert_eq!(cut.id().as_str(), "an \u{fffd}");
    let cut = with_data(&format!(r#""data":{data}"#)).unwrap();
    assert!(matches!(cut.event(), Some(DriverEvent::Escalate { reason, .. }) if reason == "cut \u{fffd}"));
    assert_eq!(cut.json().unwrap(), data);
    // Other faults keep their positions in the received bytes.
    let text = format!(r#""x":"\ud83d","data":{}"#, data.replace(r#""cut \ud83d""#, "7"));
    let (offset, reason) = with_data(&text).unwrap_err();
    assert_eq!(&text[offset - 54..], "7}", "{reason}");
}

#[test]
fn error_has_the_decode_error_or_the_json_error() {
    let error = |text: &'static str| read_structured(&Bytes::from_static(text.as_bytes()), Limits::default());
    let json = error("[]").unwrap_err();
    assert!(json.decode_error().is_none());
    assert!(json.source().unwrap().is::<serde_json::Error>());
    let text = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{}}"#;
    let data = error(text).unwrap_err();
    assert_eq!(data.decode_error().unwrap().kind(), DecodeErrorKind::MissingKind);
    assert!(data.source().is_none(), "`Display` includes the decode error");
}

/// The reason may be printed on a terminal or logged.
#[test]
fn reason_for_a_malformed_event_is_short_and_printable() {
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
fn rejects_times_outside_the_years_of_rfc_3339() {
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
fn detects_structured_mode_by_content_type() {
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
fn detects_structured_mode_by_content() {
    assert!(looks_structured(FULL.as_bytes()));
    assert!(!looks_structured(br#"{"kind":"escalate","specversion":"1.0"}"#));
    assert!(!looks_structured(br#"{"id":"1"}"#));
    assert!(!looks_structured(b"specversion"));
    assert!(!looks_structured("[".repeat(100_000).as_bytes()));
}

#[test]
fn a_repeated_attribute_is_refused_at_its_position() {
    let event = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    for repeated in [r#""id":"2""#, r#""source":null"#, r#""data":{}"#, r#""\u0069d":"2""#] {
        let text = format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{event},{repeated}}}"#);
        let error = read_structured(&text.clone().into(), Limits::default()).unwrap_err();
        assert!(error.to_string().ends_with("occurs more than once"), "{error}");
        let value = repeated.split_once(':').unwrap().1;
        assert_eq!(error.offset(), text.rfind(value).unwrap(), "{text}");
    }
}
