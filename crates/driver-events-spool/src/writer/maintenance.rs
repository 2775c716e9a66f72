use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::file_state::FileState;
use super::handle::Command;
use crate::file::free_space::free_space;
use crate::file::sibling;
use crate::store::append::last_position;
use crate::store::check::check_structure;
use crate::store::connection::open_checkpointer;
use crate::store::store_error::StoreError;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// Size of the log from which its copy starts.
const CHECKPOINT_BYTES: u64 = 1024 * 1024;
/// Size of the log from which commits wait until it is empty. Otherwise a steady load would make it grow for ever.
const RESTART_BYTES: u64 = 64 * 1024 * 1024;
/// Free space of the disk below which the log is emptied whatever its size, so that events have its space.
const LOW_DISK_BYTES: u64 = 16 * 1024 * 1024;

/// Copies the log into the database, off the path of a commit, and looks for events that another process has added.
pub(super) struct Maintenance {
    pub(super) path: PathBuf,
    pub(super) commands: UnboundedSender<Command>,
    pub(super) state: watch::Sender<FileState>,
    pub(super) wal_limit: u64,
    pub(super) interrupt: Interrupt,
}

/// Interrupts the statement that the maintenance runs.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Arc<Mutex<Option<InterruptHandle>>>);

impl Interrupt {
    fn set(&self, connection: &Connection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.get_interrupt_handle());
    }

    pub(super) fn interrupt(&self) {
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

impl Maintenance {
    /// Runs until the writer ends, which drops its end of `stop`.
    pub(super) fn run(self, stop: &Receiver<()>) {
        let mut connection = None;
        let (mut epoch, mut checked) = (0, None);
        while stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let current = self.state.borrow().epoch;
            if current != epoch {
                (connection, epoch) = (None, current);
            }
            match self.round(&mut connection, &mut checked, epoch) {
                Ok(()) => {}
                Err(error) if error.is_corrupt() => {
                    let _ = self.commands.send(Command::Damaged { epoch });
                }
                Err(error) => {
                    tracing::debug!(path = %self.path.display(), error = error.with_cause(), "spool maintenance failed");
                    connection = None;
                }
            }
        }
    }

    fn round(
        &self,
        connection: &mut Option<Connection>,
        checked: &mut Option<u64>,
        epoch: u64,
    ) -> Result<(), StoreError> {
        let connection = match connection {
            Some(connection) => connection,
            None => {
                let connection = connection.insert(open_checkpointer(&self.path)?);
                self.interrupt.set(connection);
                connection
            }
        };
        // Once for each file, in the background: it reads all of it.
        if *checked != Some(epoch) {
            check_structure(connection)?;
            *checked = Some(epoch);
        }
        let last = last_position(connection)?;
        self.state.send_if_modified(|state| {
            let is_new = state.epoch == epoch && state.last < last;
            if is_new {
                state.last = last;
            }
            is_new
        });
        let _ = self.commands.send(Command::Purge);
        let log = fs::metadata(sibling(&self.path, "-wal")).map_or(0, |metadata| metadata.len());
        let free = self.path.parent().and_then(free_space);
        // A quota does not show in the free space.
        let is_low = log > 0 && (self.state.borrow().is_full || free.is_some_and(|free| free < LOW_DISK_BYTES));
        if is_low || log >= CHECKPOINT_BYTES.min(self.wal_limit) {
            let mode = if is_low || log >= RESTART_BYTES.min(self.wal_limit) {
                "PRAGMA wal_checkpoint(TRUNCATE)"
            } else {
                "PRAGMA wal_checkpoint(PASSIVE)"
            };
            // A reader that is in the way is no error: the next round goes on.
            connection.query_row(mode, [], |_| Ok(()))?;
        }
        Ok(())
    }
}
