use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::Server;

/// Time until the same cause is logged again. Doubles each time, up to `MAX_LOG_INTERVAL`.
const MIN_LOG_INTERVAL: Duration = Duration::from_secs(5);
const MAX_LOG_INTERVAL: Duration = Duration::from_secs(300);
/// Bounds the memory and the log: few causes occur at a time.
const MAX_CAUSES: usize = 32;

/// Failed attempts to connect during one outage, and when each cause is due to be logged again.
#[derive(Debug, Default)]
pub(super) struct ConnectFailures {
    attempts: u64,
    first: Option<Instant>,
    /// Failed attempts in a row by server, as the client counts them.
    by_server: BTreeMap<String, usize>,
    causes: BTreeMap<String, LogSchedule>,
}

#[derive(Clone, Copy, Debug)]
struct LogSchedule {
    next: Instant,
    interval: Duration,
}

/// Failed attempt on one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectFailure {
    pub(super) server: String,
    pub(super) error: String,
    /// Failed attempts of this outage so far, over all servers.
    pub(super) attempts: u64,
    /// Whether the failure is due to be logged.
    pub(super) is_due: bool,
}

/// Outage that has ended.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) failed_attempts: u64,
    pub(super) duration: Duration,
}

impl ConnectFailures {
    /// Compares the client's list of servers with that of the last call. Returns the servers that failed since.
    pub(super) fn observe(&mut self, servers: &[Server], now: Instant) -> Vec<ConnectFailure> {
        let mut failures = Vec::new();
        for server in servers {
            let name = server.to_string();
            let known = self.by_server.insert(name.clone(), server.failed_attempts).unwrap_or(0);
            let new = server.failed_attempts.saturating_sub(known);
            let Some(error) = server.last_error.clone().filter(|_| new > 0) else {
                continue;
            };
            self.first.get_or_insert(now);
            self.attempts += new as u64;
            failures.push(ConnectFailure {
                is_due: self.is_due(&format!("{name} {error}"), now),
                server: name,
                error,
                attempts: self.attempts,
            });
        }
        failures
    }

    /// Returns whether a cause is due to be logged: a new one at once, then at growing intervals.
    pub(super) fn is_due(&mut self, cause: &str, now: Instant) -> bool {
        if self.causes.len() >= MAX_CAUSES {
            self.causes.retain(|_, schedule| now < schedule.next + MAX_LOG_INTERVAL);
        }
        let has_free_entry = self.causes.len() < MAX_CAUSES;
        match self.causes.get_mut(cause) {
            Some(schedule) if now < schedule.next => false,
            Some(schedule) => {
                schedule.interval = MAX_LOG_INTERVAL.min(schedule.interval * 2);
                schedule.next = now + schedule.interval;
                true
            }
            None if !has_free_entry => false,
            None => {
                let interval = MIN_LOG_INTERVAL;
                let next = now + interval;
                self.causes.insert(cause.to_owned(), LogSchedule { next, interval });
                true
            }
        }
    }

    /// Ends the outage.
    pub(super) fn end_outage(&mut self, now: Instant) -> Outage {
        let ended = std::mem::take(self);
        Outage {
            failed_attempts: ended.attempts,
            duration: ended
                .first
                .map_or(Duration::ZERO, |first| now.saturating_duration_since(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use async_nats::Server;

    use super::{ConnectFailures, MAX_CAUSES, MAX_LOG_INTERVAL, MIN_LOG_INTERVAL};

    fn server(failed_attempts: usize) -> Server {
        Server {
            addr: "nats://127.0.0.1:4222".parse().unwrap(),
            failed_attempts,
            did_connect: true,
            is_discovered: false,
            last_error: (failed_attempts > 0).then(|| "IO error: Connection refused (os error 111)".into()),
        }
    }

    #[test]
    fn a_cause_is_logged_at_growing_intervals() {
        let start = Instant::now();
        let mut failures = ConnectFailures::default();
        assert!(failures.observe(&[server(0)], start).is_empty());
        let mut logged = Vec::new();
        for second in 0..1_000 {
            let attempts = usize::try_from(second).unwrap() + 1;
            let failed = failures.observe(&[server(attempts)], start + Duration::from_secs(second));
            assert_eq!(failed.len(), 1);
            assert_eq!(failed[0].attempts, second + 1);
            logged.extend(failed[0].is_due.then_some(second));
        }
        assert_eq!(logged, [0, 5, 15, 35, 75, 155, 315, 615, 915]);
        assert!(failures.is_due("another cause", start));
    }

    #[test]
    fn old_causes_make_room_for_new_ones() {
        let start = Instant::now();
        let mut failures = ConnectFailures::default();
        for number in 0..MAX_CAUSES {
            assert!(failures.is_due(&number.to_string(), start));
        }
        assert!(!failures.is_due("new", start));
        assert!(failures.is_due("new", start + MIN_LOG_INTERVAL + MAX_LOG_INTERVAL));
    }

    #[test]
    fn an_outage_ends_with_its_counts() {
        let start = Instant::now();
        let mut failures = ConnectFailures::default();
        failures.observe(&[server(1)], start);
        failures.observe(&[server(3)], start + Duration::from_secs(1));
        let outage = failures.end_outage(start + Duration::from_secs(9));
        assert_eq!((outage.failed_attempts, outage.duration), (3, Duration::from_secs(9)));
        assert!(failures.observe(&[server(0)], start).is_empty());
        assert!(failures.observe(&[server(1)], start)[0].is_due, "a new outage");
    }
}
