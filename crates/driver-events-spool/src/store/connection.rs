use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::schema;
use super::store_error::StoreError;
use crate::settings::Durability;

/// How long a statement waits for a lock of another process, such as the command-line tool.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a checkpoint waits for readers, while commits wait for it.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(50);
/// Size to which the write-ahead log shrinks once all of it is in the database.
const WAL_SIZE_LIMIT: i64 = 4 * 1024 * 1024;

/// Opens the connection of the writer, and creates the tables if they are missing. SQLite recovers the file after a crash.
pub(crate) fn open_writer(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(path, flags)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        let message = format!("the file system supports no write-ahead log (journal mode {mode}): use a local disk");
        return Err(StoreError::other(message));
    }
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // The maintenance thread copies the log into the database, off the path of a commit.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", WAL_SIZE_LIMIT)?;
    schema::prepare(&mut connection)?;
    Ok(connection)
}

/// Opens a connection that reads while the owner writes.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    // A read-only connection cannot recover the log after a crash.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a connection that reads and settles dead letters while the owner writes. Creates nothing.
pub(crate) fn open_editor(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Opens a connection that copies the log into the database.
pub(crate) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    // Commits wait meanwhile, and the next round tries it again.
    connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A damaged or hostile file runs no code and is found early.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}
