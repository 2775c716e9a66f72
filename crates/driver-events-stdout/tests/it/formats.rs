use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, EventId, SinkErrorKind, Stamp};
use driver_events_stdout::{Format, WriterEventSink};
use driver_events_types::GoalId;

use crate::support::ScriptedWriter;

const GOAL_RUN: &str = include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson");
const UPSTREAM_EVENTS: &str = include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson");

async fn written(format: Format, envelopes: impl IntoIterator<Item = Envelope>) -> String {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::builder().format(format).build(writer);
    for envelope in envelopes {
        sink.send(envelope).await.unwrap();
    }
    sink.close().await.unwrap();
    written.text()
}

#[tokio::test]
async fn fixtures_are_written_byte_for_byte() {
    for fixture in [GOAL_RUN, UPSTREAM_EVENTS] {
        let received: Vec<Envelope> = fixture
            .lines()
            .map(|line| Envelope::from_json(line.to_owned()).unwrap())
            .collect();
        let encoded: Vec<Envelope> = received
            .iter()
            .map(|envelope| Envelope::new(envelope.event().unwrap().clone()))
            .collect();
        assert_eq!(written(Format::Json, received).await, fixture);
        assert_eq!(written(Format::Json, encoded).await, fixture);
    }
}

#[tokio::test]
async fn received_multi_line_json_becomes_one_line() {
    let json = "{\r\n  \"kind\": \"escalate\",\n\t\"goal_id\": \"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01\",\r  \"reason\": \"a\\nb\"\n}\n";
    let line = "{\r   \"kind\": \"escalate\", \t\"goal_id\": \"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01\",\r  \"reason\": \"a\\nb\" } \n";
    let envelope = Envelope::from_json(json).unwrap();
    assert_eq!(written(Format::Json, [envelope.clone()]).await, line);

    let structured = written(Format::CloudEvents, [envelope]).await;
    assert_eq!(structured.matches('\n').count(), 1);
    assert!(structured.ends_with("\"reason\": \"a\\nb\" } }\n"), "{structured}");
}

#[tokio::test]
async fn pretty_texts_are_cut_at_the_set_length() {
    let (writer, written) = ScriptedWriter::new([]);
    let builder = WriterEventSink::builder().format(Format::Pretty).max_text_chars(3);
    let sink = builder.build(writer);
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"abcdef"}"#;
    sink.send(Envelope::from_json(json).unwrap()).await.unwrap();
    sink.close().await.unwrap();
    let text = written.text();
    assert!(text.contains("abc") && !text.contains("abcd"), "{text}");
}

#[tokio::test]
async fn cloudevents_line_has_the_attributes() {
    let envelope = Envelope::new(samples::numbered(samples::goal(1), 7))
        .with_id(EventId::new("id-1").unwrap())
        .with_time("2026-05-04T09:30:00.25Z".parse().unwrap())
        .unwrap()
        .with_source("urn:example:driver")
        .unwrap()
        .with_stamp(Stamp {
            run: "run-1".into(),
            sequence: 3,
        })
        .unwrap();
    let expected = concat!(
        r#"{"specversion":"1.0","id":"id-1","source":"urn:example:driver","type":"agent.driver.compact.completed","#,
        r#""subject":"6f2c1f0e-8f5b-4f53-9d7c-000000000001","time":"2026-05-04T09:30:00.250Z","#,
        r#""datacontenttype":"application/json","sequence":"00000000000000000003","producerrun":"run-1","#,
        r#""partitionkey":"6f2c1f0e-8f5b-4f53-9d7c-000000000001","#,
        r#""data":{"kind":"compact_completed","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-000000000001","#,
        r#""turn_index":7,"after_tokens":7000}}"#,
        "\n"
    );
    assert_eq!(written(Format::CloudEvents, [envelope]).await, expected);
}

#[tokio::test]
async fn every_format_refuses_events_that_cannot_be_encoded() {
    for format in Format::ALL {
        let (writer, written) = ScriptedWriter::new([]);
        let sink = WriterEventSink::builder().format(*format).build(writer);
        for envelope in [
            samples::not_finite(samples::goal(1)),
            samples::deep(samples::goal(1), 100_000),
        ] {
            let error = sink.send(envelope).await.unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Encode, "{format}");
        }
        sink.close().await.unwrap();
        assert_eq!(written.text(), "");
    }
}

#[test]
fn formats_parse_and_display_their_name() {
    for (format, name) in [
        (Format::Json, "json"),
        (Format::CloudEvents, "cloudevents"),
        (Format::Pretty, "pretty"),
    ] {
        assert_eq!(format.to_string(), name);
        assert_eq!(name.parse(), Ok(format));
        assert!(Format::ALL.contains(&format));
    }
    assert_eq!(Format::default(), Format::Json);
    let error = "JSON".parse::<Format>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown format `JSON`: use json, cloudevents or pretty"
    );
}

#[tokio::test]
async fn published_event_that_is_too_deep_is_refused_in_every_format() {
    for format in [Format::Json, Format::CloudEvents, Format::Pretty] {
        let (writer, written) = ScriptedWriter::new([]);
        let sink = WriterEventSink::builder().format(format).build(writer);
        // Deep enough to overflow the stack if it were dropped recursively.
        let event = samples::deep(GoalId::new(), 200_000).into_event().unwrap();
        let error = sink.publish(event).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Encode, "{format}: {error}");
        sink.close().await.unwrap();
        assert_eq!(written.text(), "", "{format}");
    }
}
