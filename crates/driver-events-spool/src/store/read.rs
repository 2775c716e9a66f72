use driver_events_core::Envelope;
use rusqlite::{Connection, Row, params};

use super::columns::{COUNT, Columns, event_columns};
use super::store_error::StoreError;

/// An event read from the file.
#[derive(Debug)]
pub(crate) struct SpooledEvent {
    pub(crate) position: i64,
    /// Milliseconds since 1970.
    pub(crate) spooled_at: i64,
    /// Bytes of the JSON.
    pub(crate) bytes: usize,
    /// The event, or why the row is not what was written.
    pub(crate) content: Result<Envelope, String>,
}

/// Events after a position.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<SpooledEvent>,
    /// Position up to which everything was read.
    pub(crate) end: i64,
}

/// Reads the events after `start` up to `end` that this target does not have yet, until one of the limits is reached.
pub(crate) fn read_page(
    connection: &Connection,
    target: &str,
    (start, end): (i64, i64),
    max_events: usize,
    max_bytes: usize,
) -> Result<Page, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        event_columns!(),
        ", position, spooled_at FROM events
         WHERE position > ?1 AND position <= ?2 AND (target IS NULL OR target = ?3)
         AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.target = ?3 AND settled.position = events.position)
         ORDER BY position LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(SELECT)?;
    let limit = i64::try_from(max_events).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![start, end, target, limit])?;
    let mut events: Vec<SpooledEvent> = Vec::new();
    let mut bytes = 0;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            // Events before a damaged page are delivered first. The next call finds the damage again.
            Err(error) => match events.last().map(|event| event.position) {
                Some(end) => return Ok(Page { events, end }),
                None => return Err(error.into()),
            },
        };
        let event = read_event(row)?;
        bytes += event.bytes;
        let position = event.position;
        events.push(event);
        if bytes >= max_bytes || events.len() >= max_events {
            return Ok(Page { events, end: position });
        }
    }
    Ok(Page { events, end })
}

fn read_event(row: &Row<'_>) -> Result<SpooledEvent, StoreError> {
    let (bytes, content) = content(row);
    Ok(SpooledEvent {
        position: row.get(COUNT)?,
        // Not an error: a row whose time is damaged must not keep the later ones waiting.
        spooled_at: row.get(COUNT + 1).unwrap_or_default(),
        bytes,
        content,
    })
}

/// Returns the bytes of a row's JSON, and its event, or why the row is not what was written.
pub(crate) fn content(row: &Row<'_>) -> (usize, Result<Envelope, String>) {
    match Columns::read(row) {
        Err(error) => (0, Err(format!("the row is damaged: {error}"))),
        Ok((columns, checksum)) if checksum != i64::from(columns.checksum()) => (
            columns.json.len(),
            Err("the row is damaged: its checksum differs".to_owned()),
        ),
        Ok((columns, _)) => (columns.json.len(), columns.envelope()),
    }
}
