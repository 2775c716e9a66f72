//! For the fuzz targets in `tests/fuzz`: no part of the public API.

use driver_events_core::{Envelope, Malformed, SinkError};
use driver_events_types::Limits;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};

use crate::wire::headers;

/// Decodes a record with these headers; `None` is a null value.
///
/// # Errors
/// The record is not an event.
pub fn read(lines: &[(&str, Option<&[u8]>)], value: &[u8]) -> Result<Envelope, Malformed> {
    let mut owned = OwnedHeaders::new();
    for (key, value) in lines {
        owned = owned.insert(Header { key, value: *value });
    }
    headers::read(Some(owned.as_borrowed()), value, Limits::default())
}

/// Returns the headers of an event.
///
/// # Errors
/// The event cannot be sent.
pub fn write(envelope: &Envelope) -> Result<Vec<(String, String)>, SinkError> {
    let owned = headers::write(envelope)?;
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    Ok(owned
        .iter()
        .map(|header| (header.key.to_owned(), text(header.value)))
        .collect())
}
