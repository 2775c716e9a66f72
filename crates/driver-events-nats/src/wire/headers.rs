//! Conversion between envelopes and NATS messages: bare JSON as payload, attributes as headers in CloudEvents'
//! [binary mode](https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md#31-binary-content-mode).

use std::borrow::Cow;
use std::iter;
use std::sync::LazyLock;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue, NATS_MESSAGE_ID};
use bytes::Bytes;
use driver_events_core::cloudevents::{ReceivedAttributes, is_structured, read_structured, visit_attributes};
use driver_events_core::{Envelope, Malformed, SinkError, SinkErrorKind, decode_payload};
use driver_events_types::Limits;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{MapDeserializer, StringDeserializer};

use super::{dedupe_key, percent};

const PREFIX: &str = "ce-";
const CONTENT_TYPE: &str = "content-type";
/// The attributes that are read. All others are ignored, so that their number costs nothing.
const READ_ATTRIBUTES: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "sequence",
    "producerrun",
    "traceparent",
    "tracestate",
];
/// Number of headers of an event with every attribute.
const MAX_HEADERS: usize = 13;
const SPEC_VERSION_HEADER: &str = "ce-specversion";
/// Header of a schedule, whose payload is that of the messages that it produces. They have other headers.
const SCHEDULE: &str = "Nats-Schedule";
/// Headers of messages that are not events.
const MARKERS: [&str; 3] = ["Nats-Marker-Reason", "Nats-Incr", "KV-Operation"];

/// A map with room for every header. Its clones have it, too, and need not grow.
static TEMPLATE: LazyLock<HeaderMap> = LazyLock::new(|| {
    // There is no other way to reserve room: the map reserves it for all entries that it is deserialised from, and keeps one entry
    // of each name. Every event has this header, which replaces it.
    let entry = (SPEC_VERSION_HEADER, vec![String::new()]);
    let entries: MapDeserializer<'_, _, serde::de::value::Error> =
        MapDeserializer::new(iter::repeat_n(entry, MAX_HEADERS));
    HeaderMap::deserialize(entries).unwrap_or_default()
});

/// Returns the attributes as headers, with `Nats-Msg-Id` for JetStream's deduplication.
///
/// # Errors
/// As [`visit_attributes`].
pub(crate) fn write(envelope: &Envelope, prefix: Option<&str>) -> Result<HeaderMap, SinkError> {
    let mut headers = TEMPLATE.clone();
    headers.insert(NATS_MESSAGE_ID, value("id", dedupe_key::of(envelope, prefix))?);
    visit_attributes(envelope, |name, value| {
        headers.insert(header_name(name)?, self::value(name, percent::encode(value))?);
        Ok(())
    })?;
    Ok(headers)
}

/// Returns only `Nats-Msg-Id`, for JetStream's deduplication.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_id(envelope: &Envelope, prefix: Option<&str>) -> Result<HeaderMap, SinkError> {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, value("id", dedupe_key::of(envelope, prefix))?);
    Ok(headers)
}

/// Decodes a message. `subject` is a subject of the contract without prefix, or `None`.
///
/// A message without CloudEvents headers is a bare event, whose id is that of `Nats-Msg-Id`, if present, or a CloudEvent in
/// structured mode.
///
/// # Errors
/// The message is not an event. The offset is a position in the payload.
pub(crate) fn read(
    subject: Option<&str>,
    headers: Option<&HeaderMap>,
    payload: &Bytes,
    limits: Limits,
) -> Result<Envelope, Malformed> {
    let Some(headers) = headers else {
        let envelope = decode_payload(payload.clone(), limits)?;
        return Ok(with_type_of_subject(envelope, subject));
    };
    let named = |wanted: &'static str| {
        let is_wanted = move |name: &HeaderName| AsRef::<str>::as_ref(name).eq_ignore_ascii_case(wanted);
        headers
            .iter()
            .filter(move |(name, _)| is_wanted(name))
            .filter_map(|(_, values)| values.first())
    };
    if named(CONTENT_TYPE).any(|value| is_structured(value.as_str())) {
        return read_structured(payload, limits)
            .map_err(|error| Malformed::new(payload.clone(), error.to_string(), error.offset()));
    }
    let malformed = |reason: String| Malformed::new(payload.clone(), reason, 0);
    let mut received = ReceivedAttributes::default();
    let mut attributes: [Option<&str>; READ_ATTRIBUTES.len()] = Default::default();
    for (header, values) in headers.iter() {
        let found = attribute_index(header.as_ref());
        let Some((name, earlier)) = found.and_then(|index| READ_ATTRIBUTES.get(index).zip(attributes.get_mut(index)))
        else {
            continue;
        };
        // An attribute has one value. Which of several is meant is unknown, and the order of the names is random.
        let mut values = values.iter().map(HeaderValue::as_str).chain(*earlier);
        let Some(value) = values.next() else { continue };
        if values.any(|other| other != value) {
            return Err(malformed(format!("attribute `{name}` has several values")));
        }
        if earlier.is_some() {
            continue;
        }
        let decoded =
            percent::decode(value).ok_or_else(|| malformed(format!("attribute `{name}` is not valid UTF-8")))?;
        received
            .set(name, &decoded)
            .map_err(|error| malformed(error.to_string()))?;
        *earlier = Some(value);
    }
    let [_, id, ..] = attributes;
    if id.is_none()
        && let Some(key) = headers.get(NATS_MESSAGE_ID)
    {
        // An id or source that CloudEvents does not allow is ignored.
        let (id, source) = dedupe_key::id_and_source(key.as_str());
        let _ = received.set("id", &id);
        if let Some(source) = source {
            let _ = received.set("source", &source);
        }
    }
    let envelope = match read_payload(payload, limits) {
        Err(_) if attributes.iter().all(Option::is_none) => return decode_payload(payload.clone(), limits),
        envelope => envelope?,
    };
    let envelope = received
        .apply_to(envelope)
        .map_err(|error| malformed(error.to_string()))?;
    Ok(with_type_of_subject(envelope, subject))
}

