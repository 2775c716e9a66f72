use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use data_encoding::BASE64;
use driver_events_types::{DecodeError, Limits, replace_lone_surrogates};
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
    let looks = |text: &[u8]| {
        serde_json::from_slice(text).is_ok_and(|Members(members)| {
            let has = |name: &str| members.iter().any(|(found, _)| found == name);
            has("specversion") && !has("kind")
        })
    };
    looks(text) || replace_lone_surrogates(text).is_some_and(|replaced| looks(&replaced))
}

/// Reads an envelope in structured mode. The bytes of its data are kept unchanged, decoded if they are `data_base64`;
/// `limits` apply to the data only. An attribute that is `null` is absent. A lone surrogate in an attribute is read as
/// U+FFFD.
///
/// # Errors
/// Returns an error if the text is not a CloudEvent of version 1.0 with a valid event as data.
pub fn read_structured(text: &Bytes, limits: Limits) -> Result<Envelope, StructuredError> {
    let error = match read_members(text, text, limits) {
        Ok(envelope) => return Ok(envelope),
        Err(error) => error,
    };
    match replace_lone_surrogates(text) {
        Some(replaced) => read_members(&replaced, text, limits),
        None => Err(error),
    }
}

/// Reads the CloudEvent `json`. Its data is taken from `received`, the same text with its lone surrogates.
fn read_members(json: &[u8], received: &Bytes, limits: Limits) -> Result<Envelope, StructuredError> {
    let Members(members) = serde_json::from_slice(json).map_err(|error| StructuredError {
        offset: error_offset(json, &error),
        reason: Reason::Json(error),
    })?;
    let offset_of = |part: &RawValue| part.get().as_ptr().addr().saturating_sub(json.as_ptr().addr());
    let at = |offset| {
        move |error| StructuredError {
            offset,
            reason: Reason::Attribute(error),
        }
    };

    let mut attributes = ReceivedAttributes::default();
    let mut data = None;
    let mut data_base64 = None;
    let mut names = HashSet::new();
    for (name, value) in members {
        if !names.insert(name.clone()) {
            return Err(at(offset_of(value))(InvalidAttribute::new(
                &name,
                "occurs more than once",
            )));
        }
        if value.get() == "null" {
            continue;
        }
        match &*name {
            "data" => data = Some(value),
            "data_base64" => data_base64 = Some(value),
            // All attributes in the table are strings, so other values belong to unknown extensions.
            _ if value.get().starts_with('"') => {
                let text: String = serde_json::from_str(value.get())
                    .map_err(|_| at(offset_of(value))(InvalidAttribute::new(&name, "is not a Unicode text")))?;
                attributes.set(&name, &text).map_err(at(offset_of(value)))?;
            }
            _ => {}
        }
    }
    let missing = [
        ("specversion", attributes.spec_version),
        ("id", attributes.id.is_some()),
        ("source", attributes.source.is_some()),
        ("type", attributes.event_type.is_some()),
    ];
    if let Some((name, _)) = missing.iter().find(|(_, present)| !present) {
        return Err(at(0)(InvalidAttribute::new(name, "is missing or not a string")));
    }
    let data_error = |at, reason| StructuredError { offset: at, reason };
    let (json, offset) = match (data, data_base64) {
        (Some(data), None) => {
            let start = offset_of(data);
            let bytes = received.get(start..start + data.get().len()).unwrap_or_default();
            (received.slice_ref(bytes), start)
        }
        (None, Some(encoded)) => {
            let offset = offset_of(encoded);
            let decoded = serde_json::from_str::<String>(encoded.get())
                .ok()
                .and_then(|text| BASE64.decode(text.as_bytes()).ok())
                .ok_or_else(|| data_error(offset, Reason::NoBase64))?;
            (Bytes::from(decoded), offset)
        }
        (Some(_), Some(encoded)) => return Err(data_error(offset_of(encoded), Reason::TwoData)),
        (None, None) => return Err(data_error(0, Reason::NoData)),
    };
    let envelope = Envelope::from_json_with(json, limits).map_err(|error| {
        // The position in encoded data has no meaning in the text.
        let within = if data.is_some() { error.offset() } else { 0 };
        data_error(offset + within, Reason::Data(error))
    })?;
    attributes.apply_to(envelope).map_err(at(0))
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
    #[error("CloudEvent has both `data` and `data_base64`")]
    TwoData,
    #[error("`data_base64` is not a base64 text (RFC 4648)")]
    NoBase64,
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
            Reason::Json(_) | Reason::Attribute(_) | Reason::NoData | Reason::TwoData | Reason::NoBase64 => None,
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
