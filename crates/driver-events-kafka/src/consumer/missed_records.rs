//! Records that were deleted before they were read.

use std::collections::VecDeque;
use std::sync::Arc;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::consumer_handle::Consumer;
use super::offset_resets::OffsetReset;
use crate::admin::metadata::REQUEST_TIMEOUT;
use crate::client::detached::run_detached;

/// Looks up how many records were missed at each offset reset, on one thread.
pub(super) struct MissedRecords {
    resets: UnboundedReceiver<OffsetReset>,
    /// At most one.
    lookups: JoinSet<Vec<SourceError>>,
    /// Errors that the source has not returned yet.
    errors: VecDeque<SourceError>,
}

impl MissedRecords {
    pub(super) fn new(resets: UnboundedReceiver<OffsetReset>) -> Self {
        Self {
            resets,
            lookups: JoinSet::new(),
            errors: VecDeque::new(),
        }
    }

    /// Returns the error of missed records that were looked up.
    pub(super) fn pop(&mut self) -> Option<SourceError> {
        self.errors.pop_front()
    }

    /// Returns one error for all missed records that were looked up.
    pub(super) fn take_all(&mut self) -> Option<SourceError> {
        let first = self.errors.pop_front()?;
        if self.errors.is_empty() {
            return Some(first);
        }
        let all: Vec<_> = [first].into_iter().chain(self.errors.drain(..)).collect();
        let texts: Vec<_> = all.iter().map(ToString::to_string).collect();
        Some(SourceError::new(SourceErrorKind::Lagged, texts.join("; ")))
    }

    /// Looks up the resets so far, unless a lookup is running. Does not wait: a source that always has records to deliver never
    /// does.
    pub(super) fn look_up(&mut self, consumer: &Arc<Consumer>) {
        if !self.lookups.is_empty() {
            let Some(errors) = self.lookups.try_join_next() else {
                return;
            };
            // A lookup does not panic.
            self.errors.extend(errors.unwrap_or_default());
        }
        if let Ok(reset) = self.resets.try_recv() {
            self.start(reset, consumer);
        }
    }

    /// Waits for the next error, or until there is one to pop. Cancel safe.
    pub(super) async fn next(&mut self, consumer: &Arc<Consumer>) {
        tokio::select! {
            Some(errors) = self.lookups.join_next(), if !self.lookups.is_empty() => {
                // A lookup does not panic.
                self.errors.extend(errors.unwrap_or_default());
            }
            Some(reset) = self.resets.recv(), if self.lookups.is_empty() => self.start(reset, consumer),
            else => std::future::pending().await,
        }
    }

    /// Waits for all lookups. Cancel safe.
    pub(super) async fn finish(&mut self, consumer: &Arc<Consumer>) {
        self.look_up(consumer);
        while let Some(errors) = self.lookups.join_next().await {
            self.errors.extend(errors.unwrap_or_default());
            self.look_up(consumer);
        }
    }

    fn start(&mut self, reset: OffsetReset, consumer: &Arc<Consumer>) {
        let mut resets = vec![reset];
        while let Ok(reset) = self.resets.try_recv() {
            resets.push(reset);
        }
        let consumer = Arc::clone(consumer);
        self.lookups.spawn(async move {
            let unknown: Vec<_> = resets.clone();
            let found = run_detached(move || find(&resets, &consumer)).await;
            found.unwrap_or_else(|error| unknown.iter().map(|reset| reset.unknown(&error.to_string())).collect())
        });
    }
}

/// Returns an error for each reset at which records were missed. After a lookup that fails, the others are not attempted.
fn find(resets: &[OffsetReset], consumer: &Consumer) -> Vec<SourceError> {
    let mut failure = None;
    let mut errors = Vec::new();
    for reset in resets {
        let error = match &failure {
            None => missed_records(reset, consumer).unwrap_or_else(|error| {
                let cause = failure.insert(error.to_string());
                Some(reset.unknown(cause))
            }),
            Some(cause) => Some(reset.unknown(cause)),
        };
        errors.extend(error);
    }
    errors
}

/// Returns the error for the records that were missed at a reset; `None` if the log ends before the offset, as that of a
/// re-created topic does. Blocks until a broker has responded.
fn missed_records(reset: &OffsetReset, consumer: &Consumer) -> KafkaResult<Option<SourceError>> {
    let Some(client) = consumer.client() else {
        return Ok(None);
    };
    let OffsetReset {
        topic,
        partition,
        offset,
    } = reset;
    let (first, _) = client.fetch_watermarks(topic, *partition, REQUEST_TIMEOUT)?;
    if first <= *offset {
        return Ok(None);
    }
    let (missed, last) = (first - offset, first - 1);
    let message = format!(
        "missed {missed} records of `{topic}`, partition {partition}, offsets {offset} to {last}: they were deleted \
         before they were read"
    );
    Ok(Some(SourceError::new(SourceErrorKind::Lagged, message)))
}

impl OffsetReset {
    /// Returns the error of a reset whose lookup failed.
    fn unknown(&self, cause: &str) -> SourceError {
        let Self {
            topic,
            partition,
            offset,
        } = self;
        let message = format!(
            "missed records of `{topic}`, partition {partition}, from offset {offset}: their number is unknown, since the \
             lookup failed"
        );
        SourceError::new(SourceErrorKind::Lagged, message).with_source(cause.to_owned())
    }
}
