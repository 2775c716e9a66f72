use std::fmt;
use std::future::pending;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::window::Item;
use crate::store::settle::{DeadLetter, Settlement};
use crate::writer::handle::{SettleError, WriterHandle};

/// Records settled events in the file, one commit at a time: what is settled meanwhile shares the next one.
pub(super) struct Recorder {
    target: Arc<str>,
    writer: WriterHandle,
    waiting: Unrecorded,
    writing: Option<Writing>,
}

type Writing = BoxFuture<'static, (Commit, Result<(), SettleError>)>;

/// Settled events that the file does not know yet.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    pub(super) positions: Vec<i64>,
    pub(super) delivered: u64,
    pub(super) dead: Vec<DeadLetter>,
    /// Calls that ended. Their goals wait for the commit, so that a crash repeats at most one batch of each.
    pub(super) calls: Vec<EndedCall>,
}

/// Events of a call that has ended, and those that failed.
#[derive(Debug)]
pub(super) struct EndedCall {
    pub(super) sent: Vec<Item>,
    pub(super) failed: Vec<Item>,
}

/// What is written together.
#[derive(Debug)]
pub(super) struct Commit {
    /// File to which the positions belong.
    pub(super) epoch: u64,
    pub(super) settlement: Settlement,
    pub(super) calls: Vec<EndedCall>,
}

/// Result of a commit.
#[derive(Debug)]
pub(super) enum Recorded {
    Written(Commit),
    /// The file was replaced, or the spool ends.
    Obsolete(Commit),
    /// The file could not be written: it is tried again.
    Failed(String),
}

impl Recorder {
    pub(super) fn new(target: Arc<str>, writer: WriterHandle) -> Self {
        Self {
            target,
            writer,
            waiting: Unrecorded::default(),
            writing: None,
        }
    }

    /// Returns whether everything is recorded.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.waiting.is_empty()
    }

    /// Adds settled events to the next commit.
    pub(super) fn add(&mut self, settled: Unrecorded) {
        self.waiting.positions.extend(settled.positions);
        self.waiting.delivered += settled.delivered;
        self.waiting.dead.extend(settled.dead);
        self.waiting.calls.extend(settled.calls);
    }

    /// Starts the next commit, unless one runs. Every event up to `cursor` is settled.
    pub(super) fn start(&mut self, epoch: u64, cursor: i64) {
        if self.writing.is_some() || self.waiting.is_empty() {
            return;
        }
        let mut settled = take(&mut self.waiting);
        settled.positions.retain(|position| *position > cursor);
        let commit = Commit {
            epoch,
            settlement: Settlement {
                target: Arc::clone(&self.target),
                cursor,
                ahead: settled.positions,
                delivered: settled.delivered,
                dead: settled.dead,
            },
            calls: settled.calls,
        };
        self.write(commit, Duration::ZERO);
    }

    fn write(&mut self, commit: Commit, delay: Duration) {
        let writer = self.writer.clone();
        self.writing = Some(Box::pin(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let result = writer.settle(commit.epoch, commit.settlement.clone()).await;
            (commit, result)
        }));
    }

    /// Waits for the commit; for ever without one. A failed one is tried again after `delay`: events that were delivered and are
    /// not recorded are delivered again after a crash.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self, delay: Duration) -> Recorded {
        let Some(writing) = &mut self.writing else {
            return pending().await;
        };
        let (commit, result) = writing.await;
        self.writing = None;
        match result {
            Ok(()) => Recorded::Written(commit),
            Err(SettleError::Stale | SettleError::Ended) => Recorded::Obsolete(commit),
            Err(SettleError::Failed(error)) => {
                self.write(commit, delay);
                Recorded::Failed(error)
            }
        }
    }
}

impl Unrecorded {
    pub(super) fn bury(&mut self, position: i64, error: &'static str, reason: String) {
        self.positions.push(position);
        self.dead.push(DeadLetter {
            position,
            error,
            reason,
        });
    }

    fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.calls.is_empty()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("target", &self.target)
            .field("is_idle", &self.is_idle())
            .finish_non_exhaustive()
    }
}
