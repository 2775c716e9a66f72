use std::time::Duration;

use driver_events_core::SinkError;
use humantime::format_duration;
use tokio::time::{Instant, sleep};

use crate::report::{Report, with_causes};
use crate::signals::Stop;
use crate::target::Target;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a target may fail before it is given up.
pub(super) struct Patience {
    pub(super) timeout: Duration,
    /// A process that is asked to end tries once more and then gives up.
    pub(super) stop: Stop,
}

impl Patience {
    /// A target has begun to fail. It is given up after `longest` at the latest.
    pub(super) fn begin_outage(
        &self,
        report: &Report,
        target: &Target,
        longest: Duration,
        error: &SinkError,
    ) -> Outage<'_> {
        let outage = Outage {
            patience: self,
            timeout: self.timeout.min(longest),
            since: Instant::now(),
            pause: FIRST_PAUSE,
        };
        if outage.may_go_on() {
            let target = target.name();
            let reason = with_causes(error);
            let timeout = format_duration(outage.timeout);
            let why = if longest < self.timeout {
                ", since later it could be stored twice"
            } else {
                ""
            };
            report.warning(format_args!("{target}: {reason}; trying again for {timeout}{why}"));
        }
        outage
    }
}

/// The time since a target began to fail.
pub(super) struct Outage<'a> {
    patience: &'a Patience,
    timeout: Duration,
    since: Instant,
    pause: Duration,
}

impl Outage<'_> {
    /// Waits until the next try is due; false where there shall be none.
    pub(super) async fn wait(&mut self) -> bool {
        if !self.may_go_on() {
            return false;
        }
        tokio::select! {
            _ = self.patience.stop.requested() => {}
            () = sleep(self.pause.min(self.left())) => {}
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }

    fn may_go_on(&self) -> bool {
        !self.left().is_zero() && self.patience.stop.signal().is_none()
    }

    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.since.elapsed())
    }
}
