use std::path::Path;

use driver_events_core::{SetupError, SetupErrorKind};
use rusqlite::{Connection, Row, params};

use super::dead_letters;
use super::kept_event::{DeadLetter, KeptEvent, unsigned};
use super::stats::{SpoolStats, stats};
use crate::clock::from_ms;
use crate::store::columns::{COUNT, event_columns};
use crate::store::connection::open_editor;
use crate::store::read::content;
use crate::store::schema;
use crate::store::store_error::StoreError;
use crate::store::targets::is_for;

/// File of a spool, opened to look into it and to settle dead letters, also while its owner runs. Delivers nothing.
///
/// Its methods block: call them from `spawn_blocking` in a runtime.
///
/// ```no_run
/// use driver_events_spool::SpoolFile;
///
/// let mut file = SpoolFile::open("/var/lib/agent/events.db")?;
/// for target in file.stats()?.targets {
///     println!("{}: {} events behind", target.name, target.depth);
/// }
/// let letters = file.dead_letters(0, 100)?;
/// let numbers: Vec<_> = letters.iter().map(|letter| letter.number).collect();
/// println!("{} dead letters are delivered again", file.retry(&numbers)?);
/// # Ok::<(), driver_events_core::SetupError>(())
/// ```
#[derive(Debug)]
pub struct SpoolFile {
    connection: Connection,
}

impl SpoolFile {
    /// Opens an existing file.
    ///
    /// # Errors
    /// - [`NotFound`](SetupErrorKind::NotFound): there is no file, or an empty one.
    /// - [`Incompatible`](SetupErrorKind::Incompatible): the file is of a newer version, or of another program.
    /// - [`Invalid`](SetupErrorKind::Invalid): the file is damaged or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        let path = path.as_ref();
        let missing = || {
            let message = format!("there is no spool in {}", path.display());
            SetupError::new(SetupErrorKind::NotFound, message)
        };
        if !path.is_file() {
            return Err(missing());
        }
        let connection = open_editor(path)?;
        match schema::check(&connection)? {
            0 => Err(missing()),
            _ => Ok(Self { connection }),
        }
    }

    /// Returns the number of events and dead letters, and what each target lacks. Reads the whole backlog.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): the file is damaged or cannot be read.
    pub fn stats(&self) -> Result<SpoolStats, SetupError> {
        Ok(stats(&self.connection)?)
    }

    /// Returns up to `limit` events after a position, in the order of the file. 0 is before the first one.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): the file is damaged or cannot be read.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<KeptEvent>, SetupError> {
        const SELECT: &str = concat!(
            "SELECT ",
            event_columns!(),
            ", position, spooled_at FROM events WHERE position > ? ORDER BY position LIMIT ?"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(self.kept(SELECT, params![after.cast_signed(), limit])?)
    }

    /// Returns the events with this id: several, if more than one source uses it, or a dead letter is retried.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): the file is damaged or cannot be read.
    pub fn events_with_id(&self, id: &str) -> Result<Vec<KeptEvent>, SetupError> {
        const SELECT: &str = concat!(
            "SELECT ",
            event_columns!(),
            ", position, spooled_at FROM events WHERE id = ? ORDER BY position"
        );
        Ok(self.kept(SELECT, params![id])?)
    }

    /// Returns up to `limit` dead letters after a number. 0 is before the first one.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): the file is damaged or cannot be read.
    pub fn dead_letters(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, SetupError> {
        Ok(dead_letters::read(&self.connection, after, limit)?)
    }

    /// Puts dead letters back into the spool, each for the target that refused it, behind all other events. The owner finds them
    /// within a second. Returns their number: not counted are numbers that do not exist, and dead letters of a target that was
    /// [forgotten](crate::SpoolBuilder::forget), which stay.
    ///
    /// # Errors
    /// [`Invalid`](SetupErrorKind::Invalid): the file is damaged, or it cannot be written; [`Unreachable`](SetupErrorKind::Unreachable):
    /// the disk is full. Nothing is changed.
    pub fn retry(&mut self, numbers: &[u64]) -> Result<u64, SetupError> {
        Ok(dead_letters::retry(&mut self.connection, numbers)?)
    }

    /// Removes dead letters for good. Returns how many of the numbers there were.
    ///
    /// # Errors
    /// As [`retry`](Self::retry).
    pub fn drop_dead_letters(&mut self, numbers: &[u64]) -> Result<u64, SetupError> {
        Ok(dead_letters::drop_all(&mut self.connection, numbers)?)
    }

    fn kept(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<KeptEvent>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(self.kept_event(row)?);
        }
        Ok(found)
    }

    fn kept_event(&self, row: &Row<'_>) -> Result<KeptEvent, StoreError> {
        const MISSING_AT: &str = concat!(
            "SELECT targets.name FROM targets JOIN events ON position = ? WHERE cursor < position AND ",
            is_for!("targets.name"),
            " AND NOT EXISTS (
                SELECT 1 FROM settled WHERE settled.target = targets.name AND settled.position = events.position
            ) ORDER BY targets.name"
        );
        let position: i64 = row.get(COUNT)?;
        let mut statement = self.connection.prepare_cached(MISSING_AT)?;
        let names: Result<_, _> = statement.query_map(params![position], |row| row.get(0))?.collect();
        Ok(KeptEvent {
            position: unsigned(position),
            spooled_at: from_ms(row.get(COUNT + 1)?),
            event: content(row).1,
            missing_at: names?,
        })
    }
}
