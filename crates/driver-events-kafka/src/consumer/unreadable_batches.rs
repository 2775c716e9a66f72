//! Batches that librdkafka cannot decompress or parse.
//!
//! It fetches such a batch forever and names neither its partition nor its offsets, or reports nothing at all. So a second
//! consumer fetches from the offsets in question, one partition at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::errors::is_unreadable_batch;
use super::stalled_partitions::Suspect;
use crate::admin::metadata::REQUEST_TIMEOUT;
use crate::client::context::{ClientRole, Context};
use crate::client::creation;
use crate::client::state::KafkaState;
use crate::client::tokens::TokenCache;

/// Consecutive offsets of one partition that librdkafka cannot read.
#[derive(Debug)]
pub(super) struct UnreadableBatch {
    pub(super) suspect: Suspect,
    pub(super) first: i64,
    /// Offset after the last unreadable one.
    pub(super) next: i64,
    pub(super) cause: String,
}

impl UnreadableBatch {
    /// Returns the reason of the malformed delivery.
    pub(super) fn reason(&self) -> String {
        let Suspect { topic, partition, .. } = &self.suspect;
        let (first, last) = (self.first, self.next - 1);
        let offsets = match first == last {
            true => format!("offset {first}"),
            false => format!("offsets {first} to {last}"),
        };
        format!(
            "cannot read `{topic}`, partition {partition}, {offsets}: {}",
            self.cause
        )
    }
}

/// Settings of the consumer that searches.
#[derive(Clone)]
pub(super) struct BatchSearch {
    config: ClientConfig,
    tokens: Option<TokenCache>,
    is_grouped: bool,
}

/// Properties of that consumer, in addition to those of the source.
const PROPERTIES: [(&str, &str); 7] = [
    ("enable.auto.commit", "false"),
    ("enable.partition.eof", "true"),
    ("statistics.interval.ms", "0"),
    // A response has one batch.
    ("fetch.message.max.bytes", "1"),
    // Soon a second attempt, which proves that the first found no record.
    ("fetch.error.backoff.ms", "1"),
    // Logs fetches and their failures.
    ("debug", "fetch"),
    ("group.protocol", "classic"),
];

/// Time in which a partition's leader must be found after that of another was not: many partitions may be without one.
const LATER_TIMEOUT: Duration = Duration::from_secs(1);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls without a record after which a batch behind the requested offset is unreadable.
const QUIET_POLLS: usize = 30;

/// Number of offsets from which on the end of an unreadable batch is estimated before it is searched: readable records
/// between two unreadable batches are found only within that many offsets.
const EXACT_OFFSETS: i64 = 1_000;

impl BatchSearch {
    /// `config` is that of the source's consumer.
    pub(super) fn new(mut config: ClientConfig, tokens: Option<TokenCache>, is_grouped: bool) -> Self {
        for name in ["group.remote.assignor", "max.partition.fetch.bytes"] {
            config.remove(name);
        }
        for (name, value) in PROPERTIES {
            config.set(name, value);
        }
        config.set_log_level(RDKafkaLogLevel::Debug);
        Self {
            config,
            tokens,
            is_grouped,
        }
    }

    /// Returns the unreadable batches at the positions of these partitions. Blocks. A partition that cannot be searched, such as
    /// one without a leader, does not hide those of others.
    ///
    /// # Errors
    /// The text of the error: the consumer cannot be created, or nothing is found and a partition cannot be searched.
    pub(super) fn run(&self, suspects: Vec<Suspect>) -> Result<Vec<UnreadableBatch>, String> {
        let role = ProbeRole::default();
        let context = Context::new(KafkaState::default(), self.tokens.clone(), role);
        let client = creation::create(&self.config, context).map_err(|error| error.to_string())?;
        let leader_timeout = REQUEST_TIMEOUT;
        let mut probe = Probe { client, leader_timeout };
        let (mut found, mut failure) = (Vec::new(), None);
        for suspect in suspects {
            match probe.search(&suspect, self.is_grouped) {
                Ok(batch) => found.extend(batch),
                Err(error) => {
                    let Suspect { topic, partition, .. } = suspect;
                    let error = format!("`{topic}`, partition {partition}: {error}");
                    tracing::debug!("cannot search for an unreadable batch in {error}");
                    failure.get_or_insert(error);
                    probe.leader_timeout = LATER_TIMEOUT;
                }
            }
        }
        match failure {
            Some(failure) if found.is_empty() => Err(failure),
            _ => Ok(found),
        }
    }
}

