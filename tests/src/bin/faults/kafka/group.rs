//! Members of a consumer group, and what they have read together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driver_events_core::{Delivery, DriverEventSource, SourceErrorKind};
use driver_events_kafka::KafkaEventSource;
use rdkafka::ClientConfig;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::topic::{event, place};
use crate::event::Event;
use crate::fault_timer::{STEP_TIMEOUT, wait_until};
use crate::recorder::{Outcome, Recorder};
use crate::row::Row;

pub(super) const GROUP: &str = "readers";
/// So many deliveries are answered at once, the last one first.
const WINDOW: usize = 32;
/// Or as many as there are when no more come.
const QUIET: Duration = Duration::from_millis(20);

/// What the members of a group have read.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Read>);

#[derive(Debug, Default)]
struct Read {
    /// Whose answers were taken.
    answered: HashSet<Event>,
    again: u64,
    /// For each partition, the offset behind the last record that any member was given.
    ends: HashMap<usize, u64>,
    /// How many records a partition went on behind, although no member was given them.
    skipped: u64,
    errors: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn answered(&self) -> usize {
        self.read().answered.len()
    }

    /// The work on this event is done.
    pub(super) fn done(&self, event: Event) {
        let mut read = self.read();
        let is_new = read.answered.insert(event);
        read.again += u64::from(!is_new);
    }

    /// Waits until the group has read all that was acknowledged.
    pub(super) async fn has_all_of(&self, recorder: &Recorder) -> Result<()> {
        wait_until("the group has read all events", || self.missing(recorder) == 0).await
    }

    /// Every event that the sink acknowledged was read at least once, in the order of each partition.
    pub(super) fn verify(&self, recorder: &Recorder, row: &mut Row) {
        let missing = self.missing(recorder);
        row.check(missing == 0, || {
            format!("{missing} events were never read by the group")
        });
        let read = self.read();
        row.check(read.skipped == 0, || {
            format!("the group skipped {} records", read.skipped)
        });
        row.read += read.answered.len() as u64;
        row.read_again += read.again;
        for (kind, count) in &read.errors {
            row.count_errors(kind, *count);
        }
    }

    fn missing(&self, recorder: &Recorder) -> usize {
        let (entries, read) = (recorder.recorded(), self.read());
        if entries.acknowledged > read.answered.len() as u64 {
            return usize::MAX;
        }
        let acknowledged = entries
            .outcomes
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Acknowledged);
        acknowledged.filter(|(event, _)| !read.answered.contains(event)).count()
    }

    /// A member begins where the group was: no record is delivered before those in front of it were.
    fn delivered(&self, delivery: &Delivery) -> Result<()> {
        let (partition, offset) = place(delivery)?;
        let mut read = self.read();
        let end = read.ends.entry(partition).or_default();
        let skipped = offset.saturating_sub(*end);
        *end = (*end).max(offset + 1);
        read.skipped += skipped;
        Ok(())
    }

    fn erred(&self, what: String) {
        *self.read().errors.entry(what).or_default() += 1;
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member of the group, in this process.
#[derive(Debug)]
pub(super) struct Member {
    end: oneshot::Sender<End>,
    reading: JoinHandle<Result<()>>,
}

/// How a member ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// It answers for what it has, and closes its source.
    Closed,
    /// Its source is dropped, and deliveries without answers with it.
    Dropped,
}

impl Member {
    pub(super) async fn join(config: &ClientConfig, topic: &str, ledger: &Arc<Ledger>) -> Result<Self> {
        let source = source(config, topic).await?;
        let (end, ended) = oneshot::channel();
        let reading = tokio::spawn(read(source, Arc::clone(ledger), ended));
        Ok(Self { end, reading })
    }

    pub(super) async fn leave(self, end: End) -> Result<()> {
        // One that ended by itself says why.
        let _ = self.end.send(end);
        timeout(STEP_TIMEOUT, self.reading)
            .await
            .context("a reader did not end")??
    }
}

/// Known to be dead soon after it was killed, and told of a rebalance at once.
pub(super) async fn source(config: &ClientConfig, topic: &str) -> Result<KafkaEventSource> {
    let mut config = config.clone();
    config
        .set("session.timeout.ms", "3000")
        .set("heartbeat.interval.ms", "200");
    let builder = KafkaEventSource::builder(config).topic(topic).group(GROUP);
    builder.build().await.context("a reader cannot begin")
}

async fn read(mut source: KafkaEventSource, ledger: Arc<Ledger>, mut ended: oneshot::Receiver<End>) -> Result<()> {
    let mut unanswered = Vec::new();
    loop {
        tokio::select! {
            next = source.next() => match next.context("a reader ended early")? {
                Ok(delivery) => {
                    ledger.delivered(&delivery)?;
                    unanswered.push(delivery);
                }
                Err(error) if error.kind() == SourceErrorKind::Disconnected => {
                    ledger.erred(format!("{:?} while reading", error.kind()));
                }
                Err(error) => return Err(error).context("a reader failed"),
            },
            () = sleep(QUIET), if !unanswered.is_empty() => answer(&mut unanswered, &ledger).await?,
            end = &mut ended => return match end {
                Ok(End::Closed) => {
                    answer(&mut unanswered, &ledger).await?;
                    let closed = timeout(STEP_TIMEOUT, source.close()).await.context("close did not end")?;
                    // Another member that came or went at this moment: then what was answered comes again.
                    if closed.is_err() {
                        ledger.erred("closed without a commit".to_owned());
                    }
                    Ok(())
                }
                _ => Ok(()),
            },
        }
        if unanswered.len() >= WINDOW {
            answer(&mut unanswered, &ledger).await?;
        }
    }
}

async fn answer(unanswered: &mut Vec<Delivery>, ledger: &Ledger) -> Result<()> {
    for delivery in unanswered.drain(..).rev() {
        let event = event(&delivery)?;
        match delivery.ack().await {
            Ok(()) => ledger.done(event),
            // The partition is another member's now, and the event comes again there.
            Err(error) if error.kind() == SourceErrorKind::Timeout => {}
            Err(error) => bail!("an answer failed: {error}"),
        }
    }
    Ok(())
}
