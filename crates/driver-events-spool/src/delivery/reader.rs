use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::task::spawn_blocking;

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
}

impl Reader {
    pub(super) fn new(path: PathBuf, target: Arc<str>) -> Self {
        Self {
            path,
            target,
            connection: None,
        }
    }

    /// Re-opens the file with the next page.
    pub(super) fn reopen(&mut self) {
        self.connection = None;
    }

    /// Reads events after `start` up to `end`. Returns `None` if the runtime shuts down. After an error the next call re-opens the
    /// file.
    pub(super) async fn page(&mut self, start: i64, end: i64) -> Option<Result<Page, StoreError>> {
        let connection = self.connection.take();
        let (path, target) = (self.path.clone(), Arc::clone(&self.target));
        let reading = spawn_blocking(move || {
            let connection = match connection {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let page = read_page(&connection, &target, (start, end), PAGE_EVENTS, PAGE_BYTES)?;
            Ok((connection, page))
        });
        match reading.await.ok()? {
            Ok((connection, page)) => {
                self.connection = Some(connection);
                Some(Ok(page))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
