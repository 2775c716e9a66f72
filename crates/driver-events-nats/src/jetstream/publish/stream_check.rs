use std::sync::Arc;
use std::time::Duration;

use driver_events_core::SetupError;
use tokio::sync::OnceCell;

use super::atomic_batch::AtomicPublish;
use crate::jetstream::api::Api;
use crate::jetstream::stream::{StreamWarning, check, log_warnings, look_up, lookup_request};
use crate::wire::Subjects;

/// Looks up the stream and checks that it fits, until that has succeeded once.
#[derive(Debug)]
pub(super) struct StreamCheck {
    pub(super) api: Api,
    pub(super) stream: Arc<str>,
    pub(super) subjects: Subjects,
    pub(super) retry_timeout: Duration,
    pub(super) checked: OnceCell<CheckedStream>,
}

/// What the sink needs to know about its stream.
#[derive(Debug)]
pub(super) struct CheckedStream {
    pub(super) atomic: AtomicPublish,
    pub(super) duplicate_window: Duration,
    pub(super) warnings: Vec<StreamWarning>,
}

impl StreamCheck {
    /// Checks the stream. Concurrent callers share one lookup.
    ///
    /// # Errors
    /// Those of [`look_up`] and [`check`]. The next call checks again.
    pub(super) async fn run(&self) -> Result<&CheckedStream, SetupError> {
        let checked = self.checked.get_or_try_init(|| async {
            let config = look_up(&self.api, &self.stream).await?.config;
            let warnings = check(&config, &self.subjects, self.retry_timeout)?;
            log_warnings(&config.name, &warnings);
            Ok(CheckedStream {
                atomic: AtomicPublish::of_stream(&config),
                duplicate_window: config.duplicate_window,
                warnings,
            })
        });
        checked.await
    }

    /// Returns the subject of the lookup.
    pub(super) fn subject(&self) -> String {
        self.api.subject(&lookup_request(&self.stream))
    }

    /// Returns the stream if it was checked.
    pub(super) fn checked(&self) -> Option<&CheckedStream> {
        self.checked.get()
    }
}
