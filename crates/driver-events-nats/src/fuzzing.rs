//! For the fuzz targets in `tests/fuzz`: no part of the public API.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use driver_events_core::{Envelope, Malformed, SinkError};
use driver_events_types::Limits;

use crate::wire::headers;

/// Decodes a message. Headers that NATS does not allow are left out.
///
/// # Errors
/// The message is not an event.
pub fn read(lines: &[(&str, &str)], payload: &[u8]) -> Result<Envelope, Malformed> {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            map.append(name, value);
        }
    }
    headers::read(None, Some(&map), &Bytes::copy_from_slice(payload), Limits::default())
}

/// Returns the headers of an event.
///
/// # Errors
/// The event cannot be sent.
pub fn write(envelope: &Envelope) -> Result<Vec<(String, String)>, SinkError> {
    let map = headers::write(envelope, None)?;
    let lines = map.iter().flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values
            .iter()
            .map(move |value| (name.to_owned(), value.as_str().to_owned()))
    });
    Ok(lines.collect())
}