struct Probe {
    client: BaseConsumer<Context<ProbeRole>>,
    /// Time in which a partition's leader must respond first.
    leader_timeout: Duration,
}

impl Probe {
    fn search(&self, suspect: &Suspect, is_grouped: bool) -> Result<Option<UnreadableBatch>, KafkaError> {
        let (topic, partition) = (&*suspect.topic, suspect.partition);
        let (low, high) = self.client.fetch_watermarks(topic, partition, self.leader_timeout)?;
        let start = match suspect.position {
            None if is_grouped => self.committed(topic, partition)?,
            position => position,
        };
        let first = start.unwrap_or(low).max(low);
        if high <= first {
            return Ok(None);
        }
        let Some(cause) = self.fetch(topic, partition, first)? else {
            return Ok(None);
        };
        let next = self.end(topic, partition, first, high)?;
        Ok(Some(UnreadableBatch {
            suspect: suspect.clone(),
            first,
            next,
            cause,
        }))
    }

    /// Returns the first readable offset after `first`, or else the high watermark.
    fn end(&self, topic: &str, partition: i32, first: i64, high: i64) -> Result<i64, KafkaError> {
        let (mut last, mut next, mut step) = (first, first + 1, 1);
        while next < high && self.fetch(topic, partition, next)?.is_some() {
            if EXACT_OFFSETS < next - first {
                step *= 2;
            }
            last = next;
            next = (last + step).min(high);
        }
        while last + 1 < next {
            let middle = last + (next - last) / 2;
            match self.fetch(topic, partition, middle)? {
                Some(_) => last = middle,
                None => next = middle,
            }
        }
        Ok(next)
    }

    /// Returns why no record can be read from this offset on; `None` if one can, or the partition ends.
    fn fetch(&self, topic: &str, partition: i32, offset: i64) -> Result<Option<String>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let role = self.client.context().role();
        role.expect(topic, partition, offset);
        self.client.assign(&list)?;
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut quiet_polls = 0;
        loop {
            match self.client.poll(POLL_INTERVAL) {
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                // Queued after the records before it.
                Some(Err(error)) if is_unreadable_batch(&error) => {
                    return Ok(Some(cause(&error)));
                }
                Some(Err(error)) if deadline <= Instant::now() => return Err(error),
                Some(Err(_)) => continue,
                None => {}
            }
            match role.underflow() {
                // The position has not moved, so there was no record.
                Some(at) if at == offset => return Ok(Some(RDKafkaErrorCode::Underflow.to_string())),
                Some(at) if offset < at => quiet_polls += 1,
                _ => quiet_polls = 0,
            }
            if QUIET_POLLS <= quiet_polls {
                return Ok(Some(RDKafkaErrorCode::Underflow.to_string()));
            }
            if deadline <= Instant::now() {
                return Err(KafkaError::NoMessageReceived);
            }
        }
    }

    fn committed(&self, topic: &str, partition: i32) -> Result<Option<i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(topic, partition);
        let committed = self.client.committed_offsets(list, REQUEST_TIMEOUT)?;
        let offset = committed.elements().first().and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        });
        Ok(offset)
    }
}

fn cause(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::NotImplemented) => {
            "unsupported compression codec: enable the feature `gzip` or `zstd`".to_owned()
        }
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// Follows the fetches in librdkafka's log, since an underflow is logged and not reported.
#[derive(Debug, Default)]
struct ProbeRole(Mutex<Fetches>);

/// The fetches of one partition, from the one at the requested offset on: what is logged before belongs to an earlier request.
#[derive(Debug, Default)]
struct Fetches {
    /// Topic and partition, as librdkafka's log names them.
    partition: String,
    requested: i64,
    /// Offset of the latest fetch; `None` before the first.
    offset: Option<i64>,
    /// Offset at which the latest fetch failed.
    failed: Option<i64>,
    /// Offset at which two fetches in a row failed.
    failed_twice: Option<i64>,
}

/// librdkafka's text for a record that is longer than its batch.
const UNDERFLOW: &str = "Local: Read underflow";

