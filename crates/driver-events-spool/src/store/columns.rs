use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use crc32fast::Hasher;
use driver_events_core::{Envelope, EventId, SOURCE_UNSET, Stamp};
use driver_events_types::Limits;
use rusqlite::Row;
use rusqlite::types::FromSqlError;

/// Names of the columns of an event, in the order of [`Columns::read`].
macro_rules! event_columns {
    () => {
        "checksum, kind, goal, id, source, type, time, run, sequence, traceparent, tracestate, json"
    };
}

pub(crate) use event_columns;

/// Number of the columns above.
pub(crate) const COUNT: usize = 12;

/// The columns of an event: everything that a target gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Columns<'a> {
    pub(crate) kind: &'a str,
    pub(crate) goal: Option<&'a str>,
    pub(crate) id: &'a str,
    pub(crate) source: Option<&'a str>,
    /// CloudEvents type of an unknown kind. That of a known kind follows from the kind.
    pub(crate) event_type: Option<&'a str>,
    pub(crate) time: Option<&'a str>,
    pub(crate) run: Option<&'a str>,
    /// The bits of the unsigned number.
    pub(crate) sequence: Option<i64>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) tracestate: Option<&'a str>,
    pub(crate) json: &'a [u8],
}

impl<'a> Columns<'a> {
    /// Takes the columns of an envelope. `goal` and `time` are those of the envelope as text.
    pub(crate) fn of(envelope: &'a Envelope, goal: Option<&'a str>, time: Option<&'a str>, json: &'a [u8]) -> Self {
        let stamp = envelope.stamp();
        Self {
            kind: envelope.kind(),
            goal,
            id: envelope.id().as_str(),
            source: Some(envelope.source()).filter(|source| *source != SOURCE_UNSET),
            event_type: match envelope.decoded().known_kind() {
                Some(_) => None,
                None => envelope.subject(),
            },
            time,
            run: stamp.map(|stamp| &*stamp.run),
            sequence: stamp.map(|stamp| stamp.sequence.cast_signed()),
            traceparent: envelope.traceparent(),
            tracestate: envelope.tracestate(),
            json,
        }
    }

    /// Reads the columns and the checksum from a row, of which they are the first ones.
    pub(crate) fn read(row: &'a Row<'_>) -> Result<(Self, i64), FromSqlError> {
        let value = |index| row.get_ref(index).map_err(|error| FromSqlError::Other(error.into()));
        let text = |index| value(index)?.as_str();
        let optional = |index| value(index)?.as_str_or_null();
        let columns = Self {
            kind: text(1)?,
            goal: optional(2)?,
            id: text(3)?,
            source: optional(4)?,
            event_type: optional(5)?,
            time: optional(6)?,
            run: optional(7)?,
            sequence: value(8)?.as_i64_or_null()?,
            traceparent: optional(9)?,
            tracestate: optional(10)?,
            json: value(11)?.as_blob()?,
        };
        Ok((columns, value(0)?.as_i64()?))
    }

    /// Returns the CRC-32 of all columns. Each has its presence and its length in it.
    pub(crate) fn checksum(&self) -> u32 {
        let texts = [
            Some(self.kind),
            self.goal,
            Some(self.id),
            self.source,
            self.event_type,
            self.time,
            self.run,
            self.traceparent,
            self.tracestate,
        ];
        let mut hasher = Hasher::new();
        for text in texts {
            add(&mut hasher, text.map(str::as_bytes));
        }
        add(
            &mut hasher,
            self.sequence.map(i64::to_le_bytes).as_ref().map(|bytes| &bytes[..]),
        );
        add(&mut hasher, Some(self.json));
        hasher.finalize()
    }

    /// Returns the event with its attributes.
    ///
    /// # Errors
    /// The text of the first column that is not what this crate writes.
    pub(crate) fn envelope(&self) -> Result<Envelope, String> {
        // The event was within the limits of its publisher, which may be wider than the defaults.
        let limits = Limits::default()
            .with_max_bytes(usize::MAX)
            .with_max_depth(Limits::MAX_DEPTH);
        let json = Bytes::copy_from_slice(self.json);
        let envelope = Envelope::from_json_with(json, limits).map_err(|error| error.to_string())?;
        let id = EventId::new(self.id).map_err(|error| error.to_string())?;
        self.with_attributes(envelope.with_id(id))
    }

    fn with_attributes(&self, mut envelope: Envelope) -> Result<Envelope, String> {
        let text = |error: driver_events_core::AttributeError| error.to_string();
        if let Some(source) = self.source {
            envelope = envelope.with_source(source).map_err(text)?;
        }
        if let Some(event_type) = self.event_type {
            envelope = envelope.with_event_type(event_type).map_err(text)?;
        }
        if let Some(time) = self.time {
            let time = DateTime::parse_from_rfc3339(time).map_err(|error| format!("column `time`: {error}"))?;
            envelope = envelope.with_time(time.to_utc()).map_err(text)?;
        }
        if let (Some(run), Some(sequence)) = (self.run, self.sequence) {
            let stamp = Stamp {
                run: Arc::from(run),
                sequence: sequence.cast_unsigned(),
            };
            envelope = envelope.with_stamp(stamp).map_err(text)?;
        }
        if let Some(traceparent) = self.traceparent {
            envelope = envelope.with_traceparent(traceparent).map_err(text)?;
        }
        if let Some(tracestate) = self.tracestate {
            envelope = envelope.with_tracestate(tracestate).map_err(text)?;
        }
        Ok(envelope)
    }
}

fn add(hasher: &mut Hasher, bytes: Option<&[u8]>) {
    match bytes {
        None => hasher.update(&[0]),
        Some(bytes) => {
            hasher.update(&[1]);
            hasher.update(&bytes.len().to_le_bytes());
            hasher.update(bytes);
        }
    }
}
