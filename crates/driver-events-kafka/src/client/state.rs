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
    /// Whether `status` has a credential error or a refusal, so that a delivery report seldom locks it.
    has_credential_error: AtomicBool,
    producer_recreations: AtomicU64,
    possible_duplicates: AtomicU64,
    /// Whether no broker was reachable at the last check.
    is_disconnected: AtomicBool,
}

#[derive(Default)]
struct Status {
    last_error: Option<String>,
    /// The last connection error.
    connection_error: Option<ConnectionError>,
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
    /// Returns why the client waits or has failed, as of the last such event: a connection error, a failed send, commit or
    /// rebalance, a full queue, a flush that timed out. `None` if there was none. Kept after recovery. Errors that concern a
    /// single event are not included.
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
        if is_credential_error(code, reason) {
            status.credential_error = Some(ConnectionError::new(reason));
            self.shared.has_credential_error.store(true, Ordering::Release);
        }
        false
    }

    /// Records a failure whose cause is known.
    pub(crate) fn record_failure(&self, cause: impl Into<String>) {
        self.status().last_error = Some(cause.into());
    }

    /// Records a wait or a timeout. A recent connection error is the deeper cause and is kept.
    pub(crate) fn record_wait(&self, cause: impl Into<String>) {
        let mut status = self.status();
        let connection_error = status.connection_error.as_ref().filter(|error| error.is_recent());
        let cause = connection_error.map_or_else(|| cause.into(), |error| error.reason.clone());
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
        self.shared.has_credential_error.store(true, Ordering::Release);
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

    /// Records a response of a broker, which therefore accepts the credentials.
    pub(crate) fn broker_responded(&self) {
        self.set_connected();
        if !self.shared.has_credential_error.load(Ordering::Acquire) {
            return;
        }
        let mut status = self.status();
        self.shared.has_credential_error.store(false, Ordering::Release);
        status.credential_error = None;
        status.refusal = None;
    }

    pub(crate) fn set_statistics(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.set_connected();
        }
        self.status().statistics = Some(Arc::new(statistics));
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
