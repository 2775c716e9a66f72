use chrono::{DateTime, TimeZone, Utc};
use driver_events_core::cloudevents::ReceivedAttributes;
use driver_events_core::{AttributeError, Envelope, EventId, Stamp};
use driver_events_types::Uuid;

use crate::support::event;

fn reason(result: Result<Envelope, AttributeError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn event_id_accepts_every_cloudevents_id() {
    for text in ["42", "an id", "ü/👩‍👩‍👧‍👦", "\u{e000}"] {
        assert_eq!(EventId::new(text).unwrap().as_str(), text);
    }
    for text in [
        "",
        "a\nb",
        "a\0",
        "\u{7f}",
        "\u{85}",
        "\u{fdd0}",
        "\u{ffff}",
        "\u{1fffe}",
    ] {
        assert_eq!(EventId::new(text).unwrap_err().name(), "id", "{text:?}");
    }
    let uuid = Uuid::from_u128(0xABCD);
    assert_eq!(EventId::from(uuid).to_string(), "00000000-0000-0000-0000-00000000abcd");
    assert_eq!(format!("{:>4}", EventId::new("42").unwrap()), "  42");
}

#[test]
fn source_must_be_a_uri_reference() {
    for source in [
        "urn:a",
        "https://example.com/a%20b?c#d",
        "//host/[::1]",
        "driver",
        "../x",
        "mailto:a@b.c",
    ] {
        assert_eq!(event(1).with_source(source).unwrap().source(), source);
    }
    for source in [
        "", "a b", "a\nb", "ü", "a\"b", "100%", "%zz", "a%2", "<a>", "a\\b", "{a}",
    ] {
        assert_eq!(
            event(1).with_source(source).unwrap_err().invalid().name(),
            "source",
            "{source:?}"
        );
    }
    assert_eq!(
        reason(event(1).with_source("100%")),
        "attribute `source` is not a URI reference (RFC 3986)"
    );
}

#[test]
fn traceparent_must_be_a_w3c_trace_context() {
    let valid = [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000001-0000000000000001-00",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
    ];
    for traceparent in valid {
        assert_eq!(
            event(1).with_traceparent(traceparent).unwrap().traceparent(),
            Some(traceparent)
        );
    }
    let invalid = [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a\r\nb",
    ];
    for traceparent in invalid {
        assert_eq!(
            event(1).with_traceparent(traceparent).unwrap_err().invalid().name(),
            "traceparent",
            "{traceparent:?}"
        );
    }
}

#[test]
fn tracestate_must_be_a_list_of_members() {
    let many = |members: usize| vec!["a=1"; members].join(",");
    let valid = [
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "0a_-*/@z=a b!~",
        " a=1 ,, b=2",
        &many(32),
    ];
    for tracestate in valid {
        let envelope = event(1).with_tracestate(tracestate).unwrap();
        assert_eq!(envelope.tracestate(), Some(tracestate));
    }
    for tracestate in [
        "",
        "a",
        "=1",
        "a=",
        "A=1",
        "_a=1",
        "a=1=2",
        "a=ü",
        "a=1\r\nb=2",
        &many(33),
    ] {
        let error = event(1).with_tracestate(tracestate).unwrap_err();
        assert_eq!(error.invalid().name(), "tracestate", "{tracestate:?}");
    }
}

#[test]
fn invalid_attribute_returns_the_envelope() {
    let envelope = event(1);
    let id = envelope.id().clone();
    let error = envelope.with_traceparent("00").unwrap_err();
    assert_eq!(error.to_string(), "attribute `traceparent` is not a W3C trace context");
    let envelope = error.into_envelope();
    assert_eq!((envelope.id(), envelope.traceparent()), (&id, None));
}

#[test]
fn source_and_stamp_are_set_once_for_all_clones() {
    let envelope = event(1);
    let clone = envelope.clone();
    let stamp = |run: &str| Stamp {
        run: run.into(),
        sequence: 1,
    };
    envelope.set_source_if_unset(&"a b".into()).unwrap_err();
    envelope.set_stamp_if_unset(|| stamp("")).unwrap_err();
    assert_eq!(envelope.stamp(), None);
    assert_eq!(envelope.set_source_if_unset(&"urn:a".into()), Ok("urn:a"));
    assert_eq!(clone.set_source_if_unset(&"urn:b".into()), Ok("urn:a"));
    assert_eq!(envelope.set_stamp_if_unset(|| stamp("a")), Ok(&stamp("a")));
    assert_eq!(clone.set_stamp_if_unset(|| unreachable!()), Ok(&stamp("a")));
}

#[test]
fn time_must_have_a_four_digit_year() {
    let year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    for time in [year(0), year(9999), DateTime::UNIX_EPOCH] {
        assert_eq!(event(1).with_time(time).unwrap().time(), Some(time));
    }
    for time in [
        year(-1),
        year(10_000),
        DateTime::<Utc>::MAX_UTC,
        DateTime::<Utc>::MIN_UTC,
    ] {
        assert_eq!(event(1).with_time(time).unwrap_err().invalid().name(), "time");
    }
}

#[test]
fn run_and_type_must_be_valid_texts() {
    let stamp = |run: &str| Stamp {
        run: run.into(),
        sequence: 1,
    };
    assert_eq!(
        event(1).with_stamp(stamp("night shift")).unwrap().stamp(),
        Some(&stamp("night shift"))
    );
    assert_eq!(
        reason(event(1).with_stamp(stamp(""))),
        "attribute `producerrun` is empty"
    );
    assert_eq!(
        reason(event(1).with_event_type("a\rb")),
        "attribute `type` contains a control character"
    );
}

/// Each received attribute is applied without the others.
#[test]
fn single_received_attribute_is_applied() {
    type Get = fn(&Envelope) -> Option<String>;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let cases: [(&str, &str, Get); 6] = [
        ("id", "an-id", |envelope| Some(envelope.id().to_string())),
        ("source", "urn:a", |envelope| Some(envelope.source().to_owned())),
        ("type", "agent.driver.goal_paused", |envelope| {
            envelope.subject().map(str::to_owned)
        }),
        ("time", "2026-01-01T00:00:00Z", |envelope| {
            envelope
                .time()
                .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        }),
        ("traceparent", traceparent, |envelope| {
            envelope.traceparent().map(str::to_owned)
        }),
        ("tracestate", "a=1", |envelope| envelope.tracestate().map(str::to_owned)),
    ];
    for (name, value, get) in cases {
        let mut attributes = ReceivedAttributes::default();
        attributes.set(name, value).unwrap();
        let envelope = Envelope::from_json(r#"{"kind":"goal_paused"}"#).unwrap();
        let envelope = attributes.apply_to(envelope).unwrap();
        assert_eq!(get(&envelope).as_deref(), Some(value), "{name}");
    }
}
