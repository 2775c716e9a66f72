use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use driver_events_core::{DriverEventSink, DriverEventSinkExt, DriverEventSource, Envelope, NdjsonSource};
use driver_events_stdout::{Color, Format, WriterEventSink};

use crate::support::{event, lines, send_all};

fn bare(path: &Path) -> WriterEventSink {
    WriterEventSink::builder().format(Format::Json).append_to(path).unwrap()
}

/// Returns the content of a file of content `before` after three events were appended.
async fn appended_to(before: Option<&str>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    if let Some(text) = before {
        fs::write(&path, text).unwrap();
    }
    let sink = bare(&path);
    send_all(&sink, 0..3).await;
    sink.close().await.unwrap();
    fs::read_to_string(&path).unwrap()
}

#[tokio::test]
async fn lines_are_appended() {
    assert_eq!(appended_to(None).await, lines(0..3));
    assert_eq!(appended_to(Some("")).await, lines(0..3));
    assert_eq!(appended_to(Some("whole\n")).await, "whole\n".to_owned() + &lines(0..3));
}

#[tokio::test]
async fn torn_last_line_is_terminated() {
    assert_eq!(appended_to(Some("{\"kin")).await, "{\"kin\n".to_owned() + &lines(0..3));
}

/// Lines that are read back and appended again are the same lines.
#[tokio::test]
async fn file_keeps_attributes_and_events_without_subject() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("events"), directory.path().join("copy"));
    let goal = r#""goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#;
    let unknown = Envelope::from_json(format!(r#"{{"kind":"from_the_future",{goal}}}"#)).unwrap();
    let stamped = WriterEventSink::append_to(&path)
        .unwrap()
        .stamped("urn:example:a")
        .unwrap();
    stamped.send(event(1)).await.unwrap();
    stamped.send(unknown).await.unwrap();
    stamped.close().await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    for attribute in ["id", "source", "time", "sequence", "producerrun"] {
        assert!(first.contains(&format!(r#""{attribute}":""#)), "{first}");
    }
    assert_eq!(second, format!("{{\"kind\":\"from_the_future\",{goal}}}\n"));

    let mut source = NdjsonSource::new("events", text.as_bytes());
    let sink = WriterEventSink::append_to(&copy).unwrap();
    while let Some(delivery) = source.next().await {
        sink.send(delivery.unwrap().into_envelope().unwrap()).await.unwrap();
    }
    sink.close().await.unwrap();
    assert_eq!(fs::read_to_string(&copy).unwrap(), text);
}

#[tokio::test]
async fn two_sinks_append_to_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    for number in 0..2 {
        let (first, second) = (bare(&path), bare(&path));
        send_all(&first, number..number + 1).await;
        first.flush().await.unwrap();
        second.send(event(number + 10)).await.unwrap();
        second.close().await.unwrap();
    }
    let expected = lines(0..1) + &lines(10..11) + &lines(1..2) + &lines(11..12);
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn append_to_fails_if_the_file_cannot_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    let error = WriterEventSink::append_to(directory.path()).unwrap_err();
    // Windows denies access to a folder.
    assert!(
        matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::PermissionDenied),
        "{error}"
    );
    let error = WriterEventSink::append_to(directory.path().join("no/such/folder")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn auto_does_not_colour_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.txt");
    for color in [Color::Auto, Color::Always] {
        let builder = WriterEventSink::builder().format(Format::Pretty).color(color);
        let sink = builder.append_to(&path).unwrap();
        send_all(&sink, 0..1).await;
        sink.close().await.unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    let (automatic, always) = text.split_once('\n').unwrap();
    assert!(
        automatic.ends_with("  00000001  compact_completed           turn 0 · 0 tokens left"),
        "{automatic}"
    );
    assert!(always.starts_with("\x1b[2m"), "{always}");
}
