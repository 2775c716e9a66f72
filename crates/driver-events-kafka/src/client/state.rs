use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::Notify;

/// State of a producer or a consumer, as librdkafka reports it. Cheap to clone: all clones share it.
#[derive(Clone, Default)]
pub struct KafkaState {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    status: Mutex<Status>,
    /// Wakes the callers that wait for a broker, once all brokers refuse the credentials.
    refused: Notify,
    refusals: AtomicU64,
    /// Whether `status` has an error that a broker's response refutes, so that a delivery report seldom locks it.
    is_refutable: AtomicBool,
    producer_recreations: AtomicU64,
    possible_duplicates: AtomicU64,
    /// Whether no broker was reachable at the last check.
    is_disconnected: AtomicBool,
}

#[derive(Default)]
struct Status {
    last_error: Option<String>,
    /// The last connection error, until its broker is known to be reachable.
    connection_error: Option<ConnectionError>,
    /// Whether all brokers were down since.
    all_down: bool,
    /// The last refusal of the credentials by one broker, until a broker accepts them.
    credential_error: Option<ConnectionError>,
    /// The reason, once every broker is down or refuses the credentials.
    refusal: Option<String>,
    statistics: Option<Arc<Statistics>>,
}

struct ConnectionError {
    reason: String,
    reported: Instant,
}

/// Time for which a connection error counts as the cause of later errors. librdkafka repeats it every 30 seconds.
const CONNECTION_ERROR_TTL: Duration = Duration::from_secs(60);

impl ConnectionError {
    fn new(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            reported: Instant::now(),
        }
    }

    fn is_recent(&self) -> bool {
        self.reported.elapsed() < CONNECTION_ERROR_TTL
    }
}

impl KafkaState {
    /// Returns why the client waits or has failed, as of the last such event: a connection error; a failed send, commit,
    /// rebalance, dead letter or lookup; a full queue, a flush that timed out, a missing coordinator, an unreadable batch. A
    /// wait or a timeout includes the last connection error, if that is recent. `None` if there was none. Kept after recovery.
    /// Errors that concern a single event and are not retryable are not included.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.status().last_error.clone()
    }

    /// Returns librdkafka's latest statistics; `None` before the first, and if `statistics.interval.ms` is 0.
    #[must_use]
    pub fn statistics(&self) -> Option<Arc<Statistics>> {
        self.status().statistics.clone()
    }

    /// Returns how often the producer was re-created after a fatal error of librdkafka.
    #[must_use]
    pub fn producer_recreations(&self) -> u64 {
        self.shared.producer_recreations.load(Ordering::Relaxed)
    }

    /// Returns how many events a re-created producer sent again, with the same id, although the previous one may have
    /// stored them: at most this many events are stored twice.
    #[must_use]
    pub fn possible_duplicates(&self) -> u64 {
        self.shared.possible_duplicates.load(Ordering::Relaxed)
    }

    /// Returns why the brokers refuse the credentials, while all of them do.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.status().refusal.clone()
    }

    /// Returns how often all brokers were found to refuse the credentials.
    pub(crate) fn refusals(&self) -> u64 {
        self.shared.refusals.load(Ordering::Acquire)
    }

    /// Waits until all brokers refuse the credentials once more.
    pub(crate) async fn refused_after(&self, refusals: u64) {
        loop {
            let refused = self.shared.refused.notified();
            if self.refusals() > refusals {
                return;
            }
            refused.await;
        }
    }

    pub(crate) fn count_recreation(&self) {
        self.shared.producer_recreations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_possible_duplicate(&self) {
        self.shared.possible_duplicates.fetch_add(1, Ordering::Relaxed);
    }

    /// Records an error that concerns no single event. Returns whether it means that all brokers refuse the credentials.
    pub(crate) fn record_error(&self, error: &KafkaError, reason: &str) -> bool {
        let mut status = self.status();
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            status.all_down = true;
            self.shared.is_refutable.store(true, Ordering::Release);
            // The error of each broker names its cause. There is none if brokers have closed idle connections.
            let credential_error = status.credential_error.as_ref().filter(|error| error.is_recent());
            let Some(reason) = credential_error.map(|error| error.reason.clone()) else {
                return false;
            };
            drop(status);
            self.set_refusal(reason);
            return true;
        }
        status.last_error = Some(reason.to_owned());
        status.connection_error = Some(ConnectionError::new(reason));
        status.all_down = false;
        if is_credential_error(code, reason) {
            status.credential_error = Some(ConnectionError::new(reason));
            self.shared.is_refutable.store(true, Ordering::Release);
        }
        false
    }

    /// Records a failure whose cause is known.
    pub(crate) fn record_failure(&self, cause: impl Into<String>) {
        self.status().last_error = Some(cause.into());
    }

    /// Records a wait or a timeout. A recent connection error may be its cause and is added.
    pub(crate) fn record_wait(&self, cause: impl Into<String>) {
        let mut cause = cause.into();
        let mut status = self.status();
        if let Some(ConnectionError { reason, .. }) = status.connection_error.as_ref().filter(|error| error.is_recent())
            && !cause.contains(reason)
        {
            cause.push_str("; last connection error: ");
            cause.push_str(reason);
        }
        status.last_error = Some(cause);
    }

    /// Returns the last connection error, unless it is too old to be the cause of a failure now.
    pub(crate) fn recent_connection_error(&self) -> Option<String> {
        let status = self.status();
        let error = status.connection_error.as_ref().filter(|error| error.is_recent())?;
        Some(error.reason.clone())
    }

    /// Records that no broker accepts the credentials.
    pub(crate) fn set_refusal(&self, reason: String) {
        let mut status = self.status();
        status.last_error = Some(reason.clone());
        status.refusal = Some(reason);
        self.shared.is_refutable.store(true, Ordering::Release);
        drop(status);
        self.shared.refusals.fetch_add(1, Ordering::AcqRel);
        self.shared.refused.notify_waiters();
    }

    /// Records that no broker is reachable. Returns whether that is new: librdkafka keeps repeating it.
    pub(crate) fn set_disconnected(&self) -> bool {
        !self.shared.is_disconnected.swap(true, Ordering::Relaxed)
    }

    /// Records that a broker is reachable.
    pub(crate) fn set_connected(&self) {
        // Called for every record, so it seldom writes.
        if self.shared.is_disconnected.load(Ordering::Relaxed) {
            self.shared.is_disconnected.store(false, Ordering::Relaxed);
        }
    }

    /// Records a response of a broker, which therefore accepts the credentials. After an outage of all brokers it also
    /// refutes the last connection error; otherwise that may be another broker's.
    pub(crate) fn broker_responded(&self) {
        self.set_connected();
        if !self.shared.is_refutable.load(Ordering::Acquire) {
            return;
        }
        let mut status = self.status();
        self.shared.is_refutable.store(false, Ordering::Release);
        status.credential_error = None;
        status.refusal = None;
        if status.all_down {
            status.all_down = false;
            status.connection_error = None;
        }
    }

    pub(crate) fn set_statistics(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.set_connected();
        }
        let mut status = self.status();
        let is_up = |error: &ConnectionError| {
            let mut brokers = statistics.brokers.values();
            brokers.any(|broker| broker.state == "UP" && address(&broker.name) == address(&error.reason))
        };
        if status.connection_error.as_ref().is_some_and(is_up) {
            status.connection_error = None;
        }
        status.statistics = Some(Arc::new(statistics));
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        // Never poisoned: no code panics while it holds the lock.
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KafkaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaState")
            .field("last_error", &self.last_error())
            .field("refusal", &self.refusal())
            .field("producer_recreations", &self.producer_recreations())
            .field("possible_duplicates", &self.possible_duplicates())
            .finish_non_exhaustive()
    }
}

