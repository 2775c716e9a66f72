use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::error::KafkaError;
use tokio::sync::Notify;

/// The error with which a source ends because a delivery cannot be settled.
#[derive(Debug, Default)]
pub(super) struct SourceEnd {
    error: Mutex<Option<(String, KafkaError)>>,
    is_set: AtomicBool,
    ended: Notify,
}

impl SourceEnd {
    /// Ends the source. Returns the error, also for the caller that settles.
    pub(super) fn set(&self, message: String, error: KafkaError) -> SourceError {
        let fatal = fatal(&message, error.clone());
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some((message, error));
        self.is_set.store(true, Ordering::Release);
        self.ended.notify_one();
        fatal
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// Waits for the end, and returns its error. Cancel safe.
    pub(super) async fn wait(&self) -> SourceError {
        loop {
            self.ended.notified().await;
            let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((message, error)) = error {
                return fatal(&message, error);
            }
        }
    }
}

fn fatal(message: &str, error: KafkaError) -> SourceError {
    SourceError::new(SourceErrorKind::Fatal, message).with_source(error)
}
