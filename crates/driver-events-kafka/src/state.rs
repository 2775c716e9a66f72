use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::Notify;

/// How a producer or a consumer is doing, as librdkafka tells it. Cheap to clone; all clones show the same.
#[derive(Clone, Default)]
pub struct KafkaState {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    told: Mutex<Told>,
    /// Wakes those who wait for something that refused credentials will not let come.
    refused: Notify,
    refusals: AtomicU64,
    /// Whether there is a doubt or a refusal. Every record asks.
    is_in_doubt: AtomicBool,
    producer_recreations: AtomicU64,
    possible_duplicates: AtomicU64,
    /// No broker could be reached last.
    is_cut_off: AtomicBool,
}

#[derive(Default)]
struct Told {
    last_error: Option<String>,
    /// Why a broker refused the credentials last, until one takes them.
    doubt: Option<Doubt>,
    /// The same, once no broker is left that may take them.
    refusal: Option<String>,
    statistics: Option<Arc<Statistics>>,
}

struct Doubt {
    why: String,
    told: Instant,
}

/// For how long a refusal says why no broker is there. librdkafka tells the same one again after half a minute.
const DOUBT: Duration = Duration::from_secs(60);

impl KafkaState {
    /// What went wrong last with the connections to the brokers, in words; none where nothing did yet. It stays when the
    /// trouble is over.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.told().last_error.clone()
    }

    /// librdkafka's newest statistics; none unless the property `statistics.interval.ms` asks for them.
    #[must_use]
    pub fn statistics(&self) -> Option<Arc<Statistics>> {
        self.told().statistics.clone()
    }

    /// How often the producer was made anew after an error that librdkafka does not recover from.
    #[must_use]
    pub fn producer_recreations(&self) -> u64 {
        self.shared.producer_recreations.load(Ordering::Relaxed)
    }

    /// How many events were sent again, with the same id, by a producer that was made anew, where it is not known
    /// whether the one before it had stored them: at most so many are in their topics twice.
    #[must_use]
    pub fn possible_duplicates(&self) -> u64 {
        self.shared.possible_duplicates.load(Ordering::Relaxed)
    }

    /// Why the brokers refuse the credentials, as long as all of them do.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.told().refusal.clone()
    }

    /// How often all brokers were found to refuse the credentials.
    pub(crate) fn refusals(&self) -> u64 {
        self.shared.refusals.load(Ordering::Acquire)
    }

    /// Waits until all brokers are found to refuse the credentials once more.
    pub(crate) async fn refused_after(&self, refusals: u64) {
        loop {
            let refused = self.shared.refused.notified();
            if self.refusals() > refusals {
                return;
            }
            refused.await;
        }
    }

    pub(crate) fn rebuilt(&self) {
        self.shared.producer_recreations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn may_have_doubled(&self) {
        self.shared.possible_duplicates.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of an error that is about no event. Whether it means that all brokers refuse the credentials.
    pub(crate) fn erred(&self, error: &KafkaError, reason: &str) -> bool {
        let mut told = self.told();
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            // What was told before says why.
            told.last_error.get_or_insert_with(|| reason.to_owned());
            let doubt = told.doubt.as_ref().filter(|doubt| doubt.told.elapsed() < DOUBT);
            let Some(why) = doubt.map(|doubt| doubt.why.clone()) else {
                return false;
            };
            drop(told);
            self.refused(why);
            return true;
        }
        told.last_error = Some(reason.to_owned());
        if is_refusal(code, reason) {
            told.doubt = Some(Doubt {
                why: reason.to_owned(),
                told: Instant::now(),
            });
            self.shared.is_in_doubt.store(true, Ordering::Release);
        }
        false
    }

    /// There is no broker that takes the credentials.
    pub(crate) fn refused(&self, why: String) {
        let mut told = self.told();
        told.refusal = Some(why);
        self.shared.is_in_doubt.store(true, Ordering::Release);
        drop(told);
        self.shared.refusals.fetch_add(1, Ordering::AcqRel);
        self.shared.refused.notify_waiters();
    }

    /// Takes note that no broker can be reached. Whether that is news: librdkafka tells it again and again.
    pub(crate) fn cut_off(&self) -> bool {
        !self.shared.is_cut_off.swap(true, Ordering::Relaxed)
    }

    /// Takes note that a broker can be reached.
    pub(crate) fn reached(&self) {
        // Each record comes by here, and hardly any after an outage.
        if self.shared.is_cut_off.load(Ordering::Relaxed) {
            self.shared.is_cut_off.store(false, Ordering::Relaxed);
        }
    }

    /// A broker answered, so it takes the credentials.
    pub(crate) fn answered(&self) {
        self.reached();
        if !self.shared.is_in_doubt.load(Ordering::Acquire) {
            return;
        }
        let mut told = self.told();
        self.shared.is_in_doubt.store(false, Ordering::Release);
        told.doubt = None;
        told.refusal = None;
    }

    pub(crate) fn measured(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.reached();
        }
        self.told().statistics = Some(Arc::new(statistics));
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics while it holds the lock.
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Whether a connection failed because of who the client is, or who the broker is. For certificates there is no code: what
/// OpenSSL says names them.
fn is_refusal(code: Option<RDKafkaErrorCode>, reason: &str) -> bool {
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
