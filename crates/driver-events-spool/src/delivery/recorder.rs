use std::fmt;
use std::future::pending;
use std::mem::{replace, take};
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
    /// Number of settled events that the file does not know.
    unrecorded: usize,
    /// Maximum number of events in a commit: a disk that is nearly full may have space for few.
    limit: usize,
    /// Whether the last commit failed with its least size.
    has_failed: bool,
}

type Writing = BoxFuture<'static, (Commit, Result<(), SettleError>)>;

/// Settled events that the file does not know yet.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    pub(super) positions: Vec<i64>,
    /// Dead letters among them.
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

/// A settlement, and the calls that wait for it.
#[derive(Debug)]
pub(super) struct Commit {
    /// File to which the positions belong.
    pub(super) epoch: u64,
    pub(super) settlement: Settlement,
    pub(super) calls: Vec<EndedCall>,
    positions: Vec<i64>,
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
            unrecorded: 0,
            limit: usize::MAX,
            has_failed: false,
        }
    }

    /// Returns whether everything is recorded.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.waiting.is_empty()
    }

    /// Returns the number of settled events that the file does not know yet.
    pub(super) fn unrecorded(&self) -> usize {
        self.unrecorded
    }

    /// Adds settled events to the next commit.
    pub(super) fn add(&mut self, settled: Unrecorded) {
        self.unrecorded += settled.positions.len();
        self.waiting.positions.extend(settled.positions);
        self.waiting.dead.extend(settled.dead);
        self.waiting.calls.extend(settled.calls);
    }

    /// Starts the next commit, unless one runs. Every event up to `cursor` is settled. A commit that failed with its least size
    /// starts after `delay`.
    pub(super) fn start(&mut self, epoch: u64, cursor: i64, delay: Duration) {
        if self.writing.is_some() || self.waiting.is_empty() {
            return;
        }
        let waiting = &mut self.waiting;
        waiting.positions.sort_unstable();
        let rest = waiting.positions.split_off(self.limit.min(waiting.positions.len()));
        let positions = replace(&mut waiting.positions, rest);
        let (cursor, dead, calls) = match waiting.positions.first() {
            None => (cursor, take(&mut waiting.dead), take(&mut waiting.calls)),
            Some(next) => {
                let (dead, rest) = take(&mut waiting.dead)
                    .into_iter()
                    .partition(|letter| letter.position < *next);
                waiting.dead = rest;
                (cursor.min(next - 1), dead, Vec::new())
            }
        };
        let commit = Commit {
            epoch,
            settlement: Settlement {
                target: Arc::clone(&self.target),
                cursor,
                ahead: positions
                    .iter()
                    .copied()
                    .filter(|position| *position > cursor)
                    .collect(),
                delivered: (positions.len() - dead.len()) as u64,
                dead,
            },
            calls,
            positions,
        };
        let writer = self.writer.clone();
        let delay = self.has_failed.then_some(delay);
        self.writing = Some(Box::pin(async move {
            if let Some(delay) = delay {
                sleep(delay).await;
            }
            let result = writer.settle(commit.epoch, commit.settlement.clone()).await;
            (commit, result)
        }));
    }

    /// Waits for the commit; for ever without one. What a failed one had is in the next ones, which are smaller: events that were
    /// delivered and are not recorded are delivered again after a crash.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Recorded {
        let Some(writing) = &mut self.writing else {
            return pending().await;
        };
        let (commit, result) = writing.await;
        self.writing = None;
        self.unrecorded -= commit.positions.len();
        match result {
            Ok(()) => {
                self.limit = self.limit.saturating_mul(2);
                self.has_failed = false;
                Recorded::Written(commit)
            }
            Err(SettleError::Stale | SettleError::Ended) => Recorded::Obsolete(commit),
            Err(SettleError::Failed(error)) => {
                self.has_failed = commit.positions.len() <= 1;
                self.limit = (commit.positions.len() / 2).max(1);
                self.add(Unrecorded {
                    positions: commit.positions,
                    dead: commit.settlement.dead,
                    calls: commit.calls,
                });
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