/// Returns the address before the broker's id, in a broker's name or in an error: `127.0.0.1:9092/1: Connect to …`.
fn address(text: &str) -> &str {
    let name = text.split_once(": ").map_or(text, |(name, _)| name);
    name.rsplit_once('/').map_or(name, |(address, _)| address)
}

/// Returns whether a connection failed on credentials or certificates. Certificate errors have no code of their own, so
/// OpenSSL's text decides.
fn is_credential_error(code: Option<RDKafkaErrorCode>, reason: &str) -> bool {
    use RDKafkaErrorCode as Code;
    match code {
        Some(Code::Authentication) => true,
        Some(Code::SSL | Code::BrokerTransportFailure) => {
            let reason = reason.to_ascii_lowercase();
            ["certificate", "unknown ca"].iter().any(|part| reason.contains(part))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Statistics;
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};
    use rdkafka::statistics::Broker;

    use super::KafkaState;

    const REFUSED: &str = "127.0.0.1:9093/3: Connect to ipv4#127.0.0.1:9093 failed: Connection refused (after 0ms)";

    fn refused() -> KafkaState {
        let state = KafkaState::default();
        let error = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        assert!(!state.record_error(&error, REFUSED));
        state
    }

    fn after_wait(state: &KafkaState) -> String {
        state.record_wait("the queue is full");
        state.last_error().unwrap()
    }

    fn statistics(name: &str) -> Statistics {
        let broker = Broker {
            name: name.to_owned(),
            state: "UP".to_owned(),
            ..Broker::default()
        };
        Statistics {
            brokers: [(name.to_owned(), broker)].into(),
            ..Statistics::default()
        }
    }

    #[test]
    fn wait_has_its_cause_and_the_connection_error() {
        let state = refused();
        let both = format!("the queue is full; last connection error: {REFUSED}");
        assert_eq!(after_wait(&state), both);
        // Another broker responds, and is up.
        state.broker_responded();
        state.set_statistics(statistics("127.0.0.1:9092/1"));
        assert_eq!(after_wait(&state), both);
    }

    #[test]
    fn connection_error_ends_when_its_broker_is_up() {
        let state = refused();
        state.set_statistics(statistics("127.0.0.1:9093/3"));
        assert_eq!(after_wait(&state), "the queue is full");
        assert_eq!(state.recent_connection_error(), None);
    }

    #[test]
    fn connection_error_ends_at_a_response_after_all_were_down() {
        let state = refused();
        state.record_error(
            &KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 brokers are down",
        );
        state.broker_responded();
        assert_eq!(after_wait(&state), "the queue is full");
    }
}
