use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::store_error::StoreError;
use crate::file::free_space::free_space;

/// Part of the capacity that only terminal events may use: 5 %.
const RESERVE_DIVISOR: u64 = 20;
/// Space of the disk that no event may use: deliveries must be recorded, which frees space, on a disk that is full.
const SETTLE_BYTES: u64 = 1024 * 1024;
/// Bytes that a settled event adds to the log at most: its page, and a share of the pages above it.
const SETTLED_EVENT_BYTES: u64 = 2 * 4096;

/// Space that is left for events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    /// Bytes that events may still need.
    room: u64,
    /// Part of it for terminal events only.
    reserve: u64,
    /// Bytes of the disk that the copy of the log into the database does not need. `u64::MAX` if unknown.
    spare: u64,
}

impl Space {
    /// Measures the space below the cap and on the disk of the file, of which `used` bytes are in use.
    pub(crate) fn measure(connection: &Connection, path: &Path, used: u64, max_bytes: u64) -> Result<Self, StoreError> {
        let below_cap = max_bytes.saturating_sub(used);
        let (on_disk, spare) = room_on_disk(connection, path)?;
        let capacity = max_bytes.min(used.saturating_add(on_disk));
        Ok(Self {
            room: below_cap.min(on_disk),
            reserve: capacity / RESERVE_DIVISOR,
            spare,
        })
    }

    /// Returns whether any event of this size has room.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.room.checked_sub(bytes).is_some_and(|rest| rest >= self.reserve)
    }

    /// Returns whether the log has space to record the settlement of this many events. If it had not, it would fill the disk, and
    /// its copy into the database, which needs space too, would fail for ever.
    pub(crate) fn can_settle(&self, events: u64) -> bool {
        self.spare >= events.saturating_mul(SETTLED_EVENT_BYTES)
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

/// Returns the bytes that events may still need on the disk, and those that the copy of the log does not need. `u64::MAX` if
/// unknown.
fn room_on_disk(connection: &Connection, path: &Path) -> Result<(u64, u64), StoreError> {
    let Some(free) = path.parent().and_then(free_space) else {
        return Ok((u64::MAX, u64::MAX));
    };
    let page_size = number(connection, "PRAGMA page_size")?;
    let bytes = |pages: u64| pages.saturating_mul(page_size);
    // Pages that are only in the log so far. Its space is not used again before they are copied.
    let file = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let to_copy = bytes(number(connection, "PRAGMA page_count")?).saturating_sub(file);
    let unused = bytes(number(connection, "PRAGMA freelist_count")?);
    let spare = free.saturating_sub(to_copy);
    Ok((room(spare, unused), spare))
}

/// Returns the bytes that events may need. Each is written to the log, and from there to the database: to unused pages, or to
/// new ones.
fn room(free: u64, unused: u64) -> u64 {
    let free = free.saturating_sub(SETTLE_BYTES);
    free.min(free.saturating_add(unused) / 2)
}

/// Returns the bytes of the database that are in use.
pub(crate) fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pages = number(connection, "PRAGMA page_count")?.saturating_sub(number(connection, "PRAGMA freelist_count")?);
    Ok(pages.saturating_mul(number(connection, "PRAGMA page_size")?))
}

fn number(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::{SETTLE_BYTES, room};

    #[test]
    fn full_disk_keeps_space_to_record_deliveries() {
        assert_eq!(room(SETTLE_BYTES, 0), 0);
        assert_eq!(room(SETTLE_BYTES, 1_000), 0);
        assert_eq!(room(0, 1_000), 0);
    }

    #[test]
    fn unused_pages_need_no_disk() {
        assert_eq!(room(SETTLE_BYTES + 1_000, 0), 500);
        assert_eq!(room(SETTLE_BYTES + 1_000, 500), 750);
        assert_eq!(room(SETTLE_BYTES + 1_000, 5_000), 1_000);
    }
}
