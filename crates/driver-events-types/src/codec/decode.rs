use serde::Deserialize;

use super::{depth, diagnose};
use crate::{DecodeError, DecodeErrorKind, DriverEvent, Limits};

impl DriverEvent {
    /// Reads one event from JSON text. White space around it and fields that are not in the contract are ignored.
    ///
    /// # Errors
    /// Text that is no event, or that the default [`Limits`] refuse; see [`DecodeErrorKind`]. The error names the
    /// kind, the place inside the event, the line and the column. A reader that must pass on what it does not know
    /// uses [`Decoded::from_json`](crate::Decoded::from_json).
    ///
    /// ```
    /// use driver_events_types::DriverEvent;
    ///
    /// let error = DriverEvent::from_json(br#"{"kind":"escalate","goal_id":"no-id","reason":"x"}"#).unwrap_err();
    /// assert_eq!((error.event_kind(), error.path()), (Some("escalate"), "goal_id"));
    /// assert_eq!((error.line(), error.column()), (1, 30));
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        Self::from_json_with(json, Limits::default())
    }

    /// [`from_json`](Self::from_json) with limits of the caller's.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_json_with(json: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        let text = checked(json, limits)?;
        parse(text).map_err(|error| diagnose::diagnose(text, &error))
    }
}

/// The text, when it is within the limits and can be parsed without danger.
fn checked(json: &[u8], limits: Limits) -> Result<&str, DecodeError> {
    if json.len() > limits.max_bytes() {
        let message = format!(
            "the text of {} bytes is larger than the limit of {}",
            json.len(),
            limits.max_bytes()
        );
        return Err(diagnose::refused(
            json,
            DecodeErrorKind::TooLarge,
            message,
            limits.max_bytes(),
        ));
    }
    if let Some(offset) = depth::exceeded_at(json, limits.max_depth()) {
        let message = format!("the JSON nests deeper than the limit of {} levels", limits.max_depth());
        return Err(diagnose::refused(json, DecodeErrorKind::TooDeep, message, offset));
    }
    std::str::from_utf8(json).map_err(|error| {
        let message = format!("the text is not UTF-8: {error}");
        diagnose::refused(json, DecodeErrorKind::Syntax, message, error.valid_up_to())
    })
}

fn parse(text: &str) -> serde_json::Result<DriverEvent> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let event = DriverEvent::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(event)
}
