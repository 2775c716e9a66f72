use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config};

/// Maximum batch of a pull request.
const MAX_BATCH: usize = 512;
/// Time after which the server drops a pull request.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Interval of the server's heartbeats while it has no messages.
pub(super) const IDLE_HEARTBEAT: Duration = Duration::from_secs(5);

/// Bounds of the pull requests to a consumer. The server rejects requests beyond the consumer's limits, into which it copies
/// its own when it creates the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PullLimits {
    pub(super) max_batch: usize,
    pub(super) expires: Duration,
    pub(super) idle_heartbeat: Duration,
}

impl PullLimits {
    pub(super) fn of(consumer: &Config) -> Self {
        // Without acks the server does not count messages as pending.
        let max_ack_pending = match consumer.ack_policy {
            AckPolicy::None => None,
            _ => limit(consumer.max_ack_pending),
        };
        let expires = match consumer.max_expires {
            Duration::ZERO => PULL_EXPIRES,
            max => max.min(PULL_EXPIRES),
        };
        Self {
            max_batch: [limit(consumer.max_batch), max_ack_pending]
                .into_iter()
                .flatten()
                .fold(MAX_BATCH, usize::min),
            expires,
            // The server rejects longer ones.
            idle_heartbeat: IDLE_HEARTBEAT.min(expires / 2),
        }
    }
}

/// Returns a limit of the consumer; `None` without one, which the server writes as 0 or -1.
fn limit(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_nats::jetstream::consumer::{AckPolicy, Config};

    use super::PullLimits;

    #[test]
    fn limits_of_the_consumer_bound_the_pull_request() {
        let acked = |max_batch, max_ack_pending| Config {
            ack_policy: AckPolicy::Explicit,
            max_batch,
            max_ack_pending,
            ..Config::default()
        };
        let unacked = Config {
            ack_policy: AckPolicy::None,
            ..acked(0, 3)
        };
        for (config, max_batch) in [
            (acked(0, 0), 512),
            (acked(-1, -1), 512),
            (acked(1_000, 1_000), 512),
            (acked(7, 1_000), 7),
            (acked(100, 2), 2),
            (unacked, 512),
        ] {
            assert_eq!(PullLimits::of(&config).max_batch, max_batch, "{config:?}");
        }
        for (max_expires, expires, heartbeat) in [
            (0, 30_000, 5_000),
            (60_000, 30_000, 5_000),
            (2_000, 2_000, 1_000),
            (1, 1, 0),
        ] {
            let config = Config {
                max_expires: Duration::from_millis(max_expires),
                ..Config::default()
            };
            let limits = PullLimits::of(&config);
            let found = (limits.expires.as_millis(), limits.idle_heartbeat.as_millis());
            assert_eq!(found, (expires, heartbeat), "{max_expires}");
        }
    }
}
