use std::ops::Deref;

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::{mpsc, oneshot, watch};

use super::file_state::FileState;
use crate::store::append::NewEvent;
use crate::store::settle::Settlement;

/// Gets a result for each event.
pub(super) type AppendReply = oneshot::Sender<Vec<Result<(), SinkError>>>;
pub(super) type SettleReply = oneshot::Sender<Result<(), SettleError>>;

/// Work for the writer thread.
#[derive(Debug)]
pub(super) enum Command {
    Append {
        events: Vec<NewEvent>,
        reply: AppendReply,
    },
    Settle {
        epoch: u64,
        settlement: Settlement,
        reply: SettleReply,
    },
    /// A reader found the file of this epoch damaged.
    Damaged {
        epoch: u64,
    },
    /// Remove what the retention keeps no more.
    Purge,
    /// Finish what has come so far, and end.
    Stop,
}

/// Why a settlement is not written.
#[derive(Debug)]
pub(crate) enum SettleError {
    /// The file was replaced meanwhile: its positions mean nothing.
    Stale,
    /// It may be written later.
    Failed(String),
    /// The writer has ended.
    Ended,
}

/// Sends work to the writer thread, and sees what is committed.
#[derive(Clone, Debug)]
pub(crate) struct WriterHandle {
    pub(super) commands: mpsc::UnboundedSender<Command>,
    pub(super) state: watch::Receiver<FileState>,
}

impl WriterHandle {
    /// Writes events, and waits for the commit. Returns a result for each.
    pub(crate) async fn append(&self, events: Vec<NewEvent>) -> Vec<Result<(), SinkError>> {
        let count = events.len();
        let (reply, replied) = oneshot::channel();
        let ended = || Err(SinkError::new(SinkErrorKind::Closed, "the spool is closed"));
        if self.commands.send(Command::Append { events, reply }).is_err() {
            return (0..count).map(|_| ended()).collect();
        }
        let lost = || {
            let message = "the spool's writer ended before the commit";
            Err(SinkError::new(SinkErrorKind::Fatal, message))
        };
        replied.await.unwrap_or_else(|_| (0..count).map(|_| lost()).collect())
    }

    /// Writes a settlement, and waits for the commit.
    pub(crate) async fn settle(&self, epoch: u64, settlement: Settlement) -> Result<(), SettleError> {
        let (reply, replied) = oneshot::channel();
        let command = Command::Settle {
            epoch,
            settlement,
            reply,
        };
        self.commands.send(command).map_err(|_| SettleError::Ended)?;
        replied.await.unwrap_or(Err(SettleError::Ended))
    }

    /// Reports that the file of this epoch is damaged: it is set aside.
    pub(crate) fn report_damage(&self, epoch: u64) {
        // Without a writer there is nothing left to protect.
        let _ = self.commands.send(Command::Damaged { epoch });
    }

    /// Lets the thread end after the work that it has.
    pub(crate) fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    /// Returns what is committed.
    pub(crate) fn state(&self) -> &watch::Receiver<FileState> {
        &self.state
    }

    /// Waits until the thread has ended. The files are closed then.
    pub(crate) async fn ended(&self) {
        self.commands.closed().await;
    }
}

/// Stops the writer when it is dropped.
#[derive(Debug)]
pub(crate) struct RunningWriter(pub(super) WriterHandle);

impl Deref for RunningWriter {
    type Target = WriterHandle;

    fn deref(&self) -> &WriterHandle {
        &self.0
    }
}

impl Drop for RunningWriter {
    fn drop(&mut self) {
        self.0.stop();
    }
}
