//! An envelope as a Kafka record, and back: the bare JSON as the value, the attributes as headers in CloudEvents'
//! [binary mode](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#32-binary-content-mode).

use bytes::Bytes;
use driver_events_core::cloudevents::{ReceivedAttributes, is_structured, read_structured, visit_attributes};
use driver_events_core::{Envelope, Malformed, SinkError};
use driver_events_types::Limits;
use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";
/// The attributes that an event has without a stamp.
const USUAL: usize = 8;

/// The attributes as headers.
///
/// # Errors
/// As [`visit_attributes`].
pub(crate) fn write(envelope: &Envelope) -> Result<OwnedHeaders, SinkError> {
    let mut headers = Some(OwnedHeaders::new_with_capacity(USUAL));
    let mut key = String::from(PREFIX);
    visit_attributes(envelope, |name, value| {
        key.truncate(PREFIX.len());
        key.push_str(name);
        headers = headers.take().map(|headers| {
            headers.insert(Header {
                // The one attribute that the binding does not put below the prefix.
                key: if name == "datacontenttype" { CONTENT_TYPE } else { &key },
                value: Some(value.as_bytes()),
            })
        });
        Ok(())
    })?;
    Ok(headers.unwrap_or_default())
}

/// The envelope of a record.
///
/// Where there are no CloudEvents headers the value is a bare event.
///
/// # Errors
/// The record is no event; the offset is a place in the value.
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
        let text = text().map_err(|_| malformed(format!("the attribute `{attribute}` is no UTF-8 text")))?;
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
