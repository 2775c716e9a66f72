use std::sync::Arc;

use crc32fast::Hasher;
use rusqlite::{Connection, OptionalExtension, params};

use super::store_error::StoreError;

/// Condition on a row of `events`: it is for this target. A row for a target that the file does not know is damaged, and for all:
/// it must not be skipped.
macro_rules! is_for {
    ($target:literal) => {
        concat!(
            "(events.target IS NULL OR events.target = ",
            $target,
            " OR events.target NOT IN (SELECT name FROM targets))"
        )
    };
}

pub(crate) use is_for;

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
    let cursor = connection.query_row("SELECT coalesce(min(cursor), 0) FROM targets", [], |row| row.get(0))?;
    let start = Progress {
        cursor,
        ..Progress::default()
    };
    for name in names {
        let sql = "INSERT OR IGNORE INTO targets (name, cursor, checksum) VALUES (?, ?, ?)";
        connection.execute(sql, params![name, cursor, start.checksum(name)])?;
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
///
/// # Errors
/// The file cannot be read, or the row is damaged: events could be skipped.
pub(crate) fn progress(connection: &Connection, name: &str) -> Result<Progress, StoreError> {
    const SELECT: &str = "SELECT cursor, delivered, dead, checksum FROM targets WHERE name = ?";
    let found = connection
        .prepare_cached(SELECT)?
        .query_row(params![name], |row| {
            let progress = Progress {
                cursor: row.get(0)?,
                delivered: row.get(1)?,
                dead: row.get(2)?,
            };
            Ok((progress, row.get::<_, u32>(3)?))
        })
        .optional()?;
    match found {
        None => Ok(Progress::default()),
        Some((progress, checksum)) if checksum == progress.checksum(name) => Ok(progress),
        Some(_) => Err(StoreError::corrupt("the checksum of a target's cursor differs")),
    }
}

/// Writes how far a target is.
pub(crate) fn set_progress(connection: &Connection, name: &str, progress: Progress) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE targets SET cursor = ?, delivered = ?, dead = ?, checksum = ? WHERE name = ?";
    connection.prepare_cached(UPDATE)?.execute(params![
        progress.cursor,
        progress.delivered,
        progress.dead,
        progress.checksum(name),
        name
    ])?;
    Ok(())
}

/// Checks the rows of `settled`: a damaged one could hide an event that the target lacks.
///
/// # Errors
/// The file cannot be read, or a row is damaged.
pub(crate) fn check_settled(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT target, position, checksum FROM settled")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (target, position, checksum): (String, i64, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if checksum != settled_checksum(&target, position) {
            return Err(StoreError::corrupt("the checksum of a settled position differs"));
        }
    }
    Ok(())
}

/// Returns the checksum of a row of `settled`.
pub(crate) fn settled_checksum(target: &str, position: i64) -> u32 {
    checksum(target, &[position])
}

impl Progress {
    fn checksum(self, name: &str) -> u32 {
        let Self {
            cursor,
            delivered,
            dead,
        } = self;
        checksum(name, &[cursor, delivered.cast_signed(), dead.cast_signed()])
    }
}

fn checksum(name: &str, numbers: &[i64]) -> u32 {
    let mut hasher = Hasher::new();
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(name.as_bytes());
    hasher.finalize()
}
