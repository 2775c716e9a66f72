use driver_events_core::SinkError;

/// Error of one attempt to publish. The variant determines when the event may be retried.
#[derive(Debug)]
pub(super) enum AttemptError {
    Permanent(SinkError),
    RetryNow(SinkError),
    RetryAfterBackoff(SinkError),
}

impl AttemptError {
    pub(super) fn into_sink_error(self) -> SinkError {
        let (Self::Permanent(error) | Self::RetryNow(error) | Self::RetryAfterBackoff(error)) = self;
        error
    }
}
