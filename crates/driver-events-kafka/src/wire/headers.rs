//! Encodes and decodes envelopes: bare JSON as the record value, attributes as headers in CloudEvents'
//! [binary mode](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#32-binary-content-mode).

use bytes::Bytes;
use driver_events_core::cloudevents::{ReceivedAttributes, is_structured, read_structured, visit_attributes};
use driver_events_core::{Envelope, Malformed, SinkError};
use driver_events_types::Limits;
use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";
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

/// Decodes the envelope of a record. Without CloudEvents headers the value is a bare event.
///
/// # Errors
/// The record is not an event; the error's offset is a byte position in the value.
pub(crate) fn read(headers: Option<&BorrowedHeaders>, value: &[u8], limits: Limits) -> Result<Envelope, Malformed> {
    let copy = || Bytes::copy_from_slice(value);
    let malformed = |reason: String| Malformed::new(copy(), reason, 0);
    let mut received = None;
    for header in headers.into_iter().flat_map(Headers::iter) {
        let text = || std::str::from_utf8(header.value.unwrap_or_default());
        if header.key.eq_ignore_ascii_case(CONTENT_TYPE) {
            if text().is_ok_and(is_structured) {
                return read_structured(&copy(), limits)
                    .map_err(|error| Malformed::new(copy(), error.to_string(), error.offset()));
            }
            continue;
        }
        let Some(attribute) = header.key.strip_prefix(PREFIX) else {
            continue;
        };
        let text = text().map_err(|_| malformed(format!("attribute `{attribute}` is not UTF-8")))?;
        received
            .get_or_insert_with(ReceivedAttributes::default)
            .set(attribute, text)
            .map_err(|error| malformed(error.to_string()))?;
    }
    let envelope = Envelope::from_json_with(copy(), limits).map_err(|error| Malformed::undecodable(copy(), &error))?;
    match received {
        Some(received) => received
            .apply_to(envelope)
            .map_err(|error| malformed(error.to_string())),
        None => Ok(envelope),
    }
}
