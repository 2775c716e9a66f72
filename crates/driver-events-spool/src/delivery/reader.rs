use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::store::connection::open_reader;
use crate::store::read::{Page, read_page};
use crate::store::store_error::StoreError;

/// Maximum number of events and bytes of JSON in a page.
const PAGE_EVENTS: usize = 1_024;
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Reads the events of a target, off the runtime's threads.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    target: Arc<str>,
    connection: Option<Connection>,
    reading: Option<JoinHandle<Result<(Connection, Page), StoreError>>>,
}

impl Reader {
    pub(super) fn new(path: PathBuf, target: Arc<str>) -> Self {
        Self {
            path,
            target,
            connection: None,
            reading: None,
        }
    }

    /// Re-opens the file with the next page.
    pub(super) fn reopen(&mut self) {
        self.connection = None;
    }

    /// Returns whether a page is being read.
    pub(super) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Starts to read events after `start` up to `end`.
    pub(super) fn start(&mut self, start: i64, end: i64) {
        let connection = self.connection.take();
        let (path, target) = (self.path.clone(), Arc::clone(&self.target));
        self.reading = Some(spawn_blocking(move || {
            let connection = match connection {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let page = read_page(&connection, &target, (start, end), PAGE_EVENTS, PAGE_BYTES)?;
            Ok((connection, page))
        }));
    }

    /// Waits for the page that is being read; for ever without one. Returns `None` if the runtime shuts down. After an error the
    /// next page re-opens the file.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Page, StoreError>> {
        let Some(reading) = &mut self.reading else {
            return pending().await;
        };
        let read = reading.await;
        self.reading = None;
        Some(match read {
            Ok(Ok((connection, page))) => {
                self.connection = Some(connection);
                Ok(page)
            }
            Ok(Err(error)) => Err(error),
            Err(error) if error.is_panic() => Err(StoreError::other(format!("reading panicked: {error}"))),
            Err(_) => return None,
        })
    }
}