impl ProbeRole {
    /// Follows the fetches of this partition, and forgets earlier ones.
    fn expect(&self, topic: &str, partition: i32, offset: i64) {
        *self.fetches() = Fetches {
            partition: format!("{topic} [{partition}]"),
            requested: offset,
            ..Fetches::default()
        };
    }

    /// Returns the offset at which two fetches in a row found a record that is longer than its batch.
    fn underflow(&self) -> Option<i64> {
        self.fetches().failed_twice
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        // Never poisoned: no code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientRole for ProbeRole {
    fn logged(&self, facility: &str, message: &str) {
        let mut fetches = self.fetches();
        if facility == "FETCH"
            && let Some(offset) = fetch_offset(message, &fetches.partition)
        {
            if fetches.offset.is_some() || offset == fetches.requested {
                fetches.offset = Some(offset);
            }
            return;
        }
        if facility == "BACKOFF" && message.ends_with(UNDERFLOW) && is_backoff(message, &fetches.partition) {
            let failed = fetches.offset;
            fetches.failed_twice = failed.filter(|_| failed == fetches.failed);
            fetches.failed = failed;
        }
    }
}

impl ConsumerContext for Context<ProbeRole> {}

/// Parses a log message such as `[thrd:…]: …: Fetch topic a [0] at offset 5 (leader epoch 0, …`; `None` if it is of another
/// partition than `a [0]`.
fn fetch_offset(message: &str, partition: &str) -> Option<i64> {
    let (_, fetch) = message.split_once(": Fetch topic ")?;
    let offset = fetch.strip_prefix(partition)?.strip_prefix(" at offset ")?;
    offset.split(' ').next()?.parse().ok()
}

/// Returns whether the log message is one such as `[thrd:…]: …: a [0]: Fetch backoff for 1ms: …` of the partition `a [0]`.
fn is_backoff(message: &str, partition: &str) -> bool {
    let name = message.split_once(": Fetch backoff for ").map(|(name, _)| name);
    name.and_then(|name| name.strip_suffix(partition))
        .is_some_and(|before| before.ends_with(": "))
}

#[cfg(test)]
mod tests {
    use super::{ClientRole as _, ProbeRole, UNDERFLOW};

    fn fetch(role: &ProbeRole, partition: &str, offset: i64) {
        let message = format!("[thrd:b]: b/1: Fetch topic {partition} at offset {offset} (leader epoch 0, v1)");
        role.logged("FETCH", &message);
    }

    fn fail(role: &ProbeRole, partition: &str, cause: &str) {
        let message = format!("[thrd:b]: b/1: {partition}: Fetch backoff for 1ms: {cause}");
        role.logged("BACKOFF", &message);
    }

    #[test]
    fn two_failures_at_one_offset_are_an_underflow() {
        let role = ProbeRole::default();
        role.expect("a", 0, 5);
        fetch(&role, "a [0]", 5);
        fail(&role, "a [0]", UNDERFLOW);
        fetch(&role, "a [0]", 6);
        fail(&role, "a [0]", UNDERFLOW);
        assert_eq!(role.underflow(), None);
        fetch(&role, "a [0]", 6);
        fail(&role, "a [0]", "Broker: Not leader for partition");
        assert_eq!(role.underflow(), None);
        fail(&role, "a [0]", UNDERFLOW);
        assert_eq!(role.underflow(), Some(6));
    }

    /// Log messages are queued, so those of an earlier request may arrive after the next one.
    #[test]
    fn failures_of_other_requests_do_not_count() {
        let role = ProbeRole::default();
        role.expect("a", 0, 5);
        for (partition, offset) in [
            ("a [10]", 5),
            ("b.a [0]", 5),
            ("b: a [0]", 5),
            ("a [0]", 9),
            ("a [0]", 4),
        ] {
            for _ in 0..2 {
                fetch(&role, partition, offset);
                fail(&role, partition, UNDERFLOW);
            }
            assert_eq!(role.underflow(), None, "{partition}, offset {offset}");
        }
        for _ in 0..2 {
            fetch(&role, "a [0]", 5);
            fail(&role, "b [0]", UNDERFLOW);
            fail(&role, "a [0]", UNDERFLOW);
        }
        assert_eq!(role.underflow(), Some(5));
        role.expect("a", 0, 7);
        assert_eq!(role.underflow(), None);
    }
}