/// Returns whether a message is not an event but one for the server, or of the server: a schedule, or a message without an
/// event that marks a deletion or counts.
pub(crate) fn is_of_the_server(headers: Option<&HeaderMap>, is_event: bool) -> bool {
    // The server reads these names by their exact case.
    let has = |name| headers.is_some_and(|headers| headers.get(HeaderName::from_static(name)).is_some());
    has(SCHEDULE) || (!is_event && MARKERS.into_iter().any(has))
}

/// Gives an unknown kind without headers the subject as type, so that it can be published again.
fn with_type_of_subject(envelope: Envelope, subject: Option<&str>) -> Envelope {
    match subject {
        Some(subject) if envelope.subject().is_none() => envelope.clone().with_event_type(subject).unwrap_or(envelope),
        _ => envelope,
    }
}

fn read_payload(payload: &Bytes, limits: Limits) -> Result<Envelope, Malformed> {
    Envelope::from_json_with(payload.clone(), limits).map_err(|error| Malformed::undecodable(payload.clone(), &error))
}

/// Returns the index in [`READ_ATTRIBUTES`] of the attribute of a header. Header names are case-sensitive on the wire, but not
/// in the binding.
fn attribute_index(header: &str) -> Option<usize> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    READ_ATTRIBUTES
        .iter()
        .position(|attribute| attribute.eq_ignore_ascii_case(name))
}

/// Returns a header value. The encoded text is printable ASCII, which every header accepts.
fn value(attribute: &str, encoded: Cow<'_, str>) -> Result<HeaderValue, SinkError> {
    // The other conversions search for line endings, one character at a time.
    let text: StringDeserializer<serde::de::value::Error> = encoded.into_owned().into_deserializer();
    HeaderValue::deserialize(text).map_err(|error| {
        let message = format!("cannot write attribute `{attribute}` as a header");
        SinkError::new(SinkErrorKind::Rejected, message).with_source(error)
    })
}

/// Returns known names as constants, without allocation.
fn header_name(attribute: &str) -> Result<HeaderName, SinkError> {
    let name = match attribute {
        "specversion" => SPEC_VERSION_HEADER,
        "id" => "ce-id",
        "source" => "ce-source",
        "type" => "ce-type",
        "subject" => "ce-subject",
        "time" => "ce-time",
        "datacontenttype" => "ce-datacontenttype",
        "sequence" => "ce-sequence",
        "producerrun" => "ce-producerrun",
        "partitionkey" => "ce-partitionkey",
        "traceparent" => "ce-traceparent",
        "tracestate" => "ce-tracestate",
        other => {
            return format!("{PREFIX}{other}").parse().map_err(|error| {
                let message = format!("cannot write attribute `{other}` as a header name");
                SinkError::new(SinkErrorKind::Rejected, message).with_source(error)
            });
        }
    };
    Ok(HeaderName::from_static(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a file of events, published as it is.
    #[test]
    fn cloudevent_without_its_content_type_is_read() {
        let event = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
        let line = format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{event}}}"#);
        let mut stored = HeaderMap::new();
        stored.insert(NATS_MESSAGE_ID, "other");
        for headers in [None, Some(&stored)] {
            let envelope = read(None, headers, &line.clone().into(), Limits::default()).unwrap();
            assert_eq!((envelope.id().as_str(), envelope.source()), ("1", "/a"));
            assert_eq!(envelope.json().unwrap(), event.as_bytes());
        }
    }
}
