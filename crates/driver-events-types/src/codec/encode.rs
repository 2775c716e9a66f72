use std::io;

use super::leaves::{self, Leaf};
use super::{depth, float, json, time};
use crate::{DriverEvent, EncodeError, EncodeErrorKind, Limits};

impl DriverEvent {
    /// The event as JSON: the contract's bytes, without a line ending.
    ///
    /// # Errors
    /// An event that the contract or the default [`Limits`] refuse; see [`EncodeErrorKind`]. The event is unharmed.
    ///
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

    /// Appends what [`to_json`](Self::to_json) gives to `out`, which keeps its allocation from event to event.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json); `out` is then as it was.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.write_json_with(out, Limits::default())
    }

    /// [`write_json`](Self::write_json) with limits of the caller's.
    ///
    /// # Errors
    /// As [`write_json`](Self::write_json).
    pub fn write_json_with(&self, out: &mut Vec<u8>, limits: Limits) -> Result<(), EncodeError> {
        // Before anything descends into the event.
        if self.free_json_depth() > limits.max_depth() {
            return Err(too_deep(self, limits));
        }
        let start = out.len();
        let mut writer = Bounded {
            left: limits.max_bytes(),
            out,
        };
        let written = serde_json::to_writer(&mut writer, self);
        let json = out.get(start..).unwrap_or_default();
        let fault = match written {
            Ok(()) if depth::exceeded_at(json, limits.max_depth()).is_none() => return Ok(()),
            Ok(()) => too_deep(self, limits),
            Err(error) if error.is_io() => EncodeError::new(
                self.kind(),
                EncodeErrorKind::TooLarge,
                String::new(),
                format!("the event is larger than the limit of {} bytes", limits.max_bytes()),
            ),
            Err(error) => explain(self, &error),
        };
        out.truncate(start);
        Err(fault)
    }

    /// The number of arrays and objects that stand inside of one another in the event's free JSON, the event itself
    /// included: what [`Limits::max_depth`] bounds. Found without recursion.
    #[must_use]
    pub fn free_json_depth(&self) -> usize {
        let mut deepest = 0;
        leaves::visit(self, |_, leaf| deepest = deepest.max(leaf.depth()));
        deepest
    }

    /// Drops the event without recursion.
    ///
    /// Free JSON that nests some ten thousand levels deep overflows the stack when it is dropped as usual, which
    /// aborts the process. No decoder of this crate makes such a value; an event whose
    /// [`free_json_depth`](Self::free_json_depth) cannot be vouched for is disposed of here.
    pub fn dismantle(self) {
        leaves::dismantle(self);
    }
}

/// Why serde_json could not write the event, told by the place that made it stop.
fn explain(event: &DriverEvent, error: &serde_json::Error) -> EncodeError {
    first_fault(event, |leaf| match leaf {
        Leaf::Float(value) if !value.is_finite() => Some((EncodeErrorKind::NotFinite, float::NOT_FINITE.to_owned())),
        Leaf::Time(value) if !time::is_representable(value) => {
            Some((EncodeErrorKind::OutOfRange, time::OUT_OF_RANGE.to_owned()))
        }
        _ if !leaf.has_writable_numbers() => Some((EncodeErrorKind::OutOfRange, json::OUT_OF_RANGE.to_owned())),
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
    let message = format!("the JSON nests deeper than the limit of {} levels", limits.max_depth());
    first_fault(event, |leaf| {
        (leaf.depth() > limits.max_depth()).then(|| (EncodeErrorKind::TooDeep, message.clone()))
    })
    .unwrap_or_else(|| EncodeError::new(event.kind(), EncodeErrorKind::TooDeep, String::new(), message))
}

/// The first leaf with a fault, as an error that names its place.
fn first_fault(
    event: &DriverEvent,
    fault_of: impl Fn(Leaf<'_>) -> Option<(EncodeErrorKind, String)>,
) -> Option<EncodeError> {
    let mut found = None;
    leaves::visit(event, |path, leaf| {
        if found.is_none() {
            found =
                fault_of(leaf).map(|(kind, message)| EncodeError::new(event.kind(), kind, path.to_string(), message));
        }
    });
    found
}

/// Appends to a buffer until the limit is reached.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
}

impl io::Write for Bounded<'_> {
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
