use rusqlite::{Connection, TransactionBehavior};

use super::store_error::StoreError;

/// Version of the tables below, in `user_version`.
pub(crate) const VERSION: i32 = 1;

/// `DVES`, in `application_id`: distinguishes a spool from the database of another program.
const APPLICATION_ID: i32 = 0x4456_4553;

/// Columns of an event, in both tables that have some.
macro_rules! columns {
    () => {
        "checksum INTEGER NOT NULL,
        kind TEXT NOT NULL,
        goal TEXT,
        id TEXT NOT NULL,
        source TEXT,
        type TEXT,
        time TEXT,
        run TEXT,
        sequence INTEGER,
        traceparent TEXT,
        tracestate TEXT,
        json BLOB NOT NULL"
    };
}

/// - `events`: what is not delivered to every target yet, and what the retention keeps. With a `target`, only for this one: a
///   dead letter that is retried.
/// - `targets`: every event up to the cursor is settled. `delivered` and `dead` count since the file was created.
/// - `settled`: events beyond the cursor that are settled, and that another target lacks.
/// - `dead_letters`: events that a target refused for ever, with the reason.
const TABLES: &str = concat!(
    "CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        spooled_at INTEGER NOT NULL,
        target TEXT,
        ",
    columns!(),
    ") STRICT;
    CREATE TABLE targets (
        name TEXT PRIMARY KEY,
        cursor INTEGER NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0,
        checksum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE settled (
        target TEXT NOT NULL,
        position INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (target, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE dead_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        died_at INTEGER NOT NULL,
        error TEXT NOT NULL,
        reason TEXT NOT NULL,
        position INTEGER NOT NULL,
        spooled_at INTEGER NOT NULL,
        target TEXT NOT NULL,
        ",
    columns!(),
    ") STRICT;"
);

/// Creates the tables in an empty file, or checks the version of an existing one.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let version = check(connection)?;
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Returns the version: 0 for an empty file.
///
/// # Errors
/// The file is damaged, from a newer version, or of another program.
pub(crate) fn check(connection: &Connection) -> Result<i32, StoreError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(StoreError::Foreign);
    }
    if version > VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: VERSION,
        });
    }
    Ok(version)
}
