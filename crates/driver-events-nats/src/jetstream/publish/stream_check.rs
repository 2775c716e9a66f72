use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_events_core::{SetupError, SetupErrorKind};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::atomic_publish::AtomicPublish;
use crate::jetstream::api::Api;
use crate::jetstream::stream::{StreamWarning, check, log_warnings, look_up, lookup_request};
use crate::lock::lock;
use crate::wire::Subjects;

/// Time for which a failure is not looked up again.
const FAILURE_TTL: Duration = Duration::from_secs(1);

/// Looks up the stream and checks that it fits, until that has succeeded once.
#[derive(Debug)]
pub(super) struct StreamCheck {
    pub(super) api: Api,
    pub(super) stream: Arc<str>,
    pub(super) subjects: Subjects,
    pub(super) retry_timeout: Duration,
    pub(super) checked: OnceCell<CheckedStream>,
    /// Time, kind and text of the last failure. Callers that wait for a lookup share its failure.
    pub(super) last_failure: Mutex<Option<(Instant, SetupErrorKind, String)>>,
}

/// Properties of the stream that the sink uses.
#[derive(Debug)]
pub(super) struct CheckedStream {
    pub(super) atomic: AtomicPublish,
    pub(super) duplicate_window: Duration,
    pub(super) warnings: Vec<StreamWarning>,
}

impl StreamCheck {
    /// Checks the stream. Concurrent callers share one lookup, and its failure.
    ///
    /// # Errors
    /// As [`look_up`] and [`check`]. A call after [`FAILURE_TTL`] checks again.
    pub(super) async fn run(&self) -> Result<&CheckedStream, SetupError> {
        let checked = self.checked.get_or_try_init(|| async {
            if let Some((time, kind, message)) = &*lock(&self.last_failure)
                && time.elapsed() < FAILURE_TTL
            {
                return Err(SetupError::new(*kind, message));
            }
            let checked = self.look_up().await;
            if let Err(error) = &checked {
                *lock(&self.last_failure) = Some((Instant::now(), error.kind(), error.to_string()));
            }
            checked
        });
        checked.await
    }

    async fn look_up(&self) -> Result<CheckedStream, SetupError> {
        let config = look_up(&self.api, &self.stream).await?.config;
        let warnings = check(&config, &self.subjects, self.retry_timeout)?;
        log_warnings(&config.name, &warnings);
        Ok(CheckedStream {
            atomic: AtomicPublish::of_stream(&config),
            duplicate_window: config.duplicate_window,
            warnings,
        })
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
