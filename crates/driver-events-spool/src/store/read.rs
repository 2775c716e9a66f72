use driver_events_core::Envelope;
use rusqlite::{Connection, Row, params};

use super::append::last_position;
use super::columns::{COUNT, Columns, event_columns};
use super::store_error::StoreError;
use super::targets::is_for;

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

/// Reads the events after `start`, at least up to `end`, that this target does not have yet, until one of the limits is reached.
///
/// # Errors
/// The file cannot be read, or its rows are not in the order of their positions: a position cannot be trusted then, and an event
/// could be skipped. Events before the damage are returned first: the next call finds it again.
pub(crate) fn read_page(
    connection: &Connection,
    target: &str,
    (start, end): (i64, i64),
    max_events: usize,
    max_bytes: usize,
) -> Result<Page, StoreError> {
    // Without an upper bound: SQLite would end at a damaged position beyond it, and later rows would be skipped.
    const SELECT: &str = concat!(
        "SELECT ",
        event_columns!(),
        ", position, spooled_at, target IS NULL OR target = ?2 FROM events
         WHERE position > ?1 AND ",
        is_for!("?2"),
        " AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.target = ?2 AND settled.position = events.position)
         ORDER BY position LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(SELECT)?;
    // One more row, which shows that the last event of the page is in its place.
    let limit = i64::try_from(max_events).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query(params![start, target, limit])?;
    let mut events: Vec<SpooledEvent> = Vec::new();
    let mut bytes = 0;
    loop {
        let last = events.last().map_or(start, |event| event.position);
        let event = match rows.next() {
            Ok(Some(row)) => read_event(row)?,
            Ok(None) if last > last_position(connection)? => {
                events.pop();
                return page_before(events, StoreError::corrupt("a position is beyond the last one"));
            }
            Ok(None) => {
                return Ok(Page {
                    events,
                    end: last.max(end),
                });
            }
            Err(error) => return page_before(events, error.into()),
        };
        if event.position <= last {
            events.pop();
            return page_before(events, StoreError::corrupt("positions are out of order"));
        }
        if bytes >= max_bytes || events.len() >= max_events {
            return Ok(Page { events, end: last });
        }
        bytes += event.bytes;
        events.push(event);
    }
}

/// Returns the events that precede damage, or the damage if there are none.
fn page_before(events: Vec<SpooledEvent>, damage: StoreError) -> Result<Page, StoreError> {
    match events.last().map(|event| event.position) {
        Some(end) => Ok(Page { events, end }),
        None => Err(damage),
    }
}

fn read_event(row: &Row<'_>) -> Result<SpooledEvent, StoreError> {
    let (bytes, mut content) = content(row);
    if !row.get::<_, bool>(COUNT + 2)? {
        content = Err("the row is damaged: its target is unknown".to_owned());
    }
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
