//! What the fuzz targets call, one function for each. None of them may panic, whatever the bytes.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz decode` runs a target until it finds something. The tests of this crate run each
//! function on the fixtures, and on damaged copies of them.
#![expect(clippy::panic, reason = "a finding is a panic")]

use std::borrow::Cow;
use std::fmt::Debug;
use std::{env, fs, io};

use bytes::Bytes;
use driver_events::{SinkUrl, SourceUrl};
use driver_events_core::cloudevents::read_structured;
use driver_events_core::{DriverEventSource, Envelope, Malformed, NdjsonSource, Position, SinkError};
use driver_events_types::{DecodeErrorKind, DriverEvent, Limits, replace_lone_surrogates, serde_json};
use futures_util::FutureExt;

/// Decodes an event. A decoded event keeps its bytes, and what it is decoded to can be encoded and decoded again. serde's
/// implementations of the types decode and encode it alike.
pub fn decode(json: &[u8]) {
    compare_with_serde(json);
    match Envelope::from_json(Bytes::copy_from_slice(json)) {
        Ok(envelope) => {
            assert_eq!(
                envelope.json().map(|kept| &**kept).ok(),
                Some(json),
                "the bytes changed"
            );
            if let Some(event) = envelope.event() {
                let encoded = Envelope::new(event.clone());
                // A number beyond the range of JSON's floats is kept and cannot be encoded.
                let Ok(encoded) = encoded.json() else { return };
                let again = Envelope::from_json(encoded.clone());
                assert_eq!(
                    again.as_ref().ok().and_then(Envelope::event),
                    Some(event),
                    "{encoded:?}"
                );
            }
        }
        Err(error) => assert!(error.offset() <= json.len(), "{error:?}"),
    }
}

fn compare_with_serde(json: &[u8]) {
    // Only the codec decodes lone surrogates, and only the codec has limits.
    let replaced = replace_lone_surrogates(json);
    let json_text = str::from_utf8(replaced.as_deref().unwrap_or(json));
    // From bytes, serde_json does not check the UTF-8 of fields that it ignores.
    let expected = json_text
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_str::<DriverEvent>(text).map_err(|error| error.to_string()));
    match (DriverEvent::from_json(json), expected) {
        (Ok(event), Ok(expected)) => {
            assert_eq!(event, expected);
            // What decodes within the limits may exceed them in another form, such as `1E9` in free JSON.
            if let Ok(encoded) = event.to_json() {
                assert_eq!(Some(encoded), serde_json::to_vec(&expected).ok());
            }
        }
        (Err(error), Ok(_)) => assert!(
            matches!(error.kind(), DecodeErrorKind::TooLarge | DecodeErrorKind::TooDeep),
            "{error:?}"
        ),
        (Ok(event), Err(error)) => panic!("{error}: {event:?}"),
        (Err(_), Err(_)) => {}
    }
}

/// Decodes a CloudEvent in structured mode.
pub fn structured(text: &[u8]) {
    if let Err(error) = read_structured(&Bytes::copy_from_slice(text), Limits::default()) {
        assert!(error.offset() <= text.len(), "{error:?}");
    }
}

/// Decodes a NATS message: the lines before the first blank one are headers.
pub fn nats_headers(message: &[u8]) {
    use driver_events_nats::fuzzing::{read, write};
    let read = |headers: &[Header<'_>], value: &[u8]| {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((*name, text((*value)?))));
        let headers: Vec<_> = headers.collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        read(&headers, value)
    };
    round_trip(message, read, write);
}

/// Decodes a Kafka record: the lines before the first blank one are headers. A line without a colon has a null value. Names are
/// UTF-8; others need a broker, see `foreign_records.rs` in the tests of `driver-events-kafka`.
pub fn kafka_attributes(record: &[u8]) {
    use driver_events_kafka::fuzzing::{read, write};
    round_trip(record, read, write);
}

/// Parses the URL of a sink and of a source.
pub fn url(url: &[u8]) {
    let Ok(url) = std::str::from_utf8(url) else { return };
    if let Ok(url) = SinkUrl::parse(url) {
        let _ = (url.to_string(), format!("{url:?}"));
    }
    if let Ok(url) = SourceUrl::parse(url) {
        let _ = (url.to_string(), format!("{url:?}"));
    }
}

/// Reads lines to the end of the input. Positions increase.
pub fn ndjson(text: &[u8]) {
    let mut source = NdjsonSource::new("-", text).with_limits(Limits::default().with_max_bytes(256));
    let mut next_offset = 0;
    loop {
        match source.next().now_or_never() {
            Some(Some(Ok(delivery))) => {
                let Position::Line { offset, .. } = delivery.position() else {
                    panic!("{:?}", delivery.position());
                };
                assert!(*offset >= next_offset, "{offset} follows {next_offset}");
                next_offset = *offset + 1;
            }
            Some(None) => break,
            Some(Some(Err(error))) => panic!("{error}"),
            None => panic!("the source waits"),
        }
    }
}

/// Name and value; `None` is a null value.
type Header<'a> = (&'a str, Option<&'a [u8]>);
type Write = fn(&Envelope) -> Result<Vec<(String, String)>, SinkError>;

/// Reads a message. What can be read can be written, and is then read with the same attributes.
fn round_trip(message: &[u8], read: impl Fn(&[Header<'_>], &[u8]) -> Result<Envelope, Malformed>, write: Write) {
    let (head, value) = message.split_at(position(message, b"\n\n"));
    let value = value.get(2..).unwrap_or_default();
    let lines = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let headers: Vec<_> = lines.map(header).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, *value)).collect();
    let Ok(first) = read(&headers, value) else { return };
    // An event of an unknown kind may have no subject.
    let Ok(written) = write(&first) else { return };
    let headers: Vec<_> = written
        .iter()
        .map(|(name, value)| (&**name, Some(value.as_bytes())))
        .collect();
    match read(&headers, value) {
        Ok(second) => assert_eq!(attributes(&first), attributes(&second), "{headers:?}"),
        Err(malformed) => panic!("{malformed}: {headers:?}"),
    }
}

/// Splits a line at its first colon.
fn header(line: &[u8]) -> (Cow<'_, str>, Option<&[u8]>) {
    let (name, value) = line.split_at(position(line, b":"));
    (String::from_utf8_lossy(name), value.get(1..))
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    let found = bytes.windows(part.len()).position(|window| window == part);
    found.unwrap_or(bytes.len())
}

fn attributes(envelope: &Envelope) -> impl PartialEq + Debug {
    (
        envelope.id(),
        envelope.source(),
        envelope.time(),
        envelope.stamp(),
        envelope.traceparent(),
        envelope.tracestate(),
    )
}

/// Runs a target on the files that the arguments name, to reproduce a finding without cargo-fuzz.
///
/// # Errors
/// A file cannot be read.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    for path in env::args_os().skip(1) {
        target(&fs::read(path)?);
    }
    Ok(())
}
