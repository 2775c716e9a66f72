use std::io;

use super::encode_checks::{self, CheckedValue};
use super::encode_error::{EncodeError, EncodeErrorKind};
use super::limits::Limits;
use super::write::{Write, Writer};
use super::{depth, float, json, time};
use crate::event::DriverEvent;

impl DriverEvent {
    /// Encodes the event as the exact bytes of the contract, without a line ending, with the default [`Limits`].
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if the event exceeds the limits or has a value that JSON cannot represent;
    /// [`EncodeErrorKind`] says what to do.
    ///
    /// # Examples
    /// ```
    /// use driver_events_types::{DriverEvent, GoalId, Uuid};
    ///
    /// let event = DriverEvent::Escalate { goal_id: GoalId(Uuid::nil()), reason: "x".into() };
    /// assert_eq!(
    ///     event.to_json()?,
    ///     br#"{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000000","reason":"x"}"#,
    /// );
    /// # Ok::<(), driver_events_types::EncodeError>(())
    /// ```
    pub fn to_json(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(512);
        self.write_json(&mut out)?;
        Ok(out)
    }

    /// Appends the JSON of [`to_json`](Self::to_json) to `out`, so that one allocation serves many events.
    ///
    /// # Errors
    /// Returns the same errors as [`to_json`](Self::to_json), and leaves `out` unchanged.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.write_json_with(out, Limits::default())
    }

    /// Appends the JSON as [`write_json`](Self::write_json) does, with the given limits.
    ///
    /// # Errors
    /// Returns the same errors as [`write_json`](Self::write_json).
    pub fn write_json_with(&self, out: &mut Vec<u8>, limits: Limits) -> Result<(), EncodeError> {
        let start = out.len();
        if self.write(&mut Writer::new(out, limits)).is_some() {
            return Ok(());
        }
        out.truncate(start);
        self.write_with_serde(out, limits)
    }

    /// Writes through serde, and so finds the error of an event that [`write`](Write::write) does not write.
    #[cold]
    fn write_with_serde(&self, out: &mut Vec<u8>, limits: Limits) -> Result<(), EncodeError> {
        // Checked first: the serializer below recurses into the event.
        if self.free_json_depth() > limits.max_depth() {
            return Err(too_deep(self, limits));
        }
        let start = out.len();
        let mut writer = LimitedWriter {
            left: limits.max_bytes(),
            out,
        };
        let written = serde_json::to_writer(&mut writer, self);
        let json = out.get(start..).unwrap_or_default();
        let error = match written {
            Ok(()) if depth::find_deeper_than(json, limits.max_depth()).is_none() => return Ok(()),
            Ok(()) => too_deep(self, limits),
            Err(error) if error.is_io() => EncodeError::new(
                self.kind(),
                EncodeErrorKind::TooLarge,
                String::new(),
                format!("event exceeds the limit of {} bytes", limits.max_bytes()),
            ),
            Err(error) => value_error(self, &error),
        };
        out.truncate(start);
        Err(error)
    }

    /// Returns the nesting depth of the event's free JSON in levels, the event itself included; 0 without free JSON.
    ///
    /// [`Limits::max_depth`] bounds it. Computed without recursion.
    #[must_use]
    pub fn free_json_depth(&self) -> usize {
        let mut max_depth = 0;
        encode_checks::for_each_value(self, |_, value| max_depth = max_depth.max(value.depth()));
        max_depth
    }

    /// Drops the event without recursion.
    ///
    /// Free JSON that nests about ten thousand levels deep overflows the stack in an ordinary drop, which aborts the
    /// process. The decoders of this crate never return such a value. Use this method for an event with free JSON from
    /// an untrusted source that is not limited in depth.
    pub fn drop_iteratively(self) {
        encode_checks::drop_iteratively(self);
    }
}

/// Returns the error for the first value that serde_json could not write.
fn value_error(event: &DriverEvent, error: &serde_json::Error) -> EncodeError {
    first_error(event, |value| match value {
        CheckedValue::Float(float) if !float.is_finite() => {
            Some((EncodeErrorKind::NotFinite, float::NOT_FINITE.to_owned()))
        }
        CheckedValue::Time(time) if !time::is_representable(time) => {
            Some((EncodeErrorKind::OutOfRange, time::OUT_OF_RANGE.to_owned()))
        }
        _ if !value.has_representable_numbers() => Some((EncodeErrorKind::OutOfRange, json::OUT_OF_RANGE.to_owned())),
        _ => None,
    })
    .unwrap_or_else(|| {
        EncodeError::new(
            event.kind(),
            EncodeErrorKind::OutOfRange,
            String::new(),
            error.to_string(),
        )
    })
}

fn too_deep(event: &DriverEvent, limits: Limits) -> EncodeError {
    let message = format!("JSON nests deeper than the limit of {} levels", limits.max_depth());
    first_error(event, |value| {
        (value.depth() > limits.max_depth()).then(|| (EncodeErrorKind::TooDeep, message.clone()))
    })
    .unwrap_or_else(|| EncodeError::new(event.kind(), EncodeErrorKind::TooDeep, String::new(), message))
}

/// Returns the error of the first value for which `check` returns one.
fn first_error(
    event: &DriverEvent,
    check: impl Fn(CheckedValue<'_>) -> Option<(EncodeErrorKind, String)>,
) -> Option<EncodeError> {
    let mut found = None;
    encode_checks::for_each_value(event, |path, value| {
        if found.is_none() {
            found = check(value).map(|(kind, message)| EncodeError::new(event.kind(), kind, path.to_string(), message));
        }
    });
    found
}

/// Appends to a buffer and fails at the byte limit.
struct LimitedWriter<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
}

impl io::Write for LimitedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
