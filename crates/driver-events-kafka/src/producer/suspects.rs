//! Records that the broker will probably refuse, with all others of their batch.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use driver_events_types::GoalId;
use rdkafka::Timestamp;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message as _, OwnedMessage};

use crate::admin::topic_limits::{RecordTraits, TopicLimits};

/// Time for which all records of a topic are sent alone, after it refused a batch for a reason that no record shows.
const ALL_SUSPECT: Duration = Duration::from_secs(60);

/// The known limits of each topic.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    topics: RwLock<Arc<Topics>>,
}

type Topics = HashMap<Arc<str>, KnownLimits>;

#[derive(Clone, Debug, Default)]
struct KnownLimits {
    limits: TopicLimits,
    all_suspect_until: Option<Instant>,
}

/// Why an event of a call is not sent with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// The broker will probably refuse it.
    Suspect,
    /// It follows an event of its goal that is held.
    Behind,
}

/// Chooses the events of one call that are held.
#[derive(Debug)]
pub(super) struct HoldChoice {
    topics: Arc<Topics>,
    now_ms: i64,
    /// Goals with a held event.
    goals: HashSet<GoalId>,
}

impl Suspects {
    /// Starts a call.
    pub(super) fn choose(&self) -> HoldChoice {
        HoldChoice {
            // Never poisoned: no code panics while it holds the lock.
            topics: Arc::clone(&self.topics.read().unwrap_or_else(PoisonError::into_inner)),
            now_ms: now_ms(),
            goals: HashSet::new(),
        }
    }

    /// Sets the limits that the topic's settings have.
    pub(super) fn set_limits(&self, topic: &str, limits: TopicLimits) {
        self.update(topic, |known| known.limits = limits);
    }

    /// Learns from a record that was refused alone.
    pub(super) fn refused_alone(&self, topic: &str, code: RDKafkaErrorCode, record: &OwnedMessage) {
        use RDKafkaErrorCode as Code;
        let ahead_ms = record.timestamp().to_millis().map(|time| time - now_ms());
        self.update(topic, |known| match (code, ahead_ms) {
            (Code::InvalidTimestamp, Some(ahead)) if ahead > 0 => {
                known.limits.ahead_ms = Some(known.limits.ahead_ms.map_or(ahead, |limit| limit.min(ahead)));
            }
            (Code::InvalidTimestamp, Some(ahead)) => {
                known.limits.behind_ms = Some(known.limits.behind_ms.map_or(-ahead, |limit| limit.min(-ahead)));
            }
            (Code::InvalidRecord, _) if record.key().is_none() => known.limits.needs_key = true,
            (Code::MessageSizeTooLarge | Code::MessageBatchTooLarge, _) => {
                let length = record.payload().map_or(0, <[u8]>::len);
                known.limits.length = Some(known.limits.length.map_or(length, |limit| limit.min(length)));
            }
            _ => known.all_suspect_until = Some(Instant::now() + ALL_SUSPECT),
        });
    }

    /// Learns that a batch was refused, but none of its records alone.
    pub(super) fn refused_as_batch(&self, topic: &str) {
        self.update(topic, |known| {
            known.all_suspect_until = Some(Instant::now() + ALL_SUSPECT)
        });
    }

    fn update(&self, topic: &str, change: impl FnOnce(&mut KnownLimits)) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut topics).entry(topic.into()).or_default());
    }
}

impl HoldChoice {
    /// Returns why the next event of the call is held; `None` if it is sent with the others.
    pub(super) fn hold(
        &mut self,
        topic: &str,
        goal: Option<GoalId>,
        timestamp: Timestamp,
        length: usize,
    ) -> Option<Hold> {
        let record = RecordTraits {
            has_key: goal.is_some(),
            ahead_ms: timestamp.to_millis().map_or(0, |time| time - self.now_ms),
            length,
        };
        if self.is_suspect(topic, record) {
            self.goals.extend(goal);
            return Some(Hold::Suspect);
        }
        let is_behind = !self.goals.is_empty() && goal.is_some_and(|goal| self.goals.contains(&goal));
        is_behind.then_some(Hold::Behind)
    }

    fn is_suspect(&self, topic: &str, record: RecordTraits) -> bool {
        let known = match self.topics.is_empty() {
            true => None,
            false => self.topics.get(topic),
        };
        let Some(known) = known else {
            return TopicLimits::default().may_refuse(record);
        };
        known.limits.may_refuse(record) || known.all_suspect_until.is_some_and(|until| Instant::now() < until)
    }
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
