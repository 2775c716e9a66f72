use std::error::Error;
use std::fmt;

use bytes::Bytes;
use driver_events_types::{DecodeError, Limits};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::received::ReceivedAttributes;
use super::visit_attributes;
use crate::envelope::Envelope;
use crate::envelope::attribute_checks::InvalidAttribute;
use crate::sink::sink_error::SinkError;

/// Prefix of the media types of structured mode.
const MEDIA_TYPE_PREFIX: &str = "application/cloudevents";

/// Appends the envelope in structured mode to `out`: one JSON object on one line, without a line ending.
///
/// # Errors
/// Same as [`visit_attributes`] and [`Envelope::write_line`]. `out` is then unchanged.
pub fn write_structured(envelope: &Envelope, out: &mut Vec<u8>) -> Result<(), SinkError> {
    let start = out.len();
    let written = write_members(envelope, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_members(envelope: &Envelope, out: &mut Vec<u8>) -> Result<(), SinkError> {
    out.push(b'{');
    visit_attributes(envelope, |name, value| {
        write_json_string(name, out);
        out.push(b':');
        write_json_string(value, out);
        out.push(b',');
        Ok(())
    })?;
    out.extend_from_slice(b"\"data\":");
    envelope.write_line(out)?;
    out.push(b'}');
    Ok(())
}

fn write_json_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to a `Vec` cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Returns whether a `content-type` is that of a CloudEvent in structured mode, as opposed to a bare event.
#[must_use]
pub fn is_structured(content_type: &str) -> bool {
    let start = content_type.trim_start().get(..MEDIA_TYPE_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(MEDIA_TYPE_PREFIX))
}

/// Returns whether a JSON text looks like a CloudEvent in structured mode: it has a `specversion` and, unlike a bare
/// event, no `kind`.
#[must_use]
pub fn looks_structured(text: &[u8]) -> bool {
    serde_json::from_slice(text).is_ok_and(|Members(members)| {
        let has = |name: &str| members.iter().any(|(found, _)| found == name);
        has("specversion") && !has("kind")
    })
}

/// Reads an envelope in structured mode. The bytes of its data are kept unchanged; `limits` apply to the data only.
///
/// # Errors
/// Returns an error if the text is not a CloudEvent of version 1.0 with a valid event as data.
pub fn read_structured(text: &Bytes, limits: Limits) -> Result<Envelope, StructuredError> {
    let Members(members) = serde_json::from_slice(text).map_err(|error| StructuredError {
        offset: error_offset(text, &error),
        reason: Reason::Json(error),
    })?;
    let offset_of = |part: &RawValue| part.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let at = |offset| {
        move |error| StructuredError {
            offset,
            reason: Reason::Attribute(error),
        }
    };

    let mut received = ReceivedAttributes::default();
    let mut data = None;
    for (name, value) in members {
        if name == "data" {
            data = Some(value);
        } else if let Ok(text) = serde_json::from_str::<String>(value.get()) {
            // All attributes in the table are strings, so other values belong to unknown extensions.
            received.set(&name, &text).map_err(at(offset_of(value)))?;
        }
    }
    let missing = [
        ("specversion", received.spec_version),
        ("id", received.id.is_some()),
        ("source", received.source.is_some()),
        ("type", received.event_type.is_some()),
    ];
    if let Some((name, _)) = missing.iter().find(|(_, present)| !present) {
        return Err(at(0)(InvalidAttribute::new(name, "is missing or not a string")));
    }
    let data = data.ok_or(StructuredError {
        offset: 0,
        reason: Reason::NoData,
    })?;
    let json = text.slice_ref(data.get().as_bytes());
    let envelope = Envelope::from_json_with(json, limits).map_err(|error| StructuredError {
        offset: offset_of(data) + error.offset(),
        reason: Reason::Data(error),
    })?;
    received.apply_to(envelope).map_err(at(0))
}

/// Returns the position of a serde_json error, in bytes from 0. If the text ends too early, this is its end.
fn error_offset(text: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    text.len().min(before + error.column().saturating_sub(1))
}

/// Error for a text that is not a CloudEvent with a valid event as data.
#[derive(Debug)]
pub struct StructuredError {
    offset: usize,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("CloudEvent is not a JSON object")]
    Json(#[source] serde_json::Error),
    #[error("{0}")]
    Attribute(InvalidAttribute),
    #[error("CloudEvent has no `data`")]
    NoData,
    #[error("{}", .0.reason())]
    Data(DecodeError),
}

impl StructuredError {
    /// Returns the position of the error in the text, in bytes from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the decode error of the event if the CloudEvent around it is valid. Its position is relative to the data.
    #[must_use]
    pub fn decode_error(&self) -> Option<&DecodeError> {
        match &self.reason {
            Reason::Data(error) => Some(error),
            Reason::Json(_) | Reason::Attribute(_) | Reason::NoData => None,
        }
    }
}

// By hand: the reason is not a cause of this error but its text, and `transparent` allows no second field.
impl fmt::Display for StructuredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for StructuredError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}

/// Members of a JSON object in the order of the text, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'a> Visitor<'a> for MembersVisitor {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
