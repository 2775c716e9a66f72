use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::store_error::StoreError;

/// How far a target is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Every event up to here is settled.
    pub(crate) cursor: i64,
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
}

/// Adds the targets that the file does not know. A new one starts with the oldest event that another target has not had.
pub(crate) fn register(connection: &Connection, names: &[Arc<str>]) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT OR IGNORE INTO targets (name, cursor)
                          VALUES (?, coalesce((SELECT min(cursor) FROM targets), 0))";
    for name in names {
        connection.execute(INSERT, params![name])?;
    }
    Ok(())
}

/// Returns the names of targets in the file that are not among `names`. Their events stay until they are delivered.
pub(crate) fn others(connection: &Connection, names: &[Arc<str>]) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT name FROM targets ORDER BY name")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut others = Vec::new();
    for name in found {
        let name = name?;
        if !names.iter().any(|known| **known == *name) {
            others.push(name);
        }
    }
    Ok(others)
}

/// Removes a target. Events that only it lacked stay until [`purge_all`](super::settle::purge_all).
pub(crate) fn remove(connection: &Connection, name: &str) -> Result<(), StoreError> {
    connection.execute("DELETE FROM targets WHERE name = ?", params![name])?;
    connection.execute("DELETE FROM settled WHERE target = ?", params![name])?;
    Ok(())
}

/// Returns how far a target is. A target that is not in the file is at the start.
pub(crate) fn progress(connection: &Connection, name: &str) -> Result<Progress, StoreError> {
    const SELECT: &str = "SELECT cursor, delivered, dead FROM targets WHERE name = ?";
    let found = connection
        .query_row(SELECT, params![name], |row| {
            Ok(Progress {
                cursor: row.get(0)?,
                delivered: row.get(1)?,
                dead: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}
