use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::watch;

use super::window::Window;
use crate::clock::from_ms;
use crate::health::{TargetHealth, TargetState};
use crate::store::targets::Progress;

/// State of the delivery to a target, which the worker writes.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    state: TargetState,
    /// File to which the positions belong.
    epoch: u64,
    progress: Progress,
    /// Position up to which everything was read, and how many of those events are not settled.
    read: (i64, usize),
    /// When the oldest event that is not settled was spooled, in milliseconds since 1970.
    oldest: Option<i64>,
    last_error: Option<String>,
}

/// The worker's end of the status.
#[derive(Debug)]
pub(super) struct Reporter {
    name: Arc<str>,
    status: watch::Sender<Status>,
}

impl Status {
    /// Returns whether every event of this file up to `position` is settled.
    pub(crate) fn has_settled(&self, epoch: u64, position: i64) -> bool {
        self.epoch > epoch || (self.epoch == epoch && self.progress.cursor >= position)
    }

    /// Returns the number of events of this file, whose last one is at `last`, that are not settled.
    pub(crate) fn depth(&self, epoch: u64, last: i64) -> u64 {
        let (end, waiting) = if self.epoch == epoch { self.read } else { (0, 0) };
        let unread = u64::try_from(last.saturating_sub(end)).unwrap_or_default();
        unread.saturating_add(waiting as u64)
    }

    pub(crate) fn health(&self, name: &str, depth: u64) -> TargetHealth {
        TargetHealth {
            name: name.to_owned(),
            state: self.state,
            depth,
            oldest_age: self.oldest.filter(|_| depth > 0).map(age),
            delivered: self.progress.delivered,
            dead: self.progress.dead,
            last_error: self.last_error.clone(),
        }
    }
}

impl Reporter {
    pub(super) fn new(name: Arc<str>, progress: Progress) -> (Self, watch::Receiver<Status>) {
        let (status, receiver) = watch::channel(Status {
            state: TargetState::Delivering,
            epoch: 0,
            progress,
            read: (progress.cursor, 0),
            oldest: None,
            last_error: None,
        });
        (Self { name, status }, receiver)
    }

    pub(super) fn progress(&self) -> Progress {
        self.status.borrow().progress
    }

    /// Reports how far the target is. `unrecorded` events have left the window and are not in the file's record yet.
    pub(super) fn advance(&self, epoch: u64, progress: Progress, window: &Window, unrecorded: usize) {
        self.status.send_modify(|status| {
            status.epoch = epoch;
            status.progress = progress;
            status.read = (window.end(), window.len() + unrecorded);
            status.oldest = window.oldest();
        });
    }

    /// Reports that the target has accepted an event.
    pub(super) fn succeeded(&self) {
        let is_change = self.status.borrow().state != TargetState::Delivering;
        if is_change {
            tracing::info!(target = &*self.name, "the spool delivers again");
            self.status.send_modify(|status| status.state = TargetState::Delivering);
        }
    }

    /// Reports that a call delivered nothing. Each change of the state goes to `tracing` too.
    pub(super) fn failed(&self, error: &SinkError) {
        let state = if error.is_retryable() && error.kind() != SinkErrorKind::Unauthorized {
            TargetState::Retrying
        } else {
            TargetState::Stopped
        };
        let text = with_causes(error);
        let is_change = self.status.borrow().state != state;
        if is_change && state == TargetState::Stopped {
            tracing::error!(
                target = &*self.name,
                error = text,
                "delivery of the spool has stopped: an operator must act"
            );
        } else if is_change {
            tracing::warn!(
                target = &*self.name,
                error = text,
                "delivery of the spool fails: it is retried"
            );
        }
        self.status.send_modify(|status| {
            status.state = state;
            status.last_error = Some(text);
        });
    }

    /// Reports an error of the file.
    pub(super) fn file_failed(&self, error: String) {
        if self.status.borrow().last_error.as_deref() != Some(&error) {
            tracing::warn!(target = &*self.name, error, "the spool file fails: delivery waits");
        }
        self.status.send_modify(|status| {
            status.state = TargetState::Retrying;
            status.last_error = Some(error);
        });
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// Returns the messages of an error and its causes.
pub(super) fn with_causes(error: &SinkError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Returns the time since `milliseconds`, zero if the clock was set back.
fn age(milliseconds: i64) -> Duration {
    from_ms(milliseconds).elapsed().unwrap_or_default()
}
