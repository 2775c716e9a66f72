//! Encodes and decodes envelopes: bare JSON as the record value, attributes as headers in CloudEvents'
//! [binary mode](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#32-binary-content-mode).

use std::array;

use bytes::Bytes;
use driver_events_core::cloudevents::{ReceivedAttributes, is_structured, read_structured, visit_attributes};
use driver_events_core::{Envelope, Malformed, SinkError, decode_payload};
use driver_events_types::Limits;
use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};

use super::quiet_panic::catch_quietly;

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";
/// Headers of a record beyond which it is malformed. rdkafka panics at each name that is not UTF-8, and a compressed record may
/// have millions.
const MAX_HEADERS: usize = 1_000;
/// Number of attributes of an event without a stamp.
const HEADERS_CAPACITY: usize = 8;

/// Encodes the attributes as headers.
///
/// # Errors
/// Returns the errors of [`visit_attributes`].
pub(crate) fn write(envelope: &Envelope) -> Result<OwnedHeaders, SinkError> {
    let mut headers = Some(OwnedHeaders::new_with_capacity(HEADERS_CAPACITY));
    let mut key = String::from(PREFIX);
    visit_attributes(envelope, |name, value| {
        key.truncate(PREFIX.len());
        key.push_str(name);
        headers = headers.take().map(|headers| {
            headers.insert(Header {
                // The only attribute without the prefix in the Kafka binding.
                key: if name == "datacontenttype" { CONTENT_TYPE } else { &key },
                value: Some(value.as_bytes()),
            })
        });
        Ok(())
    })?;
    Ok(headers.unwrap_or_default())
}

/// Decodes the envelope of a record. Without CloudEvents headers the value is a bare event, or a
/// CloudEvent in structured mode, with or without its content type.
///
/// A header with a null value is an absent attribute. Headers whose name is not UTF-8 and unknown attributes are ignored, and
/// the last of several headers of a name counts.
///
/// # Errors
/// The record is not an event, or has more than 1,000 headers; the error's offset is a byte position in the value.
pub(crate) fn read(headers: Option<&BorrowedHeaders>, value: &[u8], limits: Limits) -> Result<Envelope, Malformed> {
    let copy = || Bytes::copy_from_slice(value);
    let malformed = |reason: String| Malformed::new(copy(), reason, 0);
    let count = headers.map_or(0, |headers| headers.count());
    if MAX_HEADERS < count {
        return Err(malformed(format!(
            "the record has {count} headers, more than {MAX_HEADERS}"
        )));
    }
    let mut received = None;
    for (index, name, value) in headers.into_iter().flat_map(|headers| present(headers, 0)) {
        let text = std::str::from_utf8(value);
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            if text.is_ok_and(is_structured) {
                return read_structured(&copy(), limits)
                    .map_err(|error| Malformed::new(copy(), error.to_string(), error.offset()));
            }
            continue;
        }
        let Some(attribute) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let received = received.get_or_insert_with(ReceivedAttributes::default);
        let reason = match text.map(|text| received.set(attribute, text)) {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            // No attribute that is read may be empty; others may have any value.
            Err(_) if received.set(attribute, "").is_ok() => continue,
            Err(_) => format!("attribute `{attribute}` is not UTF-8"),
        };
        let is_last = headers.is_none_or(|headers| present(headers, index + 1).all(|(_, other, _)| other != name));
        if is_last {
            return Err(malformed(reason));
        }
    }
    let Some(received) = received else {
        return decode_payload(copy(), limits);
    };
    let envelope = Envelope::from_json_with(copy(), limits).map_err(|error| Malformed::undecodable(copy(), &error))?;
    received
        .apply_to(envelope)
        .map_err(|error| malformed(error.to_string()))
}

/// Returns the headers from this index on that have a name in UTF-8 and a value, with their indices.
fn present(headers: &BorrowedHeaders, first: usize) -> impl Iterator<Item = (usize, &str, &[u8])> {
    let get = |index| {
        headers
            .try_get(index)
            .and_then(|header| Some((index, header.key, header.value?)))
    };
    (first..headers.count())
        .step_by(HEADERS_CAPACITY)
        .flat_map(move |start| {
            // rdkafka panics on a name that is not UTF-8, and has no other way to read it.
            let all: Option<[_; HEADERS_CAPACITY]> = catch_quietly(|| array::from_fn(|index| get(start + index)));
            let each = || array::from_fn(|index| catch_quietly(|| get(start + index))?);
            all.unwrap_or_else(each).into_iter().flatten()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a file of events, published as it is.
    #[test]
    fn cloudevent_without_its_content_type_is_read() {
        let event = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
        let line = format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{event}}}"#);
        let envelope = read(None, line.as_bytes(), Limits::default()).unwrap();
        assert_eq!((envelope.id().as_str(), envelope.source()), ("1", "/a"));
        assert_eq!(envelope.json().unwrap(), event.as_bytes());
    }
}
