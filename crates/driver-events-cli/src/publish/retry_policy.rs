use std::time::Duration;

use driver_events::SinkError;
use humantime::format_duration;
use tokio::time::{Instant, sleep};

use crate::report::{Report, with_causes};
use crate::signals::Shutdown;
use crate::target::Target;

const INITIAL_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Limits of retries: a timeout, and a shutdown request, after which one last attempt is made.
pub(super) struct RetryPolicy {
    pub(super) timeout: Duration,
    pub(super) shutdown: Shutdown,
}

impl RetryPolicy {
    /// Starts the retries of a failing target, which end after `max_outage` at the latest. Logs a warning.
    pub(super) fn start_outage(
        &self,
        report: &Report,
        target: &Target,
        max_outage: Duration,
        error: &SinkError,
    ) -> Outage<'_> {
        let outage = Outage {
            policy: self,
            timeout: self.timeout.min(max_outage),
            since: Instant::now(),
            backoff: INITIAL_BACKOFF,
        };
        if outage.may_retry() {
            let target = target.name();
            let reason = with_causes(error);
            let timeout = format_duration(outage.timeout);
            let why = if max_outage < self.timeout {
                ", as a later retry could store events twice"
            } else {
                ""
            };
            report.warning(format_args!("{target}: {reason}; retrying for {timeout}{why}"));
        }
        outage
    }
}

/// Retries of one target since it started to fail.
pub(super) struct Outage<'a> {
    policy: &'a RetryPolicy,
    timeout: Duration,
    since: Instant,
    backoff: Duration,
}

impl Outage<'_> {
    /// Waits for the backoff. Returns `false`, without waiting, if no further attempt is allowed.
    pub(super) async fn wait(&mut self) -> bool {
        if !self.may_retry() {
            return false;
        }
        tokio::select! {
            _ = self.policy.shutdown.requested() => {}
            () = sleep(self.backoff.min(self.remaining())) => {}
        }
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
        true
    }

    fn may_retry(&self) -> bool {
        !self.remaining().is_zero() && self.policy.shutdown.signal().is_none()
    }

    fn remaining(&self) -> Duration {
        self.timeout.saturating_sub(self.since.elapsed())
    }
}
