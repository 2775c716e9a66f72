use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::Config;

use super::known_unreadable::KnownUnreadable;
use super::pause_watch::PauseWatch;
use super::prefetch::Prefetch;
use super::pull_limits::PullLimits;

/// State of a durable consumer.
#[derive(Debug)]
pub(super) struct DurableState {
    pub(super) limits: PullLimits,
    pub(super) ack_wait: Duration,
    /// Filter subjects; empty for all messages.
    pub(super) filter_subjects: Vec<String>,
    pub(super) known: KnownUnreadable,
    /// Readable messages that were lost with a connection and not received since.
    pub(super) lost: BTreeSet<u64>,
    /// Whether all messages of the consumer were delivered to this reader, as far as it has seen.
    pub(super) is_alone: bool,
    /// First sequence that the last examination left out.
    pub(super) rest: Option<u64>,
    /// Batch size of the first pull request behind unreadable messages.
    pub(super) careful_batch: usize,
    pub(super) pause: PauseWatch,
}

impl DurableState {
    /// Returns the state before the consumer is looked up.
    pub(super) fn unknown() -> Self {
        Self {
            limits: PullLimits::of(&Config::default()),
            ack_wait: Duration::ZERO,
            filter_subjects: Vec::new(),
            known: KnownUnreadable::default(),
            lost: BTreeSet::new(),
            is_alone: true,
            rest: None,
            careful_batch: 1,
            pause: PauseWatch::default(),
        }
    }

    /// Returns the sizes of pull requests, with another initial batch size if one is set.
    pub(super) fn prefetch(&self, batch: Option<usize>) -> Prefetch {
        // A part of the ack wait: the processing rate varies, and acks take time.
        Prefetch::starting_with(batch, self.limits.max_batch, Some(self.ack_wait / 4))
    }
}
