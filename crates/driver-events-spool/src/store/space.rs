use std::path::Path;

use rusqlite::Connection;

use super::store_error::StoreError;
use crate::file::free_space::free_space;

/// Part of the capacity that only terminal events may use: 5 %.
const RESERVE_DIVISOR: u64 = 20;
/// Each event is written twice: to the log, and from there to the database.
const WRITES_PER_EVENT: u64 = 2;

/// Space that is left for events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    /// Bytes that events may still need.
    room: u64,
    /// Part of it for terminal events only.
    reserve: u64,
}

impl Space {
    /// Measures the space below the cap and on the disk.
    pub(crate) fn measure(connection: &Connection, directory: &Path, max_bytes: u64) -> Result<Self, StoreError> {
        let used = used_bytes(connection)?;
        let below_cap = max_bytes.saturating_sub(used);
        let on_disk = free_space(directory).map_or(u64::MAX, |free| free / WRITES_PER_EVENT);
        let capacity = max_bytes.min(used.saturating_add(on_disk));
        Ok(Self {
            room: below_cap.min(on_disk),
            reserve: capacity / RESERVE_DIVISOR,
        })
    }

    /// Returns whether any event of this size has room.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.room.checked_sub(bytes).is_some_and(|rest| rest >= self.reserve)
    }

    /// Takes the room of an event. Returns `false` if it is too small.
    pub(crate) fn take(&mut self, bytes: u64, is_terminal: bool) -> bool {
        let has_room = self.has(bytes) || (is_terminal && self.room >= bytes);
        if has_room {
            self.room -= bytes;
        }
        has_room
    }
}

/// Returns the bytes of the database that are in use.
pub(crate) fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let number = |sql| {
        connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get::<_, u64>(0))
    };
    let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
    Ok(pages.saturating_mul(number("PRAGMA page_size")?))
}
