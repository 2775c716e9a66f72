use std::sync::atomic::{AtomicU64, Ordering};

use crate::sink::sink_error::SinkError;

/// Reports failures that the caller does not see: the first of several in a row, and their number once a call succeeds.
#[derive(Debug, Default)]
pub(super) struct FailureLog {
    in_a_row: AtomicU64,
}

impl FailureLog {
    pub(super) fn failed(&self, sink: &str, what: &str, error: &SinkError) {
        if self.in_a_row.fetch_add(1, Ordering::Relaxed) == 0 {
            let source = std::error::Error::source(error).map(tracing::field::display);
            tracing::warn!(sink, kind = ?error.kind(), %error, source, "{what}");
        }
    }

    pub(super) fn succeeded(&self, sink: &str) {
        if self.in_a_row.load(Ordering::Relaxed) > 0 {
            let failures = self.in_a_row.swap(0, Ordering::Relaxed);
            tracing::info!(sink, failures, "the sink accepts events again");
        }
    }
}
