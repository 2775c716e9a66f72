use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::kept_event::unsigned;
use crate::clock::from_ms;
use crate::store::space::used_bytes;
use crate::store::store_error::StoreError;
use crate::store::targets::is_for;

/// Contents of the file of a spool, from [`SpoolFile::stats`](crate::SpoolFile::stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolStats {
    /// Bytes in use in the database.
    pub bytes: u64,
    /// Number of events in the file, those that the retention keeps among them.
    pub events: u64,
    /// Number of dead letters in the file.
    pub dead_letters: u64,
    /// The targets that the file knows, by name.
    pub targets: Vec<TargetStats>,
}

/// Backlog and counters of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetStats {
    /// Name of the target.
    pub name: String,
    /// Number of events that it does not have yet.
    pub depth: u64,
    /// When the oldest of them was spooled.
    pub oldest: Option<SystemTime>,
    /// Events delivered since the file was created.
    pub delivered: u64,
    /// Events that became dead letters since the file was created.
    pub dead: u64,
}

/// Number of the events that a target lacks, and when the oldest was spooled.
const BACKLOG: &str = concat!(
    "SELECT count(*), min(spooled_at) FROM events WHERE position > ?1 AND ",
    is_for!("?2"),
    " AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.target = ?2 AND settled.position = events.position)"
);

pub(super) fn stats(connection: &Connection) -> Result<SpoolStats, StoreError> {
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get::<_, u64>(0))
    };
    let mut targets = connection.prepare("SELECT name, cursor, delivered, dead FROM targets ORDER BY name")?;
    let mut rows = targets.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, cursor): (String, i64) = (row.get(0)?, row.get(1)?);
        let (depth, oldest): (i64, Option<i64>) =
            connection.query_row(BACKLOG, params![cursor, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.push(TargetStats {
            name,
            depth: unsigned(depth),
            oldest: oldest.map(from_ms),
            delivered: row.get(2)?,
            dead: row.get(3)?,
        });
    }
    Ok(SpoolStats {
        bytes: used_bytes(connection)?,
        events: count("events")?,
        dead_letters: count("dead_letters")?,
        targets: found,
    })
}
