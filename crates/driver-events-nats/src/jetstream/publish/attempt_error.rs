use driver_events_core::SinkError;

/// Error of one attempt to publish. The variant determines when the event may be retried.
#[derive(Debug)]
pub(super) enum AttemptError {
    Permanent(SinkError),
    RetryNow(SinkError),
    RetryAfterBackoff(SinkError),
}
