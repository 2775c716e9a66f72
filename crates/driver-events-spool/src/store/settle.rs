use std::sync::Arc;

use rusqlite::{Connection, params};

use super::append::last_position;
use super::columns::event_columns;
use super::store_error::StoreError;
use super::targets::{Progress, is_for, progress, set_progress, settled_checksum};
use crate::clock::now_ms;
use crate::settings::Retention;

/// Events that a target has had since its last settlement.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    pub(crate) target: Arc<str>,
    /// Every event up to here is settled.
    pub(crate) cursor: i64,
    /// Settled events behind the cursor.
    pub(crate) ahead: Vec<i64>,
    /// Number of events delivered.
    pub(crate) delivered: u64,
    pub(crate) dead: Vec<DeadLetter>,
}

/// An event that the target can never have.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetter {
    pub(crate) position: i64,
    /// Name of the error's kind.
    pub(crate) error: &'static str,
    pub(crate) reason: String,
}

/// Condition on a row of `events`: every target that it is for, and that meets `$others`, has it.
macro_rules! is_settled {
    ($others:literal) => {
        concat!(
            "NOT EXISTS (
                SELECT 1 FROM targets
                WHERE targets.cursor < events.position AND ",
            is_for!("targets.name"),
            " AND NOT EXISTS (
                    SELECT 1 FROM settled WHERE settled.target = targets.name AND settled.position = events.position
                ) ",
            $others,
            ")"
        )
    };
}

/// Writes a settlement in the current transaction, and removes the events that every target has, unless the retention keeps
/// them.
pub(crate) fn settle(connection: &Connection, settlement: &Settlement, retention: Retention) -> Result<(), StoreError> {
    let name = &settlement.target;
    for letter in &settlement.dead {
        insert_dead_letter(connection, name, letter)?;
    }
    let before = progress(connection, name)?;
    let now = Progress {
        cursor: before.cursor.max(settlement.cursor),
        delivered: before.delivered.saturating_add(settlement.delivered),
        dead: before.dead.saturating_add(settlement.dead.len() as u64),
    };
    set_progress(connection, name, now)?;
    connection
        .prepare_cached("DELETE FROM settled WHERE target = ? AND position <= ?")?
        .execute(params![name, settlement.cursor])?;
    if retention == Retention::Off {
        connection
            .prepare_cached(concat!(
                "DELETE FROM events WHERE position > ? AND position <= ? AND ",
                is_settled!("")
            ))?
            .execute(params![before.cursor, settlement.cursor])?;
    }
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO settled (target, position, checksum) VALUES (?, ?, ?)")?;
    let mut delete = connection.prepare_cached(concat!(
        "DELETE FROM events WHERE position = ?1 AND ",
        is_settled!("AND targets.name <> ?2")
    ))?;
    for position in &settlement.ahead {
        // An event that is gone needs no row that says who has it.
        let is_gone = retention == Retention::Off && delete.execute(params![position, name])? > 0;
        if !is_gone {
            insert.execute(params![name, position, settled_checksum(name, *position)])?;
        }
    }
    Ok(())
}

fn insert_dead_letter(connection: &Connection, target: &str, letter: &DeadLetter) -> Result<(), StoreError> {
    // Copied by SQLite, since a damaged row cannot be read. Its columns may have any types, which the table does not accept.
    const COPY: &str = concat!(
        "INSERT INTO dead_letters (died_at, error, reason, position, spooled_at, target, ",
        event_columns!(),
        ") SELECT ?, ?, ?, position, coalesce(CAST(spooled_at AS INTEGER), 0), ?,
            coalesce(CAST(checksum AS INTEGER), 0), coalesce(CAST(kind AS TEXT), ''), CAST(goal AS TEXT),
            coalesce(CAST(id AS TEXT), ''), CAST(source AS TEXT), CAST(type AS TEXT), CAST(time AS TEXT), CAST(run AS TEXT),
            CAST(sequence AS INTEGER), CAST(traceparent AS TEXT), CAST(tracestate AS TEXT),
            coalesce(CAST(json AS BLOB), x'')
          FROM events WHERE position = ?"
    );
    connection.prepare_cached(COPY)?.execute(params![
        now_ms(),
        letter.error,
        letter.reason,
        target,
        letter.position
    ])?;
    Ok(())
}

/// Removes the events that every target has and that the retention keeps no more.
pub(crate) fn purge(connection: &Connection, retention: Retention) -> Result<(), StoreError> {
    const BY_POSITION: &str = "DELETE FROM events WHERE position <= min(?, (SELECT min(cursor) FROM targets))";
    // Reads the rows to delete and the first one to keep.
    const BY_TIME: &str = "DELETE FROM events WHERE position <= (SELECT min(cursor) FROM targets)
        AND position < coalesce((SELECT position FROM events WHERE spooled_at >= ? ORDER BY position LIMIT 1), 1 << 62)";
    let (sql, limit) = match retention {
        Retention::Off => return Ok(()),
        Retention::Count(count) => (BY_POSITION, last_position(connection)?.saturating_sub_unsigned(count)),
        Retention::Age(age) => {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            (BY_TIME, now_ms().saturating_sub(age))
        }
    };
    connection.prepare_cached(sql)?.execute(params![limit])?;
    Ok(())
}

/// Removes the events before every cursor, also those that the retention keeps.
pub(crate) fn purge_delivered(connection: &Connection) -> Result<(), StoreError> {
    let sql = "DELETE FROM events WHERE position <= (SELECT min(cursor) FROM targets)";
    connection.execute(sql, [])?;
    Ok(())
}

/// Removes every event that every target has, also those that the retention keeps.
pub(crate) fn purge_all(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(concat!("DELETE FROM events WHERE ", is_settled!("")), [])?;
    Ok(())
}
