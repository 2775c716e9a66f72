//! Counters and histograms of the [`metrics`](https://docs.rs/metrics) facade. Nothing is recorded without the feature.

use std::sync::Arc;
use std::time::Duration;

use crate::envelope::Envelope;

/// The sink that metrics are about, as their label `sink`.
#[derive(Clone, Debug)]
pub(super) struct Telemetry {
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "a label of metrics"))]
    sink: Arc<str>,
}

/// Returns the kind as a label. Kinds that this version does not know have one label together, since there is no limit to
/// their number.
pub(super) fn kind_label(envelope: &Envelope) -> &'static str {
    let kind = envelope.decoded().known_kind();
    kind.map_or("unknown", |kind| kind.as_str())
}

#[cfg(feature = "metrics")]
impl Telemetry {
    pub(super) fn new(sink: impl Into<Arc<str>>) -> Self {
        use metrics::{Unit, describe_counter, describe_histogram};
        describe_counter!("driver_events_published_total", "Events that a sink accepted.");
        describe_counter!(
            "driver_events_failed_total",
            "Events that a sink returned an error for."
        );
        describe_counter!("driver_events_retried_total", "Attempts after a failed one.");
        describe_counter!(
            "driver_events_dropped_total",
            "Events that a buffer or a best-effort sink lost."
        );
        describe_histogram!(
            "driver_events_call_seconds",
            Unit::Seconds,
            "Time that a call of a sink takes."
        );
        Self { sink: sink.into() }
    }

    pub(super) fn published(&self, kind: &'static str) {
        metrics::counter!("driver_events_published_total", "kind" => kind, "sink" => self.sink()).increment(1);
    }

    pub(super) fn failed(&self, kind: &'static str, error: &'static str) {
        metrics::counter!("driver_events_failed_total", "kind" => kind, "error" => error, "sink" => self.sink())
            .increment(1);
    }

    #[cfg(feature = "runtime")]
    pub(super) fn retried(&self, kind: &'static str) {
        metrics::counter!("driver_events_retried_total", "kind" => kind, "sink" => self.sink()).increment(1);
    }

    pub(super) fn dropped(&self, kind: &'static str, reason: &'static str) {
        metrics::counter!("driver_events_dropped_total", "kind" => kind, "reason" => reason, "sink" => self.sink())
            .increment(1);
    }

    pub(super) fn took(&self, call: &'static str, time: Duration) {
        metrics::histogram!("driver_events_call_seconds", "call" => call, "sink" => self.sink())
            .record(time.as_secs_f64());
    }

    fn sink(&self) -> metrics::SharedString {
        Arc::clone(&self.sink).into()
    }
}

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, reason = "nothing is recorded without the feature")]
impl Telemetry {
    pub(super) fn new(sink: impl Into<Arc<str>>) -> Self {
        Self { sink: sink.into() }
    }

    pub(super) fn published(&self, _: &'static str) {}

    pub(super) fn failed(&self, _: &'static str, _: &'static str) {}

    #[cfg(feature = "runtime")]
    pub(super) fn retried(&self, _: &'static str) {}

    pub(super) fn dropped(&self, _: &'static str, _: &'static str) {}

    pub(super) fn took(&self, _: &'static str, _: Duration) {}
}
