use serde::Deserialize;

use super::decode_error::{DecodeError, DecodeErrorKind};
use super::fault::error_at;
use super::limits::Limits;
use super::surrogates::replace_lone_surrogates;
use super::{depth, diagnose, read};
use crate::event::DriverEvent;

impl DriverEvent {
    /// Decodes one event from JSON with the default [`Limits`].
    ///
    /// Surrounding white space and fields that are not in the contract are ignored. A lone surrogate, such as `"\ud83d"` of
    /// a string that JavaScript cut inside an emoji, is decoded as U+FFFD, also in keys: see
    /// [`replace_lone_surrogates`]. serde's `Deserialize` refuses it.
    ///
    /// # Errors
    /// Returns a [`DecodeError`] if the text is not a valid event or exceeds the limits; [`DecodeErrorKind`] says what
    /// to do. A reader that must pass on the events of newer publishers uses
    /// [`Decoded::from_json`](crate::Decoded::from_json).
    ///
    /// # Examples
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

    /// Decodes one event as [`from_json`](Self::from_json) does, with the given limits.
    ///
    /// # Errors
    /// Returns the same errors as [`from_json`](Self::from_json).
    pub fn from_json_with(json: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        check_size(json, limits)?;
        let text = str::from_utf8(json);
        if let Ok(text) = text
            && let Some(event) = read::read(text, limits)
        {
            return Ok(event);
        }
        check_depth(json, limits)?;
        let text = text.map_err(|error| {
            let message = format!("text is not UTF-8: {error}");
            error_at(json, DecodeErrorKind::Syntax, message, error.valid_up_to())
        })?;
        let error = match parse(text) {
            Ok(event) => return Ok(event),
            Err(error) => error,
        };
        if let Some(replaced) = replace_lone_surrogates(json)
            && let Ok(text) = std::str::from_utf8(&replaced)
        {
            return parse(text).map_err(|error| diagnose::diagnose(text, &error));
        }
        Err(diagnose::diagnose(text, &error))
    }
}

fn check_size(json: &[u8], limits: Limits) -> Result<(), DecodeError> {
    if json.len() <= limits.max_bytes() {
        return Ok(());
    }
    let message = format!(
        "text of {} bytes exceeds the limit of {} bytes",
        json.len(),
        limits.max_bytes()
    );
    Err(error_at(json, DecodeErrorKind::TooLarge, message, limits.max_bytes()))
}

fn check_depth(json: &[u8], limits: Limits) -> Result<(), DecodeError> {
    let Some(offset) = depth::find_deeper_than(json, limits.max_depth()) else {
        return Ok(());
    };
    let message = format!("JSON nests deeper than the limit of {} levels", limits.max_depth());
    Err(error_at(json, DecodeErrorKind::TooDeep, message, offset))
}

fn parse(text: &str) -> serde_json::Result<DriverEvent> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let event = DriverEvent::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(event)
}
