use bytes::Bytes;
use chrono::SecondsFormat;
use driver_events_core::{Envelope, SinkError};
use rusqlite::{Connection, params};

use super::columns::{Columns, event_columns};
use super::store_error::StoreError;
use crate::clock::now_ms;

/// Bytes that a row needs besides its texts: the header of the record, the keys, a share of the pages above it.
const ROW_OVERHEAD: u64 = 96;

/// An accepted event, ready to be written.
#[derive(Debug)]
pub(crate) struct NewEvent {
    envelope: Envelope,
    json: Bytes,
    goal: Option<String>,
    time: Option<String>,
    checksum: u32,
    bytes: u64,
}

impl NewEvent {
    /// Encodes the event.
    ///
    /// # Errors
    /// The event cannot be encoded.
    pub(crate) fn new(envelope: Envelope) -> Result<Self, SinkError> {
        let json = envelope.json()?.clone();
        let goal = envelope.goal_id().map(|goal_id| goal_id.to_string());
        let time = envelope.time();
        let time = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let columns = Columns::of(&envelope, goal.as_deref(), time.as_deref(), &json);
        let checksum = columns.checksum();
        let texts = [
            Some(columns.kind),
            columns.goal,
            Some(columns.id),
            columns.source,
            columns.event_type,
            columns.time,
            columns.run,
            columns.traceparent,
            columns.tracestate,
        ];
        let texts: usize = texts.iter().flatten().map(|text| text.len()).sum();
        let bytes = (texts + json.len()) as u64 + ROW_OVERHEAD;
        Ok(Self {
            envelope,
            json,
            goal,
            time,
            checksum,
            bytes,
        })
    }

    /// Returns the approximate number of bytes that the row needs.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether the event may use the reserve.
    pub(crate) fn is_terminal(&self) -> bool {
        self.envelope.is_terminal()
    }

    /// Writes the row in the current transaction, and returns its position.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<i64, StoreError> {
        const INSERT: &str = concat!(
            "INSERT INTO events (spooled_at, ",
            event_columns!(),
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let row = Columns::of(&self.envelope, self.goal.as_deref(), self.time.as_deref(), &self.json);
        connection.prepare_cached(INSERT)?.execute(params![
            now_ms(),
            self.checksum,
            row.kind,
            row.goal,
            row.id,
            row.source,
            row.event_type,
            row.time,
            row.run,
            row.sequence,
            row.traceparent,
            row.tracestate,
            row.json,
        ])?;
        Ok(connection.last_insert_rowid())
    }
}

/// Returns the position of the last event that was ever written, 0 if there was none.
pub(crate) fn last_position(connection: &Connection) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?;
    let mut rows = statement.query([])?;
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => 0,
    })
}
