use driver_events_core::{SinkError, SinkErrorKind};
use rusqlite::{Connection, TransactionBehavior};

use super::handle::{AppendReply, Command, SettleError, SettleReply};
use crate::settings::Retention;
use crate::store::append::NewEvent;
use crate::store::settle::{Settlement, settle};
use crate::store::space::Space;
use crate::store::store_error::StoreError;

/// Work that shares a commit.
#[derive(Debug, Default)]
pub(super) struct Group {
    appends: Vec<(Vec<NewEvent>, AppendReply)>,
    settlements: Vec<(u64, Settlement, SettleReply)>,
    /// Number of events, and the bytes that they need.
    pub(super) len: usize,
    pub(super) bytes: u64,
    pub(super) damaged: Option<u64>,
    pub(super) is_purge: bool,
    pub(super) is_stop: bool,
}

/// Events of a group to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    All,
    /// Only terminal events: the disk has no space for all.
    Terminal,
    /// None: the space is for settlements, which remove events.
    Settlements,
}

/// Result of a commit.
#[derive(Debug)]
pub(super) struct Committed {
    /// For each event whether it is written.
    written: Vec<bool>,
    /// Position of the last event written.
    pub(super) last: Option<i64>,
    /// Space that is left.
    pub(super) space: Space,
    pub(super) accepted: u64,
    pub(super) refused: u64,
}

impl Group {
    pub(super) fn add(&mut self, command: Command) {
        match command {
            Command::Append { events, reply } => {
                self.len += events.len();
                self.bytes += events.iter().map(NewEvent::bytes).sum::<u64>();
                self.appends.push((events, reply));
            }
            Command::Settle {
                epoch,
                settlement,
                reply,
            } => self.settlements.push((epoch, settlement, reply)),
            Command::Damaged { epoch } => self.damaged = Some(epoch),
            Command::Purge => self.is_purge = true,
            Command::Stop => self.is_stop = true,
        }
    }

    /// Returns whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.settlements.is_empty()
    }

    /// Returns the number of events that are settled.
    pub(super) fn settled(&self) -> u64 {
        let settled = self.settlements.iter();
        settled
            .map(|(_, settlement, _)| settlement.delivered + settlement.dead.len() as u64)
            .sum()
    }

    /// Returns whether a settlement has several events, and so can be split.
    pub(super) fn has_large_settlement(&self) -> bool {
        self.settled() > self.settlements.len() as u64
    }

    /// Answers the callers of settlements, and drops these.
    pub(super) fn fail_settlements(&mut self, error: &str) {
        for (.., reply) in self.settlements.drain(..) {
            // A worker that has ended waits for no answer.
            let _ = reply.send(Err(SettleError::Failed(error.to_owned())));
        }
    }

    /// Writes the group in one transaction.
    pub(super) fn write(
        &self,
        connection: &mut Connection,
        space: Space,
        select: Select,
        (epoch, retention): (u64, Retention),
    ) -> Result<Committed, StoreError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut committed = Committed {
            written: Vec::with_capacity(self.len),
            last: None,
            space,
            accepted: 0,
            refused: 0,
        };
        for event in self.appends.iter().flat_map(|(events, _)| events) {
            let is_selected = match select {
                Select::All => true,
                Select::Terminal => event.is_terminal(),
                Select::Settlements => false,
            };
            let is_written = is_selected && committed.space.take(event.bytes(), event.is_terminal());
            if is_written {
                committed.last = Some(event.insert(&transaction)?);
                committed.accepted += 1;
            } else {
                committed.refused += 1;
            }
            committed.written.push(is_written);
        }
        for (_, settlement, _) in self.settlements.iter().filter(|(found, ..)| *found == epoch) {
            settle(&transaction, settlement, retention)?;
        }
        transaction.commit()?;
        Ok(committed)
    }

    /// Answers the callers after the commit.
    pub(super) fn reply(self, committed: &Committed, epoch: u64, full: &str) {
        let mut written = committed.written.iter();
        for (events, reply) in self.appends {
            let results = written.by_ref().take(events.len()).map(|is_written| match is_written {
                true => Ok(()),
                false => Err(SinkError::new(SinkErrorKind::Full, full)),
            });
            // A cancelled call does not wait for its results.
            let _ = reply.send(results.collect());
        }
        for (found, _, reply) in self.settlements {
            let _ = reply.send(if found == epoch {
                Ok(())
            } else {
                Err(SettleError::Stale)
            });
        }
    }

    /// Answers the callers after a failed commit.
    pub(super) fn fail(self, error: &StoreError) {
        for (events, reply) in self.appends {
            let _ = reply.send(events.iter().map(|_| Err(error.to_sink_error())).collect());
        }
        for (.., reply) in self.settlements {
            let _ = reply.send(Err(SettleError::Failed(error.with_cause())));
        }
    }
}
