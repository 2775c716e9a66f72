//! Reports the state of a spool to `tracing` and the `metrics` facade while it is open.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::health::{Health, TargetState};
use crate::health_view::HealthView;

/// Time between two reports to `metrics`.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of intervals between two reports of a backlog to `tracing`.
const LOG_EVERY: u32 = 60;

/// Runs until the spool closes.
pub(crate) async fn report(view: HealthView, mut closing: watch::Receiver<bool>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0_u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = closing.changed() => return,
        }
        let health = view.health();
        metrics::record(&health);
        if number.is_multiple_of(LOG_EVERY) {
            log(&health);
        }
        number = number.wrapping_add(1);
    }
}

/// Logs each target that does not deliver.
fn log(health: &Health) {
    let failing = health
        .targets
        .iter()
        .filter(|target| target.state != TargetState::Delivering && target.depth > 0);
    for target in failing {
        tracing::warn!(
            target = target.name,
            state = ?target.state,
            depth = target.depth,
            oldest_age_seconds = target.oldest_age.map(|age| age.as_secs()),
            bytes = health.bytes,
            error = target.last_error,
            "the spool keeps events for a target that fails"
        );
    }
}

#[cfg(feature = "metrics")]
mod metrics {
    use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

    use crate::health::{Health, TargetState};

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating-point numbers")]
    pub(super) fn record(health: &Health) {
        describe_gauge!(
            "driver_events_spool_bytes",
            Unit::Bytes,
            "Bytes in use in the spool's database."
        );
        describe_gauge!("driver_events_spool_depth", "Events that a target does not have yet.");
        describe_gauge!(
            "driver_events_spool_oldest_age_seconds",
            Unit::Seconds,
            "Time since the oldest of them was spooled."
        );
        describe_gauge!(
            "driver_events_spool_stopped",
            "1 if the delivery to a target needs an operator, else 0."
        );
        describe_counter!(
            "driver_events_spool_accepted_total",
            "Events accepted since the spool was opened."
        );
        describe_counter!(
            "driver_events_spool_refused_total",
            "Events refused by a full spool since it was opened."
        );
        describe_counter!(
            "driver_events_spool_delivered_total",
            "Events delivered since the file was created."
        );
        describe_counter!(
            "driver_events_spool_dead_total",
            "Dead letters since the file was created."
        );
        gauge!("driver_events_spool_bytes").set(health.bytes as f64);
        counter!("driver_events_spool_accepted_total").absolute(health.accepted);
        counter!("driver_events_spool_refused_total").absolute(health.refused);
        for target in &health.targets {
            let labels = [("target", target.name.clone())];
            let age = target.oldest_age.unwrap_or_default();
            let is_stopped = f64::from(u8::from(target.state == TargetState::Stopped));
            gauge!("driver_events_spool_depth", &labels).set(target.depth as f64);
            gauge!("driver_events_spool_oldest_age_seconds", &labels).set(age.as_secs_f64());
            gauge!("driver_events_spool_stopped", &labels).set(is_stopped);
            counter!("driver_events_spool_delivered_total", &labels).absolute(target.delivered);
            counter!("driver_events_spool_dead_total", &labels).absolute(target.dead);
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod metrics {
    use crate::health::Health;

    pub(super) fn record(_: &Health) {}
}
